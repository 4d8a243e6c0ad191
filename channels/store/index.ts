/** What the rest of the project may use of the stores. Exports only. */
export {
  bootReaderThread,
  bootStoreThread,
  LOG_READER,
  LOG_WRITER,
  type ReaderThreadArg,
  type StoreThreadArg,
  type StoreThreadHooks,
} from './boot.ts';
export { type CommitMeasures, CommitMeter } from './commit-meter.ts';
export type { QueueLimits, QueueStats } from './commit-queue.ts';
export { type ConnectOptions, connectStore } from './connect.ts';
export { nodeSqliteDriver } from './driver.ts';
export { StoreError, type StoreErrorCode } from './errors.ts';
export { LogReader, type LogReaderP, type ReadReply } from './log-reader.ts';
export {
  LogWriter,
  type LogWriterOptions,
  type LogWriterP,
  type LogWriterStats,
} from './log-writer.ts';
export { memoryStore } from './memory.ts';
export {
  NEWEST_SCHEMA,
  type Stamped,
  type StampOptions,
  stampEpochs,
  verifyDatabase,
} from './restore.ts';
export {
  openSnapshot,
  type SnapshotCopyOptions,
  type SnapshotFacts,
  type StoreSnapshot,
} from './snapshot.ts';
export { openStoreForReading } from './sqlite-reading.ts';
export { openSqliteStore } from './sqlite-store.ts';
export type {
  Change,
  Outcome,
  ReaderOptions,
  ReadRequest,
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
