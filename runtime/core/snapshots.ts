/**
 * Snapshots of an actor's state: the keeper that a supervisor holds over the lives of a child (latest
 * plus one before), and what a live actor knows of it. Copies only; pure apart from that.
 */
import type { Ms } from '../clock.ts';

/** Holds the last two snapshots of a child, for as long as its supervisor does. */
export class SnapshotKeeper {
  /** Latest first, at most two. */
  readonly kept: unknown[] = [];

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
    return true;
  }

  /** A copy for a restore, so that a second restore finds what the first one found. */
  copy(index: number): unknown {
    return structuredClone(this.kept[index]);
  }

  /** The child ended well: its next life begins with init. */
  clear(): void {
    this.kept.length = 0;
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
