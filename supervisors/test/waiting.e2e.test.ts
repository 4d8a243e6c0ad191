/**
 * What can only be seen by waiting in real time: the end of tokens, the deadline before IDENTIFY, the 10 s
 * in which a refresh token may be repeated. All of them wait at the same time, each with its own server.
 */
import { describe, expect, test } from 'vitest';
import { errorOf } from './support/api-answers.ts';
import { makeMembers } from './support/crowd.ts';
import { forgedTokens } from './support/forged-tokens.ts';
import { asLogin, type HttpAnswer, HttpClient } from './support/http-client.ts';
import { ENCODINGS, nowMs, RawClient } from './support/raw-client.ts';
import { buildFrame } from './support/raw-socket.ts';
import { pause, ServerProcess, until } from './support/server-process.ts';
import { OP } from './support/wire.ts';

const TRUSTED = { DRIFTWAY_HEART: 'off', DRIFTWAY_LIMITS: 'trusted' };
const SHORT_LIVED = { ...TRUSTED, DRIFTWAY_ACCESS_TOKEN_TTL_S: '10' };
/** Lower bound of the deadline of 10 s that case 3 allows, less what it took to connect. */
const DEADLINE_MIN_MS = 8_900;

interface Site {
  readonly server: ServerProcess;
  readonly http: HttpClient;
  /** Connected, HELLO received. */
  connect(encoding?: 'mp' | 'json'): Promise<RawClient>;
}

/** Gives a server to `run` and takes it away afterwards. */
async function withSite(
  env: Readonly<Record<string, string>>,
  run: (site: Site) => Promise<void>,
): Promise<void> {
  const server = await ServerProcess.start({ env });
  const http = new HttpClient(server.port);
  const clients: RawClient[] = [];
  const connect = async (encoding: 'mp' | 'json' = 'mp'): Promise<RawClient> => {
    const client = await RawClient.open({ port: server.port, encoding });
    clients.push(client);
    await client.first(OP.hello);
    return client;
  };
  try {
    await run({ server, http, connect });
  } finally {
    for (const client of clients) client.socket.cut();
    http.close();
    await server.dispose();
  }
}

const refreshAt = (http: HttpClient, refreshToken: string): Promise<HttpAnswer> =>
  http.api('/auth/refresh', { body: { refreshToken } });

/** Case 22 on one server: five connections of one token, five fates. */
async function lifeOfToken({ http, connect }: Site): Promise<void> {
  const login = await http.register('alice');
  const other = await http.register('bob');
  const [lazy, diligent, thief, sloppy] = [
    await connect(),
    await connect(),
    await connect(),
    await connect(),
  ];
  for (const client of [lazy, diligent, thief, sloppy]) await client.identify(login.accessToken);
  await Promise.all([lazy.first(OP.authExpiring), diligent.first(OP.authExpiring)]);

  thief.send([OP.reauth, 50, other.accessToken, null]);
  expect((await thief.closed).code).toBe(4504);

  const [forged] = forgedTokens(login.accessToken);
  expect((await sloppy.request(OP.reauth, [forged!, null]))[2]).toBe(201);
  const sameUser = await http.login('alice');
  expect((await sloppy.request(OP.reauth, [sameUser.accessToken, null]))[2]).toBe(201);
  expect(sloppy.isOpen).toBe(true);

  const expired = await until('expiry for HTTP', 15_000, async () => {
    const answer = await http.api('/users/@me', { token: login.accessToken });
    return answer.status === 401 ? answer : undefined;
  });
  expect(errorOf(expired)).toEqual([401, 'token_expired']);
  const late = await connect();
  late.send([OP.identify, 4, login.accessToken, null, 'x', 0, null]);
  expect((await late.closed).code).toBe(4003);
  expect(late.received().at(-1)?.slice(0, 4)).toEqual([OP.err, 4, 202, 'token_expired']);

  // Inside the grace, so that its own end is well after the others'.
  const renewed = asLogin((await refreshAt(http, login.refreshToken)).body);
  const [expMs] = await diligent.ask(OP.reauth, [renewed.accessToken, null]);
  expect(expMs).toBeGreaterThan(login.expiresAt);

  // The grace of 15 s: the connections outlive the token by that.
  expect(lazy.isOpen).toBe(true);
  const { code, reason } = await lazy.closed;
  expect({ code, reason }).toEqual({ code: 4003, reason: 'auth_expired' });
  expect(lazy.received().at(-1)?.slice(0, 4)).toEqual([OP.err, 0, 4003, 'auth_expired']);
  expect((await sloppy.closed).code).toBe(4003);
  // The renewed token is within its life or its grace.
  expect(diligent.isOpen).toBe(true);
}

describe.concurrent('waiting', () => {
  test('case 22: without REAUTH 4003 after the grace, with it the connection lives on, another user is 4504', async () => {
    await withSite(SHORT_LIVED, lifeOfToken);
  }, 90_000);

  test('case 3, H12, H15: nothing or unmasked bytes before IDENTIFY end by the deadline, 4007', async () => {
    await withSite(TRUSTED, async ({ server, connect }) => {
      const { logins } = await makeMembers(server.port, 1, 1);
      const witness = await connect();
      await witness.identify(logins[0]!.accessToken);
      const began = nowMs();
      const silent = await Promise.all(ENCODINGS.map((encoding) => connect(encoding)));
      const unmasked = await connect();
      const payload = Buffer.of(0x92, 7, 1);
      unmasked.socket.sendRaw(buildFrame({ opcode: 2, payload, masked: false }));
      for (const client of silent) {
        const { code, reason } = await client.closed;
        expect({ code, reason }).toEqual({ code: 4007, reason: 'deadline' });
        expect(client.received().at(-1)?.slice(0, 4)).toEqual([OP.err, 0, 4007, 'deadline']);
      }
      expect(nowMs() - began).toBeGreaterThan(DEADLINE_MIN_MS);
      expect([4007, 1006]).toContain((await unmasked.closed).code);
      expect((await witness.request(OP.time, []))[0]).toBe(OP.ok);
    });
  }, 60_000);

  test('refresh: the repeat over kill -9 gets the same successor; after 10 s it ends the family', async () => {
    await withSite(TRUSTED, async ({ server, http }) => {
      const [kept, late] = [await http.register('kept'), await http.register('late')];
      const answer = asLogin((await refreshAt(http, kept.refreshToken)).body);
      const lost = asLogin((await refreshAt(http, late.refreshToken)).body);
      await server.killServer();
      const { port, dataDir } = server;
      const second = await ServerProcess.start({ env: TRUSTED, port, dataDir });
      const again = new HttpClient(port);
      try {
        const repeat = asLogin((await refreshAt(again, kept.refreshToken)).body);
        expect(repeat.refreshToken).toBe(answer.refreshToken);
        // Access tokens outlive the process too: keys and issuer are in the folder.
        const call = { token: kept.accessToken };
        expect((await again.api('/users/@me', call)).status).toBe(200);
        await pause(10_500);
        for (const { refreshToken } of [late, lost]) {
          expect(errorOf(await refreshAt(again, refreshToken))).toEqual([401, 'refresh_reused']);
        }
        expect((await refreshAt(again, answer.refreshToken)).status).toBe(200);
      } finally {
        again.close();
        await second.dispose();
      }
    });
  }, 90_000);
});
