/**
 * Snapshots of this thread's entities, kept over their lives: on this thread for an entity that crashes, and told to main for one
 * whose thread dies, so that the thread's successor restores it. Only for behaviours with `snapshot`. One per thread.
 */
import { SnapshotKeeper } from '../core/snapshots.ts';
import { rt } from '../core/thread.ts';

/** Entities of a type that crashed and were not started again: the first of them is forgotten beyond it. */
const RESTING_MAX = 10_000;

/** What is kept of one entity, latest first, at most two. */
export interface KeptSnapshots {
  readonly type: string;
  readonly key: number;
  readonly kept: readonly unknown[];
}

/** Where snapshots go besides this thread; null outside of a node's worker threads. */
export interface SnapshotSink {
  /** undefined: the entity ended well, nothing is kept any more. */
  snapshot(type: string, key: number, snapshot: unknown): void;
}
let sink: SnapshotSink | null = null;

/** Of the thread's predecessor, until the entity starts. */
const inherited = new Map<string, readonly unknown[]>();

/** Installed by the entry of a worker thread, with what its predecessor left. */
export function inheritSnapshots(installed: SnapshotSink, left: readonly KeptSnapshots[]): void {
  sink = installed;
  for (const { type, key, kept } of left) inherited.set(`${type}:${key}`, kept);
}

/** The keepers of one type, by key. Entities without a snapshot have none. */
export class EntityKeepers {
  readonly #type: string;
  readonly #keepers = new Map<number, SnapshotKeeper>();
  /** Keys of ended entities that left something, oldest first. */
  readonly #resting = new Set<number>();

  constructor(type: string) {
    this.#type = type;
  }

  /** The keeper of an entity that is about to start. */
  of(key: number): SnapshotKeeper {
    this.#resting.delete(key);
    const present = this.#keepers.get(key);
    if (present !== undefined) return present;
    const type = this.#type;
    const id = `${type}:${key}`;
    const keeper = new SnapshotKeeper(inherited.get(id), {
      put: (snapshot) => sink?.snapshot(type, key, snapshot),
      clear: () => sink?.snapshot(type, key, undefined),
    });
    inherited.delete(id);
    this.#keepers.set(key, keeper);
    return keeper;
  }

  /** The entity has ended: a keeper that holds nothing goes too, one that does waits for the next life. */
  ended(key: number): void {
    const keeper = this.#keepers.get(key);
    if (keeper === undefined) return;
    if (keeper.kept.length === 0) this.#keepers.delete(key);
    else this.#rest(key);
  }

  #rest(key: number): void {
    this.#resting.add(key);
    if (this.#resting.size <= RESTING_MAX) return;
    const [oldest] = this.#resting;
    if (oldest === undefined) return;
    this.#resting.delete(oldest);
    this.#keepers.get(oldest)?.clear();
    this.#keepers.delete(oldest);
    rt.counters.snapshotsForgotten++;
  }
}
