/**
 * A production store thread whose SQLite driver fails on demand, with the chaos actor on it.
 * Loaded by fault-server.ts on the store thread.
 */
import {
  nodeSqliteDriver,
  type SqliteConnection,
  type SqliteDriver,
  type SqliteStatement,
} from '../../../channels/store/index.ts';
import { defineActor, name, spawn } from '../../../runtime/index.ts';
import { boot as bootStore } from '../../boot-store.ts';
import { startChaos } from './chaos.ts';

/**
 * off: as usual. full: each write fails with SQLITE_FULL. commit: COMMIT itself fails with SQLITE_FULL and
 * nothing is written. unsure: COMMIT succeeds and then reports an I/O error, so that nobody can know.
 */
export type StoreFault = 'off' | 'full' | 'commit' | 'unsure';

export interface StoreFaultP {
  set(fault: StoreFault): void;
  /** How often the driver has failed since the thread's start. */
  failures(): number;
}

export const STORE_FAULT = 'store-fault';

const SQLITE_FULL = 13;
const SQLITE_IOERR = 10;
let fault: StoreFault = 'off';
let failures = 0;

class SqliteFault extends Error {
  readonly code = 'ERR_SQLITE_ERROR';
  readonly errcode: number;
  readonly errstr: string;

  constructor(errcode: number, text: string) {
    super(text);
    this.errcode = errcode;
    this.errstr = text;
    failures += 1;
  }
}

/** Carries out a statement, or fails instead of it, or after it, as the present fault says. */
function withFault<T>(sql: string, run: () => T): T {
  const commits = /^\s*commit/i.test(sql);
  const writes = /^\s*(insert|update|delete|replace)/i.test(sql);
  if ((commits && fault === 'commit') || (writes && fault === 'full')) {
    throw new SqliteFault(SQLITE_FULL, 'database or disk is full');
  }
  const result = run();
  if (commits && fault === 'unsure') throw new SqliteFault(SQLITE_IOERR, 'disk I/O error');
  return result;
}

class FailingConnection implements SqliteConnection {
  readonly #inner: SqliteConnection;

  constructor(inner: SqliteConnection) {
    this.#inner = inner;
  }

  get inTransaction(): boolean {
    return this.#inner.inTransaction;
  }

  exec(sql: string): void {
    withFault(sql, () => this.#inner.exec(sql));
  }

  prepare(sql: string): SqliteStatement {
    const statement = this.#inner.prepare(sql);
    return {
      run: (...params) => withFault(sql, () => statement.run(...params)),
      get: (...params) => withFault(sql, () => statement.get(...params)),
      all: (...params) => withFault(sql, () => statement.all(...params)),
      iterate: (...params) => withFault(sql, () => statement.iterate(...params)),
    };
  }

  close(): void {
    this.#inner.close();
  }
}

const failingDriver: SqliteDriver = {
  open: (path, options) => new FailingConnection(nodeSqliteDriver.open(path, options)),
};

const StoreFaults = defineActor<StoreFaultP, null>({
  name: STORE_FAULT,
  init: () => null,
  handle: {
    set: (_state, next) => {
      fault = next;
    },
    failures: () => failures,
  },
});

export const boot: typeof bootStore = async (arg, thread) => {
  const booted = await bootStore(arg, thread, { driver: failingDriver });
  await startChaos();
  await spawn(StoreFaults, undefined, { name: name<StoreFaultP>(STORE_FAULT) });
  return booted;
};
