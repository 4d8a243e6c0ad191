/** Connecting, identifying, tokens, deadlines and hostile input, over real sockets. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cast } from '../../runtime/index.ts';
import { Close, closeName, Op } from '../protocol/index.ts';
import { Harness, token, until } from './harness.ts';

let harness: Harness;

beforeAll(async () => {
  harness = await Harness.start();
});

afterAll(async () => {
  expect(harness.errors).toEqual([]);
  await harness.stop();
});

describe('upgrade', () => {
  test('subprotocols: the first of the client that fits is echoed', async () => {
    const client = await harness.connect('json');
    expect(client.socket.protocol).toBe('driftway.v1.json');
    expect(client.socket.extensions).toBe('');
  });

  test.each([[[]], [['chat']], [['driftway.v2.mp', 'x']]])(
    'subprotocols %j: 400',
    async (offered) => {
      expect((await harness.refusal(offered)).status).toBe(400);
    },
  );

  test.each(['https://evil.example', 'null'])(
    'Origin %s: 403 before the upgrade',
    async (origin) => {
      expect((await harness.refusal(['driftway.v1.mp'], { origin })).status).toBe(403);
    },
  );

  test('Origin of the list: accepted', async () => {
    const client = await harness.connect('mp', { headers: { origin: 'https://chat.example' } });
    expect(client.frames[0]?.[0]).toBe(Op.HELLO);
  });

  test('GET /gw without upgrade: 426', async () => {
    expect((await fetch(harness.http)).status).toBe(426);
  });
});

describe('IDENTIFY', () => {
  test.each(['mp', 'json'] as const)(
    '%s: HELLO first, then one OK with all fields',
    async (encoding) => {
      const client = await harness.connect(encoding);
      const [op, ver, node, pingMs, deadlineMs, herdMs, challenge, limits] = client.frames[0] ?? [];
      expect([op, ver, node, pingMs, deadlineMs, herdMs]).toEqual([
        1,
        1,
        'n1',
        20_000,
        10_000,
        1000,
      ]);
      expect(challenge).toMatch(/^[A-Za-z0-9_-]{22}$/);
      expect(limits).toEqual([32_768, 500, 64, 4000, 600_000, 5000, 200]);
      const ok = await client.identify(token(42));
      expect(ok.slice(0, 3)).toEqual([Op.OK, 1, expect.stringContaining('session-42')]);
      expect([ok[5], ok[6], ok[7], ok[8], ok[9]]).toEqual([42, 42, 4e12, 1, 0]);
      expect(ok[11]).toEqual([[18, 'Games', false]]);
    },
  );

  test('frames that come while it is answered: served after its OK', async () => {
    const client = await harness.connect();
    client.send([Op.IDENTIFY, 1, token(1), null, 'test', 0, null]);
    client.send([Op.TIME, 2]);
    client.send([Op.SUB, 3, [[900]]]);
    await client.reply(3);
    const replies = client.frames.filter((frame) => frame[0] === Op.OK).map((frame) => frame[1]);
    expect(replies).toEqual([1, 2, 3]);
  });

  test('twice: ERR 0 4503, then close 4503', async () => {
    const client = await harness.identified(1);
    client.send([Op.IDENTIFY, 9, token(1), null, 'test', 0, null]);
    expect(await client.closed()).toEqual({ code: 4503, reason: 'already_identified' });
    expect(client.frames.at(-1)).toEqual([Op.ERR, 0, 4503, 'already_identified']);
  });

  test.each([
    ['forged', 201, 4504],
    ['expired', 202, 4003],
    ['revoked', 201, 4507],
  ])('%s token: ERR %i with its rid, close %i', async (text, err, close) => {
    const client = await harness.connect();
    const reply = await client.identify(text);
    expect(reply.slice(0, 3)).toEqual([Op.ERR, 1, err]);
    expect((await client.closed()).code).toBe(close);
    if (close === 4507) expect(client.frames.at(-1)).toEqual([Op.ERR, 0, 4507, 'revoked']);
  });

  test('token that is no string: ERR 101, the connection lives', async () => {
    const client = await harness.connect();
    expect((await client.ask(Op.IDENTIFY, 5, null, 'test', 0)).slice(0, 3)).toEqual([5, 1, 101]);
    expect((await client.identify(token(3)))[0]).toBe(Op.OK);
  });

  test.each([4508, 4507, 4504] as const)(
    'refused by the user with %i: that close',
    async (close) => {
      harness.shard.connectReply = () => ({ ok: false, close });
      const client = await harness.connect();
      await client.identify(token(4));
      expect((await client.closed()).code).toBe(close);
      harness.shard.connectReply = undefined;
    },
  );

  test('user that cannot be reached: ERR 502 with retry, the connection lives', async () => {
    harness.shard.failing.add('connect');
    const client = await harness.connect();
    const reply = await client.identify(token(5));
    expect(reply.slice(0, 4)).toEqual([Op.ERR, 1, 502, 'unavailable']);
    expect(reply[4]).toBeGreaterThan(0);
    harness.shard.failing.clear();
    expect((await client.identify(token(5)))[0]).toBe(Op.OK);
  });

  test('user that gives no answer: it is told that the connection is none; refused, it is not', async () => {
    const client = await harness.connect();
    harness.shard.failing.add('connect');
    const refused = await client.identify(token(6));
    harness.shard.failure = 'timeout';
    const unanswered = await client.identify(token(6));
    harness.shard.failing.clear();
    harness.shard.failure = 'unavailable';
    expect([refused[2], unanswered[2]]).toEqual([502, 502]);
    expect((await client.identify(token(6)))[0]).toBe(Op.OK);
    const conn = harness.shard.connects.at(-1)?.conn;
    expect(harness.shard.abandons).toEqual([{ uid: 6, conn }]);
  });

  test('nothing sent for 10 s: ERR 0, close 4007', async () => {
    const client = await harness.connect();
    harness.clock.warp(10_000);
    expect((await client.closed()).code).toBe(4007);
    expect(client.frames.at(-1)).toEqual([Op.ERR, 0, 4007, 'deadline']);
  });
});

describe('hostile frames', () => {
  const cases: [string, number[], number][] = [
    ['map', [0x81, 0x01, 0x02], 4500],
    ['empty message', [], 4500],
    ['bad UTF-8', [0x93, 7, 1, 0xa2, 0xc0, 0xaf], 4500],
    ['trailing byte', [0x92, 7, 1, 0], 4500],
    ['not an array', [7], 4500],
  ];
  test.each(cases)('%s: ERR 0, close 4500', async (_, bytes, close) => {
    const client = await harness.identified(6);
    client.sendRaw(new Uint8Array(bytes));
    expect(await client.closed()).toEqual({ code: close, reason: closeName(close) });
    expect(client.frames.at(-1)).toEqual([Op.ERR, 0, close, closeName(close)]);
  });

  test.each(['mp', 'json'] as const)('%s: a message of the other type: 4500', async (encoding) => {
    const client = await harness.identified(6, encoding);
    client.sendRaw(new TextEncoder().encode('[7,1]'), encoding === 'json');
    expect((await client.closed()).code).toBe(Close.BAD_FRAME);
  });

  test('33 KiB: 4501; 65 KiB: 1006', async () => {
    const large = await harness.identified(6);
    large.sendRaw(new Uint8Array(33 * 1024));
    expect((await large.closed()).code).toBe(4501);
    const huge = await harness.identified(6);
    huge.sendRaw(new Uint8Array(65 * 1024));
    expect((await huge.closed()).code).toBe(1006);
  });

  test('an op before IDENTIFY: 4502; TIME is served', async () => {
    const client = await harness.connect();
    expect((await client.ask(Op.TIME))[0]).toBe(Op.OK);
    client.send([Op.SUB, 2, [[1]]]);
    expect((await client.closed()).code).toBe(4502);
  });

  test('unknown and admin ops: ERR 103, the connection lives', async () => {
    const client = await harness.identified(6);
    for (const op of [200, 59, 61, 96, 127, Op.EV]) {
      expect((await client.ask(op, 1)).slice(2, 4)).toEqual([103, 'unknown_op']);
    }
    expect((await client.ask(Op.TIME))[0]).toBe(Op.OK);
  });

  test('rid 0, missing, reused: ERR 101 rid 0, 101 rid 0, 105', async () => {
    const client = await harness.identified(6);
    client.send([Op.TIME, 0]);
    client.send([Op.TIME]);
    await client.when(() => client.frames.filter((f) => f[0] === Op.ERR).length === 2);
    expect(client.frames.slice(-2).map((f) => f.slice(0, 3))).toEqual([
      [5, 0, 101],
      [5, 0, 101],
    ]);
    harness.shard.silent.add('history');
    client.send([Op.HISTORY, 77, 1, 0, 1, 0]);
    client.send([Op.HISTORY, 77, 1, 0, 1, 0]);
    expect((await client.reply(77)).slice(0, 3)).toEqual([5, 77, 105]);
    harness.shard.silent.clear();
  });

  test('65 requests in flight: ERR 410 for the last', async () => {
    harness.shard.silent.add('history');
    const client = await harness.identified(6);
    for (let rid = 1001; rid <= 1065; rid += 1) client.send([Op.HISTORY, rid, 1, 0, 1, 0]);
    expect((await client.reply(1065)).slice(2, 4)).toEqual([410, 'inflight_limit']);
    expect(client.frames.filter((f) => f[0] === Op.ERR)).toHaveLength(1);
    harness.shard.silent.clear();
  });

  test('an exception in a handler: ERR 0, close 4000, the thread lives (P12)', async () => {
    const client = await harness.identified(6);
    harness.shard.append = () => {
      throw new Error('a bug');
    };
    client.send([Op.APPEND, 5, 1, 'n', 1, 'hi']);
    expect((await client.closed()).code).toBe(4000);
    expect(harness.errors.splice(0)).toHaveLength(1);
    Reflect.deleteProperty(harness.shard, 'append');
    const other = await harness.identified(6);
    expect((await other.ask(Op.TIME))[0]).toBe(Op.OK);
  });
});

describe('tokens', () => {
  test('60 s before expiry: AUTH_EXPIRING; REAUTH: OK and a longer life', async () => {
    const client = await harness.connect();
    await client.identify(token(7, 'l7', harness.clock.now() + 30_000));
    const [, leftMs] = await client.find((frame) => frame[0] === Op.AUTH_EXPIRING);
    expect(leftMs).toBeGreaterThan(0);
    const expMs = harness.clock.now() + 100_000;
    expect(await client.ask(Op.REAUTH, token(7, 'l7', expMs), null)).toEqual([Op.OK, 2, expMs]);
    harness.clock.warp(50_000);
    expect((await client.ask(Op.TIME))[0]).toBe(Op.OK);
  });

  test('expired for 15 s: close 4003', async () => {
    const client = await harness.connect();
    await client.identify(token(7, 'l7', harness.clock.now() + 5000));
    harness.clock.warp(21_000);
    expect((await client.closed()).code).toBe(4003);
  });

  test.each([
    ['forged', 201],
    ['expired', 202],
    [token(7, 'another'), 201],
  ])('REAUTH with %s: ERR %i, the connection lives', async (text, err) => {
    const client = await harness.connect();
    await client.identify(token(7));
    expect((await client.ask(Op.REAUTH, text, null)).slice(0, 3)).toEqual([Op.ERR, 2, err]);
    expect((await client.ask(Op.TIME))[0]).toBe(Op.OK);
  });

  test('REAUTH of another user: close 4504', async () => {
    const client = await harness.identified(7);
    await client.ask(Op.REAUTH, token(8), null);
    expect((await client.closed()).code).toBe(4504);
  });

  test('closeConn from the user: that close, and the user hears of the end', async () => {
    const client = await harness.identified(9);
    const { conn } = harness.shard.connects.at(-1) as { conn: number };
    const self = harness.fanOut()?.self;
    if (self !== undefined) cast(self, 'closeConn', { conn, code: 4505 });
    expect((await client.closed()).code).toBe(4505);
    await until(() => harness.shard.disconnects.some((d) => d.uid === 9), 'disconnected');
    expect(harness.shard.disconnects.find((d) => d.uid === 9)?.ended).toBe(false);
  });

  test('loginRevoked: sockets of that login end with 4507, new ones are refused', async () => {
    const client = await harness.connect();
    await client.identify(token(10, 'gone'));
    const self = harness.fanOut()?.self;
    if (self !== undefined) {
      cast(self, 'loginRevoked', { login: 'gone', until: harness.clock.now() + 900_000 });
    }
    expect((await client.closed()).code).toBe(4507);
    const late = await harness.connect();
    late.send([Op.IDENTIFY, 1, token(10, 'gone'), null, 'test', 0, null]);
    expect((await late.closed()).code).toBe(4507);
  });

  test('closed by the client with 1000: the session ends now', async () => {
    const client = await harness.identified(11);
    client.socket.close(1000);
    await until(() => harness.shard.disconnects.some((d) => d.uid === 11), 'disconnected');
    expect(harness.shard.disconnects.find((d) => d.uid === 11)?.ended).toBe(true);
  });
});
