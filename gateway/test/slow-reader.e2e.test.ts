/**
 * Readers that do not read, over real sockets: lag mode, the hard limit, the total, and that nobody else
 * notices (gateway.md P1, P2, P4, P27; protocol.md H16, I17).
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Op } from '../protocol/index.ts';
import { Harness, type TestClient, until } from './harness.ts';

const SID = 77;
const KIB = 1024;

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.start();
});

afterEach(async () => {
  expect(harness.errors).toEqual([]);
  await harness.stop();
});

async function subscribed(uid: number): Promise<TestClient> {
  const client = await harness.identified(uid);
  await client.ask(Op.SUB, [[SID]]);
  const joins = harness.handle.metrics().joins;
  await until(() => harness.handle.metrics().joins >= Math.max(1, joins), 'the join');
  return client;
}

/** Publishes `count` events of `bytes` in one turn. */
function flood(count: number, bytes: number): void {
  for (let i = 0; i < count; i += 1) harness.shard.commit(SID, [`${i}`.padEnd(bytes, '.')]);
}

/** Events until the paused reader's backlog passes what the kernel takes. */
async function floodUntil(check: () => boolean, what: string, healthy: TestClient): Promise<void> {
  const metrics = harness.handle.metrics();
  for (let i = 0; i < 100 && !check(); i += 1) {
    flood(100, 4 * KIB);
    const head = harness.shard.stream(SID).events.length;
    await healthy.when(() => healthy.events(SID).at(-1) === head);
    const rounds = metrics.sweepRounds;
    await until(() => metrics.sweepRounds > rounds, 'a round of the sweep');
  }
  await until(check, what);
}

/** EV and GAP of the stream tile 1..head. */
function tiles(client: TestClient): {
  readonly head: number;
  readonly faults: string[];
  readonly gaps: number[];
} {
  let at = 0;
  const faults: string[] = [];
  const gaps: number[] = [];
  for (const frame of client.frames as readonly (readonly number[])[]) {
    const [op, sid] = frame;
    if (sid !== SID || (op !== Op.EV && op !== Op.GAP)) continue;
    const from = (op === Op.EV ? frame[3] : frame[4]) as number;
    if (from !== at + 1) faults.push(`${op} ${from} at ${at}`);
    at = (op === Op.EV ? frame[3] : frame[5]) as number;
    if (op === Op.GAP) gaps.push(frame[2] as number);
  }
  return { head: at, faults, gaps };
}

test('slow reader: lag mode, then reads on: contiguous from the ring, nothing lost', async () => {
  const [slow, healthy] = [await subscribed(1), await subscribed(2)];
  slow.socket.pause();
  const metrics = harness.handle.metrics();
  await floodUntil(() => metrics.lagEntered === 1, 'lag mode', healthy);
  flood(50, 100);
  slow.socket.resume();
  const head = harness.shard.stream(SID).events.length;
  await slow.when(() => slow.events(SID).at(-1) === head);
  expect(tiles(slow)).toEqual({ head, faults: [], gaps: [] });
  expect([metrics.lagLeft, metrics.laggingNow, metrics.dropsNoticed]).toEqual([1, 0, 0]);
  flood(1, 10);
  await slow.when(() => slow.events(SID).at(-1) === head + 1);
  expect(tiles(healthy).faults).toEqual([]);
});

test('slow reader: UNREADs while it lags are not queued, one with the newest heads comes afterwards', async () => {
  const view = SID + 1;
  const [slow, healthy] = [await subscribed(1), await subscribed(2)];
  const metrics = harness.handle.metrics();
  const { joins } = metrics;
  for (const client of [slow, healthy]) await client.ask(Op.SUB, [[view]]);
  await until(() => metrics.joins >= joins + 2, 'the joins');
  slow.socket.pause();
  await floodUntil(() => metrics.lagEntered === 1, 'lag mode', healthy);
  for (const seq of [4, 5, 6]) {
    harness.shard.broadcast(view, 'unread', [Op.UNREAD, [[500, seq, seq * 10]]]);
  }
  harness.shard.broadcast(view, 'unread', [Op.UNREAD, [[501, 1, 10]]]);
  const unreads = (client: TestClient) => client.frames.filter(([op]) => op === Op.UNREAD);
  await healthy.when(() => unreads(healthy).length === 4);
  slow.socket.resume();
  await slow.find(([op]) => op === Op.UNREAD);
  const head = harness.shard.stream(SID).events.length;
  await slow.when(() => slow.events(SID).at(-1) === head);
  const newest = [
    [500, 6, 60],
    [501, 1, 10],
  ];
  expect(unreads(slow)).toEqual([[Op.UNREAD, newest]]);
});

