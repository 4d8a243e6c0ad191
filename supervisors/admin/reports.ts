/**
 * Owns the last reports of the runtime (crashes, restarts, hung threads) and those who want to hear of new ones. Main thread; fed
 * by tree.ts from the first thread on.
 */
import type { Report } from '../../runtime/index.ts';

/** Said all the time and of no use later. */
const UNKEPT: ReadonlySet<Report['kind']> = new Set(['progress', 'trace']);

/** A ring of the newest reports. */
export class ReportFeed {
  readonly #max: number;
  readonly #kept: Report[] = [];
  readonly #listeners = new Set<(report: Report) => void>();

  constructor(max: number) {
    this.#max = max;
  }

  push(report: Report): void {
    if (!UNKEPT.has(report.kind)) {
      this.#kept.push(report);
      if (this.#kept.length > this.#max) this.#kept.shift();
    }
    for (const listener of this.#listeners) listener(report);
  }

  /** The newest `count`, oldest first. Without progress and traces. */
  last(count: number): readonly Report[] {
    return count <= 0 ? [] : this.#kept.slice(-count);
  }

  /** Hears of every report from now on, progress and traces included; the result ends it. */
  listen(listener: (report: Report) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
