/**
 * The fine print of protocol.md 2.7, 2.8, 2.11 to 2.13 and 2.17 about streams, appends, history and errors.
 * An outsider's test: raw sockets, both encodings.
 */
import { describe, expect, test } from 'vitest';
import { useServer } from './support/fixture.ts';
import { ENCODINGS, type Encoding, type RawClient } from './support/raw-client.ts';
import { UpgradeRefused } from './support/raw-socket.ts';
import { until } from './support/server-process.ts';
import { OP, type WireFrame } from './support/wire.ts';

const fixture = useServer({ users: 3 });
const ABSENT = 4_503_599_627_370_495;

/** Code and name of an ERR, or the opcode of anything else. */
const codeOf = (frame: WireFrame): unknown => (frame[0] === OP.err ? frame[2] : `op ${frame[0]}`);

async function codes(
  client: RawClient,
  requests: readonly (readonly [number, WireFrame])[],
): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const [op, args] of requests) found.push(codeOf(await client.request(op, args)));
  return found;
}

/** A channel with one message by user 0. */
async function withMessage(): Promise<{ sid: number; a: RawClient }> {
  const sid = await fixture.newChannel();
  const a = await fixture.client(0);
  await a.ask(OP.append, [sid, 'first', 1, 'first']);
  return { sid, a };
}

const historyOf = async (client: RawClient, sid: number): Promise<WireFrame[]> =>
  (await client.ask(OP.history, [sid, 1, 1, 100]))[3] as WireFrame[];

