/**
 * Repeatable chance for fault tests: one seed per run, printed, taken from DRIFTWAY_TEST_SEED when set.
 * Pure apart from reading the environment once; runs in the test process.
 */
import { randomInt } from 'node:crypto';

export class Seeded {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /** A generator for one test; says its seed so that the run can be repeated. */
  static forTest(title: string): Seeded {
    const given = process.env.DRIFTWAY_TEST_SEED;
    const seed = given === undefined ? randomInt(2 ** 32 - 1) : Number(given);
    console.log(`${title}: DRIFTWAY_TEST_SEED=${seed}`);
    return new Seeded(seed);
  }

  /** Integer in [min, max]. Mulberry32 (public domain, Tommy Ettinger). */
  between(min: number, max: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const unit = ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    return min + Math.floor(unit * (max - min + 1));
  }

  pick<T>(items: readonly T[]): T {
    return items[this.between(0, items.length - 1)]!;
  }
}
