/**
 * Who may open a remote admin connection: Origin, subprotocol, token, scope, rate of failures. Runs on gateway threads, so that
 * nothing of a stranger reaches the main thread. Never logs a token.
 */
import { addressKey } from '../address.ts';
import { type AdminEncoding, selectAdminEncoding } from '../admin-wire/index.ts';
import type { TokenFacts, TokenVerifier } from '../auth/index.ts';
import { RATE_LIMITS, type RateTable } from '../rates/index.ts';
import type { AdminRelayStats } from './types.ts';

/** Scope that every remote admin needs. */
export const ADMIN_SCOPE = 'admin';

/** Why somebody is not let in, with the HTTP status of it at the upgrade. */
export const REFUSALS = {
  invalid: { status: '400 Bad Request', message: 'offer a subprotocol of driftway.admin.v1' },
  unauthorized: { status: '401 Unauthorized', message: 'a valid token is needed' },
  token_expired: { status: '401 Unauthorized', message: 'the token has expired' },
  forbidden: { status: '403 Forbidden', message: 'the token lacks the scope admin' },
  origin_not_allowed: { status: '403 Forbidden', message: 'this origin may not connect' },
  rate_limited: { status: '429 Too Many Requests', message: 'too many failed attempts' },
  unavailable: { status: '503 Service Unavailable', message: 'too many admin connections' },
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/** What an upgrade request says. */
export interface AdminUpgrade {
  /** Headers, '' when absent. */
  readonly protocols: string;
  readonly origin: string;
  readonly authorization: string;
  /** Canonical text (address.ts). */
  readonly address: string;
}

/** `person` undefined: a browser, which cannot set headers and sends AUTH as its first frame. */
export type DoorVerdict =
  | { readonly ok: true; readonly encoding: AdminEncoding; readonly person: TokenFacts | undefined }
  | { readonly ok: false; readonly code: RefusalCode; readonly retryAfterMs?: number };

export type TokenJudgement =
  | { readonly ok: true; readonly person: TokenFacts }
  | { readonly ok: false; readonly code: RefusalCode; readonly retryAfterMs?: number };

export interface DoorOptions {
  readonly verifier: TokenVerifier;
  readonly rates: RateTable;
  /** Exact origins of browsers. */
  readonly allowedOrigins: readonly string[];
  readonly stats: AdminRelayStats;
}

const BEARER = /^bearer +(\S+)$/i;

export class AdminDoor {
  readonly #options: DoorOptions;
  readonly #origins: ReadonlySet<string>;

  constructor(options: DoorOptions) {
    this.#options = options;
    this.#origins = new Set(
      options.allowedOrigins.filter((url) => URL.canParse(url)).map((url) => new URL(url).origin),
    );
  }

  /** Judges an upgrade. Never rejects. */
  async judge(upgrade: AdminUpgrade): Promise<DoorVerdict> {
    const { address, authorization, origin, protocols } = upgrade;
    const { stats } = this.#options;
    if (origin !== '' && !this.#origins.has(origin)) {
      stats.refusedOrigin += 1;
      return { ok: false, code: 'origin_not_allowed' };
    }
    const encoding = selectAdminEncoding(protocols);
    if (encoding === undefined) return { ok: false, code: 'invalid' };
    if (authorization === '' && origin !== '') return { ok: true, encoding, person: undefined };
    const judged = await this.token(BEARER.exec(authorization)?.[1] ?? '', address);
    return judged.ok ? { ok: true, encoding, person: judged.person } : judged;
  }

  /** Judges a token from an address. Never rejects. */
  async token(token: string, address: string): Promise<TokenJudgement> {
    const { rates, stats, verifier } = this.#options;
    const key = addressKey(address);
    const limit = RATE_LIMITS.adminFailurePerIp;
    const { remaining, resetS } = rates.allowance(limit, key);
    if (remaining === 0) {
      stats.refusedRate += 1;
      const retryAfterMs = Math.ceil((resetS * 1000) / limit.burst);
      return { ok: false, code: 'rate_limited', retryAfterMs };
    }
    const verdict = await verifier.verify(token);
    if (verdict.ok && verdict.scopes.includes(ADMIN_SCOPE)) return { ok: true, person: verdict };
    rates.take(limit, key);
    if (verdict.ok) {
      stats.refusedScope += 1;
      return { ok: false, code: 'forbidden' };
    }
    stats.refusedToken += 1;
    return { ok: false, code: verdict.code === 'expired' ? 'token_expired' : 'unauthorized' };
  }
}
