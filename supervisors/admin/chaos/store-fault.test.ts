/** The store's faults: COMMIT waits or fails, for a time that was known before, and nothing else is touched. */
import { describe, expect, test } from 'vitest';
import type { SqliteConnection, SqliteDriver } from '../../../channels/store/index.ts';
import type { Clock } from '../../../runtime/index.ts';
import { EndWord } from './end-word.ts';
import { faultyDriver, StoreFault } from './store-fault.ts';

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

function connected() {
  const ran: string[] = [];
  const connection: SqliteConnection = {
    inTransaction: true,
    exec: (sql) => void ran.push(sql),
    prepare: (sql) => ({
      run: () => {
        ran.push(sql);
        return { changes: 1 };
      },
      get: () => [sql],
      all: () => [[sql]],
      iterate: () => [[sql]],
    }),
    close: () => void ran.push('close'),
  };
  const driver: SqliteDriver = { open: () => connection };
  const word = new EndWord(new SharedArrayBuffer(4));
  const clock = movingClock();
  const fault = new StoreFault(clock, word);
  const opened = faultyDriver(driver, fault).open('', { readOnly: false, busyTimeoutMs: 0 });
  return { clock, fault, opened, ran, word };
}

const errcodeOf = (run: () => unknown): unknown => {
  try {
    run();
    return 'done';
  } catch (error) {
    return (error as { errcode?: number }).errcode;
  }
};

describe('faultyDriver', () => {
  test('without a fault: commits as the driver does', () => {
    const { opened, ran } = connected();
    opened.prepare('COMMIT').run();
    opened.exec('commit');
    expect(ran).toEqual(['COMMIT', 'commit']);
  });

  test('full: every COMMIT fails with SQLITE_FULL and is not carried out, other statements are', () => {
    const { fault, opened, ran } = connected();
    const commit = opened.prepare('COMMIT');
    fault.begin('full', 1, 1000);
    expect(errcodeOf(() => commit.run())).toBe(13);
    expect(errcodeOf(() => opened.exec(' COMMIT'))).toBe(13);
    opened.exec('ROLLBACK');
    opened.prepare('INSERT').run();
    expect(ran).toEqual(['ROLLBACK', 'INSERT']);
    expect(fault.commits).toBe(2);
  });

  test('full: its time is over, commits', () => {
    const { clock, fault, opened } = connected();
    fault.begin('full', 1, 5);
    while (clock.monotonic() < 10);
    expect(errcodeOf(() => opened.exec('COMMIT'))).toBe('done');
    expect(fault.isActive).toBe(false);
  });

  test('freeze: COMMIT returns when the time is over, and is carried out', () => {
    const { clock, fault, opened, ran } = connected();
    fault.begin('freeze', 1, 4);
    opened.prepare('COMMIT').run();
    expect(clock.monotonic()).toBeGreaterThanOrEqual(4);
    expect(ran).toEqual(['COMMIT']);
  });

  test('the word says that the run is over: so it is, and that of a later run is not', () => {
    const { fault, opened, word } = connected();
    fault.begin('full', 7, 1e9);
    word.endAll(6);
    expect(errcodeOf(() => opened.exec('COMMIT'))).toBe(13);
    word.endAll(7);
    expect(errcodeOf(() => opened.exec('COMMIT'))).toBe('done');
    fault.begin('freeze', 7, 1e9);
    expect(errcodeOf(() => opened.exec('COMMIT'))).toBe('done');
  });

  test('end: at once', () => {
    const { fault, opened } = connected();
    fault.begin('full', 1, 1e9);
    fault.end();
    expect(errcodeOf(() => opened.exec('COMMIT'))).toBe('done');
  });
});
