/** The rows of api.md about form, accounts, health and documents, tried from outside, error paths included. */
import { describe, expect, test } from 'vitest';
import { errorOf, unique } from './support/api-answers.ts';
import { useServer } from './support/fixture.ts';
import { type HttpCall, PASSWORD } from './support/http-client.ts';
import { until } from './support/server-process.ts';

const fixture = useServer({ users: 3 });

const owner = () => fixture.token(0);
const refused = async (path: string, call: HttpCall = {}) =>
  errorOf(await fixture.http.api(path, call));

describe('form', () => {
  test('x-request-id: taken over when well-formed, made otherwise', async () => {
    const given = await fixture.http.api('/users/@me', {
      token: owner(),
      headers: { 'x-request-id': 'abc.DEF-1_2' },
    });
    expect(given.headers['x-request-id']).toBe('abc.DEF-1_2');
    for (const bad of ['a b', 'x'.repeat(65), 'ä']) {
      const made = await fixture.http.api('/users/@me', {
        token: owner(),
        headers: { 'x-request-id': Buffer.from(bad).toString('latin1') },
      });
      expect(made.headers['x-request-id']).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
      expect(made.headers['x-request-id']).not.toBe(bad);
    }
  });

  test('404 for unknown paths, 405 with Allow for known ones', async () => {
    expect(await refused('/nothing')).toEqual([404, 'not_found']);
    expect(errorOf(await fixture.http.raw('/nothing'))).toEqual([404, 'not_found']);
    const answer = await fixture.http.api('/users/@me', {
      method: 'PUT',
      token: owner(),
      body: {},
    });
    expect(errorOf(answer)).toEqual([405, 'method_not_allowed']);
    expect(answer.headers.allow).toContain('GET');
    expect(await refused('/auth/login')).toEqual([405, 'method_not_allowed']);
  });

  test('406 for an Accept without JSON, 415 for another content type, 413 over 64 KiB', async () => {
    const accept = { headers: { accept: 'text/html' }, token: owner() };
    expect(await refused('/users/@me', accept)).toEqual([406, 'not_acceptable']);
    const text = {
      body: Buffer.from('name=x'),
      headers: { 'content-type': 'text/plain' },
      token: owner(),
    };
    expect(await refused('/guilds', text)).toEqual([415, 'unsupported_media_type']);
    const large = { body: { name: 'x'.repeat(70_000) }, token: owner() };
    expect(await refused('/guilds', large)).toEqual([413, 'too_large']);
  });

  test('400 for what is not JSON, 422 with field for unknown and missing fields', async () => {
    const broken = {
      body: Buffer.from('{"name":'),
      headers: { 'content-type': 'application/json' },
      token: owner(),
    };
    expect(await refused('/guilds', broken)).toEqual([400, 'bad_request']);
    expect(await refused('/guilds', { body: { name: 'x', color: 1 }, token: owner() })).toEqual([
      422,
      'invalid',
      'color',
    ]);
    expect(await refused('/guilds', { body: {}, token: owner() })).toEqual([
      422,
      'invalid',
      'name',
    ]);
    expect(await refused('/guilds', { method: 'POST', token: owner() })).toEqual([
      422,
      'invalid',
      'name',
    ]);
  });

  test('401 without, with a broken and with a foreign token', async () => {
    expect(await refused('/users/@me')).toEqual([401, 'unauthorized']);
    expect(await refused('/users/@me', { token: 'x.y.z' })).toEqual([401, 'unauthorized']);
    expect(await refused('/users/@me', { headers: { authorization: 'Basic YTpi' } })).toEqual([
      401,
      'unauthorized',
    ]);
    expect(await refused('/guilds', { body: { name: 'x' } })).toEqual([401, 'unauthorized']);
  });

  test('CORS: the own origin is allowed, a foreign one gets no header', async () => {
    const own = `http://127.0.0.1:${fixture.port}`;
    const mine = await fixture.http.raw('/api/v1/users/@me', {
      method: 'OPTIONS',
      headers: {
        origin: own,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization',
      },
    });
    expect(mine.status).toBeLessThan(300);
    expect(mine.headers['access-control-allow-origin']).toBe(own);
    const foreign = await fixture.http.api('/users/@me', {
      token: owner(),
      headers: { origin: 'https://evil.example' },
    });
    expect(foreign.headers['access-control-allow-origin']).toBeUndefined();
  });
});

