/**
 * Snapshots of an actor's state: the keeper that a supervisor holds over the lives of a child (latest
 * plus one before), and what a live actor knows of it. Copies only; pure apart from that.
 */
import type { Ms } from '../clock.ts';

/** Hears what a keeper holds, to keep it somewhere else too. */
export interface SnapshotListener {
  put(snapshot: unknown): void;
  clear(): void;
}

/** Holds the last two snapshots of a child, for as long as its supervisor does. */
export class SnapshotKeeper {
  /** Latest first, at most two. */
  readonly kept: unknown[];
  readonly #listener: SnapshotListener | undefined;

  constructor(kept: readonly unknown[] = [], listener?: SnapshotListener) {
    this.kept = [...kept];
    this.#listener = listener;
  }

  /** Keeps a copy. False: it is no plain data, the ones before stay. */
  put(snapshot: unknown): boolean {
    let copy: unknown;
    try {
      copy = structuredClone(snapshot);
    } catch {
      return false;
    }
    this.kept.unshift(copy);
    if (this.kept.length > 2) this.kept.length = 2;
    this.#listener?.put(copy);
    return true;
  }

  /** A copy for a restore, so that a second restore finds what the first one found. */
  copy(index: number): unknown {
    return structuredClone(this.kept[index]);
  }

  /** The child ended well: its next life begins with init. */
  clear(): void {
    if (this.kept.length === 0) return;
    this.kept.length = 0;
    this.#listener?.clear();
  }
}

/** What a live actor knows: where its snapshots go and when the next is due. */
export interface SnapshotState {
  readonly keeper: SnapshotKeeper;
  /** Messages until the next one; Infinity when only time counts. */
  messagesLeft: number;
  /** Monotonic time of the next one. */
  dueMs: Ms;
}
