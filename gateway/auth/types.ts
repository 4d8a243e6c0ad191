/**
 * Types of access tokens: keys as handed in by the composition root, what a token says, and the two
 * small interfaces that HTTP and sockets use. Types only.
 */

/** Signature algorithms of access tokens (api.md, TOKEN_ALG). */
export type TokenAlg = 'EdDSA' | 'ES256' | 'RS256';

/** A JSON Web Key as plain data (crosses threads). */
export type PlainJwk = Readonly<Record<string, unknown>>;

export interface TokenKey {
  /** 1-64 characters, unique in the set, never used for another key. */
  readonly kid: string;
  readonly alg: TokenAlg;
  readonly publicJwk: PlainJwk;
}

export interface SigningKey extends TokenKey {
  readonly privateJwk: PlainJwk;
}

/** The signing key, and the keys whose tokens may still be alive. Plain data. */
export interface KeySet {
  readonly current: SigningKey;
  readonly previous: readonly TokenKey[];
}

/** RFC 7517 set as served at /.well-known/jwks.json: public members only. */
export interface JwksDocument {
  readonly keys: readonly PlainJwk[];
}

export interface IssuedToken {
  readonly token: string;
  /** ms since 1970, whole seconds. */
  readonly expiresAt: number;
}

export interface TokenIssuer {
  /**
   * A signed access token of `uid` for one login (`sid` claim). `scopes` default none; there are
   * `metrics`, `admin` and `admin.danger`.
   */
  issue(uid: number, login: string, scopes?: readonly string[]): Promise<IssuedToken>;
}

/** Facts of a token whose signature, issuer, audience and life were checked. */
export interface TokenFacts {
  readonly uid: number;
  readonly login: string;
  /** Expiry, ms since 1970. */
  readonly expMs: number;
  readonly scopes: readonly string[];
}

export type TokenVerdict =
  | ({ readonly ok: true } & TokenFacts)
  /**
   * `expired`: ours in every respect, only too old: fetch a new one. `revoked`: ours, but its login
   * was ended. `forged`: anything else, an unreadable token included.
   */
  | { readonly ok: false; readonly code: 'forged' | 'expired' | 'revoked' };

export interface TokenVerifier {
  /** Never rejects. Any string is allowed, tokens over 2,048 characters are forged. */
  verify(token: string): Promise<TokenVerdict>;
}
