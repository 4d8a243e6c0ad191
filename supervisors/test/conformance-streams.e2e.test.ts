/**
 * Conformance cases 5 to 8, 10, 12 to 15 and 18 of protocol.md 5: delivery, order, replay, idempotence and a
 * slow reader. An outsider's test: raw sockets, both encodings, the checker over all frame logs.
 */
import { describe, expect, test } from 'vitest';
import { check } from './checker.ts';
import type { ConnTrace } from './checker-wire.ts';
import { Crowd, expectClean, readHistory } from './support/crowd.ts';
import { useServer } from './support/fixture.ts';
import { ENCODINGS, type Encoding, type RawClient } from './support/raw-client.ts';
import { Seeded } from './support/seeded.ts';
import { pause, ServerProcess, until } from './support/server-process.ts';
import { OP, type WireFrame } from './support/wire.ts';

const REPLAY_MAX = 300;
const fixture = useServer({ users: 3, env: { DRIFTWAY_REPLAY_MAX: String(REPLAY_MAX) } });

const traceOf = (client: RawClient, name: string): ConnTrace => ({
  client: name,
  uid: client.uid,
  conn: 1,
  encoding: client.encoding,
  entries: client.log,
});

/** Sends `count` messages one after the other without waiting in between; their OK frames. */
async function sendMany(
  client: RawClient,
  sid: number,
  prefix: string,
  count: number,
): Promise<WireFrame[]> {
  const replies: WireFrame[] = [];
  for (let at = 0; at < count; at += 40) {
    const burst = Array.from({ length: Math.min(40, count - at) }, (_, i) =>
      client.append(sid, `${prefix}-${at + i}`, `${prefix} ${at + i}`),
    );
    replies.push(...(await Promise.all(burst)));
  }
  for (const reply of replies) expect(reply[0]).toBe(OP.ok);
  return replies;
}

