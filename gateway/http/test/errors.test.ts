/** Error paths that all routes share: tokens, forms, bodies, negotiation, CORS, request ids, failures inside. */
import { describe, expect, test } from 'vitest';
import type { DomainCode } from '../../../channels/index.ts';
import { ActorError, DriftwayError, type FailReason } from '../../../runtime/index.ts';
import { ERRORS } from '../errors.ts';
import { expectError, Harness } from './harness.ts';

describe('tokens', () => {
  test('401 unauthorized without, with a forged and with a revoked token; token_expired apart', async () => {
    const h = await Harness.create();
    const { uid, token } = await h.user('alice');
    const answers = [
      await h.api('GET', '/users/@me'),
      await h.api('GET', '/users/@me', { token: `${token}x` }),
      await h.api('GET', '/users/@me', { headers: { authorization: `Basic ${token}` } }),
    ];
    for (const answer of answers) {
      expectError(answer, 401, 'unauthorized');
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
    h.revoked.add(`login-${uid}`, h.clock.ms + 900_000);
    expectError(await h.api('GET', '/users/@me', { token }), 401, 'unauthorized');
    const other = await h.issue(uid, 'other-login');
    expect((await h.api('GET', '/users/@me', { token: other })).status).toBe(200);
    h.clock.ms += 900_000;
    expectError(await h.api('GET', '/users/@me', { token: other }), 401, 'token_expired');
  });

  test('every route but those without a token answers 401 first', async () => {
    const h = await Harness.create();
    for (const target of h.app.routes.filter(({ auth }) => auth === 'user')) {
      const path = target.path.replace(':id', 'bad id').replace(':code', 'x');
      expectError(await h.ask(target.method, path), 401, 'unauthorized');
    }
  });
});

describe('routes and methods', () => {
  test('404 for unknown paths, a slash at the end included', async () => {
    const h = await Harness.create();
    for (const path of [
      '/api/v1/nope',
      '/api/v1',
      '/api/v1/guilds/',
      '/x',
      '/API/v1/guilds',
      '/api/v2/guilds',
    ]) {
      expectError(await h.ask('GET', path), 404, 'not_found');
    }
  });

  test('405 with Allow for another method', async () => {
    const h = await Harness.create();
    const answer = await h.api('PUT', '/guilds/5');
    expectError(answer, 405, 'method_not_allowed');
    expect(answer.headers.get('allow')).toBe('GET, PATCH, DELETE, HEAD, OPTIONS');
    expectError(await h.api('GET', '/auth/login'), 405, 'method_not_allowed');
    expectError(await h.api('DELETE', '/users/@me'), 405, 'method_not_allowed');
    expectError(await h.ask('POST', '/health'), 405, 'method_not_allowed');
    expectError(await h.ask('POST', '/'), 405, 'method_not_allowed');
    const options = await h.api('OPTIONS', '/users/@me');
    expect([options.status, options.headers.get('allow')]).toEqual([
      204,
      'GET, PATCH, HEAD, OPTIONS',
    ]);
  });

  test('/gw without an upgrade is 426', async () => {
    const h = await Harness.create();
    const answer = await h.ask('GET', '/gw');
    expectError(answer, 426, 'upgrade_required');
    expect(answer.headers.get('upgrade')).toBe('websocket');
  });

  test('GET / is a plain page that leads on', async () => {
    const h = await Harness.create();
    const answer = await h.ask('GET', '/');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/i);
    for (const link of ['/api/docs', '/api/v1/openapi.json', '/health'])
      expect(answer.text).toContain(link);
  });
});

