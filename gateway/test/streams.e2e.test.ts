/** SUB, delivery, replay, reads, APPEND and rates, over real sockets. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Op } from '../protocol/index.ts';
import { Harness, until } from './harness.ts';

let harness: Harness;
let lastSid = 1000;

/** A stream that no other test uses. */
function freshSid(): number {
  lastSid += 1;
  return lastSid;
}

beforeAll(async () => {
  harness = await Harness.start();
});

afterAll(async () => {
  expect(harness.errors).toEqual([]);
  await harness.stop();
});

function texts(count: number, bytes = 8): string[] {
  return Array.from({ length: count }, (_, i) => `${i}`.padEnd(bytes, '.'));
}

describe('delivery', () => {
  test('EV to all subscribers: once, byte-identical in one encoding, JSON as text', async () => {
    const sid = freshSid();
    const [a, b] = [await harness.identified(1), await harness.identified(2)];
    const json = await harness.identified(3, 'json');
    for (const client of [a, b, json]) await client.ask(Op.SUB, [[sid]]);
    harness.shard.commit(sid, ['hello']);
    const sets = [a, b, json];
    for (const client of sets) await client.find((frame) => frame[0] === Op.EV);
    expect(a.raw.at(-1)).toEqual(b.raw.at(-1));
    expect(json.frames.at(-1)).toEqual(a.frames.at(-1));
    expect(a.frames.at(-1)?.slice(0, 4)).toEqual([Op.EV, sid, 7, 1]);
    for (const client of sets) expect(client.events(sid)).toEqual([1]);
  });

  test('APPEND: OK and the own EV with one seq; an unknown stream: 301', async () => {
    const sid = freshSid();
    const client = await harness.identified(1);
    await client.ask(Op.SUB, [[sid]]);
    const ok = await client.ask(Op.APPEND, sid, 'n-1', 1, 'hi');
    expect([ok[0], ok[2], ok[3], ok[5]]).toEqual([Op.OK, 7, 1, false]);
    await client.find((frame) => frame[0] === Op.EV && frame[3] === 1);
    harness.shard.stream(404).viewers = new Set();
    const err = await client.ask(Op.APPEND, 404, 'n-2', 1, 'hi');
    expect(err.slice(2)).toEqual([301, 'forbidden_or_absent']);
  });

  test('APPENDs of one connection to one stream: committed in the order sent', async () => {
    const sid = freshSid();
    const client = await harness.identified(1);
    const rids = texts(50).map((text, i) => {
      const rid = client.rid();
      client.send([Op.APPEND, rid, sid, `n-${i}`, 1, text]);
      return rid;
    });
    const replies = await Promise.all(rids.map((rid) => client.reply(rid)));
    expect(replies.map((reply) => reply[3])).toEqual(texts(50).map((_, i) => i + 1));
  });

  test('APPEND to an entity that refuses: 502 with retry', async () => {
    harness.shard.failing.add('append');
    const client = await harness.identified(1);
    const err = await client.ask(Op.APPEND, freshSid(), 'n', 1, 'hi');
    expect(err.slice(2, 4)).toEqual([502, 'unavailable']);
    expect(err[4]).toBeGreaterThan(0);
    harness.shard.failing.clear();
  });

  test('gathered and at once: every event once and in order (P5, P6)', async () => {
    const sid = freshSid();
    const client = await harness.identified(1);
    await client.ask(Op.SUB, [[sid]]);
    const late = await harness.identified(2);
    for (let i = 0; i < 200; i += 1) {
      harness.shard.commit(sid, texts(3));
      // Joins in the middle of the stream, at a different point of the gathering each time.
      if (i === 90) late.send([Op.SUB, 500, [[sid, 7, 0, 0]]]);
      if (i % 7 === 0) await client.ask(Op.TIME);
    }
    const all = Array.from({ length: 600 }, (_, i) => i + 1);
    await client.when(() => client.events(sid).length >= 600);
    await late.when(() => late.events(sid).length >= 600);
    expect(client.events(sid)).toEqual(all);
    expect(late.events(sid)).toEqual(all);
  });

  test('HEAD: after the events that it names', async () => {
    const sid = freshSid();
    const client = await harness.identified(1);
    await client.ask(Op.SUB, [[sid]]);
    harness.shard.commit(sid, texts(1));
    await client.when(() => client.events(sid).length === 1);
    harness.shard.commit(sid, texts(2));
    harness.shard.tellHead(sid);
    await client.find((frame) => frame[0] === Op.HEAD);
    const streamed = client.frames.filter((frame) => frame[1] === sid && frame[0] !== Op.OK);
    expect(streamed.map((frame) => [frame[0], frame[3]])).toEqual([
      [Op.EV, 1],
      [Op.EV, 2],
      [Op.EV, 3],
      [Op.HEAD, 3],
    ]);
  });
});

