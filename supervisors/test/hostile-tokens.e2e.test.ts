/**
 * H22 to H28 of protocol.md 3: who somebody is, from outside, while a healthy witness keeps chatting.
 * H23: tokens of this server are not bound to a key, so a recorded IDENTIFY is accepted until its token
 * ends, which is what the page documents for them.
 */
import { describe, expect, test } from 'vitest';
import { forgedTokens } from './support/forged-tokens.ts';
import { ATTACKER, useHostile } from './support/hostile.ts';
import { ENCODINGS, type Encoding, encode, RawClient } from './support/raw-client.ts';
import { UpgradeRefused } from './support/raw-socket.ts';
import { OP, type WireFrame, type WireValue } from './support/wire.ts';

const hostile = useHostile();
const { fixture } = hostile;

/** IDENTIFY on a fresh connection; its answer and its end. */
async function identify(encoding: Encoding, token: WireValue): Promise<WireFrame> {
  const client = await fixture.connect(encoding);
  client.send([OP.identify, 9, token, null, 'x', 0, null]);
  const { code, reason } = await client.closed;
  return [...client.received().at(-1)!.slice(0, 4), code, reason];
}

describe.each(ENCODINGS)('%s', (encoding) => {
  test('H22: an op before IDENTIFY 4502, IDENTIFY twice 4503', async () => {
    const early = await fixture.connect(encoding);
    early.send([OP.sub, 1, [[fixture.sid]]]);
    expect((await early.closed).code).toBe(4502);
    expect(early.received().at(-1)?.slice(0, 4)).toEqual([OP.err, 0, 4502, 'not_identified']);
    const twice = await fixture.client(ATTACKER, encoding);
    twice.send([OP.identify, 2, fixture.token(ATTACKER), null, 'x', 0, null]);
    expect((await twice.closed).code).toBe(4503);
    expect(twice.received().at(-1)?.slice(0, 4)).toEqual([OP.err, 0, 4503, 'already_identified']);
    await hostile.witness.chats();
  });

  test('H23: a recorded IDENTIFY on a new connection, accepted as the same user while the token lives', async () => {
    const victim = await fixture.client(ATTACKER, encoding);
    const recorded = victim.log.find(({ dir }) => dir === 'sent')?.raw as Buffer;
    const thief = await fixture.connect(encoding);
    const answer = thief.waitFor((frame) => frame[0] === OP.ok, 'the answer');
    thief.sendPayload(recorded);
    const ok = await answer;
    expect(ok[5]).toBe(victim.uid);
    // Nothing of the victim's session can be had by it.
    expect(ok[2]).not.toBe(victim.received()[1]?.[2]);
    expect((await victim.request(OP.time, []))[0]).toBe(OP.ok);
    await hostile.witness.chats();
  });

  test('H24: forged in any way, ERR 201 with its own rid, then 4504', async () => {
    for (const token of forgedTokens(fixture.token(ATTACKER))) {
      expect(await identify(encoding, token)).toEqual([
        OP.err,
        9,
        201,
        'auth_failed',
        4504,
        'auth_failed',
      ]);
    }
    await hostile.witness.chats();
  });

  test('H24: REAUTH with a forged token is ERR 201 and the connection lives, of another user 4504', async () => {
    const client = await fixture.client(ATTACKER, encoding);
    for (const token of forgedTokens(fixture.token(ATTACKER)).slice(0, 6)) {
      expect((await client.request(OP.reauth, [token, null])).slice(2, 4)).toEqual([
        201,
        'auth_failed',
      ]);
    }
    expect(client.isOpen).toBe(true);
    client.send([OP.reauth, 99, fixture.token(ATTACKER + 1), null]);
    expect((await client.closed).code).toBe(4504);
    await hostile.witness.chats();
  });

  test('H28: nothing secret in any frame but in the answer to IDENTIFY', async () => {
    const client = await fixture.client(ATTACKER, encoding);
    const key = String(client.received()[1]?.[3]);
    const token = fixture.token(ATTACKER);
    await client.sub([[fixture.sid], [client.userSid]]);
    await client.request(OP.reauth, [token, null]);
    await client.append(fixture.sid, `h28-${encoding}`, 'hello');
    await client.request(OP.history, [fixture.sid, 0, 50, 0]);
    await client.request(OP.guild, [fixture.gid]);
    await client.request(OP.sync, [[[fixture.sid, 1, 1]]]);
    for (const bad of [
      [OP.reauth, 77, 'x', null],
      [OP.sub, 78, 'x'],
      [200, 79],
    ])
      client.send(bad);
    await client.request(OP.time, []);
    const secrets = [key, token, token.split('.')[2]!].map((text) => Buffer.from(text));
    const frames = client.log.filter(({ dir }) => dir === 'received').slice(2);
    expect(frames.length).toBeGreaterThan(8);
    for (const { raw } of frames) {
      for (const secret of secrets) expect(raw.includes(secret)).toBe(false);
    }
    const log = fixture.server.output();
    for (const secret of [key, token]) expect(log.includes(secret)).toBe(false);
  });
});