describe('forms', () => {
  test.each([
    'abc',
    '-1',
    '1.5',
    '01',
    '9007199254740993',
    '99999999999999999',
    '0x10',
    '%31a',
    '%00',
    '%zz',
  ])('path id %s: 400 with field id', async (id) => {
    const h = await Harness.create();
    const { token } = await h.user('alice');
    expectError(await h.api('GET', `/guilds/${id}`, { token }), 400, 'bad_request', 'id');
    expectError(
      await h.api('GET', `/channels/${id}/messages`, { token }),
      400,
      'bad_request',
      'id',
    );
  });

  test.each([
    ['members', 'limit=1001', 'limit'],
    ['members', 'limit=0', 'limit'],
    ['members', 'limit=', 'limit'],
    ['members', 'limit=ten', 'limit'],
    ['members', 'after=-1', 'after'],
    ['members', 'before=1', 'before'],
    ['messages', 'limit=101', 'limit'],
    ['messages', 'limit=1.5', 'limit'],
    ['messages', 'limit=5&limit=6', 'limit'],
    ['messages', 'before=x', 'before'],
    ['messages', 'after=1e3', 'after'],
    ['messages', 'around=9007199254740992', 'around'],
    ['messages', 'before=1&after=2', 'after'],
    ['messages', 'after=1&around=2', 'around'],
    ['messages', 'befor=1', 'befor'],
    ['messages', '__proto__=1', '__proto__'],
    ['channels', 'limit=401', 'limit'],
    ['channels', 'after=5', 'after'],
  ])('query of %s ?%s: 400 with field %s', async (what, query, field) => {
    const h = await Harness.create();
    const { uid, token } = await h.user('alice');
    const { gid, sid } = await h.guild(uid);
    const base = what === 'messages' ? `/channels/${sid}` : `/guilds/${gid}`;
    expectError(
      await h.api('GET', `${base}/${what}?${query}`, { token }),
      400,
      'bad_request',
      field,
    );
  });

  test.each([
    ['POST', '/auth/register', { password: '12345678' }, 'username'],
    ['POST', '/auth/register', { username: 'a', password: '12345678' }, 'username'],
    ['POST', '/auth/register', { username: 'a b', password: '12345678' }, 'username'],
    ['POST', '/auth/register', { username: 5, password: '12345678' }, 'username'],
    ['POST', '/auth/register', { username: 'alice' }, 'password'],
    ['POST', '/auth/register', { username: 'alice', password: '1234567' }, 'password'],
    ['POST', '/auth/register', { username: 'alice', password: 'x'.repeat(257) }, 'password'],
    ['POST', '/auth/register', { username: 'alice', password: '12345678', email: 'no' }, 'email'],
    [
      'POST',
      '/auth/register',
      { username: 'alice', password: '12345678', displayName: ' ' },
      'displayName',
    ],
    ['POST', '/auth/register', { username: 'alice', password: '12345678', invite: '' }, 'invite'],
    ['POST', '/auth/register', { username: 'alice', password: '12345678', admin: true }, 'admin'],
    ['POST', '/auth/login', { username: 'alice' }, 'password'],
    ['POST', '/auth/login', { username: '', password: 'x' }, 'username'],
    ['POST', '/auth/login', { username: 'alice', password: '' }, 'password'],
    ['POST', '/auth/refresh', {}, 'refreshToken'],
    ['POST', '/auth/refresh', { refreshToken: 5 }, 'refreshToken'],
    ['POST', '/auth/logout', undefined, 'refreshToken'],
    ['PATCH', '/users/@me', { displayName: null }, 'displayName'],
    ['PATCH', '/users/@me', { username: 'new' }, 'username'],
    ['POST', '/guilds', {}, 'name'],
    ['POST', '/guilds', undefined, 'name'],
    ['POST', '/guilds', { name: '\u200b' }, 'name'],
    ['POST', '/guilds', { name: 'x'.repeat(65) }, 'name'],
    ['POST', '/guilds', { name: 'x', ownerId: '1' }, 'ownerId'],
    ['PATCH', '/guilds/G', { name: '' }, 'name'],
    ['POST', '/guilds/G/channels', { name: 'x', type: 'thread' }, 'type'],
    ['POST', '/guilds/G/channels', { name: 'x', topic: 'x'.repeat(257) }, 'topic'],
    ['PATCH', '/channels/C', { position: -1 }, 'position'],
    ['PATCH', '/channels/C', { position: 1.5 }, 'position'],
    ['PATCH', '/channels/C', { type: 'text' }, 'type'],
    ['POST', '/guilds/G/invites', { maxUses: 0 }, 'maxUses'],
    ['POST', '/guilds/G/invites', { maxUses: '3' }, 'maxUses'],
    ['POST', '/guilds/G/invites', { maxAgeS: -1 }, 'maxAgeS'],
    ['POST', '/invites/abc', { x: 1 }, 'x'],
    ['DELETE', '/guilds/G', { sure: true }, 'sure'],
    ['POST', '/channels/C/messages', { nonce: 'n' }, 'content'],
    ['POST', '/channels/C/messages', { content: '', nonce: 'n' }, 'content'],
    ['POST', '/channels/C/messages', { content: 'a\u0000', nonce: 'n' }, 'content'],
    ['POST', '/channels/C/messages', { content: 'x'.repeat(4001), nonce: 'n' }, 'content'],
    ['POST', '/channels/C/messages', { content: 'x' }, 'nonce'],
    ['POST', '/channels/C/messages', { content: 'x', nonce: '' }, 'nonce'],
    ['POST', '/channels/C/messages', { content: 'x', nonce: 'a b' }, 'nonce'],
    ['POST', '/channels/C/messages', { content: 'x', nonce: 'a'.repeat(37) }, 'nonce'],
    ['POST', '/channels/C/messages', { content: 'x', nonce: 'n', replyTo: 0 }, 'replyTo'],
    ['POST', '/channels/C/messages', { content: 'x', nonce: 'n', replyTo: '1' }, 'replyTo'],
    ['POST', '/channels/C/messages', { content: 'x', nonce: 'n', tts: true }, 'tts'],
    ['POST', '/guilds', [], 'body'],
    ['POST', '/guilds', 'text', 'body'],
    ['POST', '/guilds', null, 'body'],
  ])('%s %s %j: 422 with field %s', async (method, path, body, field) => {
    const h = await Harness.create();
    const { uid, token } = await h.user('alice');
    const { gid, sid } = await h.guild(uid);
    const real = path.replace('G', String(gid)).replace('C', String(sid));
    const authed = path.startsWith('/auth') ? {} : { token };
    expectError(await h.api(method, real, { ...authed, body }), 422, 'invalid', field);
  });
});

