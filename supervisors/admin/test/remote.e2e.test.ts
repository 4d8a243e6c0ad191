/** `/admin` on the public port of a real server: who is let in, who is not and with which code, and how it ends. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { forgedTokens } from '../../test/support/forged-tokens.ts';
import { HttpClient } from '../../test/support/http-client.ts';
import { RawClient } from '../../test/support/raw-client.ts';
import { ServerProcess, until } from '../../test/support/server-process.ts';
import { signedToken } from '../../test/support/signed-token.ts';
import { AdminClient } from '../index.ts';
import { ADMIN_LIMITS } from '../limits.ts';
import { RawAdmin, type RawAdminOptions } from './raw-admin.ts';

const ENV = { DRIFTWAY_HEART: 'off', DRIFTWAY_GATEWAY_THREADS: '2' };

let server: ServerProcess;
const open: RawAdmin[] = [];

beforeAll(async () => {
  server = await ServerProcess.start({ env: ENV });
});
afterEach(async () => {
  for (const raw of open.splice(0)) {
    raw.cut();
    await raw.closed;
  }
});
afterAll(() => server.dispose());

const url = (of = server): string => `ws://127.0.0.1:${of.port}/admin`;
const origin = (): string => `http://127.0.0.1:${server.port}`;

function token(more: Partial<Parameters<typeof signedToken>[0]> = {}): string {
  return signedToken({ dataDir: server.dataDir, uid: 77, scope: 'admin', ...more });
}

async function connect(options: Partial<RawAdminOptions> = {}): Promise<RawAdmin> {
  const raw = await RawAdmin.open({ url: url(), ...options });
  open.push(raw);
  return raw;
}

/** Status and code of a refused upgrade. */
function refusal(options: Partial<RawAdminOptions>): Promise<readonly [number, string]> {
  return connect(options).then(
    () => [101, ''] as const,
    (error: { status: number; code: string }) => [error.status, error.code] as const,
  );
}

describe('the upgrade', () => {
  test.each(['mp', 'json'] as const)(
    'a token with the scope: greeted over %s with everything',
    async (encoding) => {
      const raw = await connect({ token: token(), encoding });
      const [, hello] = await raw.frame(([op]) => op === 96);
      expect(hello).toMatchObject({ auth: false, pid: server.serverPid });
      const ok = await raw.request([100, 1, 'node', {}]);
      expect(ok.slice(0, 2)).toEqual([98, 1]);
    },
  );

  // One in five was cut within a millisecond in some runs while the upgrade was made inside of a cork.
  test('one upgrade after another: each is greeted', async () => {
    for (let i = 0; i < 60; i += 1) {
      const raw = await connect({ token: token() });
      await raw.frame(([op]) => op === 96);
      raw.cut();
      await raw.closed;
    }
  });

  test('no token 401 unauthorized', async () => {
    expect(await refusal({})).toEqual([401, 'unauthorized']);
  });

  test('an expired token 401 token_expired', async () => {
    expect(await refusal({ token: token({ lifeMs: -5_000 }) })).toEqual([401, 'token_expired']);
  });

  test.each([undefined, 'metrics', 'administrator', 'admin.danger'])(
    'scope %s: 403 forbidden',
    async (scope) => {
      const made = signedToken({
        dataDir: server.dataDir,
        uid: 1,
        ...(scope === undefined ? {} : { scope }),
      });
      const localAddress = '127.0.9.1';
      expect(await refusal({ token: made, localAddress })).toEqual([403, 'forbidden']);
    },
  );

  test('forged in any way: 401 unauthorized, and 429 with a time to wait after ten', async () => {
    const localAddress = '127.0.9.2';
    const forged = forgedTokens(token()).filter((each) => each !== '' && !each.includes(' '));
    const seen: (readonly [number, string])[] = [];
    for (const each of [...forged, ...forged])
      seen.push(await refusal({ token: each, localAddress }));
    expect(seen.slice(0, 10)).toEqual(new Array(10).fill([401, 'unauthorized']));
    expect(seen.at(-1)).toEqual([429, 'rate_limited']);
    await expect(connect({ token: token(), localAddress })).rejects.toMatchObject({
      retryAfter: expect.stringMatching(/^[1-9]\d*$/),
    });
    // Nobody else waits for it.
    expect(await refusal({ token: token(), localAddress: '127.0.9.3' })).toEqual([101, '']);
  });

  test('a foreign Origin: 403 origin_not_allowed, with and without a good token', async () => {
    for (const foreign of ['https://evil.example', `${origin()}0`, 'null']) {
      expect(await refusal({ origin: foreign })).toEqual([403, 'origin_not_allowed']);
      expect(await refusal({ origin: foreign, token: token() })).toEqual([
        403,
        'origin_not_allowed',
      ]);
    }
  });

  test('no or another subprotocol: 400', async () => {
    expect(await refusal({ token: token(), protocols: [] })).toEqual([400, 'invalid']);
    expect(await refusal({ token: token(), protocols: ['driftway.v1.mp'] })).toEqual([
      400,
      'invalid',
    ]);
  });

  test('plain HTTP: 426', async () => {
    const answer = await fetch(`${origin()}/admin`);
    expect(answer.status).toBe(426);
  });

  test('connections over both threads: sixteen, then 503, and room again when one ends', async () => {
    const all = await Promise.all(
      Array.from({ length: ADMIN_LIMITS.remoteConnections }, () => connect({ token: token() })),
    );
    expect(await refusal({ token: token() })).toEqual([503, 'unavailable']);
    all[0]?.cut();
    await until('room', 5_000, async () => {
      const [status] = await refusal({ token: token() });
      return status === 101 || undefined;
    });
  });
});

