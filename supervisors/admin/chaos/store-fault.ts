/**
 * Faults of the store: an SQLite driver whose COMMIT waits, as on a disk that hangs, or fails as on a full one. Only the store
 * thread of a server with CHAOS_ENABLED=on has it; no statement but COMMIT is touched. What it does ends at a time that is known when
 * it begins, whoever is still alive then.
 */
import type {
  SqliteConnection,
  SqliteDriver,
  SqliteOpenOptions,
  SqliteStatement,
} from '../../../channels/store/index.ts';
import type { Clock } from '../../../runtime/index.ts';
import type { EndWord } from './end-word.ts';

const SQLITE_FULL = 13;
const COMMIT = /^\s*commit/i;

/** As node:sqlite says it. */
class DiskFull extends Error {
  readonly code = 'ERR_SQLITE_ERROR';
  readonly errcode = SQLITE_FULL;
  readonly errstr = 'database or disk is full';

  constructor() {
    super('database or disk is full');
  }
}

/** The present fault of this thread's store. */
export class StoreFault {
  readonly #clock: Clock;
  readonly #word: EndWord;
  #kind: 'freeze' | 'full' = 'freeze';
  #run = 0;
  #untilMs = 0;
  /** Commits held back or refused. */
  commits = 0;

  constructor(clock: Clock, word: EndWord) {
    this.#clock = clock;
    this.#word = word;
  }

  begin(kind: 'freeze' | 'full', run: number, forMs: number): void {
    this.#kind = kind;
    this.#run = run;
    this.#untilMs = this.#clock.monotonic() + forMs;
    this.commits = 0;
  }

  end(): void {
    this.#untilMs = 0;
  }

  get isActive(): boolean {
    return this.#clock.monotonic() < this.#untilMs && !this.#word.isOver(this.#run);
  }

  /** Before each COMMIT: returns at once, late, or throws. */
  strike(): void {
    if (!this.isActive) return;
    this.commits += 1;
    if (this.#kind === 'full') throw new DiskFull();
    while (this.isActive) this.#word.wait(this.#run, this.#untilMs - this.#clock.monotonic());
  }
}

/** `inner` with a fault before each COMMIT. */
export function faultyDriver(inner: SqliteDriver, fault: StoreFault): SqliteDriver {
  return {
    open: (path: string, options: SqliteOpenOptions) =>
      new FaultyConnection(inner.open(path, options), fault),
  };
}

class FaultyConnection implements SqliteConnection {
  readonly #inner: SqliteConnection;
  readonly #fault: StoreFault;

  constructor(inner: SqliteConnection, fault: StoreFault) {
    this.#inner = inner;
    this.#fault = fault;
  }

  get inTransaction(): boolean {
    return this.#inner.inTransaction;
  }

  exec(sql: string): void {
    if (COMMIT.test(sql)) this.#fault.strike();
    this.#inner.exec(sql);
  }

  prepare(sql: string): SqliteStatement {
    const statement = this.#inner.prepare(sql);
    if (!COMMIT.test(sql)) return statement;
    return {
      run: (...params) => {
        this.#fault.strike();
        return statement.run(...params);
      },
      get: (...params) => statement.get(...params),
      all: (...params) => statement.all(...params),
      iterate: (...params) => statement.iterate(...params),
    };
  }

  close(): void {
    this.#inner.close();
  }
}