describe('auth', () => {
  test('register: 201 with user and tokens; the name is folded, displayName is what was typed', async () => {
    const name = unique('New.User');
    const answer = await fixture.http.api('/auth/register', {
      body: { username: name, password: PASSWORD },
    });
    expect(answer.status).toBe(201);
    const body = answer.body as { user: Record<string, unknown>; expiresAt: number };
    expect(Object.keys(body).sort()).toEqual(['accessToken', 'expiresAt', 'refreshToken', 'user']);
    expect(Object.keys(body.user).sort()).toEqual(['createdAt', 'displayName', 'id', 'username']);
    expect(body.user.username).toBe(name.toLowerCase());
    expect(body.user.displayName).toBe(name);
    expect(body.user.id).toMatch(/^\d+$/);
    expect(answer.text).not.toContain(PASSWORD);
    const again = { body: { username: name.toUpperCase(), password: PASSWORD } };
    expect(await refused('/auth/register', again)).toEqual([409, 'username_taken']);
  });

  test('register: every field is checked', async () => {
    const call = (body: object) =>
      refused('/auth/register', { body: { username: unique('u'), password: PASSWORD, ...body } });
    expect(await call({ username: 'x' })).toEqual([422, 'invalid', 'username']);
    expect(await call({ username: 'x'.repeat(33) })).toEqual([422, 'invalid', 'username']);
    expect(await call({ username: 'with space' })).toEqual([422, 'invalid', 'username']);
    expect(await call({ username: 'ümlaut' })).toEqual([422, 'invalid', 'username']);
    expect(await call({ username: 5 })).toEqual([422, 'invalid', 'username']);
    expect(await call({ password: 'short77' })).toEqual([422, 'invalid', 'password']);
    expect(await call({ password: 'x'.repeat(257) })).toEqual([422, 'invalid', 'password']);
    expect(await call({ displayName: '' })).toEqual([422, 'invalid', 'displayName']);
    expect(await call({ email: 'no mail' })).toEqual([422, 'invalid', 'email']);
    expect(await call({ admin: true })).toEqual([422, 'invalid', 'admin']);
  });

  test('login: by name in any case or by e-mail; one answer for all that is wrong', async () => {
    const username = unique('logger');
    const email = `${username}@example.org`;
    await fixture.http.want(201, '/auth/register', {
      body: { username, password: PASSWORD, email },
    });
    for (const name of [username, username.toUpperCase(), email]) {
      const answer = await fixture.http.want<object>(200, '/auth/login', {
        body: { username: name, password: PASSWORD },
      });
      expect(Object.keys(answer).sort()).toEqual([
        'accessToken',
        'expiresAt',
        'refreshToken',
        'user',
      ]);
    }
    const wrong = await refused('/auth/login', { body: { username, password: 'wrong password' } });
    const unknown = await refused('/auth/login', {
      body: { username: 'nobody.here', password: PASSWORD },
    });
    expect([wrong, unknown]).toEqual([
      [401, 'bad_credentials'],
      [401, 'bad_credentials'],
    ]);
  });

  test('access token: JWT of the named form, verifiable by the JWKS', async () => {
    const [head, claims] = owner()
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
    expect(head.alg).toBe('EdDSA');
    expect(claims.sub).toBe(fixture.user(0).id);
    expect(claims.aud).toBe('driftway');
    expect(typeof claims.sid).toBe('string');
    expect(typeof claims.iss).toBe('string');
    expect(claims.exp - claims.iat).toBe(900);
    const keys = await fixture.http.raw('/.well-known/jwks.json');
    expect(keys.status).toBe(200);
    const found = (keys.body as { keys: Record<string, unknown>[] }).keys.find(
      (key) => key.kid === head.kid,
    );
    expect(found?.crv).toBe('Ed25519');
    expect(keys.text).not.toContain('"d"');
  });
});

