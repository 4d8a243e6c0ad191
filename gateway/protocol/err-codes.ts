/**
 * Codes of ERR frames (protocol.md 2.12) and their wire names.
 * Only numbers and names; runs anywhere. A code never gets a new meaning.
 */

/** ERR codes by name. */
export const Err = {
  BAD_ARGS: 101,
  UNKNOWN_OP: 103,
  RID_IN_USE: 105,
  BAD_CONTENT: 110,
  TOO_LARGE: 111,
  AUTH_FAILED: 201,
  TOKEN_EXPIRED: 202,
  PROOF_REQUIRED: 203,
  PROOF_INVALID: 204,
  FORBIDDEN_OR_ABSENT: 301,
  NO_HISTORY: 302,
  NO_SEND: 303,
  NONCE_REUSED: 311,
  NOT_FOUND: 401,
  INFLIGHT_LIMIT: 410,
  STREAM_LIMIT: 411,
  RATE: 420,
  SLOW_MODE: 421,
  INTERNAL: 500,
  OUTCOME_UNKNOWN: 501,
  UNAVAILABLE: 502,
  DRAINING: 503,
  VOICE_GONE: 601,
  VOICE_FULL: 602,
  VOICE_REJECTED: 603,
  E2E_REQUIRED: 604,
} as const;

/** Name of an ERR code in this file. */
export type ErrName = keyof typeof Err;

/** ERR code of this version. */
export type ErrCode = (typeof Err)[ErrName];

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Err).map(([name, code]) => [code, name.toLowerCase()]),
);

/**
 * Wire name of an ERR code, for example `bad_args` for 101.
 * @param code any number
 * @returns the name, or `unknown` for a code of a later version
 */
export function errName(code: number): string {
  return NAMES.get(code) ?? 'unknown';
}
