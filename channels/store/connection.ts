/**
 * Opens connections to the database file with the settings that the promises of the store rest on, and
 * reads them back. Runs on the store thread and on reader threads.
 */
import { chmodSync, closeSync, openSync } from 'node:fs';
import { StoreError } from './errors.ts';
import { checkSchema, migrate } from './schema.ts';
import type { SqliteConnection, SqliteDriver } from './types.ts';

/** The first SQLite without the WAL-reset bug, which corrupts a file with two connections. */
const SQLITE_MIN: readonly [number, number, number] = [3, 51, 3];
/** 32 MiB for the writer: inner pages of all indexes and the leaves of busy streams. */
const WRITER_CACHE_KIB = 32_768;
const READER_CACHE_KIB = 16_384;
/**
 * There is one writer, so a lock is only met while the connection of a terminated thread is going away.
 * Well below the 5 s of silence after which the watchdog takes a thread for hung.
 */
export const BUSY_TIMEOUT_MS = 2_000;

/** Opens the file for writing, creates or migrates it. Throws when a setting does not hold. */
export function openForWriting(
  driver: SqliteDriver,
  path: string,
  busyTimeoutMs: number,
): SqliteConnection {
  // SQLite gives -wal and -shm the mode of the main file, so it has to be right before SQLite opens it.
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
  const connection = driver.open(path, { readOnly: false, busyTimeoutMs });
  try {
    checkVersion(connection);
    // Has an effect only before the first table exists: lets later retention give space back.
    connection.exec('PRAGMA auto_vacuum = INCREMENTAL');
    expectPragma(connection, 'PRAGMA journal_mode = WAL', 'wal');
    connection.exec('PRAGMA synchronous = FULL');
    expectPragma(connection, 'PRAGMA synchronous', 2);
    // One connection runs all checkpoints, at a moment that it chooses (storage.md 1.5).
    expectPragma(connection, 'PRAGMA wal_autocheckpoint = 0', 0);
    expectPragma(connection, 'PRAGMA secure_delete = FAST', 2);
    connection.exec(`PRAGMA cache_size = -${WRITER_CACHE_KIB}`);
    // After a burst the WAL file shrinks back to this when it is written from its start again.
    connection.exec('PRAGMA journal_size_limit = 67108864');
    noMmap(connection);
    migrate(connection);
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

/** Opens the file for reading only. The writer must have created it. */
export function openForReading(
  driver: SqliteDriver,
  path: string,
  busyTimeoutMs: number,
): SqliteConnection {
  const connection = driver.open(path, { readOnly: true, busyTimeoutMs });
  try {
    checkVersion(connection);
    connection.exec(`PRAGMA cache_size = -${READER_CACHE_KIB}`);
    noMmap(connection);
    checkSchema(connection);
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

function noMmap(connection: SqliteConnection): void {
  connection.exec('PRAGMA mmap_size = 0');
  expectPragma(connection, 'PRAGMA mmap_size', 0);
}

function expectPragma(connection: SqliteConnection, sql: string, want: number | string): void {
  const got = connection.prepare(sql).get()?.[0];
  if (got !== want) {
    throw new StoreError(
      'DRIFT_CHANNELS_STORE_PRAGMA',
      `open the database, ${sql}: got ${String(got)}, want ${want}`,
      { data: { sql } },
    );
  }
}

function checkVersion(connection: SqliteConnection): void {
  const version = String(connection.prepare('SELECT sqlite_version()').get()?.[0]);
  const parts = version.split('.').map(Number);
  const [major = 0, minor = 0, patch = 0] = parts;
  const differs = [major - SQLITE_MIN[0], minor - SQLITE_MIN[1], patch - SQLITE_MIN[2]];
  if ((differs.find((difference) => difference !== 0) ?? 0) < 0) {
    throw new StoreError(
      'DRIFT_CHANNELS_STORE_SQLITE_VERSION',
      `open the database: got SQLite ${version}, want ${SQLITE_MIN.join('.')} or later; use a newer Node 22`,
      { data: { version } },
    );
  }
}
