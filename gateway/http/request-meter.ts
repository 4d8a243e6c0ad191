/**
 * Requests of one gateway thread by method, route and status, and how long they take. Costs a lookup and two increments per
 * request. Bounded by the table of routes: what has no route is one, and a method is one of those that fetch knows.
 */
import { Histogram, type HistogramData } from '../../runtime/index.ts';

/** One route as counted. Plain data. */
export interface RouteMeasure {
  readonly method: string;
  /** Pattern of the route, `none` where there was none. Never a path. */
  readonly route: string;
  readonly statuses: Readonly<Record<number, number>>;
  readonly timeS: HistogramData;
}

/** Seconds; the promise is 100 ms at p95. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** More than there are routes; beyond it they are one. */
const ROUTES_MAX = 256;
const OTHER = 'other';

interface Entry {
  readonly method: string;
  readonly route: string;
  readonly statuses: Map<number, number>;
  readonly time: Histogram;
}

export class RequestMeter {
  readonly #entries = new Map<string, Entry>();

  note(method: string, route: string | undefined, status: number, tookMs: number): void {
    const entry = this.#entry(method, route ?? 'none');
    entry.statuses.set(status, (entry.statuses.get(status) ?? 0) + 1);
    entry.time.record(tookMs / 1000);
  }

  measures(): readonly RouteMeasure[] {
    return [...this.#entries.values()].map(({ method, route, statuses, time }) => {
      return { method, route, statuses: Object.fromEntries(statuses), timeS: time.data() };
    });
  }

  #entry(method: string, route: string): Entry {
    const key = `${method} ${route}`;
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    if (this.#entries.size >= ROUTES_MAX && route !== OTHER) return this.#entry(OTHER, OTHER);
    const entry = { method, route, statuses: new Map(), time: new Histogram(BOUNDS) };
    this.#entries.set(key, entry);
    return entry;
  }
}
