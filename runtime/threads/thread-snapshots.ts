/**
 * What main keeps of the entities of each thread, so that the successor of a thread that dies restores them. Main only. Bound:
 * the last two snapshots of 10,000 entities a thread; beyond it the entity that was heard of longest ago is forgotten and
 * counted.
 */
import { rt } from '../core/thread.ts';
import type { KeptSnapshots } from '../names/entity-snapshots.ts';

const ENTITIES_MAX = 10_000;
const KEPT_MAX = 2;

export class ThreadSnapshots {
  readonly #max: number;
  readonly #threads = new Map<number, Map<string, KeptSnapshots>>();

  constructor(max = ENTITIES_MAX) {
    this.#max = max;
  }

  /** An entity of the thread has been kept; `snapshot` undefined: it ended well. */
  take(thread: number, type: string, key: number, snapshot: unknown): void {
    let entities = this.#threads.get(thread);
    if (entities === undefined) {
      entities = new Map();
      this.#threads.set(thread, entities);
    }
    const id = `${type}:${key}`;
    const before = entities.get(id)?.kept ?? [];
    // Put back at the end: the map's order is that of the last news.
    entities.delete(id);
    if (snapshot === undefined) return;
    entities.set(id, { type, key, kept: [snapshot, ...before].slice(0, KEPT_MAX) });
    if (entities.size <= this.#max) return;
    const [oldest] = entities.keys();
    entities.delete(oldest as string);
    rt.counters.snapshotsForgotten++;
  }

  /** For the successor of a thread. */
  of(thread: number): readonly KeptSnapshots[] {
    return [...(this.#threads.get(thread)?.values() ?? [])];
  }
}
