/**
 * Every rate and connection-count limit of protocol.md 2.13 and of api.md (HTTP), in one table, and
 * the bucket for limits that belong to one connection. Runs on gateway threads. Never keeps shared
 * state: what several threads must agree on goes through `rate-table.ts`.
 */

/** A token bucket: `burst` at once, refilled by `ratePerS` tokens per second. */
export interface RateLimit {
  /** Key space in the shared table: keys of different limits never meet. 1-255, unique. */
  readonly space: number;
  readonly name: string;
  readonly ratePerS: number;
  readonly burst: number;
}

/** Most of something that may be open at the same time, over all gateway threads. */
export interface CountLimit {
  readonly space: number;
  readonly name: string;
  readonly max: number;
}

const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;
const ROUNDING = 1e-9;

/** protocol.md 2.13 and api.md "HTTP limits (public)". `perUser...` and `perIp...` say what the key is. */
export const RATE_LIMITS = {
  /** APPEND (and POST messages): key `[uid, sid]`. */
  appendPerUserStream: { space: 1, name: 'append-user-stream', ratePerS: 1, burst: 5 },
  /** APPEND over all streams: key uid. */
  appendPerUser: { space: 2, name: 'append-user', ratePerS: 4, burst: 20 },
  /** New connections: key `addressKey(ip)`. */
  connectPerIp: { space: 3, name: 'connect-ip', ratePerS: 2, burst: 20 },
  /** Resume with a wrong key (H25): key `addressKey(ip)`. */
  resumeFailurePerIp: { space: 4, name: 'resume-failure-ip', ratePerS: 10 / MINUTE_S, burst: 10 },
  /** POST /auth/login: key folded user name or e-mail as given. */
  loginPerAccount: { space: 5, name: 'login-account', ratePerS: 10 / (15 * MINUTE_S), burst: 10 },
  /** POST /auth/login: key `addressKey(ip)`. */
  loginPerIp: { space: 6, name: 'login-ip', ratePerS: 30 / (15 * MINUTE_S), burst: 30 },
  /** POST /auth/register: key `addressKey(ip)`. */
  registerPerIp: { space: 7, name: 'register-ip', ratePerS: 10 / HOUR_S, burst: 10 },
  /** Any other HTTP request with a valid token: key uid. */
  httpPerUser: { space: 8, name: 'http-user', ratePerS: 50, burst: 100 },
  /** Any other HTTP request without one: key `addressKey(ip)`. */
  httpPerIp: { space: 9, name: 'http-ip', ratePerS: 50, burst: 100 },
  /** New Idempotency-Keys (each costs a document for a day): key uid. A guess. */
  idempotencyPerUser: { space: 16, name: 'idempotency-user', ratePerS: 2000 / DAY_S, burst: 2000 },
  /** Acts on roles, overwrites, members, bans and ownership: key `[uid, gid or sid]`. A guess, as are the next. */
  moderatePerUser: { space: 17, name: 'moderate-user', ratePerS: 5, burst: 30 },
  /** New threads: key `[uid, sid]`. */
  threadsPerUserStream: { space: 18, name: 'threads-user-stream', ratePerS: 1, burst: 10 },
  /** New direct messages and group DMs: key uid. */
  dmsPerUser: { space: 19, name: 'dms-user', ratePerS: 30 / (10 * MINUTE_S), burst: 30 },
  /** Lists that are read from the store with each request (audit, bans, pins, reactions): key uid. */
  storeReadsPerUser: { space: 20, name: 'store-reads-user', ratePerS: 10, burst: 40 },
  /** Read markers set by REST: key `[uid, sid]`. */
  markersPerUserStream: { space: 21, name: 'markers-user-stream', ratePerS: 1, burst: 10 },
  /** Refused tokens at /admin: key `addressKey(ip)`. */
  adminFailurePerIp: { space: 22, name: 'admin-failure-ip', ratePerS: 10 / MINUTE_S, burst: 10 },
} as const satisfies Record<string, RateLimit>;

/** Limits of one connection, for `TokenBucket` (no shared state needed). */
export const CONNECTION_LIMITS = {
  /** All frames from the client. */
  frames: { space: 32, name: 'frames', ratePerS: 20, burst: 60 },
  /** HISTORY, MEMBERS, GUILD together. */
  history: { space: 33, name: 'history', ratePerS: 2, burst: 10 },
  /** SUB entries. */
  subEntries: { space: 34, name: 'sub-entries', ratePerS: 100, burst: 1000 },
  /** V_JOIN: transports, consumers of everybody. A guess, as is the next. */
  voiceJoins: { space: 36, name: 'voice-joins', ratePerS: 0.5, burst: 10 },
  /** V_E2E: goes to everybody in the room. */
  voiceRelays: { space: 37, name: 'voice-relays', ratePerS: 4, burst: 40 },
  /** WebSocket pings from the client. */
  pings: { space: 35, name: 'pings', ratePerS: 1, burst: 10 },
} as const satisfies Record<string, RateLimit>;

export const COUNT_LIMITS = {
  /** Open sockets: key `addressKey(ip)`. */
  connectionsPerIp: { space: 64, name: 'connections-ip', max: 200 },
  /** Sockets before IDENTIFY in the whole process: key 0. */
  unauthenticated: { space: 65, name: 'unauthenticated', max: 2000 },
  /** Connections with a session: key uid. The user entity counts too, but anew after a crash. */
  connectionsPerUser: { space: 66, name: 'connections-user', max: 10 },
} as const satisfies Record<string, CountLimit>;

/** `LIMITS=trusted` multiplies rates, bursts and connection counts by this (protocol.md 2.17, item 23). */
export const TRUSTED_FACTOR = 10_000;

/** A limit times `factor` (1 public, `TRUSTED_FACTOR` trusted). */
export function scaled(limit: RateLimit, factor: number): RateLimit {
  return { ...limit, ratePerS: limit.ratePerS * factor, burst: limit.burst * factor };
}

/**
 * Token bucket of one connection: two numbers, no allocation per take. Any time base will do as long
 * as it does not run backwards by much; a step back gives nothing and takes nothing.
 */
export class TokenBucket {
  readonly #ratePerMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  constructor(limit: Pick<RateLimit, 'ratePerS' | 'burst'>, nowMs: number) {
    this.#ratePerMs = limit.ratePerS / 1000;
    this.#burst = limit.burst;
    this.#tokens = limit.burst;
    this.#atMs = nowMs;
  }

  /** 0 when `cost` tokens were taken; else nothing was taken and the ms until it would succeed. */
  take(nowMs: number, cost = 1): number {
    if (nowMs > this.#atMs) {
      const refilled = this.#tokens + (nowMs - this.#atMs) * this.#ratePerMs;
      this.#tokens = Math.min(refilled, this.#burst);
    }
    this.#atMs = nowMs;
    // ROUNDING: sums of ms times rate miss a whole token by about 1e-15.
    if (this.#tokens >= cost - ROUNDING) {
      this.#tokens -= cost;
      return 0;
    }
    return Math.max(1, Math.ceil((cost - this.#tokens) / this.#ratePerMs - ROUNDING));
  }
}
