/**
 * When the writer moves the WAL into the database file. One connection does all checkpoints, so that
 * their two flushes never hit a commit by surprise. Runs in the writer; never fails a commit.
 */
import type { SqliteConnection, SqliteStatement } from './types.ts';

/** Frame of the WAL: one page of 4 KiB and its header (sqlite.org/walformat.html). */
const FRAME_BYTES = 4096 + 24;

export interface CheckpointLimits {
  readonly walIdleBytes: number;
  readonly walBytesMax: number;
}

export class Checkpointer {
  readonly #limits: CheckpointLimits;
  readonly #passive: SqliteStatement;
  /** NOOP (SQLite 3.51) only tells the sizes: 2 us. */
  readonly #look: SqliteStatement;
  /** Below this many waiting bytes nothing is tried again: set when a reader held frames back. */
  #retryBytes = 0;

  constructor(connection: SqliteConnection, limits: CheckpointLimits) {
    this.#limits = limits;
    this.#passive = connection.prepare('PRAGMA wal_checkpoint(PASSIVE)');
    this.#look = connection.prepare('PRAGMA wal_checkpoint(NOOP)');
  }

  /** Bytes in the WAL that are not in the database file yet. */
  waitingBytes(): number {
    const row = this.#look.get();
    return (Number(row?.[1]) - Number(row?.[2])) * FRAME_BYTES;
  }

  /** True when a checkpoint is due: above 16 MiB when the writer is idle, above 64 MiB in any case. */
  isDue(idle: boolean): boolean {
    const bytes = this.waitingBytes();
    const limit = idle ? this.#limits.walIdleBytes : this.#limits.walBytesMax;
    return bytes > Math.max(limit, this.#retryBytes);
  }

  /** Throws what SQLite throws (disk full, I/O error); the WAL then still holds everything. */
  run(): void {
    // What fails, or stops at the snapshot of a long read, is tried again when 16 MiB more are waiting
    // and not after every commit.
    this.#retryBytes = this.waitingBytes() + this.#limits.walIdleBytes;
    this.#passive.get();
    const left = this.waitingBytes();
    this.#retryBytes = left > 0 ? left + this.#limits.walIdleBytes : 0;
  }
}
