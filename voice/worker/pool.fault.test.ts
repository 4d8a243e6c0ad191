/**
 * The pool when workers die, hang, cannot start or cannot listen. Real processes, real signals.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import {
  activeOf,
  codeOf,
  Ear,
  endCall,
  eventually,
  good,
  isAlive,
  makeCall,
  openRoom,
  pidOf,
  spareOf,
  useMedia,
  workerBinary,
} from './test/kit.ts';

const pool = useMedia();

describe('SIGKILL of a worker', () => {
  test('died: a call goes on, the room is told once and hears again on the warm spare', async () => {
    const { pool: one } = pool();
    const { media, ear } = await openRoom(one);
    await eventually(() => one.status().state === 'ok');
    const [active, spare] = [activeOf(one), spareOf(one)];
    const call = await makeCall(media);
    const pending = media.createTransport({ direction: 'send', owner: 9 });
    process.kill(active.pid ?? 0, 'SIGKILL');
    await ear.until(({ died }) => died.length > 0);
    expect(['gone', 'ok']).toContain(codeOf(await pending));
    expect(media.closed).toBe(true);
    expect(codeOf(await media.createTransport({ direction: 'send', owner: 9 }))).toBe('gone');
    endCall(call);

    const next = await openRoom(one);
    expect(activeOf(one).pid).toBe(spare.pid);
    expect(next.media.figures().slots).toEqual([spare.slot]);
    endCall(await makeCall(next.media));
    await eventually(() => one.status().state === 'ok');
    expect(spareOf(one).slot).toBe(active.slot);
    expect(ear.told.died).toEqual([['killed']]);
    expect(one.status().counters).toMatchObject({ died: 1, roomsLost: 1, roomsOpened: 2 });
  });

  test('died: requests that are under way, settle as gone', async () => {
    const { pool: one } = pool();
    const { media } = await openRoom(one);
    const pid = activeOf(one).pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    const asked = Array.from({ length: 20 }, () =>
      media.createTransport({ direction: 'send', owner: 1 }),
    );
    process.kill(pid, 'SIGKILL');
    expect(new Set((await Promise.all(asked)).map(codeOf))).toEqual(new Set(['gone']));
  });

  test('died: rooms of the other worker, hear nothing of it', async () => {
    const { pool: one } = pool({ workers: 2 });
    const first = await openRoom(one, 1, 25);
    await eventually(() => one.status().state === 'ok');
    const second = await openRoom(one, 2, 25);
    const call = await makeCall(second.media);
    const [slot] = first.media.figures().slots;
    process.kill(pidOf(one, slot), 'SIGKILL');
    await first.ear.until(({ died }) => died.length > 0);
    await call.listener.more(call.consumer, 10);
    expect(second.ear.told.died).toEqual([]);
    expect(second.media.closed).toBe(false);
    endCall(call);
  });

  test('slot: five deaths within a minute, it is out; rooms go on in the others', async () => {
    const { pool: one } = pool();
    await openRoom(one);
    await eventually(() => one.status().state === 'ok');
    const { slot } = spareOf(one);
    const there = () => one.status().workers.find((worker) => worker.slot === slot);
    for (let deaths = 1; deaths <= 5; deaths += 1) {
      await eventually(() => there()?.state === 'up');
      process.kill(there()?.pid ?? 0, 'SIGKILL');
      await eventually(() => there()?.deaths === deaths);
    }
    expect(there()).toMatchObject({ state: 'out', pid: null });
    expect(one.status()).toMatchObject({ state: 'degraded', counters: { slotsOut: 1, died: 5 } });
    expect((await openRoom(one, 2)).media.closed).toBe(false);
  });
});

describe('SIGSTOP of a worker', () => {
  test('hung: it does not answer, is killed, and the room hears of it', async () => {
    const { pool: one, events } = pool();
    const { media, ear } = await openRoom(one);
    await eventually(() => one.status().state === 'ok');
    const { pid, slot } = { pid: activeOf(one).pid ?? 0, slot: spareOf(one).slot };
    process.kill(pid, 'SIGSTOP');
    const pending = media.createTransport({ direction: 'send', owner: 1 });
    await ear.until(({ died }) => died.length > 0);
    expect(ear.told.died).toEqual([['hung']]);
    expect(codeOf(await pending)).toBe('gone');
    expect(isAlive(pid)).toBe(false);
    expect(events.map(({ what }) => what)).toContain('worker_hung');
    expect((await openRoom(one)).media.figures().slots).toEqual([slot]);
  });

  test('close: a worker that is stopped, is gone all the same', async () => {
    const { pool: one } = pool();
    const { ear } = await openRoom(one);
    const pid = activeOf(one).pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    await one.close();
    expect(isAlive(pid)).toBe(false);
    expect(ear.told.died).toEqual([['closed']]);
  });
});

/** Above the ports that the kernel gives to whoever asks for any: between a look and its use nobody gets one of these by chance. */
const PORTS_FROM = 61_000;