describe('bodies', () => {
  const json = { 'content-type': 'application/json' };

  test.each([
    '{',
    '{"name":"x"',
    '{name:1}',
    "{'a':1}",
    'undefined',
    '{"a":1}x',
    '['.repeat(60_000),
  ])('not JSON (%#): 400', async (raw) => {
    const h = await Harness.create();
    const { token } = await h.user('alice');
    const answer = await h.api('POST', '/guilds', { token, raw, headers: json });
    expectError(answer, 400, 'bad_request');
    expect(answer.text).not.toContain('name');
  });

  test('bytes that are not UTF-8: 400', async () => {
    const h = await Harness.create();
    const { token } = await h.user('alice');
    const raw = new Uint8Array([...Buffer.from('{"name":"'), 0xff, 0xfe, ...Buffer.from('"}')]);
    expectError(await h.api('POST', '/guilds', { token, raw, headers: json }), 400, 'bad_request');
  });

  test('64 KiB pass the size check, one byte more is 413', async () => {
    const h = await Harness.create();
    const { token } = await h.user('alice');
    const fill = (length: number) => `{"name":"x"}${' '.repeat(length - 12)}`;
    const most = await h.api('POST', '/guilds', { token, raw: fill(65_536), headers: json });
    expect(most.status).toBe(201);
    const over = await h.api('POST', '/guilds', { token, raw: fill(65_537), headers: json });
    expectError(over, 413, 'too_large');
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset=latin1',
    '',
  ])('content type %j: 415', async (type) => {
    const h = await Harness.create();
    const { token } = await h.user('alice');
    const headers: Record<string, string> = type === '' ? {} : { 'content-type': type };
    const raw = Buffer.from('{"name":"x"}');
    expectError(
      await h.api('POST', '/guilds', { token, raw, headers }),
      415,
      'unsupported_media_type',
    );
  });

  test('an empty body counts as {} whatever its type', async () => {
    const h = await Harness.create();
    const { token } = await h.user('alice');
    const headers = { 'content-type': 'text/plain' };
    expect((await h.api('PATCH', '/users/@me', { token, raw: '', headers })).status).toBe(200);
  });

  test('406 when JSON is not accepted, but not for what is not JSON', async () => {
    const h = await Harness.create();
    const { token } = await h.user('alice');
    const headers = { accept: 'text/html' };
    expectError(await h.api('GET', '/users/@me', { token, headers }), 406, 'not_acceptable');
    expectError(await h.ask('GET', '/health', { headers }), 406, 'not_acceptable');
    expect(
      (await h.ask('GET', '/api/docs', { headers: { accept: 'application/json' } })).status,
    ).toBe(200);
    expect(
      (await h.ask('GET', '/metrics', { headers: { accept: 'text/plain' }, ip: '127.0.0.1' }))
        .status,
    ).toBe(200);
  });
});

