/** Who is let in to /admin from outside, and the code of each refusal. */
import { describe, expect, test } from 'vitest';
import { ADMIN_SUBPROTOCOL } from '../admin-wire/index.ts';
import type { TokenVerdict, TokenVerifier } from '../auth/index.ts';
import { createRateTableBuffer, RATE_LIMITS, RateTable } from '../rates/index.ts';
import { AdminDoor } from './door.ts';
import { createRelayStats } from './stats.ts';

const FACTS = { ok: true, uid: 7, login: 'login', expMs: 1 } as const;
const VERDICTS: Readonly<Record<string, TokenVerdict>> = {
  admin: { ...FACTS, scopes: ['metrics', 'admin'] },
  plain: { ...FACTS, scopes: [] },
  near: { ...FACTS, scopes: ['admin.danger', 'administrator'] },
  old: { ok: false, code: 'expired' },
  ended: { ok: false, code: 'revoked' },
};

const rng = { u32: () => 1, bytes: (n: number) => new Uint8Array(n) };

const verifier: TokenVerifier = {
  verify: async (token) => VERDICTS[token] ?? { ok: false, code: 'forged' },
};

function setUp() {
  const clock = { ms: 1_000_000, monotonic: () => clock.ms };
  const rates = new RateTable(createRateTableBuffer(rng), { clock });
  const stats = createRelayStats();
  const allowedOrigins = ['https://chat.example/', 'http://localhost:3000'];
  const door = new AdminDoor({ verifier, rates, allowedOrigins, stats });
  const judge = (more: Partial<Parameters<AdminDoor['judge']>[0]>) =>
    door.judge({
      protocols: ADMIN_SUBPROTOCOL.mp,
      origin: '',
      authorization: '',
      address: '10.0.0.1',
      ...more,
    });
  return { clock, stats, door, judge };
}

describe('AdminDoor.judge', () => {
  test('a token with the scope: let in as its user', async () => {
    const verdict = await setUp().judge({ authorization: 'Bearer admin' });
    expect(verdict).toMatchObject({ ok: true, encoding: 'mp', person: { uid: 7 } });
  });

  test('a browser without token from an allowed origin: let in to send AUTH', async () => {
    for (const origin of ['https://chat.example', 'http://localhost:3000']) {
      expect(await setUp().judge({ origin })).toMatchObject({ ok: true, person: undefined });
    }
  });

  test.each([
    ['no token, no origin', {}, 'unauthorized'],
    ['a wrong token', { authorization: 'Bearer wrong' }, 'unauthorized'],
    ['no scheme', { authorization: 'admin' }, 'unauthorized'],
    ['another scheme', { authorization: 'Basic admin' }, 'unauthorized'],
    ['an ended login', { authorization: 'Bearer ended' }, 'unauthorized'],
    ['an expired token', { authorization: 'Bearer old' }, 'token_expired'],
    ['a token without scope', { authorization: 'Bearer plain' }, 'forbidden'],
    ['scopes that begin alike', { authorization: 'Bearer near' }, 'forbidden'],
    [
      'a wrong token of a browser',
      { origin: 'https://chat.example', authorization: 'Bearer x' },
      'unauthorized',
    ],
    ["the chat's subprotocol", { protocols: 'driftway.v1.mp' }, 'invalid'],
    ['no subprotocol', { protocols: '' }, 'invalid'],
  ] as const)('%s: %j, refused as %s', async (_what, upgrade, code) => {
    expect(await setUp().judge(upgrade)).toMatchObject({ ok: false, code });
  });

  test.each([
    'https://chat.example.evil',
    'http://chat.example',
    'https://chat.example:444',
    'null',
    'https://CHAT.example/',
  ])('origin %s: refused, the token does not matter', async (origin) => {
    const { judge, stats } = setUp();
    const verdict = await judge({ origin, authorization: 'Bearer admin' });
    expect(verdict).toMatchObject({ ok: false, code: 'origin_not_allowed' });
    expect(stats.refusedOrigin).toBe(1);
  });

  test('failed tokens of an address: after the limit even a right one waits; another address does not', async () => {
    const { clock, judge, stats } = setUp();
    const { burst, ratePerS } = RATE_LIMITS.adminFailurePerIp;
    for (let i = 0; i < burst; i += 1) {
      expect(await judge({ authorization: 'Bearer x' })).toMatchObject({ code: 'unauthorized' });
    }
    const refused = await judge({ authorization: 'Bearer admin' });
    expect(refused).toMatchObject({ ok: false, code: 'rate_limited' });
    expect(stats.refusedRate).toBe(1);
    expect(await judge({ authorization: 'Bearer admin', address: '10.0.0.2' })).toMatchObject({
      ok: true,
    });
    clock.ms += Math.ceil(1000 / ratePerS);
    expect(await judge({ authorization: 'Bearer admin' })).toMatchObject({ ok: true });
  });

  test('right tokens: cost nothing', async () => {
    const { judge } = setUp();
    for (let i = 0; i < 100; i += 1) {
      expect(await judge({ authorization: 'Bearer admin' })).toMatchObject({ ok: true });
    }
  });
});
