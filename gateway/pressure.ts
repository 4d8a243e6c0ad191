/**
 * How hard a gateway thread is pressed: the share of its backlog bound that is in use, and how late its
 * own timer comes (a thread that cannot keep up with its sockets). Sets the level of shedding.ts: up at
 * the end of any sweep round, down one step a second, so that a level does not flap; the budget of
 * notices is renewed each second. One per gateway thread; holds no timer.
 */
import type { GatewayMetrics } from './metrics.ts';
import type { Shedding, ShedLevel } from './shedding.ts';

/** Share of the backlog bound, and ms that a sweep step is late, at which each level begins. Guesses. */
const LEVELS: readonly { readonly share: number; readonly lateMs: number }[] = [
  { share: 0.25, lateMs: 1000 },
  { share: 0.5, lateMs: 2500 },
  { share: 0.75, lateMs: 4000 },
];
/** A hurried sweep ends several rounds a second (connections.ts). */
const RENEW_MS = 1000;

export interface PressureOptions {
  readonly shedding: Shedding;
  readonly metrics: GatewayMetrics;
  /** Time between two steps of the sweep. */
  readonly stepMs: number;
}

export class Pressure {
  readonly #options: PressureOptions;
  #lastMs = -1;
  #latestMs = 0;
  #renewedMs = Number.NEGATIVE_INFINITY;

  constructor(options: PressureOptions) {
    this.#options = options;
  }

  /** Each step of the sweep, with the monotonic clock. */
  step(nowMs: number): void {
    if (this.#lastMs >= 0) {
      this.#latestMs = Math.max(this.#latestMs, nowMs - this.#lastMs - this.#options.stepMs);
    }
    this.#lastMs = nowMs;
  }

  /** End of a sweep round. `share`: of the bound of backlogs, from 0 on. */
  endRound(share: number): void {
    const { metrics, shedding } = this.#options;
    let level = 0;
    for (const from of LEVELS) if (share >= from.share || this.#latestMs >= from.lateMs) level += 1;
    this.#latestMs = 0;
    const isDue = this.#lastMs - this.#renewedMs >= RENEW_MS;
    const least = isDue ? shedding.level - 1 : shedding.level;
    shedding.level = Math.max(level, least) as ShedLevel;
    metrics.shedLevelNow = shedding.level;
    if (!isDue) return;
    this.#renewedMs = this.#lastMs;
    shedding.renew();
    if (shedding.level > 0) metrics.shedSeconds += 1;
  }
}
