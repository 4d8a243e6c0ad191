/**
 * Bounds of the socket side that only show over real sockets, each with its counter: who takes nothing,
 * who waits for a replay, how many connections a user has, what waits for IDENTIFY.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Op } from '../protocol/index.ts';
import { Harness, type TestClient, token, until } from './harness.ts';

const SID = 77;

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.start();
});

afterEach(async () => {
  expect(harness.errors).toEqual([]);
  await harness.stop();
});

/** Events of one stream before anybody is there. */
function fill(sid: number, count: number, bytes: number): void {
  harness.shard.commit(
    sid,
    Array.from({ length: count }, () => 'x'.repeat(bytes)),
  );
}

/** SUB entries from the start of ten streams, 15 MB in all: more than the kernel takes. */
function fillTen(): readonly (readonly number[])[] {
  const sids = Array.from({ length: 10 }, (_, i) => SID + i);
  // Chunks of 60 KB, as a real stream makes them.
  for (const sid of sids) fill(sid, 5000, 300);
  return sids.flatMap(start);
}

const start = (sid: number): readonly (readonly number[])[] => [[sid, 7, 0, 0]];

describe('who takes nothing (I17)', () => {
  test('stops reading during a replay: never in lag mode, ended after 30 s without progress', async () => {
    const entries = fillTen();
    const metrics = harness.handle.metrics();
    const client = await harness.identified(1);
    client.socket.pause();
    client.send([Op.SUB, client.rid(), entries]);
    await until(() => metrics.backlogBytesNow > 0, 'a backlog');
    // The kernel may still take something: that is progress, and gives it 30 s again.
    for (let i = 0; i < 10 && metrics.closedStuck === 0; i += 1) {
      harness.clock.warp(31_000);
      const rounds = metrics.sweepRounds;
      await until(() => metrics.sweepRounds > rounds + 1, 'a round of the sweep');
    }
    expect(metrics.closedStuck).toBe(1);
    harness.clock.warp(6000);
    await until(() => metrics.connectionsNow === 0, 'the end');
    expect([metrics.lagEntered, metrics.closedByCode[4002]]).toEqual([0, 1]);
    client.socket.resume();
  });

  test('asks for history and does not read it: the queue of replies is in the sum, then ends', async () => {
    fill(SID, 200, 600);
    const metrics = harness.handle.metrics();
    const client = await harness.identified(1);
    client.socket.pause();
    const ask = (): void => client.send([Op.HISTORY, client.rid(), SID, 0, 200, 0]);
    for (let i = 0; i < 400 && metrics.queueOverflows === 0; i += 1) {
      const { requests } = metrics;
      ask();
      await until(() => metrics.requests > requests || metrics.queueOverflows > 0, 'the request');
    }
    await until(() => metrics.queueOverflows === 1, 'the overflow');
    expect(metrics.repliesQueued).toBeGreaterThan(30);
    expect(metrics.closedByCode[4002]).toBe(1);
    client.socket.resume();
  });

  test('the sum of backlogs over its bound: those below the soft limit go too', async () => {
    await harness.stop();
    harness = await Harness.start({ gatewayThreads: 4096 });
    const entries = fillTen();
    const metrics = harness.handle.metrics();
    const clients = await Promise.all([1, 2, 3].map((uid) => harness.identified(uid)));
    for (const client of clients) {
      client.socket.pause();
      client.send([Op.SUB, client.rid(), entries]);
    }
    // 64 KiB for the thread: each of them stays below 256 KiB, since a replay is paced.
    await until(() => metrics.closedOverTotal > 0, 'the bound');
    expect(metrics.lagEntered).toBe(0);
    expect(metrics.shedLevelNow).toBeGreaterThan(0);
  });
});

describe('SUB and the replays of the thread', () => {
  /** Takes all 64 pulls: 32 connections, two streams each, none of which is answered. */
  async function saturate(): Promise<TestClient[]> {
    fill(SID, 600, 10);
    fill(SID + 1, 600, 10);
    const pull = harness.shard.pull;
    harness.shard.pull = () => undefined;
    const clients = await Promise.all(
      Array.from({ length: 32 }, (_, i) => harness.identified(i + 1)),
    );
    await Promise.all(
      clients.map((client) => client.ask(Op.SUB, [...start(SID), ...start(SID + 1)])),
    );
    await until(() => harness.handle.metrics().replaysNow === 64, 'all pulls to be taken');
    harness.shard.pull = pull;
    return clients;
  }

  test('far behind while all are taken: waits, then goes on when one is free; near ones do not wait', async () => {
    const metrics = harness.handle.metrics();
    const [first] = await saturate();
    const client = await harness.identified(100);
    const rid = client.rid();
    client.send([Op.SUB, rid, start(SID)]);
    await until(() => metrics.subsWaitingNow === 1, 'the SUB to wait');
    const near = await client.ask(Op.SUB, [[SID + 1, 7, 590, 1_763_000_000_590], [SID + 2]]);
    expect(near[0]).toBe(Op.OK);
    first?.socket.terminate();
    await until(() => metrics.pullsAbandoned === 2, 'the end of one');
    // Its pulls keep their places until they are answered, here never: 5 s.
    harness.clock.warp(5000);
    expect((await client.reply(rid))[0]).toBe(Op.OK);
    expect([metrics.subsQueued, metrics.subsGivenUp, metrics.subsWaitingNow]).toEqual([1, 0, 0]);
  });

  test('far behind and no place: ERR 502 with retry_ms, nothing is left of the subscription', async () => {
    const metrics = harness.handle.metrics();
    await saturate();
    const { setTimeout } = harness.clock;
    harness.clock.setTimeout = (fn, ms) => setTimeout.call(harness.clock, fn, ms > 5000 ? 10 : ms);
    const client = await harness.identified(100);
    const { subscriptionsNow } = metrics;
    const reply = await client.ask(Op.SUB, [[SID + 2], ...start(SID)]);
    expect(reply.slice(2, 4)).toEqual([502, 'unavailable']);
    expect(reply[4]).toBeGreaterThan(0);
    expect([metrics.subsGivenUp, metrics.errorsByCode[502]]).toEqual([1, 1]);
    expect(metrics.subscriptionsNow).toBe(subscriptionsNow);
  });
});

