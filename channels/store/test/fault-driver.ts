/**
 * An SQLite driver that fails on demand, for fault tests only: production code does not know it. The
 * switch lies in shared memory, so that a test on one thread can fail the store on another.
 */
import type {
  SqliteConnection,
  SqliteDriver,
  SqliteOpenOptions,
  SqliteStatement,
  SqlRow,
  SqlValue,
} from '../types.ts';

/**
 * Where a fault strikes: opening a connection; a statement that writes; COMMIT before it takes effect;
 * COMMIT after it took effect (an error that lies); ROLLBACK; a SELECT; a checkpoint; close.
 */
export const FAULT_POINTS = [
  'open',
  'write',
  'commit',
  'committed',
  'rollback',
  'select',
  'checkpoint',
  'close',
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

/** SQLite result codes worth injecting (sqlite.org/rescode.html). */
export const SQLITE_IOERR_FSYNC = 1034;
export const SQLITE_FULL = 13;

/** Three cells for each point: errcode (0 = off), how often it still strikes (-1 = always), hits. */
const CELLS = 3;

export class FaultSwitch {
  /** Give it to `new FaultSwitch(buffer)` on another thread to control the same faults. */
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(buffer = new SharedArrayBuffer(FAULT_POINTS.length * CELLS * 4)) {
    this.buffer = buffer;
    this.#cells = new Int32Array(buffer);
  }

  /** From now on `point` fails with `errcode`, the next `times` times (default: until cleared). */
  set(point: FaultPoint, errcode: number, times = -1): void {
    Atomics.store(this.#cells, this.#at(point) + 1, times);
    Atomics.store(this.#cells, this.#at(point), errcode);
  }

  /** Nothing fails any more. Hits are kept. */
  clear(): void {
    for (const point of FAULT_POINTS) {
      Atomics.store(this.#cells, this.#at(point), 0);
    }
  }

  hits(point: FaultPoint): number {
    return Atomics.load(this.#cells, this.#at(point) + 2);
  }

  /** Throws when `point` is to fail. */
  strike(point: FaultPoint): void {
    const at = this.#at(point);
    const errcode = Atomics.load(this.#cells, at);
    if (errcode === 0) {
      return;
    }
    const left = Atomics.load(this.#cells, at + 1);
    if (left > 0 && Atomics.sub(this.#cells, at + 1, 1) === 1) {
      Atomics.store(this.#cells, at, 0);
    }
    Atomics.add(this.#cells, at + 2, 1);
    throw Object.assign(new Error(`injected fault at ${point}: SQLite result ${errcode}`), {
      code: 'ERR_SQLITE_ERROR',
      errcode,
    });
  }

  #at(point: FaultPoint): number {
    return FAULT_POINTS.indexOf(point) * CELLS;
  }
}

/** `inner` with the faults of `faults`. */
export function faultDriver(inner: SqliteDriver, faults: FaultSwitch): SqliteDriver {
  return {
    open(path: string, options: SqliteOpenOptions): SqliteConnection {
      faults.strike('open');
      return new FaultConnection(inner.open(path, options), faults);
    },
  };
}

class FaultConnection implements SqliteConnection {
  readonly #inner: SqliteConnection;
  readonly #faults: FaultSwitch;

  constructor(inner: SqliteConnection, faults: FaultSwitch) {
    this.#inner = inner;
    this.#faults = faults;
  }

  get inTransaction(): boolean {
    return this.#inner.inTransaction;
  }

  exec(sql: string): void {
    if (sql === 'ROLLBACK') {
      this.#faults.strike('rollback');
    }
    this.#inner.exec(sql);
  }

  prepare(sql: string): SqliteStatement {
    return new FaultStatement(this.#inner.prepare(sql), sql, this.#faults);
  }

  close(): void {
    // A file that cannot be closed cleanly is closed all the same.
    this.#inner.close();
    this.#faults.strike('close');
  }
}

class FaultStatement implements SqliteStatement {
  readonly #inner: SqliteStatement;
  readonly #faults: FaultSwitch;
  readonly #point: FaultPoint | undefined;

  constructor(inner: SqliteStatement, sql: string, faults: FaultSwitch) {
    this.#inner = inner;
    this.#faults = faults;
    this.#point = pointOf(sql);
  }

  run(...params: SqlValue[]): { readonly changes: number | bigint } {
    this.#strike();
    const result = this.#inner.run(...params);
    if (this.#point === 'commit') {
      this.#faults.strike('committed');
    }
    return result;
  }

  get(...params: SqlValue[]): SqlRow | undefined {
    this.#strike();
    return this.#inner.get(...params);
  }

  all(...params: SqlValue[]): SqlRow[] {
    this.#strike();
    return this.#inner.all(...params);
  }

  iterate(...params: SqlValue[]): Iterable<SqlRow> {
    this.#strike();
    return this.#inner.iterate(...params);
  }

  #strike(): void {
    if (this.#point !== undefined) {
      this.#faults.strike(this.#point);
    }
  }
}

function pointOf(sql: string): FaultPoint | undefined {
  if (/^\s*(INSERT|UPDATE|DELETE)/.test(sql)) {
    return 'write';
  }
  if (/^\s*SELECT/.test(sql)) {
    return 'select';
  }
  if (sql === 'COMMIT') {
    return 'commit';
  }
  return sql.includes('wal_checkpoint(PASSIVE)') ? 'checkpoint' : undefined;
}
