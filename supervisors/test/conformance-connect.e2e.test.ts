/**
 * Conformance cases 1 to 4, 21 to 23 of protocol.md 5 and what 2.2, 2.4, 2.6 and 2.17 say about upgrades,
 * identification, tokens and sessions. An outsider's test: raw sockets, both encodings.
 */
import { describe, expect, test } from 'vitest';
import { useServer } from './support/fixture.ts';
import { forgedTokens } from './support/forged-tokens.ts';
import { ENCODINGS, RawClient } from './support/raw-client.ts';
import { RawSocket, UpgradeRefused } from './support/raw-socket.ts';
import { pause } from './support/server-process.ts';
import { OP, type WireFrame } from './support/wire.ts';

const fixture = useServer({ users: 3 });

async function refusal(options: {
  protocols: readonly string[];
  headers?: Record<string, string>;
  path?: string;
}): Promise<number> {
  try {
    const socket = await RawSocket.open({ port: fixture.port, ...options });
    socket.cut();
    return 101;
  } catch (error) {
    if (error instanceof UpgradeRefused) return error.status;
    throw error;
  }
}

describe('upgrade', () => {
  test.each(ENCODINGS)(
    'case 1, %s: the subprotocol is echoed, HELLO comes first, one OK for IDENTIFY',
    async (encoding) => {
      const client = await fixture.connect(encoding);
      expect(client.socket.protocol).toBe(`driftway.v1.${encoding}`);
      const [hello] = client.received();
      expect(hello?.[0]).toBe(OP.hello);
      await client.identify(fixture.token(0));
      await client.ask(OP.time, []);
      expect(client.received().map((frame) => frame[0])).toEqual([OP.hello, OP.ok, OP.ok]);
    },
  );

  test('HELLO: the fields and limits of the page', async () => {
    const one = await fixture.connect();
    const two = await fixture.connect();
    const [op, ver, node, pingMs, deadlineMs, herdMs, challenge, limits] = one.received()[0]!;
    expect([op, ver, pingMs, deadlineMs]).toEqual([1, 1, 20_000, 10_000]);
    expect(typeof node).toBe('string');
    expect(herdMs).toBeGreaterThanOrEqual(1000);
    expect(challenge).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(two.received()[0]![6]).not.toBe(challenge);
    expect((limits as WireFrame).slice(0, 7)).toEqual([32_768, 500, 64, 4000, 600_000, 5000, 200]);
  });

  test('the first supported subprotocol in the order of the client is chosen', async () => {
    const first = await fixture.connect('json', {
      protocols: ['chat', 'driftway.v1.json', 'driftway.v1.mp'],
    });
    expect(first.socket.protocol).toBe('driftway.v1.json');
    const second = await fixture.connect('mp', {
      protocols: ['driftway.v1.mp', 'driftway.v1.json'],
    });
    expect(second.socket.protocol).toBe('driftway.v1.mp');
  });

  test('case 2: only unknown subprotocols or none, 400', async () => {
    expect(await refusal({ protocols: ['chat'] })).toBe(400);
    expect(await refusal({ protocols: [] })).toBe(400);
    expect(await refusal({ protocols: ['driftway.v2.mp'] })).toBe(400);
  });

  test('case 4: a foreign or null Origin 403, the own one and none 101', async () => {
    const protocols = ['driftway.v1.json'];
    const origin = (value: string) => ({ protocols, headers: { Origin: value, Cookie: 'a=b' } });
    expect(await refusal(origin('https://evil.example'))).toBe(403);
    expect(await refusal(origin('null'))).toBe(403);
    expect(await refusal(origin(`http://127.0.0.1:${fixture.port}`))).toBe(101);
    expect(await refusal({ protocols })).toBe(101);
  });

  test('GET /gw without an upgrade 426, another path 404', async () => {
    expect((await fixture.http.raw('/gw')).status).toBe(426);
    for (const path of ['/other', '/'])
      expect(await refusal({ protocols: ['driftway.v1.mp'], path })).toBe(404);
  });

  test('headers over 4 KiB: 400 or 431, or no answer at all, and others are not disturbed', async () => {
    const huge = { 'X-Long': 'x'.repeat(20_000) };
    const status = await refusal({ protocols: ['driftway.v1.mp'], headers: huge }).catch(() => 0);
    expect([0, 400, 431]).toContain(status);
    expect(await refusal({ protocols: ['driftway.v1.mp'] })).toBe(101);
  });
});

