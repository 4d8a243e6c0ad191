/**
 * Who may open a WebSocket (protocol.md 2.2, 2.13): subprotocol, Origin, rates and counts, decided
 * synchronously from what the upgrade request says (P20). Runs on gateway threads. The address is the
 * socket's own: forwarded and PROXY addresses are never read, since no configuration says whom to
 * trust (P18).
 */
import type { Clock } from '../runtime/index.ts';
import { addressKey, normalizeAddress } from './address.ts';
import type { AdmissionBound, GatewayMetrics } from './metrics.ts';
import { Pace } from './pace.ts';
import { type Encoding, SUBPROTOCOL } from './protocol/index.ts';
import type { RateTable } from './rates/index.ts';
import { COUNT_LIMITS, RATE_LIMITS, type RateLimit } from './rates/index.ts';

/**
 * Upgrades that a thread starts to serve per second: twice of what herd_ms is made from (hello.ts), so
 * that a herd that keeps to its window is not refused for coming unevenly.
 */
const HANDSHAKES: RateLimit = { space: 36, name: 'handshakes', ratePerS: 1000, burst: 1000 };
const RETRY_AFTER_S = 5;
const UNAUTHENTICATED_KEY = 0;

/** What an upgrade request says. */
export interface UpgradeRequest {
  /** `sec-websocket-protocol`, '' when absent. */
  readonly protocols: string;
  /** `origin`, '' when absent. */
  readonly origin: string;
  /** 4 or 16 bytes. */
  readonly address: ArrayBuffer;
}

/** The verdict on an upgrade. `retryAfterS` goes with 429 and 503. */
export type Verdict =
  | {
      readonly ok: true;
      readonly encoding: Encoding;
      readonly protocol: string;
      readonly addressKey: string;
    }
  | { readonly ok: false; readonly status: 400 | 403 | 429 | 503; readonly retryAfterS?: number };

export interface AdmissionOptions {
  readonly rates: RateTable;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly metrics: GatewayMetrics;
  readonly limitsFactor: number;
  /** Origins, or URLs that have them; `*` allows any. */
  readonly allowedOrigins: readonly string[];
  readonly isDraining: () => boolean;
  /** Most open connections of this thread, Infinity = no bound. */
  readonly connectionsMax: number;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #origins: ReadonlySet<string>;
  readonly #handshakePace: Pace;
  #handshakes = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#origins = new Set(options.allowedOrigins.map(originOf));
    this.#handshakePace = new Pace(HANDSHAKES, options.limitsFactor);
  }

  /** With `ok` the connection is counted: `identified` or `left` give the counts back. */
  judge(request: UpgradeRequest): Verdict {
    const { metrics, isDraining } = this.#options;
    const encoding = selectEncoding(request.protocols);
    if (encoding === undefined) {
      metrics.refusedProtocol += 1;
      return { ok: false, status: 400 };
    }
    if (!this.#isAllowed(request.origin)) {
      metrics.refusedOrigin += 1;
      return { ok: false, status: 403 };
    }
    if (isDraining()) {
      metrics.refusedDraining += 1;
      return { ok: false, status: 503, retryAfterS: RETRY_AFTER_S };
    }
    const key = addressKey(normalizeAddress(request.address));
    const refusal = this.#count(key);
    if (refusal !== undefined) return refusal;
    metrics.unauthenticatedNow += 1;
    return { ok: true, encoding, protocol: SUBPROTOCOL[encoding], addressKey: key };
  }

  /** The connection has identified itself. */
  identified(): void {
    this.#options.metrics.unauthenticatedNow -= 1;
    this.#options.rates.release(COUNT_LIMITS.unauthenticated, UNAUTHENTICATED_KEY);
  }

  /** The connection is gone. */
  left(key: string, wasIdentified: boolean): void {
    if (!wasIdentified) this.identified();
    this.#options.rates.release(COUNT_LIMITS.connectionsPerIp, key);
  }

  #isAllowed(origin: string): boolean {
    return origin === '' || this.#origins.has(origin) || this.#origins.has('*');
  }

  #count(key: string): Verdict | undefined {
    const { clock, connectionsMax, metrics, rates } = this.#options;
    if (metrics.connectionsNow >= connectionsMax) return this.#refuseFull('connections');
    const failures = rates.allowance(RATE_LIMITS.resumeFailurePerIp, key);
    if (failures.remaining === 0) return this.#refuseRate('resumeFailures', failures.resetS);
    const waitMs = rates.take(RATE_LIMITS.connectPerIp, key);
    if (waitMs > 0) return this.#refuseRate('connectRate', Math.ceil(waitMs / 1000));
    const nowMs = clock.monotonic();
    if (this.#handshakePace.waitMs(this.#handshakes, nowMs) > 0) {
      return this.#refuseFull('handshakes');
    }
    if (!rates.claim(COUNT_LIMITS.unauthenticated, UNAUTHENTICATED_KEY)) {
      return this.#refuseFull('unauthenticated');
    }
    if (!rates.claim(COUNT_LIMITS.connectionsPerIp, key)) {
      rates.release(COUNT_LIMITS.unauthenticated, UNAUTHENTICATED_KEY);
      return this.#refuseRate('openPerAddress', RETRY_AFTER_S);
    }
    this.#handshakes = this.#handshakePace.taken(this.#handshakes, nowMs);
    return undefined;
  }

  #refuseFull(bound: AdmissionBound): Verdict {
    const { metrics } = this.#options;
    metrics.refusedFull += 1;
    metrics.refusedByBound[bound] += 1;
    return { ok: false, status: 503, retryAfterS: RETRY_AFTER_S };
  }

  #refuseRate(bound: AdmissionBound, retryAfterS: number): Verdict {
    const { metrics } = this.#options;
    metrics.refusedRate += 1;
    metrics.refusedByBound[bound] += 1;
    return { ok: false, status: 429, retryAfterS: Math.max(1, retryAfterS) };
  }
}

/** `https://chat.example/` and the like as browsers write an Origin. */
function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url;
}

/**
 * The first offered subprotocol that this server speaks, in the client's order of preference.
 * @param offered value of `sec-websocket-protocol`; '' gives undefined (HTTP 400, 2.17 item 14)
 */
export function selectEncoding(offered: string): Encoding | undefined {
  for (const item of offered.split(',')) {
    const name = item.trim();
    if (name === SUBPROTOCOL.mp) return 'mp';
    if (name === SUBPROTOCOL.json) return 'json';
  }
  return undefined;
}