describe.each(ENCODINGS)('%s', (encoding: Encoding) => {
  test('SUB: none, over 100, one twice, or no array: 101; absent: status 3 with zeros', async () => {
    const client = await fixture.client(1, encoding);
    const many = Array.from({ length: 101 }, (_, i) => [i + 1]);
    expect(
      await codes(client, [
        [OP.sub, [[]]],
        [OP.sub, [many]],
        [OP.sub, [[[fixture.sid], [fixture.sid]]]],
        [OP.sub, [5]],
        [OP.sub, []],
        [OP.sub, [[fixture.sid]]],
        [OP.sub, [[['x']]]],
      ]),
    ).toEqual([101, 101, 101, 101, 101, 101, 101]);
    expect(await client.sub([[ABSENT], [fixture.gid]])).toEqual([
      [ABSENT, 3, 0, 0, 0, 0, 0],
      [fixture.gid, 3, 0, 0, 0, 0, 0],
    ]);
  });

  test('UNSUB: how many it removed; nothing comes afterwards', async () => {
    const { sid, a } = await withMessage();
    const client = await fixture.client(1, encoding);
    await client.sub([[sid], [fixture.sid]]);
    expect(await client.ask(OP.unsub, [[sid, ABSENT]])).toEqual([1]);
    expect(await client.ask(OP.unsub, [[sid]])).toEqual([0]);
    await a.ask(OP.append, [sid, 'later', 1, 'later']);
    await a.ask(OP.append, [fixture.sid, `unsub-${encoding}`, 1, 'there']);
    await client.first(OP.ev);
    expect(client.events(sid)).toEqual([]);
  });

  test('SUB with a cursor at the head: status 0; again without one on a live stream: status 0', async () => {
    const { sid, a } = await withMessage();
    const [event] = await historyOf(a, sid);
    const client = await fixture.client(1, encoding);
    const cursor = [sid, event![2]!, 1, event![4]!];
    expect(await client.sub([cursor])).toEqual([[sid, 0, event![2], 1, event![4], 1, 1]]);
    expect((await client.sub([[sid]]))[0]?.slice(0, 2)).toEqual([sid, 0]);
    await a.ask(OP.append, [sid, 'next', 1, 'next']);
    await client.first(OP.ev);
    expect(client.events(sid).map((one) => one[3])).toEqual([2]);
  });

  test('repair SUB on a live subscription: what follows the cursor comes again, then live', async () => {
    const { sid, a } = await withMessage();
    const client = await fixture.client(1, encoding);
    const [[, , epoch]] = (await client.sub([[sid]])) as [WireFrame];
    for (let i = 2; i <= 6; i += 1) await a.ask(OP.append, [sid, `r${i}`, 1, `r${i}`]);
    await until('six', 5000, () => client.events(sid).at(-1)?.[3] === 6 || undefined);
    const [entry] = await client.sub([[sid, epoch!, 0, 0]]);
    expect(entry?.slice(1, 4)).toEqual([1, epoch, 0]);
    await until('again', 5000, () => client.events(sid).length === 11 || undefined);
    await a.ask(OP.append, [sid, 'r7', 1, 'r7']);
    await until('live', 5000, () => client.events(sid).length === 12 || undefined);
    expect(client.events(sid).map((one) => one[3])).toEqual([2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('H31: another epoch GAP 2, ahead GAP 4, other ts GAP 3; from 1 to the head', async () => {
    const { sid, a } = await withMessage();
    const second = await a.ask(OP.append, [sid, 'second', 1, 'second']);
    const [epoch, , ts] = second as readonly number[] as [number, number, number];
    const cases: readonly (readonly [WireFrame, number])[] = [
      [[sid, (epoch + 1) % 2 ** 32, 1, ts], 2],
      [[sid, epoch, 9, ts], 4],
      [[sid, epoch, 2, ts + 1], 3],
      [[sid, (epoch + 1) % 2 ** 32, 9, 1], 2],
    ];
    for (const [cursor, reason] of cases) {
      const client = await fixture.client(1, encoding);
      const [entry] = await client.sub([cursor]);
      expect(entry).toEqual([sid, 2, epoch, 2, ts, 1, 2]);
      expect(await client.first(OP.gap)).toEqual([OP.gap, sid, reason, epoch, 1, 2, ts]);
    }
  });

  test('SYNC: only what differs, zeros for what is absent', async () => {
    const { sid, a } = await withMessage();
    const [event] = await historyOf(a, sid);
    const [, , epoch, seq, ts] = event!;
    const client = await fixture.client(1, encoding);
    expect(await client.ask(OP.sync, [[[sid, epoch!, seq!]]])).toEqual([[]]);
    expect(
      await client.ask(OP.sync, [
        [
          [sid, epoch!, 0],
          [ABSENT, 1, 1],
        ],
      ]),
    ).toEqual([
      [
        [sid, epoch, seq, ts],
        [ABSENT, 0, 0, 0],
      ],
    ]);
    expect(await client.ask(OP.sync, [[[sid, (Number(epoch) + 1) % 2 ** 32, seq!]]])).toEqual([
      [[sid, epoch, seq, ts]],
    ]);
  });

  test('HISTORY: anchors, before, after, and the limits', async () => {
    const { sid, a } = await withMessage();
    for (let i = 2; i <= 9; i += 1) await a.ask(OP.append, [sid, `h${i}`, 1, `h${i}`]);
    const client = await fixture.client(1, encoding);
    const page = async (...args: number[]): Promise<unknown> => {
      const [epoch, first, head, events] = await client.ask(OP.history, [sid, ...args]);
      expect([typeof epoch, first, head]).toEqual(['number', 1, 9]);
      return (events as WireFrame[]).map((event) => event[3]);
    };
    expect(await page(0, 3, 0)).toEqual([7, 8, 9]);
    expect(await page(100, 2, 5)).toEqual([8, 9]);
    expect(await page(4, 2, 2)).toEqual([3, 4, 5, 6]);
    expect(await page(4, 0, 2)).toEqual([5, 6]);
    expect(await page(1, 1, 100)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await page(5, 0, 0)).toEqual([]);
    expect(
      await codes(client, [
        [OP.history, [sid, 0, 101, 100]],
        [OP.history, [sid, 0, -1, 1]],
        [OP.history, [sid, 'x', 1, 1]],
        [OP.history, [sid]],
        [OP.history, [ABSENT, 0, 1, 1]],
        [OP.history, [fixture.gid, 0, 1, 1]],
      ]),
    ).toEqual([101, 101, 101, 101, 301, 301]);
  });

  test('GUILD: channels, roles and the view stream; a stranger gets the answer for what is absent', async () => {
    const client = await fixture.client(0, encoding);
    const [aclVer, channels, roles, views, large] = await client.ask(OP.guild, [fixture.gid]);
    expect(typeof aclVer).toBe('number');
    const general = (channels as WireFrame[]).find((channel) => channel[0] === fixture.sid);
    expect(general?.slice(1, 3)).toEqual([1, 'general']);
    expect(general?.[3]).toBe(0x3ff);
    expect((roles as WireFrame[])[0]?.[0]).toBe(fixture.gid);
    expect((views as number[]).length).toBeGreaterThan(0);
    expect(large).toBe(false);
    expect((await client.sub([[(views as number[])[0]!]]))[0]?.[1]).toBe(0);
    const stranger = await fixture.http.register(`stranger_${encoding}`);
    const outside = await fixture.connect(encoding);
    await outside.identify(stranger.accessToken);
    const forbidden = await outside.request(OP.guild, [fixture.gid]);
    const absent = await outside.request(OP.guild, [ABSENT]);
    expect(forbidden.slice(2)).toEqual(absent.slice(2));
    expect(codeOf(forbidden)).toBe(301);
    expect((await outside.sub([[fixture.sid]]))[0]).toEqual([fixture.sid, 3, 0, 0, 0, 0, 0]);
    expect(
      await codes(outside, [
        [OP.append, [fixture.sid, 'n', 1, 'x']],
        [OP.history, [fixture.sid, 0, 1, 1]],
      ]),
    ).toEqual([301, 301]);
  });

  test('APPEND: form of nonce, kind, content and arguments', async () => {
    const client = await fixture.client(1, encoding);
    const append = (...args: WireFrame): readonly [number, WireFrame] => [
      OP.append,
      [fixture.sid, ...args],
    ];
    expect(
      await codes(client, [
        append('', 1, 'x'),
        append('a b', 1, 'x'),
        append('n'.repeat(37), 1, 'x'),
        append(5, 1, 'x'),
        append('n1', 0),
        append('n1', 20, 'x'),
        append('n1', 44, 1, 1),
        append('n1', 999, 'x'),
        append('n1', 'x', 'x'),
        append('n1', 7, 'new name'),
        append('n1', 1, 5),
        append('n1', 1),
      ]),
    ).toEqual([101, 101, 101, 101, 101, 101, 101, 101, 101, 101, 101, 101]);
    expect(
      await codes(client, [
        append('n2', 1, ''),
        append('n2', 1, 'a\u0000b'),
        append('n2', 1, 'a\u001bb'),
        append('n2', 1, 'a\u007fb'),
        append('n2', 1, 'a\u0085b'),
        append('n2', 1, `e${'\u0301'.repeat(17)}`),
        append('n2', 1, 'x'.repeat(4001)),
        append('n2', 1, '\u{1f600}'.repeat(3001)),
      ]),
    ).toEqual([110, 110, 110, 110, 110, 110, 111, 111]);
    expect(codeOf(await client.request(OP.append, [ABSENT, 'n3', 1, 'x']))).toBe(301);
    expect(codeOf(await client.request(OP.append, [fixture.sid, 'n4', 1, 'x', null, 4]))).toBe(101);
    expect(codeOf(await client.request(OP.append, [fixture.sid, 'n5', 1, 'x', null, 8]))).toBe(101);
    const good = ['tab\tand\nnewline', '\u202egnp.exe', 'x'.repeat(4000), '\u{1f600}'.repeat(3000)];
    for (const [index, content] of good.entries()) {
      const nonce = `${encoding}-good-${index}`;
      expect(codeOf(await client.request(OP.append, [fixture.sid, nonce, 1, content]))).toBe(
        `op ${OP.ok}`,
      );
    }
  });

  test('edit and delete: history and replay serve them from then on, the seq stays', async () => {
    const { sid, a } = await withMessage();
    const b = await fixture.client(1, encoding);
    const [, , epoch, , ts1] = (await historyOf(a, sid))[0]!;
    expect(
      await codes(b, [
        [OP.append, [sid, 'e1', 2, 1, 'mine now']],
        [OP.append, [sid, 'd1', 3, 1]],
        [OP.append, [sid, 'e2', 2, 99, 'absent']],
        [OP.append, [sid, 'p1', 6, 1, true]],
      ]),
    ).toEqual([303, 303, 101, 303]);
    await a.ask(OP.append, [sid, 'e3', 2, 1, 'second thought']);
    await a.ask(OP.append, [sid, 'e4', 2, 1, 'third thought']);
    await b.ask(OP.append, [sid, 'x1', 4, 1, '\u{1f44d}']);
    const edited = await historyOf(b, sid);
    expect(edited[0]).toEqual([OP.ev, sid, epoch, 1, ts1, 1, a.uid, 'third thought', null, 4]);
    expect(edited[1]?.slice(5)).toEqual([0, a.uid]);
    expect(edited[2]?.slice(5)).toEqual([2, a.uid, 1, 'third thought']);
    expect(edited[3]?.slice(5)).toEqual([4, b.uid, 1, '\u{1f44d}']);
    await a.ask(OP.append, [sid, 'd2', 3, 1]);
    const gone = await historyOf(b, sid);
    expect(gone.map((event) => event[5])).toEqual([0, 0, 0, 4, 3]);
    expect(gone[0]).toEqual([OP.ev, sid, epoch, 1, ts1, 0, a.uid]);
    expect(JSON.stringify(gone)).not.toContain('thought');
    const replayed = await fixture.client(2, encoding);
    await replayed.sub([[sid, epoch!, 0, 0]]);
    await until('the replay', 5000, () => replayed.events(sid).length === 5 || undefined);
    expect(replayed.events(sid)).toEqual(gone);
    expect(codeOf(await a.request(OP.append, [sid, 'e5', 2, 1, 'too late']))).toBe(101);
    expect(codeOf(await a.request(OP.append, [sid, 'e6', 2, 4, 'no message']))).toBe(101);
  });

  test('a deleted channel ends its subscriptions with SUBEND 301; SUB afterwards is status 3', async () => {
    const sid = await fixture.newChannel();
    const client = await fixture.client(1, encoding);
    await client.sub([[sid]]);
    await fixture.http.want(204, `/channels/${sid}`, { method: 'DELETE', token: fixture.token(0) });
    expect(await client.first(OP.subend)).toEqual([OP.subend, sid, 301]);
    expect(await client.sub([[sid]])).toEqual([[sid, 3, 0, 0, 0, 0, 0]]);
    expect(codeOf(await client.request(OP.append, [sid, 'late', 1, 'x']))).toBe(301);
  });

  test('a rid in use: ERR 105 for the second', async () => {
    const client = await fixture.client(1, encoding);
    const replies: WireFrame[] = [];
    client.onFrame = (frame) => {
      if (frame[1] === 500) replies.push(frame);
    };
    client.send([OP.append, 500, fixture.sid, `rid-${encoding}`, 1, 'x']);
    client.send([OP.append, 500, fixture.sid, `rid2-${encoding}`, 1, 'y']);
    await until('two replies', 5000, () => replies.length === 2 || undefined);
    expect(replies.map(codeOf).sort()).toEqual([105, `op ${OP.ok}`]);
  });

  test('HEAD: published after a burst, never ahead of the events', async () => {
    const { sid, a } = await withMessage();
    const client = await fixture.client(1, encoding);
    await client.sub([[sid]]);
    await a.ask(OP.append, [sid, 'burst', 1, 'burst']);
    const head = await client.first(OP.head, 8000);
    const event = client.events(sid).at(-1)!;
    expect(head).toEqual([OP.head, sid, event[2], 2, event[4]]);
  });
});

describe('msgpack form', () => {
  test('2.17.4, E3: the epoch is ce and four bytes, live and replayed copies are the same bytes', async () => {
    const { sid, a } = await withMessage();
    const live = await fixture.client(1);
    const [[, , epoch]] = (await live.sub([[sid]])) as [WireFrame];
    await a.ask(OP.append, [sid, 'bytes', 1, 'bytes', 1]);
    await live.first(OP.ev);
    const [bytes] = live.eventBytes(sid);
    const wanted = Buffer.alloc(5);
    wanted[0] = 0xce;
    wanted.writeUInt32BE(Number(epoch), 1);
    expect(bytes!.includes(wanted)).toBe(true);
    const later = await fixture.client(2);
    await later.sub([[sid, epoch!, 0, 0]]);
    await until('the replay', 5000, () => later.eventBytes(sid).length === 2 || undefined);
    expect(later.eventBytes(sid)[1]!.equals(bytes!)).toBe(true);
  });

  test('2.17.19: trailing nil, 0 and empty arrays are not written', async () => {
    const { sid, a } = await withMessage();
    await a.ask(OP.append, [sid, 'trailing', 1, 'x', null, 0, []]);
    await a.ask(OP.append, [sid, 'reply', 1, 'y', 1, 0]);
    const events = await historyOf(a, sid);
    expect(events.map((event) => event.slice(7))).toEqual([['first'], ['x'], ['y', 1]]);
  });
});

describe('limits for everybody', () => {
  const strict = useServer({ users: 2, env: { DRIFTWAY_LIMITS: 'public' } });

  test('H18: a flood of requests gets ERR 420 with retry_ms, then 4008', async () => {
    const client = await strict.client(0);
    for (let i = 0; i < 1000; i += 1) client.send([OP.time, client.nextRid()]);
    const { code, reason } = await client.closed;
    expect({ code, reason }).toEqual({ code: 4008, reason: 'rate_abuse' });
    const replies = client.received().filter((frame) => frame[0] === OP.err && frame[1] !== 0);
    expect(replies.length).toBeGreaterThan(50);
    expect(new Set(replies.map(codeOf))).toEqual(new Set([420]));
    expect(replies[0]?.[4]).toBeGreaterThan(0);
  });

  test('APPEND: the sixth within five seconds is ERR 420, and works after retry_ms', async () => {
    const client = await strict.client(1);
    const replies: WireFrame[] = [];
    for (let i = 0; i < 6; i += 1)
      replies.push(await client.append(strict.sid, `rate-${i}`, `rate ${i}`));
    expect(replies.map(codeOf)).toEqual([...Array(5).fill(`op ${OP.ok}`), 420]);
    expect(replies[5]?.[4]).toBeGreaterThan(0);
    const again = await until('room', 10_000, async () => {
      const reply = await client.append(strict.sid, 'rate-5', 'rate 5');
      return reply[0] === OP.ok ? reply : undefined;
    });
    expect(again[5]).toBe(false);
  }, 30_000);

  test('H17: a flood of pings ends with 4008', async () => {
    const client = await strict.client(0);
    for (let i = 0; i < 200; i += 1)
      client.socket.sendFrame({ opcode: 9, payload: Buffer.alloc(0) });
    expect((await client.closed).code).toBe(4008);
  });

  test('H35: the eleventh connection of a user is 4508, the 21st upgrade in 10 s is 429', async () => {
    for (let i = 0; i < 10; i += 1) await (await strict.connect()).identify(strict.token(1));
    const last = await strict.connect();
    last.send([OP.identify, 1, strict.token(1), null, 'x', 0, null]);
    const { code, reason } = await last.closed;
    expect({ code, reason }).toEqual({ code: 4508, reason: 'connection_limit' });
    const statuses: number[] = [];
    for (let i = 0; i < 20; i += 1) {
      const refused = await strict.connect().catch((error: unknown) => error);
      if (refused instanceof UpgradeRefused) statuses.push(refused.status);
    }
    expect(statuses.length).toBeGreaterThan(0);
    expect(new Set(statuses)).toEqual(new Set([429]));
  }, 30_000);
});

describe('limits that LIMITS=trusted keeps', () => {
  test('SUB: the 501st stream is status 4', async () => {
    const token = fixture.token(2);
    const guilds = [await fixture.http.guild(token, 300), await fixture.http.guild(token, 201)];
    const sids = guilds.flatMap((guild) => guild.sids);
    const client = await fixture.client(2);
    const statuses: unknown[] = [];
    for (let at = 0; at < 501; at += 100) {
      const entries = sids.slice(at, at + 100).map((sid) => [sid]);
      statuses.push(...(await client.sub(entries)).map((entry) => entry[1]));
    }
    expect(statuses).toEqual([...Array(500).fill(0), 4]);
    expect(await client.ask(OP.unsub, [[sids[0]!]])).toEqual([1]);
    expect((await client.sub([[sids[500]!]]))[0]?.[1]).toBe(0);
  }, 60_000);
});
