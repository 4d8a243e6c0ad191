/** Tests of the HTTP wrapper and of token renewal with a scripted fetch. */
import { describe, expect, test } from 'vitest';
import { createTokens, RestClient, type TokenPair } from './index.ts';
import { FakeClock } from './test/fake-clock.ts';
import { fixedTokens } from './test/rig.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly auth: string | null;
  readonly body: unknown;
}

/** A fetch that records calls and answers from a list. */
function scriptedFetch(answers: { status: number; body?: unknown }[]): {
  fetch: typeof fetch;
  seen: Seen[];
} {
  const seen: Seen[] = [];
  const run = async (url: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers);
    const body = typeof init.body === 'string' ? JSON.parse(init.body) : undefined;
    seen.push({ method: String(init.method), url, auth: headers.get('authorization'), body });
    const answer = answers.shift();
    if (answer === undefined) throw new TypeError('fetch failed');
    const text = answer.status === 204 ? null : JSON.stringify(answer.body ?? {});
    return new Response(text, { status: answer.status });
  };
  return { fetch: run as typeof fetch, seen };
}
const client = (answers: { status: number; body?: unknown }[]) => {
  const { fetch, seen } = scriptedFetch(answers);
  const tokens = fixedTokens('t1');
  return { rest: new RestClient({ baseUrl: 'http://h/', fetch, tokens }), seen, tokens };
};

describe('RestClient', () => {
  test('methods: the rows of api.md', async () => {
    const ok = { status: 200, body: { items: [], next: null } };
    const { rest, seen } = client(Array.from({ length: 22 }, () => ok));
    await rest.register({ username: 'a', password: 'p' });
    await rest.login('a', 'p');
    await rest.refresh('r');
    await rest.logout('r');
    await rest.me();
    await rest.updateMe({ displayName: 'A' });
    await rest.myGuilds();
    await rest.createGuild('G');
    await rest.guild('1');
    await rest.updateGuild('1', { name: 'H' });
    await rest.deleteGuild('1');
    await rest.leaveGuild('1');
    await rest.channels('1');
    await rest.createChannel('1', { name: 'c' });
    await rest.updateChannel('2', { topic: null });
    await rest.deleteChannel('2');
    await rest.createInvite('1', { maxUses: 3 });
    await rest.invite('a/b');
    await rest.acceptInvite('code');
    await rest.members('1', { after: '5', limit: 10 });
    await rest.messages('2', { before: 9 });
    await rest.postMessage('2', { content: 'hi', nonce: 'n' });
    expect(
      seen.map(({ method, url }) => `${method} ${url.replace('http://h/api/v1', '')}`),
    ).toEqual([
      'POST /auth/register',
      'POST /auth/login',
      'POST /auth/refresh',
      'POST /auth/logout',
      'GET /users/@me',
      'PATCH /users/@me',
      'GET /users/@me/guilds',
      'POST /guilds',
      'GET /guilds/1',
      'PATCH /guilds/1',
      'DELETE /guilds/1',
      'DELETE /guilds/1/members/@me',
      'GET /guilds/1/channels',
      'POST /guilds/1/channels',
      'PATCH /channels/2',
      'DELETE /channels/2',
      'POST /guilds/1/invites',
      'GET /invites/a%2Fb',
      'POST /invites/code',
      'GET /guilds/1/members?after=5&limit=10',
      'GET /channels/2/messages?before=9',
      'POST /channels/2/messages',
    ]);
    const isOpen = (url: string): boolean => url.includes('/auth/') || url.endsWith('a%2Fb');
    for (const { url, auth } of seen) expect(auth).toBe(isOpen(url) ? null : 'Bearer t1');
    expect(seen[14]?.body).toEqual({ topic: null });
  });
  test('methods of members, direct messages, threads and pins: their rows', async () => {
    const ok = { status: 200, body: { items: [], next: null } };
    const { rest, seen } = client(Array.from({ length: 10 }, () => ok));
    await rest.kick('1', '3');
    await rest.ban('1', '3', 'spam');
    await rest.unban('1', '3');
    await rest.dms();
    await rest.openDm('3');
    await rest.openGroup(['3', '4'], 'G');
    await rest.leaveDm('5');
    await rest.threads('2');
    await rest.pins('2');
    await rest.createThread('2', { seq: 4, name: 'T' });
    const rows = seen.map(({ method, url }) => `${method} ${url.replace('http://h/api/v1', '')}`);
    expect(rows).toEqual([
      'DELETE /guilds/1/members/3',
      'PUT /guilds/1/bans/3',
      'DELETE /guilds/1/bans/3',
      'GET /users/@me/dms',
      'POST /users/@me/dms',
      'POST /users/@me/dms',
      'DELETE /dms/5/recipients/@me',
      'GET /channels/2/threads',
      'GET /channels/2/pins',
      'POST /channels/2/threads',
    ]);
    expect(seen.map((one) => one.body)).toEqual([
      ...[undefined, { reason: 'spam' }, undefined, undefined, { userId: '3' }],
      ...[{ userIds: ['3', '4'], name: 'G' }, undefined, undefined, undefined],
      { seq: 4, name: 'T' },
    ]);
  });

  test('error body: ClientError with status, code, field and wait', async () => {
    const body = {
      code: 'rate_limited',
      message: 'm',
      retryAfterMs: 900,
      field: 'name',
      requestId: 'r',
    };
    const { rest } = client([{ status: 429, body }]);
    await expect(rest.createGuild('G')).rejects.toMatchObject({
      code: 'DRIFT_CLIENT_HTTP',
      data: { status: 429, err: 'rate_limited', retryMs: 900, field: 'name' },
    });
  });
  test('token_expired: renewed once, sent again; a second time: rejected', async () => {
    const expired = { status: 401, body: { code: 'token_expired' } };
    const first = client([expired, { status: 200, body: { id: '1' } }]);
    expect(await first.rest.me()).toEqual({ id: '1' });
    expect([first.tokens.renewals, first.seen.length]).toEqual([1, 2]);
    const second = client([expired, expired]);
    await expect(second.rest.me()).rejects.toMatchObject({ data: { err: 'token_expired' } });
  });
  test('no server, no JSON, no tokens: an error each', async () => {
    await expect(client([]).rest.me()).rejects.toMatchObject({ code: 'DRIFT_CLIENT_UNREACHABLE' });
    const html = () => Promise.resolve(new Response('<html>'));
    const rest = new RestClient({ baseUrl: 'http://h', fetch: html as typeof fetch });
    await expect(rest.login('a', 'b')).rejects.toMatchObject({ code: 'DRIFT_CLIENT_BAD_ANSWER' });
    await expect(rest.me()).rejects.toMatchObject({ code: 'DRIFT_CLIENT_SIGNED_OUT' });
  });
});

