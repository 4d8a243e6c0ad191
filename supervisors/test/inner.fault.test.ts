/**
 * Faults inside the server while a crowd writes and reads: dead actors, dead threads, a hung thread, a store
 * that cannot write. No socket closes, clients see at most a retry, the checker stays clean.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { Crowd, type CrowdOptions, expectClean, readHistory } from './support/crowd.ts';
import { FaultServer } from './support/fault-control.ts';
import type { StoreFault } from './support/fault-store.ts';
import { Seeded } from './support/seeded.ts';
import { pause, until } from './support/server-process.ts';
import { OP } from './support/wire.ts';

/** The long form breaks each thing again and again, on a server of its own. */
const LONG = process.env.LONG === '1';
const STREAM_KILLS = LONG ? 20 : 6;
const WRITER_KILLS = LONG ? 3 : 1;
const TURN = ['shard-0', 'store', 'reader-0', 'shard-1'];
const SLOTS_IN_TURN = LONG ? [...TURN, ...TURN, ...TURN] : TURN;

const servers: FaultServer[] = [];
const crowds: Crowd[] = [];

afterEach(async () => {
  for (const crowd of crowds.splice(0)) await crowd.stop();
  for (const server of servers.splice(0)) await server.dispose();
});

/** A fault server and a writing crowd on it. */
async function begin(
  title: string,
  options: Partial<CrowdOptions> = {},
): Promise<{ server: FaultServer; crowd: Crowd; chance: Seeded }> {
  const chance = Seeded.forTest(title);
  const server = await FaultServer.start();
  servers.push(server);
  const { port } = server.process;
  const crowd = await Crowd.create({
    port,
    writers: 8,
    observers: 8,
    channels: 4,
    chance,
    ...options,
  });
  crowds.push(crowd);
  crowd.write();
  await progress(crowd, 20);
  return { server, crowd, chance };
}

/** Resolves when `count` further messages were acknowledged. */
async function progress(crowd: Crowd, count: number, timeoutMs = 30_000): Promise<void> {
  const target = crowd.acknowledged + count;
  await until(
    `${count} further messages`,
    timeoutMs,
    () => crowd.acknowledged >= target || undefined,
  );
}

/** A new thread in the place of a dead one. */
async function replaced(
  server: FaultServer,
  slot: string,
  before: number,
  timeoutMs = 30_000,
): Promise<void> {
  await until(`another ${slot}`, timeoutMs, async () => {
    return (await server.incarnation(slot)) > before || undefined;
  });
}

/** The crowd finished with nothing lost, no socket closed, and only retryable errors. */
async function expectUnhurt(crowd: Crowd): Promise<void> {
  expect(crowd.closes).toEqual([]);
  expectClean(await crowd.verdict());
  expect([...crowd.retried.keys()].filter((code) => code !== 501 && code !== 502)).toEqual([]);
  for (const observer of crowd.observers) expect(observer.repairs).toBe(0);
}

describe('dead actors', () => {
  test('stream actors killed again and again during traffic', async () => {
    const { server, crowd, chance } = await begin('stream kill');
    for (let round = 0; round < STREAM_KILLS; round += 1) {
      const key = chance.pick(crowd.members.sids);
      // It may be dead already, or not started again yet.
      await until('a kill', 10_000, async () => {
        return (await server.do({ op: 'killEntity', entity: 'stream', key })) || undefined;
      });
      // A crash loop of one entity is refused after a few: spread them as an operator's bad luck would.
      await progress(crowd, 10);
      await pause(chance.between(100, 500));
    }
    await expectUnhurt(crowd);
    console.log(`stream kill: ${crowd.summary()}`);
  }, 90_000);

  test('the guild and user actors and the writer of the store killed: nothing is refused for good', async () => {
    const { server, crowd } = await begin('actor kill');
    await server.do({ op: 'killEntity', entity: 'guild', key: crowd.members.gid });
    await server.do({ op: 'killEntity', entity: 'user', key: Number(crowd.members.logins[0]!.id) });
    await progress(crowd, 40);
    for (let round = 0; round < WRITER_KILLS; round += 1) {
      expect(await server.do({ op: 'killNamed', slot: 'store', key: 'log-writer' })).toBe(true);
      await progress(crowd, 40);
      await pause(1000);
    }
    await expectUnhurt(crowd);
  }, 60_000);
});

