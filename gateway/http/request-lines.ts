/**
 * The access log of HTTP: one line per request. Failures of ours are warnings, the others are told as far as the budget goes
 * (access-log.ts), what is left and the probes of machines are for debugging. Gateway threads. Never tells a path (it may hold an
 * invite code), an address, a body or a token.
 */
import type { Clock } from '../../runtime/index.ts';
import { AccessLog } from '../access-log.ts';
import type { HttpLog } from './types.ts';

/** What is known of a request when it has been answered. */
export interface AnsweredRequest {
  readonly requestId: string;
  /** The caller's, where it sent one. */
  readonly correlationId: string | undefined;
  readonly method: string;
  /** Pattern of the route. */
  readonly trace: { readonly route?: string };
  readonly status: number;
  readonly tookMs: number;
}

const SLOW_MS = 1000;
/** Asked over and over by machines: told when something is wrong. */
const PROBES: ReadonlySet<string> = new Set(['/health', '/ready', '/metrics']);

export class RequestLines {
  readonly #access: AccessLog;
  readonly #log: HttpLog;

  constructor(clock: Pick<Clock, 'monotonic'>, log: HttpLog) {
    this.#access = new AccessLog(clock);
    this.#log = log;
  }

  stats(): { readonly accessLinesSkipped: number } {
    return { accessLinesSkipped: this.#access.skippedCount };
  }

  tell({ correlationId, trace, tookMs, ...request }: AnsweredRequest): void {
    const { requestId, method, status } = request;
    const other =
      correlationId === undefined || correlationId === requestId ? {} : { correlationId };
    const line = { requestId, ...other, method, ...trace, status, tookMs: tenths(tookMs) };
    if (status >= 500) {
      this.#log.warn({ ...line, ...this.#access.take(true) }, 'http');
      return;
    }
    const isProbe = trace.route !== undefined && PROBES.has(trace.route);
    const more = isProbe ? undefined : this.#access.take(tookMs > SLOW_MS);
    if (more === undefined) this.#log.debug(line, 'http');
    else this.#log.info({ ...line, ...more }, 'http');
  }
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