describe('createTokens', () => {
  const clock = new FakeClock(1_000_000);
  const pair = (n: number, expiresAt: number): TokenPair => ({
    accessToken: `a${n}`,
    refreshToken: `r${n}`,
    expiresAt,
  });
  const source = (
    answers: { status: number; body?: unknown }[],
    load?: () => Promise<TokenPair>,
  ) => {
    const { fetch, seen } = scriptedFetch(answers);
    const saved: string[] = [];
    const tokens = createTokens({
      rest: new RestClient({ baseUrl: 'http://h', fetch }),
      pair: pair(1, 1_020_000),
      clock,
      save: (next) => void saved.push(next.refreshToken),
      ...(load === undefined ? {} : { load }),
    });
    return { tokens, saved, seen };
  };

  test('get: near its end, renewed once for all callers and saved before use', async () => {
    const { tokens, saved, seen } = source([{ status: 200, body: pair(2, 9_000_000) }]);
    expect(await Promise.all([tokens.get(), tokens.get(), tokens.renew()])).toEqual([
      'a2',
      'a2',
      'a2',
    ]);
    expect([saved, seen.length]).toEqual([['r2'], 1]);
    expect(await tokens.get()).toBe('a2');
  });
  test('renew: 401, signed out; 503, the error of HTTP', async () => {
    const over = source([{ status: 401, body: { code: 'refresh_reused' } }]).tokens;
    await expect(over.renew()).rejects.toMatchObject({ code: 'DRIFT_CLIENT_SIGNED_OUT' });
    const away = source([{ status: 503, body: { code: 'unavailable' } }]).tokens;
    await expect(away.renew()).rejects.toMatchObject({ code: 'DRIFT_CLIENT_HTTP' });
  });
  test('renew: another program has renewed already, its pair is taken', async () => {
    const { tokens, seen } = source([], () => Promise.resolve(pair(7, 9_000_000)));
    expect([await tokens.renew(), seen.length]).toEqual(['a7', 0]);
  });
});