describe('IDENTIFY', () => {
  test.each(ENCODINGS)(
    '%s: OK has session, key, connection number, user, expiry, durability and guilds',
    async (encoding) => {
      const client = await fixture.connect(encoding);
      const result = await client.identify(fixture.token(0));
      const [session, key, connNo, uid, userSid, expMs, durability, caps, now, guilds] = result;
      expect(typeof session).toBe('string');
      expect(typeof key).toBe('string');
      expect(connNo).toBeGreaterThanOrEqual(1);
      expect(uid).toBe(Number(fixture.user(0).id));
      expect(userSid).toBe(uid);
      expect(expMs).toBe(Math.floor(fixture.user(0).expiresAt / 1000) * 1000);
      expect(durability).toBe(2);
      expect(caps).toBe(0);
      expect(now).toBeGreaterThan(1_700_000_000_000);
      expect(guilds).toEqual([[fixture.gid, 'Test', false]]);
    },
  );

  test.each(ENCODINGS)('%s, H22: anything but IDENTIFY and TIME first, 4502', async (encoding) => {
    for (const frame of [
      [OP.sub, 1, [[fixture.sid]]],
      [OP.append, 1, 1, 'n', 1, 'x'],
      [200, 1],
      [OP.hello, 1],
    ]) {
      const client = await fixture.connect(encoding);
      expect((await client.request(OP.time, []))[0]).toBe(OP.ok);
      client.send(frame as WireFrame);
      expect((await client.closed).code).toBe(4502);
      expect(client.received().at(-1)?.slice(0, 4)).toEqual([OP.err, 0, 4502, 'not_identified']);
    }
  });

  test.each(ENCODINGS)('%s, H22: IDENTIFY twice, 4503', async (encoding) => {
    const client = await fixture.client(0, encoding);
    client.send([OP.identify, 9, fixture.token(0), null, 'x', 0, null]);
    expect((await client.closed).code).toBe(4503);
    expect(client.received().at(-1)?.slice(0, 4)).toEqual([OP.err, 0, 4503, 'already_identified']);
  });

  test('a token that is no string: ERR 101, the connection lives', async () => {
    const client = await fixture.connect();
    const reply = await client.request(OP.identify, [5, null, 'x', 0, null]);
    expect(reply[2]).toBe(101);
    await client.identify(fixture.token(0));
  });

  test.each(ENCODINGS)(
    '%s, H24: a forged token is ERR 201 with its own rid, then 4504',
    async (encoding) => {
      for (const token of forgedTokens(fixture.token(0))) {
        const client = await fixture.connect(encoding);
        client.send([OP.identify, 3, token, null, 'x', 0, null]);
        const { code, reason } = await client.closed;
        expect({ token, code, reason }).toEqual({ token, code: 4504, reason: 'auth_failed' });
        expect(client.received().at(-1)?.slice(0, 4)).toEqual([OP.err, 3, 201, 'auth_failed']);
      }
    },
  );

  test('a token that was logged out: refused', async () => {
    const { accessToken, refreshToken } = await fixture.http.login('user_2');
    await fixture.http.want(204, '/auth/logout', { body: { refreshToken } });
    await pause(1000);
    const client = await fixture.connect();
    client.send([OP.identify, 1, accessToken, null, 'x', 0, null]);
    expect((await client.closed).code).toBeGreaterThanOrEqual(4500);
  });
});