describe('AUTH of a browser', () => {
  test('HELLO tells a stranger nothing; AUTH answers with everything', async () => {
    const raw = await connect({ origin: origin() });
    const [, hello] = await raw.frame(([op]) => op === 96);
    expect(hello).toMatchObject({ auth: true, deadlineMs: 10_000, verbs: [], topics: [], pid: 0 });
    const ok = await raw.request([97, 5, token()]);
    expect(ok[0]).toBe(98);
    expect(ok[2]).toMatchObject({ auth: false, pid: server.serverPid });
    expect((await raw.request([100, 6, 'node', {}]))[0]).toBe(98);
  });

  test.each([
    ['wrong', () => 'x.y.z', 'unauthorized'],
    ['expired', () => token({ lifeMs: -5_000 }), 'token_expired'],
    ['without scope', () => signedToken({ dataDir: server.dataDir, uid: 1 }), 'forbidden'],
  ])('a token that is %s: ERR, then 4504', async (_what, make, code) => {
    const raw = await connect({ origin: origin(), localAddress: '127.0.9.4' });
    raw.send([97, 5, make()]);
    expect(await raw.closed).toBe(4504);
    expect(raw.frames.at(-1)?.slice(0, 3)).toEqual([99, 5, code]);
  });

  test('anything before AUTH: ERR unauthorized, then 4504', async () => {
    const raw = await connect({ origin: origin() });
    raw.send([100, 5, 'node', {}]);
    expect(await raw.closed).toBe(4504);
    expect(raw.frames.at(-1)?.slice(0, 3)).toEqual([99, 5, 'unauthorized']);
  });

  test('waiting without a token: four of an address on a thread, others still get in', async () => {
    const localAddress = '127.0.9.5';
    const seen: number[] = [];
    for (let i = 0; i < 12; i += 1) {
      const [status] = await refusal({ origin: origin(), localAddress });
      seen.push(status);
    }
    expect(seen.filter((status) => status === 101).length).toBeLessThanOrEqual(8);
    expect(seen).toContain(503);
    expect(await refusal({ token: token(), localAddress })).toEqual([101, '']);
    expect(await refusal({ origin: origin(), localAddress: '127.0.9.6' })).toEqual([101, '']);
  });

  test('no AUTH: 4007 after the deadline', async () => {
    const raw = await connect({ origin: origin() });
    expect(await raw.closed).toBe(4007);
    expect(raw.frames.at(-1)?.slice(0, 3)).toEqual([99, 0, 'unauthorized']);
  });
});