describe('connections of a user', () => {
  beforeEach(async () => {
    await harness.stop();
    harness = await Harness.start({ limitsFactor: 1 });
  });

  test('ten, whatever the user entity says (it has forgotten them): 4508 for the newest', async () => {
    const metrics = harness.handle.metrics();
    const clients = await Promise.all(Array.from({ length: 10 }, () => harness.identified(1)));
    const client = await harness.connect();
    expect((await client.identify(token(1))).slice(2, 4)).toEqual([4508, 'connection_limit']);
    expect((await client.closed()).code).toBe(4508);
    expect(metrics.refusedPerUser).toBe(1);
    expect(harness.shard.disconnects.at(-1)?.uid).toBe(1);
    clients[0]?.socket.terminate();
    await until(() => metrics.connectionsNow === 9, 'the end of one');
    await harness.identified(1);
  });

  test('one that comes back with a session that was forgotten: not refused', async () => {
    await Promise.all(Array.from({ length: 10 }, () => harness.identified(1)));
    const client = await harness.connect();
    expect((await client.identify(token(1), ['session-1-1', 'key']))[0]).toBe(Op.OK);
  });

  test('of a login that was ended: no longer counted, before they are closed', async () => {
    const clients = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const client = await harness.connect();
        await client.identify(token(1, 'old'));
        return client;
      }),
    );
    harness.clock.warp(10_000);
    const { handle } = harness;
    (handle as unknown as { loginRevoked(login: string, until: number): void }).loginRevoked(
      'old',
      4e12,
    );
    await harness.identified(1);
    for (const client of clients) expect((await client.closed()).code).toBe(4507);
  });
});

test('what waits for IDENTIFY: 64 KiB at most, then 4502', async () => {
  harness.shard.silent.add('connect');
  const client = await harness.connect();
  client.send([Op.IDENTIFY, 1, token(1), null, 'test', 0, null]);
  for (let rid = 2; rid < 8; rid += 1) {
    client.send([Op.APPEND, rid, SID, `n${rid}`, 1, 'x'.repeat(11_500)]);
  }
  expect((await client.closed()).code).toBe(4502);
  expect(harness.handle.metrics().heldOverflows).toBe(1);
  harness.shard.silent.clear();
});

test('connections of the thread: at its bound 503, room again when one goes', async () => {
  await harness.stop();
  harness = await Harness.start({ connectionsMax: 2 });
  const metrics = harness.handle.metrics();
  const [first] = [await harness.identified(1), await harness.connect()];
  expect(await harness.refusal(['driftway.v1.mp'])).toEqual({ status: 503, retryAfter: '5' });
  expect(metrics.refusedByBound.connections).toBe(1);
  first.socket.terminate();
  await until(() => metrics.connectionsNow === 1, 'the end of one');
  await harness.identified(2);
});

test('streams of a connection: the 501st is status 4 and counted', async () => {
  const client = await harness.identified(1);
  for (let from = 0; from < 500; from += 100) {
    await client.ask(
      Op.SUB,
      Array.from({ length: 100 }, (_, i) => [1000 + from + i]),
    );
  }
  const [, , [entry]] = (await client.ask(Op.SUB, [[5000]])) as [number, number, number[][]];
  expect(entry?.slice(0, 2)).toEqual([5000, 4]);
  expect(harness.handle.metrics().streamsOverLimit).toBe(1);
});

test('drain: an answer that is on its way comes before the close', async () => {
  harness.shard.silent.add('history');
  const client = await harness.identified(1);
  const { history } = harness.shard;
  let answer = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    answer = resolve;
  });
  harness.shard.silent.clear();
  harness.shard.history = async (sid, request) => {
    await gate;
    return history.call(harness.shard, sid, request);
  };
  const rid = client.rid();
  client.send([Op.HISTORY, rid, SID, 0, 1, 0]);
  await until(() => harness.handle.metrics().requests === 2, 'the request');
  const drained = harness.handle.drain(60_000);
  await client.find(([op]) => op === Op.RECONNECT);
  // Its point of the window is somewhere in it: move beyond all but the end.
  harness.clock.warp(59_000);
  answer();
  expect((await client.reply(rid))[0]).toBe(Op.OK);
  harness.clock.warp(2000);
  expect((await client.closed()).code).toBe(4001);
  await drained;
});
