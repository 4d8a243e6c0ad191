/** Rates and counts of protocol.md 2.13 at their public values, over real sockets. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Op } from '../protocol/index.ts';
import { Harness, token, until } from './harness.ts';

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.start({ limitsFactor: 1 });
});

afterEach(async () => {
  expect(harness.errors).toEqual([]);
  await harness.stop();
});

test('frames: 60 at once, then ERR 420 with retry_ms, silence without rid, 4008 after 200', async () => {
  const client = await harness.identified(1);
  for (let rid = 101; rid <= 170; rid += 1) client.send([Op.TIME, rid]);
  const last = await client.reply(170);
  expect(last.slice(0, 4)).toEqual([Op.ERR, 170, 420, 'rate']);
  expect(last[4]).toBeGreaterThan(0);
  expect(client.frames.filter((f) => f[0] === Op.OK).length).toBeGreaterThanOrEqual(60);
  const errs = client.frames.filter((f) => f[0] === Op.ERR).length;
  for (let i = 0; i < 300; i += 1) client.send([Op.TIME]);
  expect((await client.closed()).code).toBe(4008);
  expect(client.frames.filter((f) => f[0] === Op.ERR && f[1] !== 0).length).toBe(errs);
});

test('APPEND: 5 at once per stream, 20 per user', async () => {
  const client = await harness.identified(1);
  const send = (sid: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => {
      const rid = client.rid();
      client.send([Op.APPEND, rid, sid, `n${sid}-${i}`, 1, 'x']);
      return rid;
    });
  const rids = [1, 2, 3, 4, 5].flatMap((sid) => send(sid, 6));
  const replies = await Promise.all(rids.map((rid) => client.reply(rid)));
  const ok = replies.filter((reply) => reply[0] === Op.OK);
  expect(ok.length).toBeGreaterThanOrEqual(16);
  expect(ok.length).toBeLessThanOrEqual(21);
  expect(replies[5]?.slice(2, 4)).toEqual([420, 'rate']);
});

test('APPEND: what one stream refuses, does not use up what the user may write in others', async () => {
  const client = await harness.identified(1);
  const send = (sid: number, n: number): number => {
    const rid = client.rid();
    client.send([Op.APPEND, rid, sid, `o${sid}-${n}`, 1, 'x']);
    return rid;
  };
  const first = Array.from({ length: 25 }, (_, i) => send(1, i));
  const other = Array.from({ length: 5 }, (_, i) => send(2, i));
  await Promise.all([...first, ...other].map((rid) => client.reply(rid)));
  const oks = client.frames.filter((frame) => frame[0] === Op.OK).map((frame) => frame[1]);
  expect(other.filter((rid) => oks.includes(rid))).toEqual(other);
});

test('HISTORY and GUILD: 10 at once, then ERR 420', async () => {
  const client = await harness.identified(1);
  const rids = Array.from({ length: 12 }, () => client.rid());
  for (const [i, rid] of rids.entries()) {
    client.send(i % 2 === 0 ? [Op.GUILD, rid, 18] : [Op.HISTORY, rid, 1, 0, 1, 0]);
  }
  const replies = await Promise.all(rids.map((rid) => client.reply(rid)));
  expect(replies.filter((reply) => reply[2] === 420).length).toBeGreaterThanOrEqual(1);
  expect(replies.slice(0, 10).every((reply) => reply[0] === Op.OK)).toBe(true);
});

test('SUB entries: 1000 at once, then ERR 420', async () => {
  const client = await harness.identified(1);
  const entries = Array.from({ length: 100 }, (_, i) => [5000 + i, 7, 0, 0]);
  for (let i = 0; i < 10; i += 1) expect((await client.ask(Op.SUB, entries))[0]).toBe(Op.OK);
  expect((await client.ask(Op.SUB, entries)).slice(2, 4)).toEqual([420, 'rate']);
});

test('WebSocket pings: 10 at once, more: 4008', async () => {
  const client = await harness.identified(1);
  for (let i = 0; i < 13; i += 1) client.socket.ping();
  expect((await client.closed()).code).toBe(4008);
});

test('connections of one address: 20 at once, then 429 with Retry-After', async () => {
  for (let i = 0; i < 20; i += 1) await harness.connect();
  const refused = await harness.refusal(['driftway.v1.mp']);
  expect(refused.status).toBe(429);
  expect(Number(refused.retryAfter)).toBeGreaterThanOrEqual(1);
});

test('open connections of one address: 200, then 429', async () => {
  for (let i = 0; i < 200; i += 1) {
    if (i % 15 === 0) harness.clock.warp(9000);
    await harness.identified(i + 1);
  }
  harness.clock.warp(9000);
  expect((await harness.refusal(['driftway.v1.mp'])).status).toBe(429);
  expect(harness.handle.metrics().connectionsNow).toBe(200);
});

test('failed resumes of one address: 10 in a minute, then 429 (H25)', async () => {
  for (let i = 0; i < 10; i += 1) {
    const client = await harness.connect();
    const ok = await client.identify(token(i + 1), ['guessed', 'key']);
    expect(ok[2]).not.toBe('guessed');
  }
  expect((await harness.refusal(['driftway.v1.mp'])).status).toBe(429);
  harness.clock.warp(61_000);
  await harness.connect();
});

test('counts: given back when connections end', async () => {
  const client = await harness.connect();
  expect(harness.handle.metrics().unauthenticatedNow).toBe(1);
  await client.identify(token(1));
  expect(harness.handle.metrics().unauthenticatedNow).toBe(0);
  const other = await harness.connect();
  client.socket.terminate();
  other.socket.terminate();
  const metrics = harness.handle.metrics();
  await until(() => metrics.connectionsNow === 0, 'the end of all');
  expect(metrics.unauthenticatedNow).toBe(0);
  expect(metrics.topicsNow).toBe(0);
});
