/**
 * What the writer measures of its commits: how long a group takes from BEGIN to the end of its fsync, and how many changes
 * share one. Store thread; two increments per group. Outlives the writer that notes in it, so that a restart forgets nothing.
 */
import { Histogram, type HistogramData } from '../../runtime/index.ts';
import type { QueueStats } from './commit-queue.ts';
import type { WriterStats } from './types.ts';

type Stats = WriterStats & QueueStats;

/** Plain data, so that it crosses threads. */
export interface CommitMeasures {
  readonly commitS: HistogramData;
  readonly changes: HistogramData;
  /** Of the writer that was started last. */
  readonly writer: Stats | undefined;
}

/** Seconds: an fsync is 0.2 ms on a fast disk and 10 ms on a slow one. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] as const;
const CHANGES = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000] as const;

export class CommitMeter {
  readonly #commit = new Histogram(SECONDS);
  readonly #changes = new Histogram(CHANGES);
  #stats: (() => Stats) | undefined;

  /** A group of `changes` was carried out, or failed. */
  committed(tookMs: number, changes: number): void {
    this.#commit.record(tookMs / 1000);
    this.#changes.record(changes);
  }

  /** The writer that runs from now on. */
  follow(stats: () => Stats): void {
    this.#stats = stats;
  }

  measures(): CommitMeasures {
    return {
      commitS: this.#commit.data(),
      changes: this.#changes.data(),
      writer: this.#stats?.(),
    };
  }
}
