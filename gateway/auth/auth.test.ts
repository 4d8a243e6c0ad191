/** Tests of gateway/auth: a table of tokens, rotation, cache, revocation. */
import { createHmac, createPublicKey } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  CachingTokenVerifier,
  createTokenIssuer,
  KeyRing,
  type KeySet,
  RevokedLogins,
  type SigningKey,
  type TokenAlg,
} from './index.ts';

const INSTANCE = 'instance-1';
const LOGIN = 'abcdefghijklmnopqrstuv';

async function makeKey(kid: string, alg: TokenAlg): Promise<SigningKey> {
  const pair = await generateKeyPair(alg, { extractable: true });
  return {
    kid,
    alg,
    publicJwk: { ...(await exportJWK(pair.publicKey)) },
    privateJwk: { ...(await exportJWK(pair.privateKey)) },
  };
}

async function makeAuth(set: KeySet, options: { cacheMax?: number; revokedMax?: number } = {}) {
  const clock = { ms: 1_763_694_000_500, now: () => clock.ms };
  const keys = await KeyRing.open(set);
  const revoked = new RevokedLogins({ clock, max: options.revokedMax ?? 100 });
  const issuer = createTokenIssuer({ keys, instanceId: INSTANCE, ttlS: 900, clock });
  const verifier = new CachingTokenVerifier({
    keys,
    instanceId: INSTANCE,
    clock,
    revoked,
    cacheMax: options.cacheMax ?? 100,
  });
  return { clock, keys, revoked, issuer, verifier };
}

let ed: SigningKey;
let es: SigningKey;
let rs: SigningKey;
beforeAll(async () => {
  [ed, es, rs] = await Promise.all([
    makeKey('ed-1', 'EdDSA'),
    makeKey('es-1', 'ES256'),
    makeKey('rs-1', 'RS256'),
  ]);
});