/** A number from which on two ports are free for UDP and TCP. */
async function freePorts(): Promise<number> {
  for (let base = PORTS_FROM + 2 * (process.pid % 2_000); ; base += 2) {
    const free = await Promise.all([base, base + 1].map(isFree));
    if (free.every(Boolean)) return base;
  }
}

async function isFree(port: number): Promise<boolean> {
  const sockets = [
    createServer().listen(port, '127.0.0.1'),
    createSocket('udp4').bind(port, '127.0.0.1'),
  ];
  const free = sockets.map((one) =>
    once(one, 'listening').then(
      () => true,
      () => false,
    ),
  );
  const isEachFree = (await Promise.all(free)).every(Boolean);
  for (const one of sockets) one.close();
  return isEachFree;
}

describe('starting', () => {
  test('listen: base port and index, on UDP and TCP', async () => {
    const basePort = await freePorts();
    const { pool: one } = pool({ listen: { host: '127.0.0.1', basePort } });
    const { media } = await openRoom(one);
    await eventually(() => one.status().state === 'ok');
    expect(one.status().workers.map(({ port }) => port)).toEqual([basePort, basePort + 1]);
    const [slot = 0] = media.figures().slots;
    const { params } = good(await media.createTransport({ direction: 'send', owner: 1 }));
    const told = params.iceCandidates.map(({ protocol, port, address }) => [
      protocol,
      port,
      address,
    ]);
    expect(told).toEqual([
      ['udp', basePort + slot, '127.0.0.1'],
      ['tcp', basePort + slot, '127.0.0.1'],
    ]);
  });

  test('listen: a taken port, the spare serves and the slot follows when the port is free', async () => {
    const basePort = await freePorts();
    const taken = createSocket('udp4').bind(basePort, '127.0.0.1');
    await once(taken, 'listening');
    const { pool: one } = pool({ listen: { host: '127.0.0.1', basePort } });
    const { media } = await openRoom(one);
    expect(media.figures().slots).toEqual([1]);
    await eventually(() => one.status().state === 'degraded');
    expect(one.status().detail).toBe(`cannot listen on port ${basePort}`);
    taken.close();
    await eventually(() => one.status().state === 'ok');
    expect(one.status().counters.bindFailures).toBeGreaterThan(0);
  });

  test('open: a binary that is none, is unavailable', async () => {
    const { pool: one } = pool({ binary: async () => ({ ok: true, path: '/bin/false' }) });
    const ask = { key: 1, people: 1, bitrate: 40_000, music: false, events: new Ear().events };
    expect(codeOf(await one.open(ask))).toBe('unavailable');
    expect(['down', 'starting']).toContain(one.status().state);
  });

  test('environment: the worker, sees nothing of what the server was started with', async () => {
    process.env.DRIFTWAY_TEST_SECRET = 'hidden';
    const { pool: one } = pool();
    await openRoom(one);
    const names = readFileSync(`/proc/${activeOf(one).pid}/environ`, 'latin1')
      .split('\0')
      .map((line) => line.split('=')[0]);
    delete process.env.DRIFTWAY_TEST_SECRET;
    expect(names.filter(Boolean).sort()).toEqual(['GLIBC_TUNABLES', 'MEDIASOUP_VERSION']);
    expect(process.env.PATH).toBeTypeOf('string');
  });
});

test('a thread that ends without a word: its workers end with it', async () => {
  const path = await workerBinary();
  const thread = new Worker(new URL('./test/doomed-thread.ts', import.meta.url), {
    workerData: { path },
  });
  const [pids] = (await once(thread, 'message')) as [number[]];
  expect(pids).toHaveLength(2);
  await thread.terminate();
  await eventually(() => pids.every((pid) => !isAlive(pid)));
});
