/**
 * What the boot modules of the store thread and of the reader threads start: one supervised actor each.
 * The argument crosses threads and is plain data; what is no data is given on the thread itself.
 */
import {
  type Clock,
  child,
  name,
  type Ref,
  type Rng,
  type SupervisorP,
  startSupervisor,
  systemClock,
  systemRng,
} from '../../runtime/index.ts';
import type { CommitMeter } from './commit-meter.ts';
import { LogReader, type LogReaderP } from './log-reader.ts';
import { LogWriter, type LogWriterOptions, type LogWriterP } from './log-writer.ts';
import type { ReaderOptions, SqliteDriver, StoreEvent } from './types.ts';

/** Key of the writer's name on the store thread. */
export const LOG_WRITER = 'log-writer';
/** Key of a reader's name on its reader thread. */
export const LOG_READER = 'log-reader';

/** Plain data: `path` of the database, and limits where the defaults do not suit. */
export type StoreThreadArg = Omit<LogWriterOptions, keyof StoreThreadHooks>;
export type ReaderThreadArg = Omit<ReaderOptions, keyof StoreThreadHooks>;

export interface StoreThreadHooks {
  /** Default nodeSqliteDriver. */
  readonly driver?: SqliteDriver;
  /** Takes what an operator wants in the log. Default: dropped; the counters remain. */
  readonly onEvent?: (event: StoreEvent) => void;
  /** Measures the commits. */
  readonly meter?: CommitMeter;
  readonly clock?: Clock;
  readonly rng?: Rng;
}

/**
 * Starts the writer, named LOG_WRITER, under a supervisor of this thread (stop that one at a shutdown:
 * what was gathered is then written and the file closed). Resolves when the database is open, migrated
 * and writable: a few ms on an existing one. Rejects when it cannot be opened.
 */
export function bootStoreThread(
  arg: StoreThreadArg,
  hooks: StoreThreadHooks = {},
): Promise<Ref<SupervisorP>> {
  const options = { clock: systemClock, rng: systemRng, ...hooks, ...arg };
  const writer = name<LogWriterP>(LOG_WRITER);
  return startSupervisor({
    children: [child(LOG_WRITER, LogWriter, options, { name: writer, shutdown: 10_000 })],
  });
}

/**
 * Starts a reader, named LOG_READER, under a supervisor of this thread. The store thread must have
 * booted before. Rejects when the database is missing or of another schema version.
 */
export function bootReaderThread(
  arg: ReaderThreadArg,
  hooks: Pick<StoreThreadHooks, 'driver' | 'onEvent'> = {},
): Promise<Ref<SupervisorP>> {
  const reader = name<LogReaderP>(LOG_READER);
  return startSupervisor({
    children: [child(LOG_READER, LogReader, { ...hooks, ...arg }, { name: reader })],
  });
}
