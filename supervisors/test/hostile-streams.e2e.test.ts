/**
 * H19, H21, H29, H31 to H33 and H36 of protocol.md 3: what somebody with a session can try on streams,
 * while a healthy witness keeps chatting. H34 (voice) comes with voice. LONG=1 takes the page's counts.
 */
import { describe, expect, test } from 'vitest';
import { ATTACKER, LONG, useHostile } from './support/hostile.ts';
import { ENCODINGS, encode, nowMs, type RawClient } from './support/raw-client.ts';
import { Seeded } from './support/seeded.ts';
import { OP, type WireFrame, type WireValue } from './support/wire.ts';

const OP_MARK = 37;
const OP_MWIN_OPEN = 40;
const OP_MEMBERS = 42;
const NONCES = LONG ? 20_000 : 1500;
const TIMED_PAIRS = LONG ? 1000 : 80;
/** "Timing difference of medians < 1 ms"; other jobs disturb, so the best of a few rounds counts. */
const MEDIAN_MAX_MS = 1;
const TIMED_ROUNDS = 8;

const hostile = useHostile({ keepsMb: LONG ? 64 : 8 });
const { fixture } = hostile;

describe.each(ENCODINGS)('%s', (encoding) => {
  test('H19: 65 HISTORY in one write, ERR 410 for the last, the others are answered', async () => {
    const client = await fixture.client(ATTACKER, encoding);
    const seen = client.received().length;
    const frames: WireFrame[] = [];
    for (let rid = 1001; rid <= 1065; rid += 1)
      frames.push([OP.history, rid, fixture.sid, 0, 1, 0]);
    const last = client.waitFor((frame) => frame[1] === 1065, 'the last reply');
    // One segment: the server reads them in one turn, before any of them can be answered.
    client.socket.sendMany(
      frames.map((frame) => encode(encoding, frame)),
      encoding === 'json',
    );
    expect((await last).slice(0, 4)).toEqual([OP.err, 1065, 410, 'inflight_limit']);
    while (client.received().length - seen < 65) await client.request(OP.time, []);
    const replies = client.received().slice(seen);
    const rids = replies.filter((frame) => frame[0] === OP.err).map((frame) => frame[1]);
    expect(rids.filter((rid) => (rid as number) > 1000)).toEqual([1065]);
    await hostile.witness.chats();
  });

  test('H21: rid 0, missing or of another type is ERR 101 rid 0, in use 105', async () => {
    const client = await fixture.client(ATTACKER, encoding);
    for (const rid of [[], [0], ['1'], [null], [-1], [2 ** 32], [[1]], [true]]) {
      const seen = client.received().length;
      client.send([OP.time, ...rid]);
      await client.request(OP.time, []);
      expect(client.received()[seen]?.slice(0, 4)).toEqual([OP.err, 0, 101, 'bad_args']);
    }
    const twice = encode(encoding, [OP.history, 5000, fixture.sid, 0, 1, 0]);
    const refused = client.waitFor((frame) => frame[2] === 105, 'ERR 105');
    client.socket.sendMany([twice, twice], encoding === 'json');
    expect((await refused).slice(0, 4)).toEqual([OP.err, 5000, 105, 'rid_in_use']);
    await hostile.witness.chats();
  });

  test('H36: all opcodes from 96 to 127, ERR 103 and counted', async () => {
    const before = await hostile.counter('gateway_admin_ops');
    const client = await fixture.client(ATTACKER, encoding);
    for (let op = 96; op < 128; op += 1) {
      expect((await client.request(op, ['shutdown', 1])).slice(2, 4)).toEqual([103, 'unknown_op']);
    }
    await hostile.counted('gateway_admin_ops', before + 32);
    await hostile.witness.chats();
  });
});