describe('request ids and CORS', () => {
  test('x-request-id: a good one is kept, any other replaced', async () => {
    const h = await Harness.create();
    for (const id of ['abc', 'A-b_c.9', 'x'.repeat(64)]) {
      const answer = await h.api('GET', '/nope', { headers: { 'x-request-id': id } });
      expect(answer.headers.get('x-request-id')).toBe(id);
      expect(answer.body.requestId).toBe(id);
    }
    for (const id of ['', 'x'.repeat(65), 'a b', 'a,b', '<i>']) {
      const answer = await h.api('GET', '/nope', { headers: { 'x-request-id': id } });
      expect(answer.headers.get('x-request-id')).not.toBe(id);
    }
  });

  test('CORS: the public origin and the list only, on errors too; preflight', async () => {
    const h = await Harness.create();
    for (const origin of ['https://chat.example', 'https://web.example']) {
      const answer = await h.api('GET', '/nope', { headers: { origin } });
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
      expect(answer.headers.get('access-control-expose-headers')).toContain('x-request-id');
      expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
      const headers = {
        origin,
        'access-control-request-method': 'PATCH',
        'access-control-request-headers': 'authorization',
      };
      const preflight = await h.api('OPTIONS', '/users/@me', { headers });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
      expect(preflight.headers.get('access-control-allow-methods')).toContain('PATCH');
      expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
      expect(preflight.headers.get('access-control-max-age')).toBe('7200');
    }
    for (const origin of [
      'https://evil.example',
      'null',
      'http://chat.example',
      'https://chat.example.evil.example',
    ]) {
      const answer = await h.api('GET', '/nope', { headers: { origin } });
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      expect(answer.headers.get('vary')).toBe('Origin');
      const headers = { origin, 'access-control-request-method': 'POST' };
      const preflight = await h.api('OPTIONS', '/auth/login', { headers });
      expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
    }
  });
});