test('H24: a token of another audience of the same server, refused', async () => {
  // The refresh token is the other thing that this server gives out.
  const [, , code] = await identify('json', fixture.user(ATTACKER).refreshToken);
  expect(code).toBe(201);
});

test('H25: guessed resume keys, a new session each time and no hint; the session guessed at lives', async () => {
  const victim = await fixture.client(ATTACKER);
  const [session] = victim.received()[1]!.slice(2) as [string];
  const answers = new Set<string>();
  for (const [name, key] of [
    [session, 'A'.repeat(22)],
    [session, ''],
    [session.slice(0, -1), 'guess'],
    ['', 'guess'],
    ['x'.repeat(64), 'y'.repeat(64)],
  ] as const) {
    const client = await fixture.connect();
    const result = await client.identify(fixture.token(ATTACKER), [name, key]);
    expect(result[0]).not.toBe(session);
    answers.add(result.map((value) => typeof value).join());
    client.socket.close(1000);
  }
  expect(answers.size).toBe(1);
  expect((await victim.request(OP.time, []))[0]).toBe(OP.ok);
  await hostile.witness.chats();
});

describe('H26: the upgrade', () => {
  const cookies = { Cookie: 'session=abc; token=def' };

  test.each(['https://evil.example', 'null', 'file://', 'https://127.0.0.1.evil.example', 'x'])(
    'from the origin %s, with cookies: 403',
    async (origin) => {
      const headers = { ...cookies, Origin: origin };
      const refused = await fixture.connect('mp', { headers }).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(UpgradeRefused);
      expect((refused as UpgradeRefused).status).toBe(403);
      await hostile.witness.chats();
    },
  );

  test('from its own origin: accepted, cookies mean nothing', async () => {
    const headers = { ...cookies, Origin: `http://127.0.0.1:${fixture.port}` };
    const client = await fixture.connect('mp', { headers });
    client.send([OP.guild, 1, fixture.gid]);
    expect((await client.closed).code).toBe(4502);
  });
});

test.each([
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits',
  'permessage-deflate; server_max_window_bits=8; server_no_context_takeover',
  'x-webkit-deflate-frame, permessage-deflate',
])('H27: %s offered, not selected; a compressed frame 1006', async (offer) => {
  const client = await RawClient.open({
    port: fixture.port,
    headers: { 'Sec-WebSocket-Extensions': offer },
  });
  expect(client.socket.responseHeaders.has('sec-websocket-extensions')).toBe(false);
  await client.first(OP.hello);
  client.socket.sendFrame({ opcode: 2, payload: encode('mp', [OP.time, 1]), rsv: 4 });
  expect((await client.closed).code).toBe(1006);
  await hostile.witness.chats();
});

hostile.verdict('H22 to H28');
