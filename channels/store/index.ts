/** What the rest of the project may use of the stores. Exports only. */

export { nodeSqliteDriver } from './driver.ts';
export { StoreError, type StoreErrorCode } from './errors.ts';
export { memoryStore } from './memory.ts';
export { openSqliteStore } from './sqlite-store.ts';
export type {
  ReaderOptions,
  SqliteConnection,
  SqliteDriver,
  SqliteOpenOptions,
  SqliteStatement,
  SqlRow,
  SqlValue,
  StoreEvent,
  WriterOptions,
  WriterStats,
} from './types.ts';