describe('tokens', () => {
  test.each(['EdDSA', 'ES256', 'RS256'])(
    'issue and verify with %s: the facts come back',
    async (alg) => {
      const key = { EdDSA: ed, ES256: es, RS256: rs }[alg] as SigningKey;
      const { issuer, verifier, clock } = await makeAuth({ current: key, previous: [] });
      const { token, expiresAt } = await issuer.issue(9_007_199_254_740_991, LOGIN, ['metrics']);
      expect(expiresAt).toBe(Math.floor(clock.ms / 1000) * 1000 + 900_000);
      expect(await verifier.verify(token)).toEqual({
        ok: true,
        uid: 9_007_199_254_740_991,
        login: LOGIN,
        expMs: expiresAt,
        scopes: ['metrics'],
      });
      const [head, body] = token
        .split('.')
        .map((part) => Buffer.from(part, 'base64url').toString());
      expect(JSON.parse(head as string)).toMatchObject({ alg, kid: key.kid });
      expect(JSON.parse(body as string)).toMatchObject({
        sub: '9007199254740991',
        sid: LOGIN,
        iss: INSTANCE,
        aud: 'driftway',
      });
    },
  );

  test('verify: from its expiry on a token is expired, cached or not', async () => {
    const { issuer, verifier, clock } = await makeAuth({ current: ed, previous: [] });
    const { token, expiresAt } = await issuer.issue(5, LOGIN);
    clock.ms = expiresAt - 1;
    expect(await verifier.verify(token)).toMatchObject({ ok: true });
    clock.ms = expiresAt;
    expect(await verifier.verify(token)).toEqual({ ok: false, code: 'expired' });
    expect(await verifier.verify(token)).toEqual({ ok: false, code: 'expired' });
    const results = { ok: 1, expired: 2, forged: 0, revoked: 0 };
    expect(verifier.stats()).toEqual({ cached: 0, hits: 1, misses: 2, refused: 2, results });
  });

  test('verify: every kind of forgery is forged, expired forgeries too', async () => {
    const { issuer, verifier, clock, keys } = await makeAuth({ current: ed, previous: [es] });
    const signKey = keys.signing().key;
    const nowS = Math.floor(clock.ms / 1000);
    const build = (change: {
      header?: Record<string, unknown>;
      claims?: Record<string, unknown>;
      iss?: string;
      aud?: string;
      exp?: number;
    }) =>
      new SignJWT({
        sid: LOGIN,
        sub: '5',
        iat: nowS,
        exp: change.exp ?? nowS + 60,
        ...change.claims,
      })
        .setProtectedHeader({ alg: 'EdDSA', kid: 'ed-1', ...change.header })
        .setIssuer(change.iss ?? INSTANCE)
        .setAudience(change.aud ?? 'driftway');
    expect(await verifier.verify(await build({}).sign(signKey))).toMatchObject({ ok: true });

    const good = (await issuer.issue(5, LOGIN)).token;
    const [head, body, sig] = good.split('.') as [string, string, string];
    const encode = (value: unknown): string =>
      Buffer.from(JSON.stringify(value)).toString('base64url');
    const other = await makeKey('ed-1', 'EdDSA');
    const otherRing = await KeyRing.open({ current: other, previous: [] });
    const pem = createPublicKey({ key: { ...rs.publicJwk }, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    });
    const hmacHead = encode({ alg: 'HS256', kid: 'ed-1' });
    const forged: Record<string, string> = {
      empty: '',
      words: 'not a token',
      dots: '..',
      unsigned: `${encode({ alg: 'none', kid: 'ed-1' })}.${body}.`,
      'alg of another key': `${encode({ alg: 'ES256', kid: 'ed-1' })}.${body}.${sig}`,
      'kid of another key': `${encode({ alg: 'EdDSA', kid: 'es-1' })}.${body}.${sig}`,
      'unknown kid': await build({ header: { kid: 'nope' } }).sign(signKey),
      'no kid': await build({ header: { kid: undefined } }).sign(signKey),
      'public key as secret': `${hmacHead}.${body}.${createHmac('sha256', pem).update(`${hmacHead}.${body}`).digest('base64url')}`,
      'other signer': await build({}).sign(otherRing.signing().key),
      'other signer, expired': await build({ exp: nowS - 9 }).sign(otherRing.signing().key),
      'changed body': `${head}.${encode({ sub: '6', sid: LOGIN, iss: INSTANCE, aud: 'driftway', iat: nowS, exp: nowS + 9 })}.${sig}`,
      'changed signature': `${head}.${body}.${sig.slice(0, -4)}AAAA`,
      'other issuer': await build({ iss: 'else' }).sign(signKey),
      'other audience': await build({ aud: 'else' }).sign(signKey),
      'other issuer, expired': await build({ iss: 'else', exp: nowS - 9 }).sign(signKey),
      'subject no id': await build({ claims: { sub: 'bob' } }).sign(signKey),
      'subject too large': await build({ claims: { sub: '9007199254740993' } }).sign(signKey),
      'no login': await build({ claims: { sid: undefined } }).sign(signKey),
      'login no string, expired': await build({ claims: { sid: 5 }, exp: nowS - 9 }).sign(signKey),
      'no issue time': await build({ claims: { iat: undefined } }).sign(signKey),
      'no expiry': await build({ claims: { exp: undefined } }).sign(signKey),
      'too long': `${head}.${'A'.repeat(3000)}.${sig}`,
    };
    for (const [what, token] of Object.entries(forged)) {
      expect({ what, verdict: await verifier.verify(token) }).toEqual({
        what,
        verdict: { ok: false, code: 'forged' },
      });
    }
    expect(await verifier.verify(await build({ exp: nowS - 9 }).sign(signKey))).toEqual({
      ok: false,
      code: 'expired',
    });
  });

  test('KeyRing.replace: tokens of the previous key live on, those of a removed key are forged', async () => {
    const { issuer, verifier, keys } = await makeAuth({ current: ed, previous: [] });
    const first = (await issuer.issue(5, LOGIN)).token;
    expect(await verifier.verify(first)).toMatchObject({ ok: true });
    await keys.replace({ current: es, previous: [ed] });
    const second = (await issuer.issue(5, LOGIN)).token;
    expect(await verifier.verify(first)).toMatchObject({ ok: true });
    expect(await verifier.verify(second)).toMatchObject({ ok: true });
    expect(keys.jwks().keys.map((key) => key.kid)).toEqual(['es-1', 'ed-1']);
    await keys.replace({ current: rs, previous: [es] });
    expect(await verifier.verify(first)).toEqual({ ok: false, code: 'forged' });
    expect(await verifier.verify(second)).toMatchObject({ ok: true });
  });

  test('KeyRing: the published set holds public members only', async () => {
    const { keys } = await makeAuth({
      current: { ...ed, publicJwk: { ...ed.privateJwk } },
      previous: [rs, es],
    });
    for (const key of keys.jwks().keys) {
      for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'])
        expect(key).not.toHaveProperty(secret);
      expect(key).toMatchObject({ use: 'sig' });
    }
  });

  test('KeyRing.open: bad keys are refused by code without showing the key', async () => {
    const bad: KeySet[] = [
      { current: { ...ed, privateJwk: { kty: 'OKP' } }, previous: [] },
      { current: { ...ed, privateJwk: ed.publicJwk }, previous: [] },
      { current: ed, previous: [ed] },
      { current: { ...ed, kid: 'a b' }, previous: [] },
      { current: { ...ed, alg: 'HS256' as TokenAlg }, previous: [] },
      { current: { ...ed, privateJwk: { kty: 'oct', k: 'c2VjcmV0' } }, previous: [] },
    ];
    for (const set of bad) {
      await expect(KeyRing.open(set)).rejects.toMatchObject({ code: 'DRIFT_GATEWAY_BAD_KEY' });
    }
  });

  test('CachingTokenVerifier: keeps at most cacheMax tokens, the least recently used goes first', async () => {
    const { issuer, verifier } = await makeAuth({ current: ed, previous: [] }, { cacheMax: 2 });
    const tokens = await Promise.all([1, 2, 3].map((uid) => issuer.issue(uid, LOGIN)));
    const [a, b, c] = tokens.map((issued) => issued.token) as [string, string, string];
    for (const token of [a, b, a, c, a, b])
      expect(await verifier.verify(token)).toMatchObject({ ok: true });
    const results = { ok: 6, expired: 0, forged: 0, revoked: 0 };
    expect(verifier.stats()).toEqual({ cached: 2, hits: 2, misses: 4, refused: 0, results });
  });

  test('createTokenIssuer: a life under 10 s is a RangeError', async () => {
    const { keys, clock } = await makeAuth({ current: ed, previous: [] });
    expect(() => createTokenIssuer({ keys, instanceId: INSTANCE, ttlS: 9, clock })).toThrow(
      RangeError,
    );
  });
});