describe('permission', () => {
  test('danger without admin.danger: forbidden; with it: carried out, recorded under the user', async () => {
    const plain = await connect({ token: token() });
    const [, hello] = await plain.frame(([op]) => op === 96);
    const { verbs } = hello as { verbs: { name: string; effect: string }[] };
    const danger = verbs.find(({ effect }) => effect === 'danger');
    expect(danger).toBeDefined();
    const refused = await plain.request([100, 1, danger?.name, {}]);
    expect(refused.slice(0, 3)).toEqual([99, 1, 'forbidden']);
    const denied = await plain.request([100, 9, 'audit', { limit: 1 }]);
    expect(denied[2]).toMatchObject({ entries: [{ verb: danger?.name, outcome: 'forbidden' }] });
    const able = await connect({ token: token({ scope: 'admin admin.danger' }) });
    const judged = await able.request([100, 1, danger?.name, {}]);
    expect(judged[2]).not.toBe('forbidden');
    const act = await plain.request([100, 2, 'log.level', { level: 'info' }]);
    expect(act[0]).toBe(98);
    const page = await plain.request([100, 3, 'audit', { limit: 1 }]);
    expect(page[2]).toMatchObject({ entries: [{ who: 'user 77 from 127.0.0.1', phase: 'done' }] });
  });
});

describe('the end of a token', () => {
  test('expiry: ERR token_expired, then 4003; a newer token in time: goes on', async () => {
    const short = token({ lifeMs: 2_500 });
    const [ends, renewed] = [await connect({ token: short }), await connect({ token: short })];
    const ok = await renewed.request([97, 1, token()]);
    expect(ok[0]).toBe(98);
    expect(await ends.closed).toBe(4003);
    expect(ends.frames.at(-1)?.slice(0, 3)).toEqual([99, 0, 'token_expired']);
    expect((await renewed.request([100, 2, 'node', {}]))[0]).toBe(98);
  });

  test("somebody else's token: forbidden, then 4504", async () => {
    const raw = await connect({ token: token() });
    await raw.frame(([op]) => op === 96);
    raw.send([97, 1, token({ uid: 78 })]);
    expect(await raw.closed).toBe(4504);
    expect(raw.frames.at(-1)?.slice(0, 3)).toEqual([99, 1, 'forbidden']);
  });

  test('logout of its login: 4507, and no way back', async () => {
    const http = new HttpClient(server.port);
    const login = await http.register('remote_admin');
    const claims = JSON.parse(
      Buffer.from(login.accessToken.split('.')[1] ?? '', 'base64url').toString(),
    ) as { sid: string };
    const made = token({ uid: Number(login.id), login: claims.sid });
    const raw = await connect({ token: made });
    await http.api('/auth/logout', { body: { refreshToken: login.refreshToken } });
    expect(await raw.closed).toBe(4507);
    expect(await refusal({ token: made })).toEqual([401, 'unauthorized']);
    http.close();
  });
});

describe('settings', () => {
  test('ADMIN=off: /admin is not there, the Unix socket is', async () => {
    const off = await ServerProcess.start({ env: { ...ENV, DRIFTWAY_ADMIN: 'off' } });
    try {
      const made = signedToken({ dataDir: off.dataDir, uid: 1, scope: 'admin' });
      const refused = RawAdmin.open({ url: url(off), token: made });
      await expect(refused).rejects.toMatchObject({ status: 404, code: 'not_found' });
      const local = await AdminClient.connect({ socketPath: join(off.dataDir, 'admin.sock') });
      await local.close();
    } finally {
      await off.dispose();
    }
  });
});

describe('the public socket', () => {
  test('opcodes 96 to 127: ERR 103, the connection stays', async () => {
    const http = new HttpClient(server.port);
    const login = await http.register('public_socket');
    const client = await RawClient.open({ port: server.port, encoding: 'mp' });
    await client.identify(login.accessToken);
    for (let op = 96; op <= 127; op += 1) {
      const answer = await client.request(op, ['node', []]);
      expect([op, answer[0], answer[2]]).toEqual([op, 5, 103]);
    }
    client.socket.cut();
    http.close();
  });
});
