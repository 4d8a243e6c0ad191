/**
 * The whole SQLite store on the calling thread: writer, reader and group commit without actors. For
 * tests and tools; a server runs the same cores on threads of their own (log-writer.ts, log-reader.ts),
 * because every commit blocks its thread for one fsync.
 */
import type { Store } from '../types.ts';
import { CommitQueue } from './commit-queue.ts';
import { PortStore, type StorePort } from './port-store.ts';
import { SqliteReader } from './reader.ts';
import type { Change, Outcome, ReadRequest, WriterOptions } from './types.ts';
import { SqliteWriter } from './writer.ts';

class LocalPort implements StorePort {
  readonly durability = 2;
  readonly #writer: SqliteWriter;
  readonly #reader: SqliteReader;
  readonly #queue: CommitQueue;

  constructor(options: WriterOptions) {
    this.#writer = new SqliteWriter(options);
    this.#reader = new SqliteReader(options);
    this.#queue = new CommitQueue((group) => this.#writer.run(group));
  }

  write(changes: readonly Change[]): Promise<readonly Outcome[]> {
    return new Promise((resolve) => {
      if (this.#queue.isEmpty) {
        // After everything that is ready to run now, which may push to the same group.
        setImmediate(() => this.#flush());
      }
      this.#queue.pushAll(changes, resolve);
    });
  }

  async read(request: ReadRequest): Promise<unknown> {
    return this.#reader.read(request);
  }

  async close(): Promise<void> {
    this.#reader.close();
    this.#writer.close();
  }

  #flush(): void {
    if (this.#queue.flush()) {
      setImmediate(() => this.#flush());
    } else {
      this.#idle();
    }
  }

  #idle(): void {
    if (this.#queue.isEmpty && this.#writer.idle()) {
      setImmediate(() => this.#idle());
    }
  }
}

/**
 * Opens (creates, migrates) the database and returns a Store of durability 2 on this thread.
 * Every commit blocks the thread for one fsync: not for threads with sockets.
 * Throws StoreError by code: DRIFT_CHANNELS_STORE_SQLITE_VERSION, _SCHEMA, _PRAGMA; and what the file
 * system throws.
 * @param options.path file of the database; the directory must exist; one process at a time
 */
export function openSqliteStore(options: WriterOptions): Store {
  return new PortStore(new LocalPort(options));
}
