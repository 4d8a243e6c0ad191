/** The numbers of protocol.md 2.4, 2.5, 2.7 and 2.12, typed in from the page: the suite must not take them from the code it judges. */

/** Opcodes. */
export const Op = {
  HELLO: 1,
  IDENTIFY: 2,
  OK: 4,
  ERR: 5,
  PING: 6,
  TIME: 7,
  REAUTH: 8,
  AUTH_EXPIRING: 9,
  RECONNECT: 10,
  BATCH: 12,
  EV: 16,
  HEAD: 17,
  GAP: 18,
  PRESENCE: 21,
  VOICE: 23,
  SUBEND: 25,
  SUB: 32,
  UNSUB: 33,
  APPEND: 34,
  HISTORY: 35,
  SYNC: 36,
  GUILD: 43,
  V_JOIN: 48,
  V_LEAVE: 49,
  V_TRANSPORT: 50,
  V_PRODUCE: 52,
  V_PAUSE: 54,
  V_CLOSE: 55,
  V_STATE: 56,
  V_ICE: 57,
  V_SYNC: 58,
} as const;

/** Event kinds that the cases use. */
export const Kind = { REDACTED: 0, CREATE: 1, EDIT: 2, DELETE: 3, REVOKED: 47 } as const;

/** Kinds of VOICE that the cases look for. */
export const VoiceKind = { LEFT: 2, PRODUCER: 4 } as const;

/** Status of an entry in the OK to SUB. */
export const Status = { LIVE: 0, REPLAYING: 1, GAP: 2, REFUSED: 3, OVER_LIMIT: 4 } as const;

/** Reasons of a GAP. */
export const Reason = { TOO_FAR: 1, EPOCH: 2, FORK: 3, AHEAD: 4, SLOW: 7 } as const;

/** Codes of ERR. */
export const Err = {
  BAD_ARGS: 101,
  UNKNOWN_OP: 103,
  FORBIDDEN: 301,
  NONCE_REUSED: 311,
  RATE: 420,
  UNKNOWN_OUTCOME: 501,
  UNAVAILABLE: 502,
  DRAINING: 503,
} as const;

/** Close codes. */
export const Close = {
  DRAINING: 4001,
  TOO_SLOW: 4002,
  AUTH_EXPIRED: 4003,
  DEADLINE: 4007,
  BAD_FRAME: 4500,
  TOO_LARGE: 4501,
  AUTH_FAILED: 4504,
  REPLACED: 4505,
  /** What the client notes where no close frame came. */
  NONE: 1006,
} as const;

/** Names that go with the codes of ERR (2.12) and with the close codes, which an ERR with rid 0 may carry (2.17.10). */
export const NAMES: ReadonlyMap<number, string> = new Map([
  [101, 'bad_args'],
  [103, 'unknown_op'],
  [105, 'rid_in_use'],
  [110, 'bad_content'],
  [111, 'too_large'],
  [201, 'auth_failed'],
  [202, 'token_expired'],
  [203, 'proof_required'],
  [204, 'proof_invalid'],
  [301, 'forbidden_or_absent'],
  [302, 'no_history'],
  [303, 'no_send'],
  [311, 'nonce_reused'],
  [401, 'not_found'],
  [410, 'inflight_limit'],
  [411, 'stream_limit'],
  [420, 'rate'],
  [421, 'slow_mode'],
  [500, 'internal'],
  [501, 'outcome_unknown'],
  [502, 'unavailable'],
  [503, 'draining'],
  [601, 'voice_gone'],
  [602, 'voice_full'],
  [603, 'voice_rejected'],
  [604, 'e2e_required'],
  [4000, 'server_error'],
  [4001, 'draining'],
  [4002, 'too_slow'],
  [4003, 'auth_expired'],
  [4006, 'overloaded'],
  [4007, 'deadline'],
  [4008, 'rate_abuse'],
  [4500, 'bad_frame'],
  [4501, 'too_large'],
  [4502, 'not_identified'],
  [4503, 'already_identified'],
  [4504, 'auth_failed'],
  [4505, 'session_replaced'],
  [4506, 'unsupported_version'],
  [4507, 'revoked'],
  [4508, 'connection_limit'],
]);