describe('sessions', () => {
  test('case 21: resume fences the old connection with 4505, its late death changes nothing', async () => {
    const old = await fixture.client(0);
    const [session, key, connNo] = old.received()[1]!.slice(2);
    const fresh = await fixture.connect();
    const result = await fresh.identify(fixture.token(0), [session!, key!]);
    expect(result[0]).toBe(session);
    expect(result[2]).toBeGreaterThan(connNo as number);
    const { code, reason } = await old.closed;
    expect({ code, reason }).toEqual({ code: 4505, reason: 'session_replaced' });
    expect((await fresh.request(OP.time, []))[0]).toBe(OP.ok);
  });

  test('H25: a guessed resume key gives a new session and no hint', async () => {
    const old = await fixture.client(0);
    const [session] = old.received()[1]!.slice(2);
    const fresh = await fixture.connect();
    const result = await fresh.identify(fixture.token(0), [session!, 'guess-guess-guess']);
    expect(result[0]).not.toBe(session);
    expect((await old.request(OP.time, []))[0]).toBe(OP.ok);
    const other = await fixture.connect();
    expect((await other.identify(fixture.token(1), ['nobody', 'nothing']))[0]).not.toBe(session);
  });

  test('a resume key is of no use to another user', async () => {
    const old = await fixture.client(0);
    const [session, key] = old.received()[1]!.slice(2);
    const thief = await fixture.connect();
    expect((await thief.identify(fixture.token(1), [session!, key!]))[0]).not.toBe(session);
    expect((await old.request(OP.time, []))[0]).toBe(OP.ok);
  });

  test('logout: sockets of that login close with 4507, another login of the user lives', async () => {
    const mine = await fixture.http.login('user_1');
    const leaving = await fixture.connect();
    await leaving.identify(mine.accessToken);
    const staying = await fixture.client(1);
    await fixture.http.want(204, '/auth/logout', { body: { refreshToken: mine.refreshToken } });
    const { code, reason } = await leaving.closed;
    expect({ code, reason }).toEqual({ code: 4507, reason: 'revoked' });
    expect(leaving.received().at(-1)?.slice(0, 4)).toEqual([OP.err, 0, 4507, 'revoked']);
    expect((await staying.request(OP.time, []))[0]).toBe(OP.ok);
  });
});

describe('unknowns', () => {
  test.each(ENCODINGS)(
    'case 23, %s: unknown opcodes and those of the server are ERR 103, the connection lives',
    async (encoding) => {
      const client = await fixture.client(0, encoding);
      for (const op of [200, 255, 0, 1, 4, 5, 12, 16, 96, 127, 37, 48]) {
        const reply = await client.request(op, []);
        if (op < 37 || op > 60) expect(reply.slice(2, 4)).toEqual([103, 'unknown_op']);
        else expect(reply[0]).toBe(OP.err);
      }
      const before = client.received().length;
      client.send([201]);
      client.send([201, 'x']);
      await client.request(OP.time, []);
      const errors = client.received().slice(before, before + 2);
      expect(errors.map((frame) => frame.slice(0, 3))).toEqual([
        [OP.err, 0, 103],
        [OP.err, 0, 103],
      ]);
    },
  );

  test.each(ENCODINGS)('case 23, %s: extra trailing elements are ignored', async (encoding) => {
    const client = await fixture.client(0, encoding);
    const reply = await client.request(OP.sub, [[[fixture.sid]], 'extra', [1, 2], null, 5]);
    expect(reply[0]).toBe(OP.ok);
    expect((await client.request(OP.time, ['x', false]))[0]).toBe(OP.ok);
  });

  test.each(ENCODINGS)(
    'H21, %s: rid 0, missing, a string or too large is ERR 101 with rid 0',
    async (encoding) => {
      const client = await fixture.client(0, encoding);
      for (const frame of [
        [OP.time, 0],
        [OP.time],
        [OP.time, 'a'],
        [OP.time, null],
        [OP.time, 2 ** 32],
        [OP.time, -1],
      ]) {
        const seen = client.received().length;
        client.send(frame);
        await client.request(OP.time, []);
        expect(client.received()[seen]?.slice(0, 3)).toEqual([OP.err, 0, 101]);
      }
    },
  );

  test('H36: all opcodes from 96 to 127 are ERR 103', async () => {
    const client = await fixture.client(0);
    for (let op = 96; op < 128; op += 1) expect((await client.request(op, []))[2]).toBe(103);
  });
});

test('RawClient: offered both subprotocols, talks the one that was echoed', async () => {
  const client = await RawClient.open({
    port: fixture.port,
    encoding: 'json',
    protocols: ['driftway.v1.json'],
  });
  await client.first(OP.hello);
  client.socket.close(1000);
  expect((await client.closed).code).toBe(1000);
});
