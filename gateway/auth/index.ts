/** Access tokens: keys, signing, checking, and the logins that were ended. Exports only. */
export { KeyRing } from './key-ring.ts';
export { RevokedLogins, type RevokedLoginsOptions } from './revoked-logins.ts';
export { createTokenIssuer, TOKEN_AUDIENCE, type TokenIssuerOptions } from './token-issuer.ts';
export {
  CachingTokenVerifier,
  type TokenVerifierOptions,
  type TokenVerifierStats,
} from './token-verifier.ts';
export type {
  IssuedToken,
  JwksDocument,
  KeySet,
  PlainJwk,
  SigningKey,
  TokenAlg,
  TokenFacts,
  TokenIssuer,
  TokenKey,
  TokenVerdict,
  TokenVerifier,
} from './types.ts';