test('slow reader beyond the ring: GAP 7 tiles what is missing', async () => {
  const [slow, healthy] = [await subscribed(1), await subscribed(2)];
  slow.socket.pause();
  const metrics = harness.handle.metrics();
  await floodUntil(() => metrics.lagEntered === 1, 'lag mode', healthy);
  flood(50, 100);
  const stream = harness.shard.stream(SID);
  stream.ringFirst = stream.events.length - 10;
  slow.socket.resume();
  const head = stream.events.length;
  await slow.when(() => slow.events(SID).at(-1) === head);
  expect(tiles(slow)).toEqual({ head, faults: [], gaps: [7] });
});

test('slow reader for more than 30 s: ended with 4002 or 1006, others go on', async () => {
  const [slow, healthy] = [await subscribed(1), await subscribed(2)];
  slow.socket.pause();
  const metrics = harness.handle.metrics();
  await floodUntil(() => metrics.lagEntered === 1, 'lag mode', healthy);
  harness.clock.warp(31_000);
  await until(() => metrics.closedSlow === 1, 'the end to begin');
  expect(metrics.topicsNow).toBe(1);
  // The close frame cannot get past the backlog: 5 s later the socket is closed (P27).
  harness.clock.warp(6000);
  await until(() => metrics.connectionsNow === 1, 'the end');
  expect(metrics.closedForced).toBe(1);
  slow.socket.resume();
  expect([1006, 4002]).toContain((await slow.closed()).code);
  flood(1, 10);
  const head = harness.shard.stream(SID).events.length;
  await healthy.when(() => healthy.events(SID).at(-1) === head);
  expect(tiles(healthy).faults).toEqual([]);
});

test('flood in one turn over the hard limit: dropped is only noted, then 4002; the process lives (P1, P2)', async () => {
  const [slow, healthy] = [await subscribed(1), await subscribed(2)];
  const metrics = harness.handle.metrics();
  slow.socket.pause();
  // Before the sweep can look: 12 MiB at once, far above kernel buffers and the 1 MiB limit.
  for (let i = 0; i < 12 && metrics.dropsNoticed === 0; i += 1) {
    harness.shard.commit(
      SID,
      Array.from({ length: 512 }, () => 'x'.repeat(4 * KIB)),
    );
    await until(() => metrics.publishedFrames >= (i + 1) * 512, 'the flush');
  }
  await until(() => metrics.dropsNoticed > 0, 'a dropped frame');
  await until(() => metrics.closedSlow > 0, 'the end to begin');
  harness.clock.warp(6000);
  slow.socket.resume();
  expect([1006, 4002]).toContain((await slow.closed()).code);
  // What it did read has no hole that it could not see.
  const seen = tiles(slow);
  expect(seen.faults).toEqual([]);
  expect(seen.head).toBeLessThan(harness.shard.stream(SID).events.length);
  await healthy.ask(Op.TIME).catch(() => undefined);
});

test('sum of the backlogs over the bound: the greatest go first (P4)', async () => {
  const [slow, healthy] = [await subscribed(1), await subscribed(2)];
  await harness.stop();
  harness = await Harness.start({ gatewayThreads: 2048 });
  const [slow2, healthy2] = [await subscribed(1), await subscribed(2)];
  slow2.socket.pause();
  const metrics = harness.handle.metrics();
  await floodUntil(() => metrics.closedOverTotal === 1, 'the bound', healthy2);
  await until(() => metrics.connectionsNow === 1, 'the end');
  for (const client of [slow, healthy]) client.socket.terminate();
});
