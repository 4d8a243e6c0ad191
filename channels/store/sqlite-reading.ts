/**
 * A Store that only reads, on the calling thread and over one read-only connection: for tools beside a server or without one.
 */
import type { Store } from '../types.ts';
import { StoreError } from './errors.ts';
import { PortStore, type StorePort } from './port-store.ts';
import { SqliteReader } from './reader.ts';
import type { Outcome, ReaderOptions, ReadRequest } from './types.ts';

class ReadingPort implements StorePort {
  readonly durability = 2;
  readonly #reader: SqliteReader;

  constructor(options: ReaderOptions) {
    this.#reader = new SqliteReader(options);
  }

  async write(): Promise<readonly Outcome[]> {
    throw new StoreError('DRIFT_CHANNELS_STORE_REJECTED', 'write: the store is open for reading');
  }

  async read(request: ReadRequest): Promise<unknown> {
    return this.#reader.read(request);
  }

  async close(): Promise<void> {
    this.#reader.close();
  }
}

/**
 * Opens the database at `options.path`, which must be there and of this version's schema. Every write rejects with
 * DRIFT_CHANNELS_STORE_REJECTED. Reads block the calling thread: not for one with sockets.
 * @throws StoreError by code: DRIFT_CHANNELS_STORE_SQLITE_VERSION, _SCHEMA; and what SQLite throws
 */
export function openStoreForReading(options: ReaderOptions): Store {
  return new PortStore(new ReadingPort(options));
}
