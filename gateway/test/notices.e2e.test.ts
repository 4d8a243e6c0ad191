/** Notices over real sockets: frames without a seq on the topic of their stream. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Op } from '../protocol/index.ts';
import type { Shedding } from '../shedding.ts';
import { Harness, type TestClient, until } from './harness.ts';

const TYPING = 20;
const UNREAD = 19;
let harness: Harness;
let lastSid = 5000;

function freshSid(): number {
  lastSid += 1;
  return lastSid;
}

/** Resolves when all of them are in the native topic. */
async function subscribe(sid: number, clients: readonly TestClient[]): Promise<void> {
  const metrics = harness.handle.metrics();
  const joins = metrics.joins + clients.length;
  for (const client of clients) await client.ask(Op.SUB, [[sid]]);
  await until(() => metrics.joins >= joins, 'joins');
}

beforeAll(async () => {
  harness = await Harness.start();
});

afterAll(async () => {
  expect(harness.errors).toEqual([]);
  await harness.stop();
});

test('broadcast: to everybody joined, in both encodings, behind the events before it', async () => {
  const sid = freshSid();
  const clients = [await harness.identified(1), await harness.identified(2, 'json')];
  await subscribe(sid, clients);
  harness.shard.commit(sid, ['a', 'b']);
  harness.shard.broadcast(sid, 'typing', [TYPING, sid, [7], 1]);
  harness.shard.commit(sid, ['c']);
  for (const client of clients) {
    await client.when(() => client.events(sid).length === 3);
    const tail = client.frames.slice(-4).map((frame) => (frame[0] === Op.EV ? frame[3] : frame));
    expect(tail).toEqual([1, 2, [TYPING, sid, [7], 1], 3]);
  }
});

test('broadcast: shed by class, too large, nobody joined, each dropped and counted', async () => {
  const sid = freshSid();
  const client = await harness.identified(1);
  await subscribe(sid, [client]);
  const { shedding } = harness.handle as unknown as { shedding: Shedding };
  const before = structuredClone(harness.handle.metrics());
  shedding.level = 1;
  harness.shard.broadcast(sid, 'typing', [TYPING, sid, [7], 1]);
  harness.shard.broadcast(sid, 'unread', [UNREAD, [[sid, 1, 2]]]);
  harness.shard.broadcast(sid, 'unread', [UNREAD, [[sid, 1, 2]], 'x'.repeat(17_000)]);
  await client.find((frame) => frame[0] === UNREAD);
  await client.ask(Op.UNSUB, [sid]);
  harness.shard.stream(sid).isInterested = true;
  harness.shard.broadcast(sid, 'unread', [UNREAD, [[sid, 1, 2]]]);
  const now = harness.handle.metrics();
  await until(() => now.noticesUnheard.unread > before.noticesUnheard.unread, 'an unheard notice');
  shedding.level = 0;
  expect(now.noticesShed.typing - before.noticesShed.typing).toBe(1);
  expect(now.noticesOversize - before.noticesOversize).toBe(1);
  expect(now.noticesPublished.unread - before.noticesPublished.unread).toBe(1);
  expect(client.frames.filter(([op]) => op === UNREAD || op === TYPING)).toHaveLength(1);
});
