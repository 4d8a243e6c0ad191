/**
 * Token bucket whose state is one number, kept by the caller: the theoretical arrival time (GCRA). A
 * connection has four of them, which is why it is no object of its own. Pure; any thread.
 */
import type { RateLimit } from './rates/index.ts';

export class Pace {
  readonly #intervalMs: number;
  readonly #windowMs: number;

  /** `factor` multiplies rate and burst, so the window stays and the interval shrinks. */
  constructor(limit: RateLimit, factor: number) {
    this.#intervalMs = 1000 / (limit.ratePerS * factor);
    this.#windowMs = limit.burst * factor * this.#intervalMs;
  }

  /** 0 when `cost` tokens are there, else the ms until they are. `arrival` 0 = a full bucket. */
  waitMs(arrival: number, nowMs: number, cost = 1): number {
    const over = Math.max(arrival, nowMs) + cost * this.#intervalMs - nowMs - this.#windowMs;
    // Sums of fractional intervals miss a whole token by some 1e-9.
    return over > 1e-6 ? Math.max(1, Math.ceil(over)) : 0;
  }

  /** The state after taking `cost` tokens. */
  taken(arrival: number, nowMs: number, cost = 1): number {
    return Math.max(arrival, nowMs) + cost * this.#intervalMs;
  }
}
