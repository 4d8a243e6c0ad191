/**
 * SUBs that wait for a place among the replays (protocol.md 2.14): a SUB that has to be brought far goes
 * on only while the thread has a pull to spare, in the order of arrival, within the time it has left;
 * else it is answered with ERR 502. Owned by replay.ts; runs on gateway threads.
 *
 * Bound: SUBS_WAITING_MAX a thread; beyond it a SUB is refused at once (counter subsGivenUp).
 */
import type { Clock } from '../runtime/index.ts';
import type { GatewayMetrics } from './metrics.ts';

/** A guess: at 64 pulls on their way, what waits behind so many would not be served in 10 s. */
const SUBS_WAITING_MAX = 4096;

export interface ReplayQueueOptions {
  readonly clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>;
  readonly metrics: GatewayMetrics;
  /** Pulls that could be sent now. */
  readonly free: () => number;
}

export class ReplayQueue {
  readonly #options: ReplayQueueOptions;
  /** In order of arrival; each is told whether it may go on. */
  readonly #waiting = new Set<(isAdmitted: boolean) => void>();

  constructor(options: ReplayQueueOptions) {
    this.#options = options;
  }

  /** Resolves with true when the SUB may go on, with false when it has to be refused. */
  enter(maxMs: number): Promise<boolean> {
    const { clock, free, metrics } = this.#options;
    if (this.#waiting.size === 0 && free() > 0) return Promise.resolve(true);
    if (this.#waiting.size >= SUBS_WAITING_MAX || maxMs <= 0) {
      metrics.subsGivenUp += 1;
      return Promise.resolve(false);
    }
    metrics.subsQueued += 1;
    return new Promise((resolve) => {
      const settle = (isAdmitted: boolean): void => {
        clock.clearTimeout(timer);
        this.#waiting.delete(settle);
        metrics.subsWaitingNow = this.#waiting.size;
        if (!isAdmitted) metrics.subsGivenUp += 1;
        resolve(isAdmitted);
      };
      const timer = clock.setTimeout(() => settle(false), maxMs);
      this.#waiting.add(settle);
      metrics.subsWaitingNow = this.#waiting.size;
    });
  }

  /**
   * A pull was answered, or time has passed: lets the first of them go on.
   * @param most how many; their pulls are sent later in this turn, so `free` does not count them yet
   */
  admit(most: number): void {
    let left = Math.min(most, this.#options.free());
    for (const settle of this.#waiting) {
      if (left <= 0) return;
      left -= 1;
      settle(true);
    }
  }
}
