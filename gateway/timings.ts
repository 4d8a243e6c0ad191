/**
 * What a gateway thread measures beside its counters: how long an APPEND takes, how old an event is when it arrives here, how
 * many sockets get it, and how large the audiences are. Gateway threads. Costs an increment per APPEND and per commit that
 * arrives, nothing per delivery; no stream or user is named.
 */
import { Histogram, type HistogramData } from '../runtime/index.ts';

/** Streams with this many followers at most, and who follows them; the last class has no end. */
export interface FollowerClass {
  /** Text for a label: `1`, `10`, ..., `+Inf`. */
  readonly upTo: string;
  streams: number;
  followers: number;
}

/** Plain data, so that it crosses threads. */
export interface GatewayMeasures {
  readonly appendS: HistogramData;
  readonly arrivalS: HistogramData;
  readonly audience: HistogramData;
  readonly followers: readonly FollowerClass[];
}

/** Seconds; 50 ms is the promise from send to receipt at p99. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;
const SOCKETS = [0, 1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000, 25_000] as const;
const CLASSES = [1, 10, 100, 1000, 10_000] as const;

/** The histograms of one gateway thread. */
export class GatewayTimings {
  readonly #append = new Histogram(SECONDS);
  readonly #arrival = new Histogram(SECONDS);
  readonly #audience = new Histogram(SOCKETS);

  /** An APPEND was answered. */
  appended(tookMs: number): void {
    this.#append.record(tookMs / 1000);
  }

  /** A commit has arrived from its stream; `ageMs` since its last event was accepted there. */
  arrived(joined: number, ageMs: number): void {
    this.#audience.record(joined);
    // Both are readings of one wall clock, which may have been set back between.
    this.#arrival.record(Math.max(0, ageMs) / 1000);
  }

  /** O(topics). */
  measures(
    topics: Iterable<{ readonly subscriptions: { readonly size: number } }>,
  ): GatewayMeasures {
    return {
      appendS: this.#append.data(),
      arrivalS: this.#arrival.data(),
      audience: this.#audience.data(),
      followers: followersOf(topics),
    };
  }
}

function followersOf(
  topics: Iterable<{ readonly subscriptions: { readonly size: number } }>,
): FollowerClass[] {
  const classes = [...CLASSES.map(String), '+Inf'].map((upTo): FollowerClass => {
    return { upTo, streams: 0, followers: 0 };
  });
  for (const { subscriptions } of topics) {
    const { size } = subscriptions;
    const at = CLASSES.findIndex((most) => size <= most);
    const found = classes[at < 0 ? CLASSES.length : at] as FollowerClass;
    found.streams += 1;
    found.followers += size;
  }
  return classes;
}