const seqs = (client: RawClient, sid: number): number[] =>
  client.events(sid).map((event) => event[3] as number);
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe.each(ENCODINGS)('%s', (encoding: Encoding) => {
  test('case 5: an append reaches all three once, byte-identical', async () => {
    const sid = await fixture.newChannel();
    const [a, b, c] = await Promise.all([0, 1, 2].map((user) => fixture.client(user, encoding)));
    for (const client of [a!, b!, c!]) await client.sub([[sid]]);
    const got = [a!, b!, c!].map((client) => client.waitFor((frame) => frame[0] === OP.ev, 'EV'));
    const [op, , epoch, seq, ts, duplicate] = await a!.append(sid, 'case-5', 'x');
    expect([op, seq, duplicate]).toEqual([OP.ok, 1, false]);
    for (const event of await Promise.all(got)) {
      expect(event).toEqual([OP.ev, sid, epoch, 1, ts, 1, a!.uid, 'x']);
    }
    expect(b!.eventBytes(sid)).toHaveLength(1);
    expect(b!.eventBytes(sid)[0]!.equals(c!.eventBytes(sid)[0]!)).toBe(true);
    // Something later on the same connections shows that no second copy was under way.
    await a!.append(sid, 'case-5b', 'y');
    await until('the second event', 5000, () => seqs(c!, sid).length === 2 || undefined);
    expect(seqs(a!, sid)).toEqual([1, 2]);
  });

  test('case 6: an empty stream has a position, from which the first event is replayed', async () => {
    const sid = await fixture.newChannel();
    const b = await fixture.client(1, encoding);
    const [entry] = await b.sub([[sid]]);
    const [, status, epoch, seq, ts, first, head] = entry!;
    expect([status, seq, ts, first, head]).toEqual([0, 0, 0, 1, 0]);
    expect(epoch).toBeGreaterThan(0);
    b.socket.cut();
    const a = await fixture.client(0, encoding);
    await a.append(sid, 'case-6', 'first');
    const again = await fixture.client(1, encoding);
    const [next] = await again.sub([[sid, epoch!, 0, 0]]);
    expect(next?.slice(1, 5)).toEqual([1, epoch, 0, 0]);
    await until('the replay', 5000, () => seqs(again, sid).length === 1 || undefined);
    expect(again.events(sid)[0]?.[7]).toBe('first');
  });

  test('case 8: exact replay after a cut, with one more appended during it', async () => {
    const sid = await fixture.newChannel();
    const a = await fixture.client(0, encoding);
    const b = await fixture.client(1, encoding);
    await b.sub([[sid]]);
    await sendMany(a, sid, 'before', 5);
    await until('five events', 5000, () => seqs(b, sid).length === 5 || undefined);
    const last = b.events(sid).at(-1)!;
    b.socket.cut();
    await sendMany(a, sid, 'missed', 37);
    const again = await fixture.client(1, encoding);
    const [[entry]] = await Promise.all([
      again.sub([[sid, last[2]!, last[3]!, last[4]!]]),
      a.append(sid, 'during', 'during'),
    ]);
    expect(entry?.slice(1, 5)).toEqual([1, last[2], 5, last[4]]);
    await until('43 events', 5000, () => seqs(again, sid).at(-1) === 43 || undefined);
    expect(seqs(again, sid)).toEqual(range(6, 43));
    expectClean(
      check({
        connections: [traceOf(b, 'b'), traceOf(again, 'b2'), traceOf(a, 'a')],
        histories: [],
      }),
    );
  });

  test('case 10: too far behind is one GAP reason 1, then the last replay_max events', async () => {
    const sid = await fixture.newChannel();
    const a = await fixture.client(0, encoding);
    const b = await fixture.client(1, encoding);
    const [[, , epoch]] = (await b.sub([[sid]])) as [WireFrame];
    b.socket.cut();
    const total = REPLAY_MAX + 150;
    await sendMany(a, sid, 'far', total);
    const again = await fixture.client(1, encoding);
    const [entry] = await again.sub([[sid, epoch!, 0, 0]]);
    expect(entry?.slice(1, 4)).toEqual([2, epoch, total - REPLAY_MAX]);
    expect(entry?.[6]).toBe(total);
    await until('the replay', 10_000, () => seqs(again, sid).at(-1) === total || undefined);
    const gaps = again.received().filter((frame) => frame[0] === OP.gap);
    expect(gaps.map((gap) => gap.slice(1, 6))).toEqual([[sid, 1, epoch, 1, total - REPLAY_MAX]]);
    expect(seqs(again, sid)).toEqual(range(total - REPLAY_MAX + 1, total));
    await a.append(sid, 'live', 'live');
    await until('the live event', 5000, () => seqs(again, sid).at(-1) === total + 1 || undefined);
    const history = await readHistory(again, sid);
    expect(history.events).toHaveLength(total + 1);
    expectClean(check({ connections: [traceOf(again, 'b')], histories: [history] }));
  }, 60_000);

  test('case 12: a reply lost with the connection, the same nonce gives exactly one event', async () => {
    const sid = await fixture.newChannel();
    const oks: boolean[] = [];
    for (let round = 0; round < 10; round += 1) {
      const a = await fixture.client(0, encoding);
      a.send([OP.append, 50, sid, `case-12-${round}`, 1, `round ${round}`]);
      // The bytes leave first; sometimes the server has time to commit before the cut, sometimes not.
      await pause(round % 5);
      a.socket.reset();
      const again = await fixture.client(0, encoding);
      const reply = await again.append(sid, `case-12-${round}`, `round ${round}`);
      expect(reply[0]).toBe(OP.ok);
      oks.push(reply[5] as boolean);
      again.socket.cut();
    }
    const reader = await fixture.client(1, encoding);
    const { events } = await readHistory(reader, sid);
    expect(events.map((event) => event[7])).toEqual(range(0, 9).map((round) => `round ${round}`));
    expect(oks.every((duplicate) => typeof duplicate === 'boolean')).toBe(true);
  });

  test('case 14: two connections send the same append at once, 100 rounds', async () => {
    const sid = await fixture.newChannel();
    const one = await fixture.client(0, encoding);
    const two = await fixture.client(0, encoding);
    for (let round = 0; round < 100; round += 1) {
      const both = await Promise.all(
        [one, two].map((client) => client.append(sid, `c14-${round}`, `r ${round}`)),
      );
      expect(both.map((reply) => reply[0])).toEqual([OP.ok, OP.ok]);
      expect(both.map((reply) => reply[5]).sort()).toEqual([false, true]);
      expect(both[0]!.slice(2, 5)).toEqual(both[1]!.slice(2, 5));
      expect(both[0]![3]).toBe(round + 1);
    }
    const [entry] = await one.sub([[sid]]);
    expect(entry?.[6]).toBe(100);
  }, 60_000);

  test('case 15: a nonce with other content is 311; the nonce of another user is another one', async () => {
    const sid = await fixture.newChannel();
    const a = await fixture.client(0, encoding);
    const b = await fixture.client(1, encoding);
    const first = await a.append(sid, 'case-15', 'x');
    const reused = await a.append(sid, 'case-15', 'y');
    expect(reused.slice(0, 4)).toEqual([OP.err, reused[1], 311, 'nonce_reused']);
    const same = await a.append(sid, 'case-15', 'x');
    expect(same.slice(2)).toEqual([...first.slice(2, 5), true]);
    const other = await b.append(sid, 'case-15', 'y');
    expect(other.slice(3, 6).filter((value) => typeof value !== 'number' || value < 10)).toEqual([
      2,
      false,
    ]);
    const { events } = await readHistory(a, sid);
    expect(events.map((event) => [event[6], event[7]])).toEqual([
      [a.uid, 'x'],
      [b.uid, 'y'],
    ]);
  });
});

