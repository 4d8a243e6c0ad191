/**
 * Restart intensity as OTP computes it: whole monotonic seconds, restarts kept while
 * t >= now - period (inclusive), too many when more than `intensity` remain after adding the new one.
 * A count per second instead of a list, so a restart costs the same however many came before.
 */
import type { Ms } from '../clock.ts';

export class IntensityWindow {
  readonly #intensity: number;
  readonly #periodS: number;
  /** Ascending whole seconds, and the restarts in each; at most period + 1 entries. */
  readonly #seconds: number[] = [];
  readonly #counts: number[] = [];
  #total = 0;

  /** `intensity` >= 0 restarts within `periodS` > 0 seconds; both whole. RangeError names the bad one. */
  constructor(intensity: number, periodS: number) {
    if (!Number.isInteger(intensity) || intensity < 0) {
      throw new RangeError(`intensity: got ${intensity}, want an integer >= 0`);
    }
    if (!Number.isInteger(periodS) || periodS < 1) {
      throw new RangeError(`period: got ${periodS}, want an integer > 0`);
    }
    this.#intensity = intensity;
    this.#periodS = periodS;
  }

  /** Notes one restart at `nowMs`. True: that was one too many, give up. */
  add(nowMs: Ms): boolean {
    const now = Math.floor(nowMs / 1000);
    this.#forget(now);
    const last = this.#seconds.length - 1;
    if (last >= 0 && this.#seconds[last] === now)
      this.#counts[last] = (this.#counts[last] ?? 0) + 1;
    else {
      this.#seconds.push(now);
      this.#counts.push(1);
    }
    this.#total++;
    return this.#total > this.#intensity;
  }

  /** True while the restarts noted are too many at `nowMs`. */
  isOver(nowMs: Ms): boolean {
    this.#forget(Math.floor(nowMs / 1000));
    return this.#total > this.#intensity;
  }

  /** Nothing left in the window: its owner may forget it. */
  isEmpty(nowMs: Ms): boolean {
    this.#forget(Math.floor(nowMs / 1000));
    return this.#total === 0;
  }

  #forget(now: number): void {
    while (this.#seconds.length > 0 && (this.#seconds[0] as number) < now - this.#periodS) {
      this.#seconds.shift();
      this.#total -= this.#counts.shift() ?? 0;
    }
  }
}
