/**
 * What api.md says about refresh tokens, logout, registration modes, HTTP limits and logs, tried from
 * outside: rotation, its repeat after a lost answer and after a crash, the end of a family.
 */
import { describe, expect, test } from 'vitest';
import { errorOf, unique } from './support/api-answers.ts';
import { useServer } from './support/fixture.ts';
import {
  asLogin,
  type HttpAnswer,
  HttpClient,
  type Login,
  PASSWORD,
} from './support/http-client.ts';
import { RawClient } from './support/raw-client.ts';
import { ServerProcess, until } from './support/server-process.ts';
import { OP } from './support/wire.ts';

const TRUSTED = { DRIFTWAY_HEART: 'off', DRIFTWAY_LIMITS: 'trusted' };
const fixture = useServer({ users: 2 });

const refreshAt = (http: HttpClient, refreshToken: string): Promise<HttpAnswer> =>
  http.api('/auth/refresh', { body: { refreshToken } });
const refresh = (refreshToken: string): Promise<HttpAnswer> =>
  refreshAt(fixture.http, refreshToken);

async function refreshed(refreshToken: string): Promise<Login> {
  const answer = await refresh(refreshToken);
  expect(answer.status).toBe(200);
  return asLogin(answer.body);
}

describe('refresh', () => {
  test('a new pair; the repeat within 10 s gets the same successor', async () => {
    const login = await fixture.http.register(unique('fresh'));
    const next = await refreshed(login.refreshToken);
    expect(next.refreshToken).not.toBe(login.refreshToken);
    expect(next.id).toBe(login.id);
    const again = await refreshed(login.refreshToken);
    expect(again.refreshToken).toBe(next.refreshToken);
    const call = { token: again.accessToken };
    expect((await fixture.http.api('/users/@me', call)).status).toBe(200);
  });

  test('two at once get one successor', async () => {
    const login = await fixture.http.register(unique('twice'));
    const both = await Promise.all([refreshed(login.refreshToken), refreshed(login.refreshToken)]);
    expect(both[0].refreshToken).toBe(both[1].refreshToken);
  });

  test('a second use after the successor was used ends the family: every token 401, sockets 4507', async () => {
    const login = await fixture.http.register(unique('reuse'));
    const second = await refreshed(login.refreshToken);
    const third = await refreshed(second.refreshToken);
    const socket = await fixture.connect();
    await socket.identify(third.accessToken);
    const other = await fixture.http.login(login.username);
    for (const token of [login, second, third, login]) {
      expect(errorOf(await refresh(token.refreshToken))).toEqual([401, 'refresh_reused']);
    }
    expect((await socket.closed).code).toBe(4507);
    await until('401 for the access token', 3000, async () => {
      const { status } = await fixture.http.api('/users/@me', { token: third.accessToken });
      return status === 401 || undefined;
    });
    // Another login of the same user is another family.
    await refreshed(other.refreshToken);
  });

  test('what never was a token: 401 without a hint', async () => {
    for (const token of ['', 'x', 'a'.repeat(300), 'ü']) {
      const [status] = errorOf(await refresh(token));
      expect([401, 422]).toContain(status);
    }
    expect(errorOf(await refresh('AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'))).toEqual([
      401,
      'unauthorized',
    ]);
    const missing = await fixture.http.api('/auth/refresh', { body: {} });
    expect(errorOf(missing)).toEqual([422, 'invalid', 'refreshToken']);
  });
});

describe('logout', () => {
  test('204 without a bearer; socket 4507, access token 401 within a second, refresh token dead', async () => {
    const login = await fixture.http.register(unique('leaver'));
    const socket = await fixture.connect();
    await socket.identify(login.accessToken);
    const answer = await fixture.http.api('/auth/logout', {
      body: { refreshToken: login.refreshToken },
    });
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect((await socket.closed).code).toBe(4507);
    await until('401 for the access token', 3000, async () => {
      const { status } = await fixture.http.api('/users/@me', { token: login.accessToken });
      return status === 401 || undefined;
    });
    expect((await refresh(login.refreshToken)).status).toBe(401);
    const again = await fixture.http.api('/auth/logout', {
      body: { refreshToken: login.refreshToken },
    });
    expect([204, 401]).toContain(again.status);
  });
});