describe('case 7 and 13: many clients, a crash', () => {
  test('case 7: total order under contention of 20 senders and 20 observers', async () => {
    const chance = Seeded.forTest('case 7');
    const server = await ServerProcess.start({
      env: {
        DRIFTWAY_HEART: 'off',
        DRIFTWAY_LIMITS: 'trusted',
        DRIFTWAY_GATEWAY_THREADS: '2',
        DRIFTWAY_SHARD_THREADS: '2',
      },
    });
    try {
      const options = {
        port: server.port,
        writers: 20,
        observers: 20,
        channels: 2,
        chance,
        gapMs: 5,
      };
      const crowd = await Crowd.create(options);
      crowd.write();
      await until('4000 messages', 60_000, () => crowd.acknowledged >= 4000 || undefined);
      expectClean(await crowd.verdict());
      expect(crowd.observers.flatMap((observer) => observer.closes)).toEqual([]);
      await crowd.stop();
      console.log(`case 7: ${crowd.summary()}`);
    } finally {
      await server.dispose();
    }
  }, 120_000);

  test('case 13: the nonce again after kill -9, exactly one event', async () => {
    const env = { DRIFTWAY_HEART: 'off', DRIFTWAY_LIMITS: 'trusted' };
    let server = await ServerProcess.start({ env });
    const { port, dataDir } = server;
    const first = server;
    try {
      const crowd = await Crowd.create({
        port,
        writers: 1,
        observers: 1,
        channels: 1,
        chance: new Seeded(1),
      });
      const observer = crowd.observers[0]!;
      const [sid] = crowd.members.sids;
      const nonces = range(1, 30).map((n) => [sid!, `c13-${n}`, 1, `text ${n}`] as const);
      // All of them are under way when the process dies.
      for (const [index, body] of nonces.entries())
        observer.client!.send([OP.append, 1000 + index, ...body]);
      await pause(8);
      await server.killServer();
      server = await ServerProcess.start({ env, port, dataDir });
      await observer.subscribed();
      for (const body of nonces) {
        const reply = await observer.client!.request(OP.append, body);
        expect(reply[0]).toBe(OP.ok);
      }
      const history = await readHistory(observer.client!, sid!);
      expect(history.events.map((event) => event[7]).sort()).toEqual(
        nonces.map((body) => body[3]).sort(),
      );
      await observer.reached(sid!, 30, 10_000);
      expectClean(
        check({ connections: observer.traces, histories: [history], throughout: ['observer-0'] }),
      );
      await crowd.stop();
    } finally {
      await server.dispose();
      await first.dispose();
    }
  }, 60_000);
});

describe('case 18: a slow reader', () => {
  test('stops reading while 20 MiB are published: contiguous, GAP 7, or cut; the healthy reader misses nothing', async () => {
    const sid = await fixture.newChannel();
    const a = await fixture.client(0);
    const slow = await fixture.client(1);
    const healthy = await fixture.client(2);
    await slow.sub([[sid]]);
    await healthy.sub([[sid]]);
    slow.socket.pause();
    // 2,000 messages of 10.5 kB: one event stays below 16 KiB.
    const content = '\u{1f600}'.repeat(2600);
    const count = 2000;
    for (let at = 0; at < count; at += 20) {
      const burst = range(at, at + 19).map((i) => a.append(sid, `slow-${i}`, `${i} ${content}`));
      for (const reply of await Promise.all(burst)) expect(reply[0]).toBe(OP.ok);
    }
    await until(
      'the healthy reader',
      20_000,
      () => seqs(healthy, sid).length === count || undefined,
    );
    expect(seqs(healthy, sid)).toEqual(range(1, count));
    slow.socket.resume();
    await a.append(sid, 'slow-end', 'end');
    const atEnd = () => {
      const frames = slow.received().filter((frame) => frame[1] === sid);
      const last = frames.at(-1);
      return (last?.[0] === OP.ev && last[3] === count + 1) || !slow.isOpen ? true : undefined;
    };
    await until('the slow reader', 40_000, atEnd);
    const traces = [traceOf(slow, 'slow'), traceOf(healthy, 'healthy')];
    expectClean(check({ connections: traces, histories: [] }));
    const gaps = slow.received().filter((frame) => frame[0] === OP.gap);
    for (const gap of gaps) expect(gap[2]).toBe(7);
    if (slow.isOpen) return;
    expect([1006, 4002]).toContain((await slow.closed).code);
    const position = Math.max(0, ...seqs(slow, sid), ...gaps.map((gap) => gap[5] as number));
    const event = slow.events(sid).find((one) => one[3] === position);
    const again = await fixture.client(1);
    await again.sub([[sid, healthy.events(sid)[0]![2]!, position, event?.[4] ?? 0]]);
    await until('the rest', 20_000, () => seqs(again, sid).at(-1) === count + 1 || undefined);
    expectClean(check({ connections: [traceOf(again, 'again')], histories: [] }));
  }, 120_000);
});
