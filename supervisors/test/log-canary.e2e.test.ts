/**
 * The log of a server at its loudest level: what people write and what proves who they are is not in it, whatever happens; and a
 * request is found by its id on every thread that did something for it.
 */
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { AdminClient } from '../admin/index.ts';
import { type Fixture, useServer } from './support/fixture.ts';
import { until } from './support/server-process.ts';

/** Never a word of any log line by chance. */
const canary = (what: string): string => `c4n4ry-${what}-Zq9`;
const REQUEST = 'find-me.1';

interface Line {
  readonly msg: string;
  readonly slot: string;
  readonly requestId?: string;
  readonly [field: string]: unknown;
}

const linesOf = (fixture: Fixture): Line[] =>
  fixture.server
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);

/** Sends every kind of secret on every way there is, well and badly; gives back those that the server made. */
async function leak(fixture: Fixture): Promise<string[]> {
  const { gid, http, sid } = fixture;
  const token = fixture.token(0);
  const password = canary('password');
  const username = 'canary_bird';
  const email = `${canary('mail')}@example.org`.toLowerCase();
  const displayName = canary('name');
  const made = await http.want<{ accessToken: string; refreshToken: string }>(
    201,
    '/auth/register',
    { body: { username, password, email, displayName } },
  );
  await http.want(401, '/auth/login', { body: { username, password: canary('wrong') } });
  await http.want(200, '/auth/refresh', { body: { refreshToken: made.refreshToken } });
  await http.want(401, '/users/@me', { token: canary('bearer') });
  const invite = await http.want<{ code: string }>(201, `/guilds/${gid}/invites`, {
    token,
    body: {},
  });
  await http.want(200, `/invites/${invite.code}`, {});
  const path = `/channels/${sid}/messages`;
  const body = { content: canary('rest'), nonce: canary('nonce') };
  await http.want(201, path, { token, body, headers: { 'x-request-id': REQUEST } });
  await http.want(200, `${path}/1`, { method: 'PATCH', token, body: { content: canary('edit') } });
  await http.want(422, path, {
    token,
    body: { content: canary('field'), nonce: 'n', [canary('key')]: 1 },
  });
  const headers = { 'content-type': 'application/json' };
  await http.want(400, path, {
    token,
    headers,
    body: Buffer.from(`{"content":"${canary('broken')}`),
  });
  await http.want(400, `${path}?before=${canary('query')}`, { token });
  await http.api(`/${canary('path')}`, { headers: { cookie: `session=${canary('cookie')}` } });
  await http.want(200, `/channels/${sid}`, {
    method: 'PATCH',
    token,
    body: { topic: canary('topic') },
  });
  const socket = await fixture.client(1, 'json');
  await socket.sub([[sid]]);
  await socket.append(sid, canary('wsnonce'), canary('socket'));
  const stranger = await fixture.connect('json');
  stranger.sendPayload(Buffer.from(`[5, 1, "${canary('frame')}`));
  await stranger.closed;
  return [made.accessToken, made.refreshToken, invite.code, token];
}

describe('a server that logs everything', () => {
  const fixture = useServer({ users: 2, env: { DRIFTWAY_LOG_LEVEL: 'trace' } });
  let secrets: string[];

  beforeAll(async () => {
    secrets = await leak(fixture);
    const admin = await AdminClient.connect({
      socketPath: join(fixture.server.dataDir, 'admin.sock'),
    });
    // What its mailbox and its state hold ends with it.
    await admin.call('kill', { id: `n1/shard-0/stream/${fixture.sid}` });
    await admin.close();
    await fixture.http.want(200, `/channels/${fixture.sid}/messages`, { token: fixture.token(0) });
    await until('the line of the last request', 10_000, () =>
      linesOf(fixture).some(({ msg, method, route }) => {
        return msg === 'http' && method === 'GET' && String(route).endsWith('/messages');
      })
        ? true
        : undefined,
    );
  }, 60_000);

  test('content, passwords, tokens, codes, names and addresses, none is in the log', () => {
    const output = fixture.server.output();
    expect(output.match(/c4n4ry-\w+/gi) ?? []).toEqual([]);
    expect(secrets.filter((secret) => output.includes(secret))).toEqual([]);
    expect(linesOf(fixture).length).toBeGreaterThan(20);
  });

  test('a request, is found by its id on the threads that worked for it', () => {
    const found = linesOf(fixture).filter(({ requestId }) => requestId === REQUEST);
    const access = found.filter(({ msg }) => msg === 'http');
    expect(access).toMatchObject([
      { slot: 'gateway-0', method: 'POST', route: '/api/v1/channels/:id/messages', status: 201 },
    ]);
    const handled = found.filter(({ msg }) => msg === 'handled');
    const shards = handled.filter(({ slot }) => slot.startsWith('shard-'));
    expect(shards.map(({ what }) => what)).toContain('stream append');
    expect(handled.every(({ tookMs }) => typeof tookMs === 'number')).toBe(true);
  });

  test('lines, each is one JSON object with level, time, thread and message', () => {
    for (const line of linesOf(fixture)) {
      expect(line).toMatchObject({
        level: expect.any(Number),
        time: expect.any(Number),
        pid: expect.any(Number),
        slot: expect.any(String),
        msg: expect.any(String),
      });
    }
  });

  test('a connection that ends, one line with its code', () => {
    const ended = linesOf(fixture).filter(({ msg }) => msg === 'socket');
    expect(ended.map(({ code }) => code)).toContain(4500);
  });
});
