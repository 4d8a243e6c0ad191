/**
 * Signs access tokens (api.md: JWT with kid, sub, sid, iss, aud, exp). Runs on gateway threads; the
 * signature itself is made on the crypto thread pool. Never logs or keeps a token.
 */
import { SignJWT } from 'jose/jwt/sign';
import type { Clock } from '../../runtime/index.ts';
import type { KeyRing } from './key-ring.ts';
import type { IssuedToken, TokenIssuer } from './types.ts';

/** `aud` of every access token: never changes with port or URL. */
export const TOKEN_AUDIENCE = 'driftway';

export interface TokenIssuerOptions {
  readonly keys: KeyRing;
  /** `iss`: the id kept in the data folder. */
  readonly instanceId: string;
  /** Life of a token in seconds, at least 10 (ACCESS_TOKEN_TTL_S). */
  readonly ttlS: number;
  readonly clock: Pick<Clock, 'now'>;
}

/** An issuer for the current key of `keys`. Throws RangeError when the life is under 10 s. */
export function createTokenIssuer(options: TokenIssuerOptions): TokenIssuer {
  const { keys, instanceId, ttlS, clock } = options;
  if (!Number.isInteger(ttlS) || ttlS < 10) {
    throw new RangeError(`create a token issuer: ttlS is ${ttlS}, wanted a whole number from 10`);
  }
  return {
    async issue(uid, login, scopes = []): Promise<IssuedToken> {
      const issuedAtS = Math.floor(clock.now() / 1000);
      const expS = issuedAtS + ttlS;
      const { kid, alg, key } = keys.signing();
      const claims = { sid: login, ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }) };
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg, kid, typ: 'JWT' })
        .setSubject(String(uid))
        .setIssuer(instanceId)
        .setAudience(TOKEN_AUDIENCE)
        .setIssuedAt(issuedAtS)
        .setExpirationTime(expS)
        .sign(key);
      return { token, expiresAt: expS * 1000 };
    },
  };
}
