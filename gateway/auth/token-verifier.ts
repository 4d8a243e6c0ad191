/**
 * Checks access tokens for HTTP, IDENTIFY and REAUTH. Owns a bounded cache of verified tokens (a
 * reconnect storm brings the same ones again). Runs on gateway threads; signatures are checked on
 * the crypto thread pool. Never keeps a token itself (only its digest), never logs one.
 */
import { hash } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { JWKSNoMatchingKey, JWTExpired } from 'jose/errors';
import { jwtVerify } from 'jose/jwt/verify';
import type { Clock } from '../../runtime/index.ts';
import type { KeyRing } from './key-ring.ts';
import type { RevokedLogins } from './revoked-logins.ts';
import { TOKEN_AUDIENCE } from './token-issuer.ts';
import type { TokenFacts, TokenVerdict, TokenVerifier } from './types.ts';

export interface TokenVerifierOptions {
  readonly keys: KeyRing;
  readonly instanceId: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly revoked: RevokedLogins;
  /** Verified tokens kept, least recently used dropped first; default 8,192 (about 3 MB). */
  readonly cacheMax?: number;
}

interface Known extends TokenFacts {
  readonly issuedAtMs: number;
}

/** Counters of one verifier. */
export interface TokenVerifierStats {
  readonly cached: number;
  readonly hits: number;
  readonly misses: number;
  readonly refused: number;
  /** Verdicts: `ok`, or the code of the refusal. */
  readonly results: Readonly<Record<TokenResult, number>>;
}

type TokenResult = 'ok' | 'expired' | 'forged' | 'revoked';

const TOKEN_LENGTH_MAX = 2048;
const USER_ID = /^[1-9][0-9]{0,15}$/;
const LOGIN = /^[A-Za-z0-9_-]{1,64}$/;

/** The one implementation of TokenVerifier. */
export class CachingTokenVerifier implements TokenVerifier {
  readonly #options: TokenVerifierOptions;
  readonly #cacheMax: number;
  readonly #cache = new Map<string, Known>();
  #generation: number;
  #hits = 0;
  #misses = 0;
  #refused = 0;
  readonly #results: Record<TokenResult, number> = { ok: 0, expired: 0, forged: 0, revoked: 0 };

  constructor(options: TokenVerifierOptions) {
    this.#options = options;
    this.#cacheMax = options.cacheMax ?? 8192;
    this.#generation = options.keys.generation;
  }

  async verify(token: string): Promise<TokenVerdict> {
    const verdict = await this.#verify(token);
    this.#results[verdict.ok ? 'ok' : verdict.code]++;
    if (!verdict.ok) this.#refused++;
    return verdict;
  }

  stats(): TokenVerifierStats {
    return {
      cached: this.#cache.size,
      hits: this.#hits,
      misses: this.#misses,
      refused: this.#refused,
      results: { ...this.#results },
    };
  }

  async #verify(token: string): Promise<TokenVerdict> {
    if (token.length === 0 || token.length > TOKEN_LENGTH_MAX) return { ok: false, code: 'forged' };
    this.#dropOldKeys();
    const digest = hash('sha256', token, 'base64');
    const known = this.#cache.get(digest);
    if (known !== undefined) {
      this.#hits++;
      this.#cache.delete(digest);
      if (known.expMs <= this.#options.clock.now()) return { ok: false, code: 'expired' };
      this.#cache.set(digest, known);
      return this.#judge(known);
    }
    this.#misses++;
    const generation = this.#generation;
    const checked = await this.#check(token);
    if ('code' in checked) return { ok: false, code: checked.code };
    if (generation === this.#options.keys.generation) this.#remember(digest, checked);
    return this.#judge(checked);
  }

  /** What may change while a token lives: its login, and the bound of the table of ended logins. */
  #judge(known: Known): TokenVerdict {
    const { revoked } = this.#options;
    if (revoked.isRevoked(known.login)) return { ok: false, code: 'revoked' };
    if (!revoked.isFresh(known.issuedAtMs)) return { ok: false, code: 'expired' };
    const { uid, login, expMs, scopes } = known;
    return { ok: true, uid, login, expMs, scopes };
  }

  async #check(token: string): Promise<Known | { readonly code: 'forged' | 'expired' }> {
    const { keys, instanceId, clock } = this.#options;
    try {
      const { payload } = await jwtVerify(
        token,
        (header) => {
          const found = header.kid === undefined ? undefined : keys.verifying(header.kid);
          if (found === undefined || found.alg !== header.alg) {
            throw new JWKSNoMatchingKey();
          }
          return found.key;
        },
        {
          issuer: instanceId,
          audience: TOKEN_AUDIENCE,
          requiredClaims: ['sub', 'sid', 'iat', 'exp'],
          currentDate: new Date(clock.now()),
        },
      );
      return readClaims(payload) ?? { code: 'forged' };
    } catch (error) {
      // The expiry is the last thing jose looks at, but `sub` and `sid` are ours to judge.
      if (error instanceof JWTExpired && readClaims(error.payload) !== undefined) {
        return { code: 'expired' };
      }
      return { code: 'forged' };
    }
  }

  #remember(digest: string, known: Known): void {
    if (this.#cache.size >= this.#cacheMax) {
      const oldest = this.#cache.keys().next();
      if (oldest.done !== true) this.#cache.delete(oldest.value);
    }
    this.#cache.set(digest, known);
  }

  #dropOldKeys(): void {
    if (this.#generation === this.#options.keys.generation) return;
    this.#generation = this.#options.keys.generation;
    this.#cache.clear();
  }
}

function readClaims(payload: JWTPayload): Known | undefined {
  const { sub, exp, iat } = payload;
  const login = payload.sid;
  const scope = payload.scope ?? '';
  if (sub === undefined || !USER_ID.test(sub) || !Number.isSafeInteger(Number(sub)))
    return undefined;
  if (typeof login !== 'string' || !LOGIN.test(login) || typeof scope !== 'string')
    return undefined;
  if (exp === undefined || iat === undefined) return undefined;
  return {
    uid: Number(sub),
    login,
    expMs: exp * 1000,
    issuedAtMs: iat * 1000,
    scopes: scope === '' ? [] : scope.split(' '),
  };
}
