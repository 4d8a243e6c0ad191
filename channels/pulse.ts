/**
 * Coalescing: something is to be done soon, and not again within a period. Pure but for the timer
 * given to it; part of stream, guild and user actors. Holds one timer while there is something to do.
 */
import type { Ms } from './types.ts';

export interface PulseOptions {
  /** Runs `run` inside the actor after `ms`. */
  readonly timer: (ms: Ms, run: () => void) => void;
  /** From the first mark to the beat; 0 = at once. */
  readonly gatherMs: Ms;
  /** From one beat to the next at least. */
  readonly periodMs: Ms;
  /** Does what is due; true when something is left for the next beat. */
  readonly beat: () => boolean;
}

/** At most one beat per period. */
export class Pulse {
  readonly #options: PulseOptions;
  #isMarked = false;
  #isArmed = false;

  constructor(options: PulseOptions) {
    this.#options = options;
  }

  /** True while a beat is due. */
  get isDue(): boolean {
    return this.#isMarked;
  }

  /** There is something to do. */
  mark(): void {
    this.#isMarked = true;
    if (this.#isArmed) return;
    this.#isArmed = true;
    const { gatherMs, timer } = this.#options;
    if (gatherMs === 0) this.#beat();
    else timer(gatherMs, () => this.#beat());
  }

  #beat(): void {
    const { beat, periodMs, timer } = this.#options;
    this.#isMarked = false;
    if (beat()) this.#isMarked = true;
    timer(periodMs, () => {
      if (this.#isMarked) this.#beat();
      else this.#isArmed = false;
    });
  }
}
