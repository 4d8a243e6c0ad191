/**
 * When to publish (gateway.md 5, rule 6): at once when the thread has been quiet for T, else when T has
 * passed since the last flush, everything in one turn. T is 5 ms, 10 ms under load: a flush that had
 * more deliveries than a quarter of a core can do in T doubles it (gateway.md 2.4: 400,000/s a core).
 * One per gateway thread. Never publishes itself.
 */
import type { Clock, TimerHandle } from '../runtime/index.ts';

const QUIET_MS = 5;
const LOADED_MS = 10;
/** 100,000 deliveries/s during QUIET_MS. */
const LOADED_DELIVERIES = 500;

export interface GatherOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'setTimeout' | 'clearTimeout'>;
  /** Runs `fn` when the present turn's messages have been handled: a microtask in production. */
  readonly defer: (fn: () => void) => void;
  /** Publishes all topics that have something; returns the deliveries. */
  readonly flush: () => number;
}

export class Gather {
  readonly #options: GatherOptions;
  readonly #due = (): void => this.#run();
  #lastMs = Number.NEGATIVE_INFINITY;
  #gatherMs = QUIET_MS;
  #isDue = false;
  #timer: TimerHandle | undefined;
  #isClosed = false;

  constructor(options: GatherOptions) {
    this.#options = options;
  }

  /** Something is to be published. Returns true when it has to wait (is gathered). */
  mark(): boolean {
    if (this.#isDue || this.#isClosed) return this.#timer !== undefined;
    this.#isDue = true;
    const { clock, defer } = this.#options;
    const waitMs = this.#lastMs + this.#gatherMs - clock.monotonic();
    if (waitMs <= 0) {
      defer(this.#due);
      return false;
    }
    this.#timer = clock.setTimeout(this.#due, Math.ceil(waitMs));
    return true;
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #run(): void {
    if (this.#isClosed) return;
    this.#isDue = false;
    this.#timer = undefined;
    this.#lastMs = this.#options.clock.monotonic();
    const deliveries = this.#options.flush();
    this.#gatherMs = deliveries > LOADED_DELIVERIES ? LOADED_MS : QUIET_MS;
  }
}
