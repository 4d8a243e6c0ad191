/**
 * A histogram with fixed bounds in one preallocated typed array: for what happens once per request, commit or beat. To record
 * costs a short search and two additions and allocates nothing. Belongs to one thread.
 */

/** A histogram as plain data: what was counted up to each bound, then beyond the last; not cumulative. */
export interface HistogramData {
  /** Upper bounds, ascending, inclusive. */
  readonly bounds: readonly number[];
  /** One more than bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

export class Histogram {
  readonly #bounds: readonly number[];
  /** The counts, and behind them the sum: a number in a field would be boxed. */
  readonly #cells: Float64Array;

  /** `bounds`: ascending upper limits. RangeError when they are not. */
  constructor(bounds: readonly number[]) {
    if (bounds.some((bound, i) => !(bound > (bounds[i - 1] ?? Number.NEGATIVE_INFINITY)))) {
      throw new RangeError(`create a histogram: bounds ${bounds.join(', ')} do not ascend`);
    }
    this.#bounds = bounds;
    this.#cells = new Float64Array(bounds.length + 2);
  }

  record(value: number): void {
    const bounds = this.#bounds;
    const cells = this.#cells;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    cells[at] = (cells[at] as number) + 1;
    cells[bounds.length + 1] = (cells[bounds.length + 1] as number) + value;
  }

  data(): HistogramData {
    const past = this.#bounds.length + 1;
    return {
      bounds: this.#bounds,
      counts: Array.from(this.#cells.subarray(0, past)),
      sum: this.#cells[past] as number,
    };
  }
}