describe('registration modes', () => {
  describe('closed', () => {
    const closed = useServer({ users: 0, env: { DRIFTWAY_REGISTRATION: 'closed' } });
    test('403 registration_closed', async () => {
      const body = { username: 'alice', password: PASSWORD };
      expect(errorOf(await closed.http.api('/auth/register', { body }))).toEqual([
        403,
        'registration_closed',
      ]);
    });
  });

  test('invite: 403 invite_required without one, 201 with one, member of the guild afterwards', async () => {
    const open = await ServerProcess.start({ env: TRUSTED });
    const { port, dataDir } = open;
    let http = new HttpClient(port);
    const host = await http.register('host');
    const { gid } = await http.guild(host.accessToken, 1);
    const path = `/guilds/${gid}/invites`;
    const { code } = await http.want<{ code: string }>(201, path, {
      token: host.accessToken,
      body: {},
    });
    http.close();
    await open.killServer();
    const env = { ...TRUSTED, DRIFTWAY_REGISTRATION: 'invite' };
    const strict = await ServerProcess.start({ env, port, dataDir });
    http = new HttpClient(port);
    try {
      const body = { username: 'guest', password: PASSWORD };
      expect(errorOf(await http.api('/auth/register', { body }))).toEqual([403, 'invite_required']);
      const wrong = { ...body, invite: 'doesnotexist' };
      expect((await http.api('/auth/register', { body: wrong })).status).toBeGreaterThanOrEqual(
        403,
      );
      const guest = asLogin(
        (await http.want(201, '/auth/register', { body: { ...body, invite: code } })) as object,
      );
      const guilds = await http.want<{ items: { id: string }[] }>(200, '/users/@me/guilds', {
        token: guest.accessToken,
      });
      expect(guilds.items.map((guild) => guild.id)).toEqual([String(gid)]);
    } finally {
      http.close();
      await strict.dispose();
      await open.dispose();
    }
  }, 60_000);
});

describe('HTTP limits for everybody', () => {
  const strict = useServer({ users: 1, env: { DRIFTWAY_LIMITS: 'public' } });

  test('login: the eleventh attempt on an account is 429 with Retry-After', async () => {
    const body = { username: 'user_0', password: 'wrong password' };
    const statuses: number[] = [];
    let last: HttpAnswer | undefined;
    for (let i = 0; i < 11; i += 1) {
      last = await strict.http.api('/auth/login', { body });
      statuses.push(last.status);
    }
    expect(statuses).toEqual([...Array(10).fill(401), 429]);
    expect(errorOf(last!)).toEqual([429, 'rate_limited']);
    expect(Number(last!.headers['retry-after'])).toBeGreaterThan(0);
    expect((last!.body as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(0);
  });

  test('register: the eleventh in an hour from one address is 429', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 10; i += 1) {
      const body = { username: `many_${i}`, password: PASSWORD };
      statuses.push((await strict.http.api('/auth/register', { body })).status);
    }
    // One of the ten was the fixture's own user.
    expect(statuses).toEqual([...Array(9).fill(201), 429]);
  });

  test('requests: a burst of 100 per user, then 429', async () => {
    const token = strict.token(0);
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => strict.http.api('/users/@me', { token })),
    );
    const refused = answers.filter((answer) => answer.status === 429);
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(90);
    expect(refused.length).toBeGreaterThan(0);
    expect(errorOf(refused[0]!)).toEqual([429, 'rate_limited']);
  });
});

describe('logs', () => {
  test('no message content, token, password or e-mail in any line, whatever goes wrong', async () => {
    const server = await ServerProcess.start({
      env: { DRIFTWAY_LIMITS: 'trusted', DRIFTWAY_LOG_LEVEL: 'trace' },
    });
    const http = new HttpClient(server.port);
    try {
      const secret = 'xyzzy-plugh-frobozz';
      const body = {
        username: 'secretive',
        password: `pw-${secret}`,
        email: `${secret}@example.org`,
      };
      const login = asLogin((await http.want(201, '/auth/register', { body })) as object);
      await http.api('/auth/login', {
        body: { username: 'secretive', password: `wrong-${secret}` },
      });
      await http.api('/auth/login', {
        body: Buffer.from(`{"password":"${secret}`),
        headers: { 'content-type': 'application/json' },
      });
      const next = asLogin((await refreshAt(http, login.refreshToken)).body);
      await http.api(`/channels/1/messages?token=${secret}`, { token: next.accessToken });
      await http.api('/users/@me', { token: `${secret}.${secret}.${secret}` });
      const { sids } = await http.guild(next.accessToken, 1);
      const path = `/channels/${sids[0]}/messages`;
      await http.want(201, path, {
        token: next.accessToken,
        body: { content: secret, nonce: 'log-1' },
      });
      await http.api(path, {
        token: next.accessToken,
        body: { content: `${secret}\u0000`, nonce: 'log-2' },
      });
      await talk(server.port, next.accessToken, sids[0]!, secret);
      await http.api('/auth/logout', { body: { refreshToken: next.refreshToken } });
      http.close();
      await server.stop();
      const output = server.output();
      expect(output.length).toBeGreaterThan(100);
      const leaks = [
        secret,
        login.accessToken,
        login.refreshToken,
        next.accessToken,
        next.refreshToken,
      ];
      const signatures = [login, next].map((one) => one.accessToken.split('.')[2]!);
      for (const leak of [...leaks, ...signatures]) expect(output.includes(leak)).toBe(false);
      for (const line of output.trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
    } finally {
      await server.dispose();
    }
  }, 40_000);
});

/** A conversation on the socket with every kind of mistake in it. */
async function talk(port: number, token: string, sid: number, secret: string): Promise<void> {
  const client = await RawClient.open({ port, encoding: 'json' });
  await client.first(OP.hello);
  await client.identify(token);
  await client.sub([[sid]]);
  await client.append(sid, 'log-3', secret);
  await client.append(sid, 'log-4', `${secret}\u0000`);
  await client.append(sid, secret.repeat(3), secret);
  client.sendPayload(Buffer.from(`{"${secret}":1}`));
  await client.closed;
}