describe('H29: probing for private channels and guilds', () => {
  /** One that the attacker may not know of, and one that is nowhere and could not come to be. */
  async function unseen(what: 'channel' | 'guild'): Promise<{ hidden: number; absent: number }> {
    const { gid, sids } = await fixture.http.guild(fixture.token(0), 1);
    const hidden = what === 'guild' ? gid : sids[0]!;
    return { hidden, absent: hidden - 2 ** 32 };
  }

  const CHANNEL_PROBES: Readonly<Record<string, (sid: number, nonce: string) => WireFrame>> = {
    SUB: (sid) => [OP.sub, [[sid]]],
    HISTORY: (sid) => [OP.history, sid, 0, 10, 0],
    APPEND: (sid, nonce) => [OP.append, sid, nonce, 1, 'knock'],
    MARK: (sid) => [OP_MARK, sid, 1],
  };
  const GUILD_PROBES: typeof CHANNEL_PROBES = {
    GUILD: (gid) => [OP.guild, gid],
    MEMBERS: (gid) => [OP_MEMBERS, gid, null, 'a', 10],
    MWIN_OPEN: (gid) => [OP_MWIN_OPEN, gid, 0, 0, 10],
  };
  const PROBES = { ...CHANNEL_PROBES, ...GUILD_PROBES };

  async function timed(client: RawClient, [op, ...args]: WireFrame): Promise<number> {
    const began = nowMs();
    await client.request(op as number, args);
    return nowMs() - began;
  }

  const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

  test.each(Object.keys(PROBES))(
    '%s: same code, same shape, same time',
    async (name) => {
      const probe = PROBES[name]!;
      const { hidden, absent } = await unseen(name in GUILD_PROBES ? 'guild' : 'channel');
      const client = await fixture.client(ATTACKER);
      const shape = async (sid: number): Promise<WireValue[]> => {
        const [op, ...args] = probe(sid, 'shape');
        const [, , ...rest] = await client.request(op as number, args);
        return rest.map((value) => JSON.parse(JSON.stringify(value).replaceAll(String(sid), '0')));
      };
      expect(await shape(hidden)).toEqual(await shape(absent));
      let best = Number.POSITIVE_INFINITY;
      for (let round = 0; round < TIMED_ROUNDS && best >= MEDIAN_MAX_MS; round += 1) {
        const times: [number[], number[]] = [[], []];
        for (let i = 0; i < TIMED_PAIRS; i += 1) {
          // In turns, so that what disturbs one disturbs the other.
          for (const which of [i % 2, 1 - (i % 2)] as (0 | 1)[]) {
            const sid = which === 0 ? hidden : absent;
            times[which].push(await timed(client, probe(sid, `${name}-${round}-${i}-${which}`)));
          }
        }
        best = Math.min(best, Math.abs(median(times[0]) - median(times[1])));
      }
      expect(best).toBeLessThan(MEDIAN_MAX_MS);
      await hostile.witness.chats();
    },
    120_000,
  );
});

test('H31: random cursors, an answer each and GAP where they lie; nothing changes for others', async () => {
  const chance = Seeded.forTest('H31');
  const sid = await fixture.newChannel();
  const [client, reader] = [await fixture.client(ATTACKER), await fixture.client(0)];
  for (let i = 0; i < 10; i += 1) await client.append(sid, `h31-${i}`, `message ${i}`);
  const before = await reader.ask(OP.history, [sid, 0, 50, 0]);
  const [epoch] = before as number[];
  const wild = (): number => chance.pick([0, 1, 5, 10, 11, 2 ** 31, 2 ** 32 - 1, 2 ** 53 - 1]);
  const statuses = new Set<number>();
  for (let i = 0; i < (LONG ? 2000 : 150); i += 1) {
    const guess = chance.pick([epoch as number, chance.between(0, 2 ** 32 - 1)]);
    const cursor = [sid, guess, wild(), chance.pick([0, 1, 1_763_000_000_000, wild()])];
    const [entry] = await client.sub([cursor]);
    const [, status, at, seq] = entry as number[];
    statuses.add(status!);
    expect([0, 1, 2]).toContain(status);
    expect(at).toBe(epoch);
    expect(seq).toBeLessThanOrEqual(10);
    if (i % 3 === 0) await client.request(OP.unsub, [[sid]]);
  }
  expect(statuses.has(2)).toBe(true);
  expect(await reader.ask(OP.history, [sid, 0, 50, 0])).toEqual(before);
  await hostile.witness.chats();
}, 60_000);