describe('RevokedLogins', () => {
  test('add: tokens of the login are revoked at once, cached ones too, until the time given', async () => {
    const { issuer, verifier, revoked, clock } = await makeAuth({ current: ed, previous: [] });
    const { token } = await issuer.issue(5, LOGIN);
    const other = (await issuer.issue(5, 'other')).token;
    expect(await verifier.verify(token)).toMatchObject({ ok: true });
    revoked.add(LOGIN, clock.ms + 1000);
    expect(await verifier.verify(token)).toEqual({ ok: false, code: 'revoked' });
    expect(await verifier.verify(other)).toMatchObject({ ok: true });
    clock.ms += 1000;
    expect(await verifier.verify(token)).toMatchObject({ ok: true });
    revoked.add('late', clock.ms);
    expect(revoked.size).toBe(0);
  });

  test('add: a shorter time does not shorten a revocation', () => {
    const clock = { ms: 1000, now: () => clock.ms };
    const revoked = new RevokedLogins({ clock });
    revoked.add('a', 5000);
    revoked.add('a', 2000);
    clock.ms = 4999;
    expect(revoked.isRevoked('a')).toBe(true);
  });

  test('add beyond the bound: every older token counts as expired, newer ones pass', async () => {
    const { issuer, verifier, revoked, clock } = await makeAuth(
      { current: ed, previous: [] },
      { revokedMax: 2 },
    );
    const { token } = await issuer.issue(5, LOGIN);
    const victim = (await issuer.issue(6, 'ended-0')).token;
    for (let i = 0; i < 3; i++) revoked.add(`ended-${i}`, clock.ms + 900_000);
    expect(revoked.overflows).toBe(1);
    expect(revoked.size).toBe(1);
    expect(await verifier.verify(token)).toEqual({ ok: false, code: 'expired' });
    expect((await verifier.verify(victim)).ok).toBe(false);
    clock.ms += 1000;
    expect(await verifier.verify((await issuer.issue(5, LOGIN)).token)).toMatchObject({ ok: true });
  });
});
