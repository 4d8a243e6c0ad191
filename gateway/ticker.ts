/**
 * Repeating work of a gateway thread. Each run is contained: an exception is reported and the next run
 * comes all the same (P12). Late runs are not made up for.
 */
import type { Clock, TimerHandle } from '../runtime/index.ts';

export class Ticker {
  readonly #clock: Clock;
  readonly #failed: (task: string, error: unknown) => void;
  readonly #timers = new Map<string, TimerHandle>();
  #isClosed = false;

  constructor(clock: Clock, failed: (task: string, error: unknown) => void) {
    this.#clock = clock;
    this.#failed = failed;
  }

  /** Runs `work` every `ms`, for the first time in `ms`. */
  every(task: string, ms: number, work: () => void): void {
    if (this.#isClosed) return;
    const timer = this.#clock.setTimeout(() => {
      try {
        work();
      } catch (error) {
        this.#failed(task, error);
      }
      this.every(task, ms, work);
    }, ms);
    this.#timers.set(task, timer);
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) this.#clock.clearTimeout(timer);
    this.#timers.clear();
  }
}
