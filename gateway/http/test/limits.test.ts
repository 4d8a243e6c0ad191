/** Limits of HTTP, and the routes about the server itself. */
import { describe, expect, test } from 'vitest';
import { expectError, Harness } from './harness.ts';

describe('limits', () => {
  test('login: 10 per account from anywhere, in any spelling; the 11th is 429 with its wait', async () => {
    const h = await Harness.create();
    const login = (username: string, ip: string) =>
      h.api('POST', '/auth/login', { body: { username, password: 'wrong' }, ip });
    for (let i = 0; i < 10; i++) {
      expectError(
        await login(['Alice', 'ALICE', ' alice '][i % 3] as string, `192.0.2.${i}`),
        401,
        'bad_credentials',
      );
    }
    const refused = await login('alice', '192.0.2.99');
    expectError(refused, 429, 'rate_limited');
    expect(refused.body.retryAfterMs).toBe(90_000);
    expect(refused.headers.get('retry-after')).toBe('90');
    expect(refused.headers.get('ratelimit-limit')).toBe('10');
    expect((await login('bob', '192.0.2.99')).status).toBe(401);
    h.clock.ms += 90_000;
    expect((await login('alice', '192.0.2.99')).status).toBe(401);
  });

  test('login: user name and e-mail address of one account share its tries', async () => {
    const h = await Harness.create();
    const body = { username: 'alice', password: 'correct horse', email: 'al@example.org' };
    await h.api('POST', '/auth/register', { body });
    const login = (username: string, ip: string) =>
      h.api('POST', '/auth/login', { body: { username, password: 'wrong' }, ip });
    for (let i = 0; i < 10; i++) {
      const name = i % 2 === 0 ? 'alice' : 'al@example.org';
      expectError(await login(name, `192.0.2.${i}`), 401, 'bad_credentials');
    }
    for (const name of ['alice', 'AL@example.org']) {
      expectError(await login(name, '192.0.2.99'), 429, 'rate_limited');
    }
  });

  test('login: 30 per address, loopback too, and a refused address does not use up accounts', async () => {
    const h = await Harness.create();
    const login = (username: string, ip: string) =>
      h.api('POST', '/auth/login', { body: { username, password: 'wrong' }, ip });
    for (let i = 0; i < 30; i++) expect((await login(`user${i}`, '127.0.0.1')).status).toBe(401);
    for (let i = 0; i < 15; i++)
      expectError(await login('alice', '127.0.0.1'), 429, 'rate_limited');
    expect((await login('alice', '192.0.2.1')).status).toBe(401);
  });

  test('register: 10 per hour and address (IPv6: /64); a body that is refused does not count', async () => {
    const h = await Harness.create();
    const register = (i: number, ip: string, password = '12345678') =>
      h.api('POST', '/auth/register', { body: { username: `user${i}`, password }, ip });
    for (let i = 0; i < 20; i++)
      expect((await register(i, '2001:db8::1', 'short')).status).toBe(422);
    for (let i = 0; i < 10; i++) expect((await register(i, `2001:db8::${i + 1}`)).status).toBe(201);
    const refused = await register(11, '2001:db8::ffff');
    expectError(refused, 429, 'rate_limited');
    expect(refused.body.retryAfterMs).toBe(360_000);
    expect((await register(11, '2001:db8:0:1::1')).status).toBe(201);
  });

  test('general: 100 at once and 50 per s per user, with RateLimit headers', async () => {
    const h = await Harness.create();
    const { token } = await h.user('alice');
    const first = await h.api('GET', '/users/@me', { token });
    expect(first.headers.get('ratelimit-limit')).toBe('100');
    expect(first.headers.get('ratelimit-remaining')).toBe('99');
    for (let i = 1; i < 100; i++)
      expect((await h.api('GET', '/users/@me', { token })).status).toBe(200);
    const refused = await h.api('GET', '/users/@me', { token, ip: '198.51.100.7' });
    expectError(refused, 429, 'rate_limited');
    expect(refused.body.retryAfterMs).toBe(20);
    expect(refused.headers.get('retry-after')).toBe('1');
    const other = await h.user('bob');
    expect((await h.api('GET', '/users/@me', { token: other.token })).status).toBe(200);
    h.clock.ms += 20;
    expect((await h.api('GET', '/users/@me', { token })).status).toBe(200);
    expect(h.app.stats().limited).toBe(1);
  });

  test('general: per address without a token, bad tokens and unknown paths included; probes are free', async () => {
    const h = await Harness.create();
    for (let i = 0; i < 50; i++) await h.api('GET', '/users/@me', { token: 'bad' });
    for (let i = 0; i < 50; i++) await h.api('GET', '/nope');
    expectError(await h.api('GET', '/users/@me', { token: 'bad' }), 429, 'rate_limited');
    expectError(await h.api('GET', '/nope'), 429, 'rate_limited');
    expectError(await h.api('GET', '/invites/abc'), 429, 'rate_limited');
    expect((await h.ask('GET', '/health')).status).toBe(200);
    expect((await h.ask('GET', '/ready?x=1')).status).toBe(200);
    expect((await h.api('GET', '/nope', { ip: '192.0.2.2' })).status).toBe(404);
  });
});

