/**
 * A copy of the database while it is written to: one pinned read transaction over a connection of its own, and SQLite's backup
 * API on the thread pool. Any thread or process; never blocks it for longer than a lookup.
 *
 * The pin is the point: a backup without it begins anew at each commit of the writer. While it lasts no checkpoint can pass it,
 * so the WAL grows by what is written meanwhile.
 */
import { backup, DatabaseSync } from 'node:sqlite';
import { BUSY_TIMEOUT_MS } from './connection.ts';

/** Pages per step of the copy: 4 MiB, some milliseconds of one pool thread, between which others get their turn. */
const STEP_PAGES = 1_024;

/** What the snapshot holds. */
export interface SnapshotFacts {
  /** Schema version (PRAGMA user_version). */
  readonly schema: number;
  /** Number of the newest log row, over all streams; 0 without one. */
  readonly gsn: number;
  readonly streams: number;
  /** Events of all streams. */
  readonly events: number;
  readonly bytes: number;
}

export interface SnapshotCopyOptions {
  /** Share of the pages that is copied, 0 to 1; after each step. */
  readonly onProgress?: (share: number) => void;
  /** Ends the copy between two steps; the promise rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** The database as it was at one moment. */
export interface StoreSnapshot {
  readonly facts: SnapshotFacts;
  /** Copies it into a new file at `path`, which is durable when the promise resolves. */
  copyTo(path: string, options?: SnapshotCopyOptions): Promise<void>;
  /** Lets go of the moment; idempotent. Not while a copy is under way. */
  close(): void;
}

/**
 * Pins the database at `path` as it is now. A writer may be at work in this process or another.
 * @throws what SQLite throws when the file is none of its databases or cannot be read
 */
export function openSnapshot(path: string): StoreSnapshot {
  const database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    database.exec('PRAGMA mmap_size = 0; BEGIN');
    const facts = readFacts(database);
    return {
      facts,
      copyTo: (to, options = {}) => copy(database, to, options),
      close() {
        if (database.isOpen) database.close();
      },
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

function readFacts(database: DatabaseSync): SnapshotFacts {
  const number = (sql: string): number =>
    Number(Object.values(database.prepare(sql).get() ?? { none: 0 })[0]);
  return {
    // The first read pins the snapshot.
    schema: number('PRAGMA user_version'),
    gsn: number('SELECT ifnull(max(gsn), 0) FROM log'),
    streams: number('SELECT count(*) FROM heads'),
    events: number('SELECT ifnull(sum(head - first + 1), 0) FROM heads'),
    bytes: number('PRAGMA page_count') * number('PRAGMA page_size'),
  };
}

async function copy(
  database: DatabaseSync,
  path: string,
  { onProgress, signal }: SnapshotCopyOptions,
): Promise<void> {
  signal?.throwIfAborted();
  await backup(database, path, {
    rate: STEP_PAGES,
    progress({ totalPages, remainingPages }) {
      // A throw is how the binding is told to stop.
      signal?.throwIfAborted();
      onProgress?.(totalPages === 0 ? 1 : 1 - remainingPages / totalPages);
    },
  });
}