describe('SUB', () => {
  test('statuses: live, replaying, GAP, refused, and what follows', async () => {
    const [fresh, behind, forked, hidden] = [freshSid(), freshSid(), freshSid(), freshSid()];
    harness.shard.commit(behind, texts(5));
    harness.shard.commit(forked, texts(5));
    harness.shard.stream(hidden).viewers = new Set();
    const client = await harness.identified(1);
    const cursors = [[fresh], [behind, 7, 2, 1_763_000_000_002], [forked, 6, 2, 9], [hidden]];
    const [, , entries] = await client.ask(Op.SUB, cursors);
    const at = (seq: number): number => (seq === 0 ? 0 : 1_763_000_000_000 + seq);
    expect(entries).toEqual([
      [fresh, 0, 7, 0, 0, 1, 0],
      [behind, 1, 7, 2, at(2), 1, 5],
      [forked, 2, 7, 5, at(5), 1, 5],
      [hidden, 3, 0, 0, 0, 0, 0],
    ]);
    await client.when(() => client.events(behind).length === 3);
    expect(client.frames.find((f) => f[0] === Op.GAP)).toEqual([18, forked, 2, 7, 1, 5, at(5)]);
  });

  test('over 500 streams: status 4 for what is too much', async () => {
    const client = await harness.identified(1);
    for (let i = 0; i < 5; i += 1) {
      const sids = Array.from({ length: 100 }, (_, j) => [50_000 + i * 100 + j]);
      await client.ask(Op.SUB, sids);
    }
    const [, , entries] = await client.ask(Op.SUB, [[50_500], [50_001]]);
    expect((entries as number[][]).map((entry) => entry[1])).toEqual([4, 0]);
    client.socket.terminate();
  });

  test('long replay: BATCHes in order, then live, nothing twice', async () => {
    const sid = freshSid();
    for (let i = 0; i < 30; i += 1) harness.shard.commit(sid, texts(50, 1000));
    const client = await harness.identified(1, 'json');
    await client.ask(Op.SUB, [[sid, 7, 0, 0]]);
    harness.shard.commit(sid, texts(3));
    await client.when(() => client.events(sid).length >= 1503);
    expect(client.events(sid)).toEqual(Array.from({ length: 1503 }, (_, i) => i + 1));
    expect(client.messages.length).toBeLessThan(100);
    for (const bytes of client.raw) expect(bytes.length).toBeLessThanOrEqual(64 * 1024);
  });

  test('repair SUB on a live stream: replays from its cursor, goes on', async () => {
    const sid = freshSid();
    const client = await harness.identified(1);
    await client.ask(Op.SUB, [[sid]]);
    harness.shard.commit(sid, texts(4));
    await client.when(() => client.events(sid).length === 4);
    const [, , entries] = await client.ask(Op.SUB, [[sid, 7, 2, 1_763_000_000_002]]);
    expect((entries as number[][])[0]?.slice(1, 4)).toEqual([1, 7, 2]);
    harness.shard.commit(sid, texts(1));
    await client.when(() => client.events(sid).includes(5));
    expect(client.events(sid)).toEqual([1, 2, 3, 4, 3, 4, 5]);
  });

  test('[sid] on a live stream: status 0, nothing changes', async () => {
    const sid = freshSid();
    const client = await harness.identified(1);
    await client.ask(Op.SUB, [[sid]]);
    const [, , entries] = await client.ask(Op.SUB, [[sid]]);
    expect((entries as number[][])[0]?.[1]).toBe(0);
    harness.shard.commit(sid, texts(1));
    await client.when(() => client.events(sid).length > 0);
    expect(harness.handle.metrics().joins).toBeGreaterThan(0);
    expect(client.events(sid)).toEqual([1]);
  });

  test('stream that cannot answer: ERR 502, live ones go on', async () => {
    const [live, other] = [freshSid(), freshSid()];
    const client = await harness.identified(1);
    await client.ask(Op.SUB, [[live]]);
    harness.shard.commit(live, texts(1));
    await client.when(() => client.events(live).length === 1);
    harness.shard.failing.add('subscribe');
    const err = await client.ask(Op.SUB, [[other], [live, 7, 1, 1_763_000_000_001]]);
    expect(err.slice(2, 4)).toEqual([502, 'unavailable']);
    harness.shard.failing.clear();
    harness.shard.commit(live, texts(1));
    await client.when(() => client.events(live).length === 2);
    expect(client.events(live)).toEqual([1, 2]);
  });

  test('UNSUB: number removed, unknown sids ignored, nothing comes any more', async () => {
    const sid = freshSid();
    const client = await harness.identified(1);
    await client.ask(Op.SUB, [[sid]]);
    expect(await client.ask(Op.UNSUB, [sid, 1, 2])).toEqual([Op.OK, 3, 1]);
    await until(() => !harness.shard.stream(sid).isInterested, 'the end of the interest');
    harness.shard.commit(sid, texts(1));
    await client.ask(Op.TIME);
    expect(client.events(sid)).toEqual([]);
  });

  test('revoke: SUBEND 301 to that user, nothing behind it, others go on', async () => {
    const sid = freshSid();
    const [client, other] = [await harness.identified(21), await harness.identified(22)];
    harness.shard.stream(sid).viewers = new Set([21, 22]);
    for (const each of [client, other]) await each.ask(Op.SUB, [[sid]]);
    harness.shard.commit(sid, texts(1));
    harness.shard.revoke(sid, 21);
    harness.shard.commit(sid, texts(1));
    await other.when(() => other.events(sid).length === 2);
    expect(await client.find((frame) => frame[0] === Op.SUBEND)).toEqual([25, sid, 301]);
    await client.ask(Op.TIME);
    expect(client.events(sid)).toEqual([1]);
  });

  test('right lost while the stream has no owner: SUBEND when it has one again (I14)', async () => {
    const sid = freshSid();
    const client = await harness.identified(31);
    await client.ask(Op.SUB, [[sid]]);
    harness.shard.commit(sid, texts(1));
    await client.when(() => client.events(sid).length === 1);
    const stream = harness.shard.stream(sid);
    const { owner } = stream;
    harness.shard.crash(sid);
    stream.viewers = new Set();
    harness.down(owner);
    expect(await client.find((frame) => frame[0] === Op.SUBEND)).toEqual([25, sid, 301]);
  });

  test('a stream that asks who is there: told, and whoever may not view any more is revoked', async () => {
    const sid = freshSid();
    const [client, other] = [await harness.identified(41), await harness.identified(42)];
    for (const each of [client, other]) await each.ask(Op.SUB, [[sid]]);
    harness.shard.stream(sid).viewers = new Set([42]);
    harness.shard.ask(sid);
    expect(await client.find((frame) => frame[0] === Op.SUBEND)).toEqual([25, sid, 301]);
    harness.shard.commit(sid, texts(1));
    await other.when(() => other.events(sid).length === 1);
    expect(client.events(sid)).toEqual([]);
  });

  test('owner that is replaced: the hole is repaired, in order', async () => {
    const sid = freshSid();
    const client = await harness.identified(1);
    await client.ask(Op.SUB, [[sid]]);
    harness.shard.commit(sid, texts(2));
    harness.shard.crash(sid);
    harness.shard.commit(sid, texts(2));
    // Another thread's interest starts the new owner; it publishes to us when we have asked.
    harness.shard.attach(sid);
    harness.shard.commit(sid, texts(2));
    await client.when(() => client.events(sid).length >= 6);
    expect(client.events(sid)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe('reads', () => {
  test('HISTORY: events around the anchor, from 128 KiB on fewer', async () => {
    const sid = freshSid();
    harness.shard.commit(sid, texts(10));
    const client = await harness.identified(1, 'json');
    const [, , epoch, first, head, events] = await client.ask(Op.HISTORY, sid, 5, 2, 3);
    expect([epoch, first, head]).toEqual([7, 1, 10]);
    expect((events as number[][]).map((event) => event[3])).toEqual([4, 5, 6, 7, 8]);
    const large = freshSid();
    harness.shard.commit(large, texts(100, 4000));
    const reply = await client.ask(Op.HISTORY, large, 0, 100, 0);
    const seqs = (reply[5] as number[][]).map((event) => event[3]);
    expect(seqs.at(-1)).toBe(100);
    expect(seqs.length).toBeLessThan(40);
    expect(client.raw.at(-1)?.length).toBeLessThanOrEqual(128 * 1024);
  });

  test('a burst of large replies to a reader that pauses: all arrive, none is dropped', async () => {
    const sid = freshSid();
    harness.shard.commit(sid, texts(60, 4000));
    const client = await harness.identified(1);
    client.socket.pause();
    const rids = texts(60).map(() => client.rid());
    for (const rid of rids) client.send([Op.HISTORY, rid, sid, 0, 60, 0]);
    await until(() => harness.handle.metrics().repliesQueued > 0, 'queued replies');
    client.socket.resume();
    const replies = await Promise.all(rids.map((rid) => client.reply(rid)));
    expect(replies.every((reply) => reply[0] === Op.OK)).toBe(true);
  });

  test('SYNC: only what differs, absent and forbidden as zeros', async () => {
    const [same, moved, hidden] = [freshSid(), freshSid(), freshSid()];
    harness.shard.commit(same, texts(2));
    harness.shard.commit(moved, texts(3));
    harness.shard.stream(hidden).viewers = new Set();
    const client = await harness.identified(1);
    const reply = await client.ask(Op.SYNC, [
      [same, 7, 2],
      [moved, 7, 1],
      [hidden, 7, 1],
    ]);
    expect(reply[2]).toEqual([
      [moved, 7, 3, 1_763_000_000_003],
      [hidden, 0, 0, 0],
    ]);
  });

  test('SYNC: a stream of the request cannot answer now, ERR 502 with retry and nothing of the others', async () => {
    const [gone, away] = [freshSid(), freshSid()];
    harness.shard.stream(gone).viewers = new Set();
    harness.shard.away.add(away);
    const client = await harness.identified(1);
    const entries = [gone, away].map((sid) => [sid, 7, 1]);
    const reply = await client.ask(Op.SYNC, entries);
    expect(reply.slice(2, 4)).toEqual([502, 'unavailable']);
    expect(reply[4]).toBeGreaterThan(0);
    harness.shard.away.clear();
    const again = await client.ask(Op.SYNC, entries);
    expect(again[2]).toContainEqual([away, 7, 0, 0]);
  });

  test('GUILD: all fields; absent: 301', async () => {
    const client = await harness.identified(1);
    const reply = await client.ask(Op.GUILD, 18);
    expect([reply[2], reply[5], reply[6]]).toEqual([3, [19], false]);
    expect((reply[3] as unknown[][])[0]?.slice(0, 4)).toEqual([5, 1, 'general', 15]);
    expect((await client.ask(Op.GUILD, 404)).slice(2)).toEqual([301, 'forbidden_or_absent']);
  });
});
