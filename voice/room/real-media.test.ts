/**
 * Rooms over real media workers, with clients that do real ICE, DTLS and SRTP: what the fake pool promises is true.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { cachedMediaWorker, mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { call, entity, systemClock } from '../../runtime/index.ts';
import { type HostedVoice, hostVoice } from '../host.ts';
import { Chorus, closeRtc, KIND, readRtp, V, VoicePeer } from '../test/index.ts';
import type { RoomP } from '../types.ts';
import { FakeGuilds, SID } from './test/kit.ts';
import { RoomSignal } from './test/room-signal.ts';

const room = entity<RoomP>('room', SID);
const quiet = { info: () => {}, warn: () => {}, error: () => {} };

let binary = '';
let voice: HostedVoice;
let guilds: FakeGuilds;
let chorus: Chorus;
const peers: VoicePeer[] = [];

beforeAll(async () => {
  const cached = cachedMediaWorker();
  if (cached !== undefined) {
    binary = cached;
    return;
  }
  const made = await mediaWorkerBinary({});
  if (!made.ok) throw new Error(made.message);
  binary = made.path;
}, 600_000);

beforeEach(async () => {
  guilds = new FakeGuilds();
  voice = await hostVoice({
    ...{ binary, workers: 1, turn: null, slotNumber: 0, clock: systemClock, log: quiet },
    listen: { host: '127.0.0.1', port: 0, announcedIpv4: null, announcedIpv6: null },
    docs: { get: async () => [] },
    parts: { guilds },
  });
  chorus = new Chorus();
});

afterEach(async () => {
  chorus.stop();
  for (const peer of peers.splice(0)) peer.close();
  await voice.close();
});

afterAll(() => closeRtc());

async function talkers(count: number, first = 1): Promise<VoicePeer[]> {
  const made = Array.from({ length: count }, (_, i) => {
    const uid = first + i;
    return new VoicePeer(new RoomSignal(uid), { name: `p${uid}`, ssrc: 1000 + uid });
  });
  peers.push(...made);
  await Promise.all(made.map((peer) => peer.join(SID)));
  for (const peer of made) chorus.add(peer);
  return made;
}

/** Resolves when a peer has heard this many packets more of a talker. */
async function hears(listener: VoicePeer, talker: VoicePeer, packets = 5): Promise<void> {
  const before = listener.heardOf(talker.pid)?.packets ?? 0;
  await expect
    .poll(() => listener.heardOf(talker.pid)?.packets ?? 0, { timeout: 10_000, interval: 10 })
    .toBeGreaterThanOrEqual(before + packets);
}

async function allHear(people: readonly VoicePeer[]): Promise<void> {
  const pairs = people.flatMap((a) => people.filter((b) => b !== a).map((b) => [a, b] as const));
  await Promise.all(pairs.map(([a, b]) => hears(a, b)));
}

test('join, of five, all hear each other, also who comes last', async () => {
  const four = await talkers(4);
  await allHear(four);
  const [late] = await talkers(1, 5);
  if (late === undefined) throw new Error('nobody');
  await allHear([...four, late]);
  expect(voice.counters).toMatchObject({ roomsNow: 1, participantsNow: 5, producersNow: 5 });
  expect(voice.status().rooms[0]).toMatchObject({ sid: SID, people: 5, consumers: 20 });
});

test('moderate, mute and a lost right, nothing is heard that is said behind it (V11)', async () => {
  const [one, two, three] = await talkers(3);
  if (one === undefined || two === undefined || three === undefined) throw new Error('nobody');
  await allHear([one, two, three]);
  let last = 0;
  two.onPacket = (pid, packet) => {
    if (pid === one.pid) last = readRtp(packet)?.timestamp ?? 0;
  };
  const silentFromNow = async (): Promise<void> => {
    // The worker does one thing after another: when this is done, so is what came before it.
    await two.ask(V.ice, two.tids[0]);
    const from = one.stream.timestamp;
    await hears(two, three, 10);
    expect(one.stream.timestamp).toBeGreaterThan(from);
    expect(last).toBeLessThan(from);
  };
  expect(
    await call(room, 'moderate', { by: 9, target: 1, act: { kind: 'mute', on: true } }),
  ).toEqual({
    ok: true,
    value: null,
  });
  await silentFromNow();
  await call(room, 'moderate', { by: 9, target: 1, act: { kind: 'mute', on: false } });
  await hears(two, one);
  const closed = two.next(({ kind }) => kind === KIND.producerClosed);
  guilds.change(1, 1 | 64);
  await closed;
  await silentFromNow();
});

test('dominant speaker and silence, are told (V12)', async () => {
  const [one, two, three] = await talkers(3);
  if (one === undefined || two === undefined || three === undefined) throw new Error('nobody');
  for (const peer of [one, two, three]) chorus.remove(peer);
  const dominant = one.next(({ kind, body }) => kind === KIND.dominant && body[0] === 2);
  chorus.add(two);
  await dominant;
  const silent = one.next(({ kind, body }) => kind === KIND.dominant && body[0] === 0);
  chorus.remove(two);
  await silent;
});

test('a worker that is killed, costs nobody the room, and all hear again', async () => {
  const people = await talkers(6);
  await allHear(people);
  const vsids = people.map(({ vsid }) => vsid);
  const epochs = people.map((peer) => peer.next(({ kind }) => kind === KIND.epoch));
  expect(voice.killWorker()).toEqual(expect.any(Number));
  await Promise.all(epochs);
  await expect
    .poll(() => people.every(({ epoch, pid }) => epoch === 2 && pid > 0), { timeout: 10_000 })
    .toBe(true);
  await allHear(people);
  expect(people.map(({ vsid }) => vsid)).toEqual(vsids);
  expect(people.flatMap(({ events }) => events.filter(({ kind }) => kind === KIND.left))).toEqual(
    [],
  );
});

test('hostile values over a live worker, are refused, and the worker lives', async () => {
  const [one, two] = await talkers(2);
  if (one === undefined || two === undefined) throw new Error('nobody');
  const active = () => voice.status().pool.workers.filter(({ role }) => role === 'active');
  const [worker] = active();
  const hostile = ['['.repeat(24_000), '{"__proto__":{"x":1}}', '{"codecs":[{}]}', '0', ''];
  for (const rtp of hostile) {
    await expect(one.ask(52, 1, `h${rtp.length}`, 1, rtp, 0)).rejects.toThrow('ERR 60');
  }
  await allHear([one, two]);
  expect(active()[0]?.pid).toBe(worker?.pid);
});
