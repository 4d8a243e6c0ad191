/** Notices over real sockets: frames without a seq on the topic of their stream. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Op } from '../protocol/index.ts';
import type { Shedding } from '../shedding.ts';
import { Harness, type TestClient, until } from './harness.ts';

const TYPING = 20;
let harness: Harness;
/** The channel in the GUILD of FakeShard. */
const CHANNEL = 5;
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
  harness.shard.broadcast(sid, 'unread', [Op.UNREAD, [[sid, 1, 2]]]);
  harness.shard.broadcast(sid, 'unread', [Op.UNREAD, [[sid, 1, 2]], 'x'.repeat(17_000)]);
  await client.find((frame) => frame[0] === Op.UNREAD);
  await client.ask(Op.UNSUB, [sid]);
  harness.shard.stream(sid).isInterested = true;
  harness.shard.broadcast(sid, 'unread', [Op.UNREAD, [[sid, 1, 2]]]);
  const now = harness.handle.metrics();
  await until(() => now.noticesUnheard.unread > before.noticesUnheard.unread, 'an unheard notice');
  shedding.level = 0;
  expect(now.noticesShed.typing - before.noticesShed.typing).toBe(1);
  expect(now.noticesOversize - before.noticesOversize).toBe(1);
  expect(now.noticesPublished.unread - before.noticesPublished.unread).toBe(1);
  expect(client.frames.filter(([op]) => op === Op.UNREAD || op === TYPING)).toHaveLength(1);
});

describe.each(['mp', 'json'] as const)('MARK in %s', (encoding) => {
  test('clipped to the head, monotonic, in GUILD afterwards', async () => {
    const uid = encoding === 'mp' ? 71 : 72;
    const client = await harness.identified(uid, encoding);
    while (harness.shard.stream(CHANNEL).events.length < 5) harness.shard.commit(CHANNEL, ['x']);
    const head = harness.shard.stream(CHANNEL).events.length;
    expect((await client.ask(Op.MARK, CHANNEL, 3)).slice(2)).toEqual([3]);
    expect((await client.ask(Op.MARK, CHANNEL, 2)).slice(2)).toEqual([3]);
    expect((await client.ask(Op.MARK, CHANNEL, head + 100)).slice(2)).toEqual([head]);
    const guild = await client.ask(Op.GUILD, 18);
    const channels = guild[3] as (readonly unknown[])[];
    expect(channels.map((channel) => [channel[0], channel[7]])).toEqual([[CHANNEL, head]]);
  });

  test('absent or forbidden: 301; the store is away: 502 with retry; wrong types: 101', async () => {
    const client = await harness.identified(73, encoding);
    const [hidden, away] = [freshSid(), freshSid()];
    harness.shard.stream(hidden).viewers = new Set();
    harness.shard.away.add(away);
    expect((await client.ask(Op.MARK, hidden, 1)).slice(2)).toEqual([301, 'forbidden_or_absent']);
    expect((await client.ask(Op.MARK, away, 1)).slice(2)).toEqual([502, 'unavailable', 70]);
    expect((await client.ask(Op.MARK, away)).slice(2)).toEqual([101, 'bad_args']);
  });
});

test('own messages: told once per second and connection, the rest before the end; no other kind', async () => {
  const client = await harness.identified(74);
  const [a, b] = [freshSid(), freshSid()];
  const mine = (): readonly unknown[] => {
    return harness.shard.written.filter(({ uid }) => uid === 74).map(({ at }) => at);
  };
  for (let i = 0; i < 5; i += 1) await client.ask(Op.APPEND, a, `a${i}`, 1, 'x');
  await client.ask(Op.APPEND, b, 'b', 1, 'x');
  await client.ask(Op.APPEND, a, 'reaction', 4, 1, '+1');
  expect(mine()).toEqual([]);
  harness.clock.warp(1000);
  await until(() => mine().length > 0, 'own markers');
  const told = [
    [a, 5],
    [b, 1],
  ];
  expect(mine()).toEqual([told]);
  await client.ask(Op.APPEND, b, 'b2', 1, 'x');
  await client.ask(Op.GUILD, 18);
  expect(mine()).toEqual([told, [[b, 2]]]);
  await client.ask(Op.APPEND, b, 'b3', 1, 'x');
  client.socket.close(1000);
  await until(() => harness.shard.disconnects.some(({ uid }) => uid === 74), 'the end');
  expect(mine()).toEqual([told, [[b, 2]], [[b, 3]]]);
});