describe('failures inside', () => {
  const reasons: FailReason[] = [
    'timeout',
    'noproc',
    'noconnection',
    'mailboxFull',
    'unavailable',
    { error: { name: 'Error', message: 'secret detail' } },
  ];

  test.each(reasons)(
    'ActorError %j: 503 with a wait, and nothing of the reason',
    async (reason) => {
      const h = await Harness.create();
      const { uid, token } = await h.user('alice');
      const { gid } = await h.guild(uid);
      h.world.before = () => {
        throw new ActorError(reason, 'call');
      };
      for (const [method, path] of [
        ['GET', `/guilds/${gid}`],
        ['DELETE', `/guilds/${gid}`],
        ['GET', '/users/@me/guilds'],
      ] as const) {
        const answer = await h.api(method, path, { token });
        expectError(answer, 503, 'unavailable');
        expect(answer.headers.get('retry-after')).toBe('1');
        expect(answer.text).not.toContain('secret');
      }
    },
  );

  test('a store that cannot answer is 503 as well, asked twice', async () => {
    let asked = 0;
    const h = await Harness.create({
      streamInfo: async () => {
        asked++;
        throw new DriftwayError('DRIFT_CHANNELS_STORE_UNAVAILABLE', 'read: the disk is gone');
      },
    });
    const { token } = await h.user('alice');
    expectError(await h.api('GET', '/channels/5/messages', { token }), 503, 'unavailable');
    expect(asked).toBe(2);
  });

  test('404 with a token: takes whole steps of 20 ms, however long the looking took', async () => {
    const h = await Harness.create();
    const alice = await h.user('alice');
    const { gid, sid } = await h.guild(alice.uid);
    const { token } = await h.user('stranger');
    for (const lookMs of [0, 7, 13, 27]) {
      h.world.before = () => {
        h.clock.ms += lookMs;
      };
      h.logged.splice(0);
      for (const path of [`/guilds/${gid}`, '/guilds/5', `/channels/${sid}/messages`]) {
        expectError(await h.api('GET', path, { token }), 404, 'not_found');
      }
      const took = h.logged.map(({ fields }) => (fields as { tookMs: number }).tookMs);
      expect(took.map((ms) => ms % 20)).toEqual([0, 0, 0]);
    }
  });

  test('a read is asked once more when the thread was gone; a write is not', async () => {
    const h = await Harness.create();
    const { uid, token } = await h.user('alice');
    const { gid } = await h.guild(uid);
    let failures = 0;
    h.world.before = () => {
      if (failures++ % 2 === 0) throw new ActorError('noconnection', 'call');
    };
    expect((await h.api('GET', `/guilds/${gid}`, { token })).status).toBe(200);
    expect(failures).toBe(2);
    expectError(
      await h.api('PATCH', `/guilds/${gid}`, { token, body: { name: 'x' } }),
      503,
      'unavailable',
    );
    expect(failures).toBe(3);
  });

  test('every code of the domain has its status', async () => {
    const codes: DomainCode[] = [
      'forbidden',
      'not_found',
      'conflict',
      'username_taken',
      'owner_must_transfer',
      'invite_expired',
      'invite_required',
      'registration_closed',
      'bad_credentials',
      'refresh_reused',
      'token_expired',
      'unauthorized',
      'invalid',
      'unavailable',
    ];
    for (const code of codes) {
      const h = await Harness.create();
      const { token } = await h.user('alice');
      Object.assign(h.world.accounts, {
        createGuild: async () => ({ ok: false, code, retryMs: 2500 }),
      });
      const answer = await h.api('POST', '/guilds', { token, body: { name: 'x' } });
      expectError(answer, ERRORS[code].status, code);
      if (code === 'unavailable') expect(answer.body.retryAfterMs).toBe(2500);
    }
  });

  test('a bug is 500 internal: logged with request id and place, without message, path or body', async () => {
    const h = await Harness.create();
    const { uid, token } = await h.user('alice');
    const { gid } = await h.guild(uid);
    h.world.before = () => {
      throw new Error('quotes what somebody wrote');
    };
    const answer = await h.api('GET', `/guilds/${gid}`, { token });
    expectError(answer, 500, 'internal');
    const logged = JSON.stringify(h.logged);
    expect(logged).toContain(answer.body.requestId);
    expect(logged).not.toContain('quotes what');
    expect(logged).not.toContain(token);
    expect(h.app.stats()).toMatchObject({ requests: 1, serverErrors: 1 });
  });

  test('an answer that differs from its schema is a bug, not an answer', async () => {
    const h = await Harness.create();
    const { uid, token } = await h.user('alice');
    h.world.users.set(uid, { ...h.world.publicUser(uid), createdAt: 1.5, password: '' });
    expectError(await h.api('GET', '/users/@me', { token }), 500, 'internal');
  });
});
