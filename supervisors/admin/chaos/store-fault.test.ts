/**
 * The store's faults, on real databases: COMMIT waits, or SQLite itself finds no room; for a time that was known before, and nothing of it
 * stays in the file.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Commit } from '../../../channels/index.ts';
import {
  nodeSqliteDriver,
  openSqliteStore,
  type SqliteConnection,
} from '../../../channels/store/index.ts';
import type { Clock } from '../../../runtime/index.ts';
import { EndWord } from './end-word.ts';
import { faultyDriver, StoreFault } from './store-fault.ts';

const SQLITE_FULL = 13;
const OPTIONS = { readOnly: false, busyTimeoutMs: 0 };

/** Each look moves the time on by a millisecond: what waits comes to its end. */
function movingClock(): Clock {
  let nowMs = 0;
  return {
    now: () => nowMs,
    monotonic: () => nowMs++,
    setTimeout: () => ({}),
    clearTimeout: () => {},
  };
}

let folder: string;
let path: string;
let clock: Clock;
let word: EndWord;
let fault: StoreFault;
let opened: SqliteConnection[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'driftway-fault-'));
  path = join(folder, 'some.db');
  clock = movingClock();
  word = new EndWord(new SharedArrayBuffer(4));
  fault = new StoreFault(clock, word);
  opened = [];
});
afterEach(() => {
  for (const one of opened) one.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A connection to a database with a table to write to and the one that every database of ours has. */
function connect(driver = faultyDriver(nodeSqliteDriver, fault)): SqliteConnection {
  const connection = driver.open(path, OPTIONS);
  opened.push(connection);
  connection.exec('PRAGMA journal_mode = WAL');
  connection.exec('CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID');
  connection.exec('CREATE TABLE IF NOT EXISTS log (frame BLOB)');
  return connection;
}

/** One transaction with rows of these sizes: done, or the result code of SQLite. */
function write(connection: SqliteConnection, ...sizes: readonly number[]): unknown {
  try {
    connection.prepare('BEGIN IMMEDIATE').run();
    for (const size of sizes) {
      connection.prepare('INSERT INTO log (frame) VALUES (zeroblob(?))').run(size);
    }
    connection.prepare('COMMIT').run();
    return 'done';
  } catch (error) {
    if (connection.inTransaction) connection.exec('ROLLBACK');
    return (error as { errcode?: number }).errcode;
  }
}

const numberOf = (connection: SqliteConnection, sql: string): number =>
  Number(connection.prepare(sql).get()?.[0]);
const rows = (connection: SqliteConnection): number =>
  numberOf(connection, 'SELECT count(*) FROM log');

describe('a quota that is used up', () => {
  test('SQLite finds no room for what needs a page and for what needs none, and nothing is written', () => {
    const connection = connect();
    expect(write(connection, 10)).toBe('done');
    fault.begin('full', 1, 1e9);
    expect(write(connection, 10)).toBe(SQLITE_FULL);
    expect(write(connection, 100_000)).toBe(SQLITE_FULL);
    expect(fault.commits).toBe(2);
    expect(rows(connection)).toBe(1);
    fault.end();
    expect(write(connection, 10, 100_000)).toBe('done');
    expect(rows(connection)).toBe(3);
    expect(numberOf(connection, 'SELECT count(*) FROM meta')).toBe(0);
  });

  test('pages that are free inside of the file: are no room either', () => {
    const connection = connect();
    write(connection, 300_000);
    connection.exec('DELETE FROM log');
    expect(fault.spareBytes).toBeGreaterThan(200_000);
    fault.begin('full', 1, 1e9);
    expect(write(connection, 10)).toBe(SQLITE_FULL);
    expect(rows(connection)).toBe(0);
  });

  test('begins in the midst of a transaction: it fails at its COMMIT', () => {
    const connection = connect();
    connection.exec('BEGIN IMMEDIATE');
    connection.exec("INSERT INTO log (frame) VALUES (x'00')");
    fault.begin('full', 1, 1e9);
    expect(() => connection.exec('COMMIT')).toThrow(/full/);
    expect(connection.inTransaction).toBe(false);
    expect(rows(connection)).toBe(0);
  });

  test('ends in the midst of a transaction: it is written, and the next ones are not limited', () => {
    const connection = connect();
    fault.begin('full', 1, 1e9);
    connection.exec('BEGIN IMMEDIATE');
    connection.exec("INSERT INTO log (frame) VALUES (x'00')");
    fault.end();
    connection.exec('COMMIT');
    expect(write(connection, 100_000)).toBe('done');
    expect(rows(connection)).toBe(2);
  });

  test('its time is over: written as before', () => {
    const connection = connect();
    fault.begin('full', 1, 50);
    expect(write(connection, 10)).toBe(SQLITE_FULL);
    while (clock.monotonic() < 60);
    expect(fault.isActive).toBe(false);
    expect(write(connection, 100_000)).toBe('done');
  });

  test('the thread is replaced meanwhile: the connection of the next one knows no limit', () => {
    const connection = connect();
    fault.begin('full', 1, 1e9);
    expect(write(connection, 100_000)).toBe(SQLITE_FULL);
    const next = connect(faultyDriver(nodeSqliteDriver, new StoreFault(clock, word)));
    expect(write(next, 100_000)).toBe('done');
  });

  test('a connection that reads: knows no limit', () => {
    const connection = connect();
    const options = { ...OPTIONS, readOnly: true };
    const reader = faultyDriver(nodeSqliteDriver, fault).open(path, options);
    opened.push(reader);
    fault.begin('full', 1, 1e9);
    expect(write(connection, 10)).toBe(SQLITE_FULL);
    expect(rows(reader)).toBe(0);
  });

  test('the store on it: unavailable with a time to wait, none of it is there; done once it is lifted', async () => {
    const options = { path: join(folder, 'driftway.db'), clock, rng: { u32: () => 1 } };
    const store = openSqliteStore({ ...options, driver: faultyDriver(nodeSqliteDriver, fault) });
    const { fence } = await store.log.open(7);
    fault.begin('full', 1, 1e9);
    const refused = await store.log.commit(commitOf(fence));
    expect(refused).toMatchObject({ ok: false, why: 'unavailable', retryMs: expect.any(Number) });
    expect(await store.log.replay(7, 0, 10, 1e6)).toEqual([]);
    word.endAll(1);
    while (clock.monotonic() < 20_000);
    expect(await store.log.commit(commitOf(fence))).toEqual({ ok: true, head: 1 });
    expect(await store.log.replay(7, 0, 10, 1e6)).toHaveLength(1);
    await store.close();
  });
});

function commitOf(fence: number): Commit {
  const about = { kind: 1, actor: 1, target: 0, emoji: '', nonce: 'n' } as const;
  const [digest, frame] = [new Uint8Array(0), new Uint8Array(8)];
  const event = { seq: 1, ts: 1, digest, frame, ...about };
  return { sid: 7, fence, after: 0, events: [event], rewrites: [] };
}

describe('a disk that hangs', () => {
  test('COMMIT returns when the time is over, and is carried out', () => {
    const connection = connect();
    fault.begin('freeze', 1, 4);
    expect(write(connection, 10)).toBe('done');
    expect(clock.monotonic()).toBeGreaterThanOrEqual(4);
    expect(fault.commits).toBe(1);
    expect(rows(connection)).toBe(1);
  });
});

describe('StoreFault', () => {
  test('without a fault: commits as the driver does', () => {
    const connection = connect();
    expect(write(connection, 10, 100_000)).toBe('done');
    expect(fault.commits).toBe(0);
  });

  test('the word says that the run is over: so it is, and that of a later run is not', () => {
    const connection = connect();
    fault.begin('full', 7, 1e9);
    word.endAll(6);
    expect(write(connection, 10)).toBe(SQLITE_FULL);
    word.endAll(7);
    expect(write(connection, 10)).toBe('done');
    fault.begin('freeze', 7, 1e9);
    expect(write(connection, 10)).toBe('done');
  });
});