describe('users', () => {
  test('GET and PATCH /users/@me', async () => {
    const login = await fixture.http.register(unique('me'));
    const user = await fixture.http.want<Record<string, unknown>>(200, '/users/@me', {
      token: login.accessToken,
    });
    expect(user).toEqual({
      id: login.id,
      username: login.username,
      displayName: login.username,
      createdAt: expect.any(Number),
    });
    const patch = { method: 'PATCH', token: login.accessToken };
    const changed = await fixture.http.want(200, '/users/@me', {
      ...patch,
      body: { displayName: 'Señor Ø' },
    });
    expect(changed).toEqual({ ...user, displayName: 'Señor Ø' });
    expect(await fixture.http.want(200, '/users/@me', { ...patch, body: {} })).toEqual(changed);
    expect(await refused('/users/@me', { ...patch, body: { username: 'x' } })).toEqual([
      422,
      'invalid',
      'username',
    ]);
  });

  test('GET /users/@me/guilds: the own ones only', async () => {
    const login = await fixture.http.register(unique('guilds'));
    const token = login.accessToken;
    expect(await fixture.http.want(200, '/users/@me/guilds', { token })).toEqual({
      items: [],
      next: null,
    });
    const guild = await fixture.http.want(201, '/guilds', { token, body: { name: 'Mine' } });
    expect(await fixture.http.want(200, '/users/@me/guilds', { token })).toEqual({
      items: [guild],
      next: null,
    });
  });
});

describe('health and documents', () => {
  test('/health, /ready, /metrics', async () => {
    interface Health {
      status: string;
      version: string;
      uptimeS: number;
      checks: Record<string, { status: string }>;
    }
    // A thread that is late on a busy machine is a degraded state for as long as it is.
    const body = await until('health ok', 10_000, async () => {
      const health = await fixture.http.raw('/health');
      expect(health.status).toBe(200);
      return (health.body as Health).status === 'ok' ? (health.body as Health) : undefined;
    });
    expect(typeof body.version).toBe('string');
    expect(body.uptimeS).toBeGreaterThanOrEqual(0);
    for (const name of ['gateway', 'shards', 'store']) expect(body.checks[name]?.status).toBe('ok');
    expect((await fixture.http.raw('/ready')).status).toBe(200);
    const metrics = await fixture.http.raw('/metrics');
    expect(metrics.status).toBe(200);
    expect(metrics.headers['content-type']).toContain('text/plain');
    expect(metrics.text).toMatch(/^driftway_\w+(\{[^}]*\})? \S+$/m);
  });

  test('openapi.json: has every row of the page, docs are readable', async () => {
    const answer = await fixture.http.api('/openapi.json');
    expect(answer.status).toBe(200);
    const { paths, openapi } = answer.body as {
      openapi: string;
      paths: Record<string, Record<string, unknown>>;
    };
    expect(openapi).toMatch(/^3\./);
    const rows: readonly string[] = [
      'post /auth/register',
      'post /auth/login',
      'post /auth/refresh',
      'post /auth/logout',
      'get /users/@me',
      'patch /users/@me',
      'get /users/@me/guilds',
      'post /guilds',
      'get /guilds/{}',
      'patch /guilds/{}',
      'delete /guilds/{}',
      'get /guilds/{}/channels',
      'post /guilds/{}/channels',
      'patch /channels/{}',
      'delete /channels/{}',
      'post /guilds/{}/invites',
      'get /invites/{}',
      'post /invites/{}',
      'get /guilds/{}/members',
      'delete /guilds/{}/members/@me',
      'get /channels/{}/messages',
      'post /channels/{}/messages',
      'get /.well-known/jwks.json',
      'get /health',
      'get /ready',
      'get /metrics',
    ];
    const known = new Set(
      Object.entries(paths).flatMap(([path, methods]) =>
        Object.keys(methods).map(
          (method) => `${method} ${path.replace(/^\/api\/v1/, '').replaceAll(/\{\w+\}/g, '{}')}`,
        ),
      ),
    );
    expect(rows.filter((row) => !known.has(row))).toEqual([]);
    const docs = await fixture.http.raw('/api/docs', { headers: { accept: 'text/html' } });
    expect(docs.status).toBe(200);
    expect(docs.headers['content-type']).toContain('text/html');
    expect(docs.text).toContain('/auth/register');
  });

  test('HTTP oddities do not disturb: HEAD, a body on GET, a long path, pipelining', async () => {
    expect([200, 405]).toContain((await fixture.http.raw('/health', { method: 'HEAD' })).status);
    expect((await fixture.http.raw(`/api/v1/${'x'.repeat(3000)}`)).status).toBeGreaterThanOrEqual(
      400,
    );
    expect(
      (await fixture.http.api('/users/@me', { method: 'GET', token: owner(), body: { a: 1 } }))
        .status,
    ).toBeLessThan(500);
    expect((await fixture.http.raw('/ready')).status).toBe(200);
  });
});
