/**
 * Counters of the parts that live on the main thread, which has no boot module of its own: each part adds its own under a name
 * and they show up in /metrics as `driftway_<name>_...`. Main thread.
 */
import type { CounterTree } from './types.ts';

/** Named sources of counters. */
export class MainCounters {
  readonly #sources = new Map<string, () => CounterTree>();

  /** `read` is asked at each scrape; the last one under a name counts. */
  add(name: string, read: () => CounterTree): void {
    this.#sources.set(name, read);
  }

  read(): CounterTree {
    return Object.fromEntries([...this.#sources].map(([name, read]) => [name, read()]));
  }
}

/** Those of this process. */
export const mainCounters = new MainCounters();