describe('H32: nonces', () => {
  test('the same nonce of two users, two messages', async () => {
    const sid = await fixture.newChannel();
    const [one, other] = [await fixture.client(ATTACKER), await fixture.client(ATTACKER + 1)];
    const replies = [
      await one.append(sid, 'same', 'mine'),
      await other.append(sid, 'same', 'mine'),
    ];
    expect(replies.map((reply) => [reply[0], reply[3], reply[5]])).toEqual([
      [OP.ok, 1, false],
      [OP.ok, 2, false],
    ]);
    await hostile.witness.chats();
  });

  test('a flood of nonces: each is one message, the first is still known afterwards', async () => {
    const sid = await fixture.newChannel();
    const client = await fixture.client(ATTACKER);
    const first = await client.append(sid, 'flood-0', 'x');
    let next = 1;
    const lane = async (): Promise<void> => {
      while (next < NONCES) {
        const n = next;
        next += 1;
        const reply = await client.append(sid, `flood-${n}`, 'x');
        if (reply[0] !== OP.ok) throw new Error(`append ${n}: ${JSON.stringify(reply)}`);
      }
    };
    await Promise.all(Array.from({ length: 60 }, lane));
    client.log.length = 0;
    const again = await client.append(sid, 'flood-0', 'x');
    expect(again.slice(2)).toEqual([...first.slice(2, 5), true]);
    const [, , head] = (await client.ask(OP.history, [sid, 0, 1, 0])) as number[];
    expect(head).toBe(NONCES);
    await hostile.witness.chats();
  }, 120_000);
});

describe.each(ENCODINGS)('H33, %s: tricks in content', (encoding) => {
  const refused: readonly (readonly [string, string])[] = [
    ['NUL', 'a\u0000b'],
    ['ESC', '\u001b[31mred'],
    ['CR', 'a\rb'],
    ['DEL', 'a\u007fb'],
    ['C1', 'a\u0085b'],
    ['17 combining marks', `a${'\u0301'.repeat(17)}`],
    ['3900 combining marks', `a${'\u0301'.repeat(3900)}`],
    ['nothing', ''],
  ];

  test.each(refused)('%s: ERR 110', async (_what, content) => {
    const client = await fixture.client(ATTACKER, encoding);
    const reply = await client.append(fixture.sid, 'h33', content);
    expect(reply.slice(2, 4)).toEqual([110, 'bad_content']);
  });

  test('100,000 combining marks: over the size of a frame, 4501 or 1006', async () => {
    const client = await fixture.client(ATTACKER, encoding);
    const content = `a${'\u0301'.repeat(encoding === 'mp' ? 30_000 : 100_000)}`;
    client.send([OP.append, 1, fixture.sid, 'h33', 1, content]);
    expect([4501, 1006]).toContain((await client.closed).code);
    await hostile.witness.chats();
  });

  test('tab, newline, 16 marks, bidi controls, zero-width: stored as they are', async () => {
    const sid = await fixture.newChannel();
    const [client, reader] = [await fixture.client(ATTACKER, encoding), await fixture.client(0)];
    const contents = [
      'tab\tand\nnewline',
      `a${'\u0301'.repeat(16)}b`,
      '\u202egnirts\u202c \u2066isolated\u2069',
      'zero\u200bwidth\u200d\ufeff',
      '\ud83d\udc69\u200d\ud83d\udc69\u200d\ud83d\udc67',
      '__proto__',
    ];
    for (const [i, content] of contents.entries()) {
      expect((await client.append(sid, `h33-${i}`, content))[0]).toBe(OP.ok);
    }
    const [, , , events] = (await reader.ask(OP.history, [sid, 0, 50, 0])) as WireFrame[];
    expect(events?.map((event) => (event as WireFrame)[7])).toEqual(contents);
    await hostile.witness.chats();
  });
});

hostile.verdict('H19 to H36');