describe('dead threads', () => {
  test('one after the other: shard, store, reader, shard', async () => {
    const { server, crowd } = await begin('terminate in turn');
    for (const slot of SLOTS_IN_TURN) {
      const before = await server.incarnation(slot);
      await server.do({ op: 'terminate', slot });
      await replaced(server, slot, before);
      await progress(crowd, 20);
      // As an operator would see it: one trouble at a time.
      await pause(2000);
    }
    await expectUnhurt(crowd);
  }, 90_000);

  test('a shard and the store at once', async () => {
    const { server, crowd } = await begin('terminate both');
    const before = await Promise.all(['shard-0', 'store'].map((slot) => server.incarnation(slot)));
    await Promise.all(['shard-0', 'store'].map((slot) => server.do({ op: 'terminate', slot })));
    await replaced(server, 'shard-0', before[0]!);
    await replaced(server, 'store', before[1]!);
    await progress(crowd, 50);
    await expectUnhurt(crowd);
  }, 60_000);
});

describe('a hung thread', () => {
  test('a slow shard is left alone; one in a busy loop is named, terminated and replaced; nothing is lost', async () => {
    const { server, crowd } = await begin('hung shard');
    const before = await server.incarnation('shard-0');
    await server.do({ op: 'spin', slot: 'shard-0', ms: 1500 });
    await progress(crowd, 60);
    expect(await server.incarnation('shard-0')).toBe(before);
    await server.do({ op: 'spin', slot: 'shard-0', ms: 1e9 });
    await replaced(server, 'shard-0', before, 40_000);
    const hung = server.reports.find((report) => /hung/i.test(`${report.kind} ${report.text}`));
    expect(hung?.text).toContain('shard-0');
    expect(hung?.text).toMatch(/chaos|spin/);
    await progress(crowd, 60);
    await expectUnhurt(crowd);
    console.log(`hung shard: ${crowd.summary()}`);
  }, 90_000);
});

describe('a store that cannot write', () => {
  test.each<StoreFault>(['full', 'commit'])(
    'fault "%s": ERR 502 with retry_ms, never a wrong OK, and it goes on afterwards',
    async (fault) => {
      const { server, crowd } = await begin(`store ${fault}`);
      await server.do({ op: 'storeFault', fault });
      const { client } = crowd.observers[0]!;
      const refused = await client!.append(crowd.members.sids[0]!, 'while-full', 'while full');
      expect(refused.slice(0, 4)).toEqual([OP.err, refused[1], 502, 'unavailable']);
      expect(refused[4]).toBeGreaterThan(0);
      await until('refused writers', 10_000, () => (crowd.retried.get(502) ?? 0) > 0 || undefined);
      // What is there can still be read.
      const history = await readHistory(client!, crowd.members.sids[0]!);
      expect(history.events.length).toBe(history.head);
      // An OK of what was committed before the fault may still be on its way.
      let acknowledged = -1;
      await until('a second without an OK', 15_000, async () => {
        if (crowd.acknowledged === acknowledged) return true;
        acknowledged = crowd.acknowledged;
        await pause(1000);
        return undefined;
      });
      expect(await server.do<number>({ op: 'storeFailures' })).toBeGreaterThan(0);
      await server.do({ op: 'storeFault', fault: 'off' });
      await progress(crowd, 50);
      const again = await client!.append(crowd.members.sids[0]!, 'while-full', 'while full');
      expect(again[0]).toBe(OP.ok);
      expect(again[5]).toBe(false);
      await expectUnhurt(crowd);
      console.log(`store ${fault}: ${crowd.summary()}`);
    },
    60_000,
  );

  test('fault "unsure": a commit that happened and reported an error is found by the nonce', async () => {
    const { server, crowd } = await begin('store unsure');
    for (let round = 0; round < 5; round += 1) {
      await server.do({ op: 'storeFault', fault: 'unsure' });
      await pause(60);
      await server.do({ op: 'storeFault', fault: 'off' });
      await progress(crowd, 20);
    }
    expect(await server.do<number>({ op: 'storeFailures' })).toBeGreaterThan(0);
    await expectUnhurt(crowd);
    console.log(`store unsure: ${crowd.summary()}`);
  }, 60_000);
});