describe('the server itself', () => {
  test('/health: the report; 503 with the same body when failed', async () => {
    const h = await Harness.create();
    const answer = await h.ask('GET', '/health');
    expect([answer.status, answer.body]).toEqual([200, h.health]);
    for (const status of ['starting', 'degraded'] as const) {
      h.health = { ...h.health, status, checks: { store: { status, detail: 'slow' } } };
      const now = await h.ask('GET', '/health');
      expect([now.status, now.body]).toEqual([200, h.health]);
    }
    h.health = { ...h.health, status: 'failed', checks: {} };
    const failed = await h.ask('GET', '/health');
    expect([failed.status, failed.body]).toEqual([503, h.health]);
  });

  test('/ready: 200 when ready, else 503', async () => {
    const h = await Harness.create();
    expect((await h.ask('GET', '/ready')).status).toBe(200);
    h.ready = false;
    expectError(await h.ask('GET', '/ready'), 503, 'unavailable');
  });

  test('/metrics: from loopback if nothing forwarded it, or with the scope', async () => {
    const h = await Harness.create();
    const { uid, token } = await h.user('alice');
    const local = await h.ask('GET', '/metrics', { ip: '127.0.0.1' });
    expect([local.status, local.text]).toEqual([200, 'driftway_up 1\n']);
    expect(local.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect((await h.ask('GET', '/metrics', { ip: '::1' })).status).toBe(200);
    for (const header of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
      const ask = { ip: '127.0.0.1', headers: { [header]: '127.0.0.1' } };
      expectError(await h.ask('GET', '/metrics', ask), 401, 'unauthorized');
    }
    expectError(await h.ask('GET', '/metrics'), 401, 'unauthorized');
    expectError(await h.ask('GET', '/metrics', { token }), 403, 'forbidden');
    const scoped = await h.issue(uid, 'login', ['metrics']);
    expect((await h.ask('GET', '/metrics', { token: scoped })).status).toBe(200);
  });

  test('/.well-known/jwks.json: public keys, cacheable', async () => {
    const h = await Harness.create();
    const answer = await h.ask('GET', '/.well-known/jwks.json');
    expect(answer.body.keys).toEqual([
      { kty: 'OKP', crv: 'Ed25519', x: expect.any(String), kid: 'test', alg: 'EdDSA', use: 'sig' },
    ]);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
  });

  test('HEAD: the head of GET without a body', async () => {
    const h = await Harness.create();
    const head = await h.ask('HEAD', '/health');
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers.get('content-type')).toBe('application/json; charset=utf-8');
  });

  test.each([
    ['tooLarge', 413, 'too_large'],
    ['tooSlow', 400, 'bad_request'],
    ['badHead', 400, 'bad_request'],
    ['busy', 503, 'unavailable'],
  ] as const)('a problem that the adapter found (%s) is %i', async (problem, status, code) => {
    const h = await Harness.create();
    for (const path of ['/api/v1/users/@me', '/nope', '/health']) {
      const response = await h.app.fetch(new Request(`http://x${path}`), {
        ip: '192.0.2.1',
        problem,
      });
      const body = (await response.json()) as { code: string };
      expect([response.status, body.code]).toEqual([status, code]);
    }
  });
});
