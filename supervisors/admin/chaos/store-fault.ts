/**
 * Faults of the store: an SQLite driver whose COMMIT waits, as on a disk that hangs, or whose database may not grow, as where the disk
 * quota is used up: then SQLite itself finds no room and says so. Only the store thread of a server with CHAOS_ENABLED=on has it. What it
 * does ends at a time that is known when it begins, whoever is still alive then; nothing of it is ever in the file.
 */
import type {
  SqliteConnection,
  SqliteDriver,
  SqliteOpenOptions,
  SqliteStatement,
} from '../../../channels/store/index.ts';
import type { Clock } from '../../../runtime/index.ts';
import type { EndWord } from './end-word.ts';

const BEGIN = /^\s*begin/i;
const COMMIT = /^\s*commit/i;
/** As SQLite has it unless told otherwise. */
const PAGES_MOST = 4_294_967_294;

/** The present fault of this thread's store. */
export class StoreFault {
  readonly #clock: Clock;
  readonly #word: EndWord;
  #kind: 'freeze' | 'full' = 'freeze';
  #run = 0;
  #untilMs = 0;
  #connection: SqliteConnection | undefined;
  /** Commits held back, or transactions that met the limit. */
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

  get isFull(): boolean {
    return this.#kind === 'full' && this.isActive;
  }

  /** Bytes of the database that are free inside, which a full disk leaves usable; 0 where there is no connection at this moment. */
  get spareBytes(): number {
    const connection = this.#connection;
    return connection === undefined ? 0 : spareBytesOf(connection);
  }

  /** The writer's connection of this moment. */
  follow(connection: SqliteConnection | undefined): void {
    this.#connection = connection;
  }

  /** Before each COMMIT: returns at once, or late. */
  holdBack(): void {
    if (this.#kind !== 'freeze' || !this.isActive) return;
    this.commits += 1;
    while (this.isActive) this.#word.wait(this.#run, this.#untilMs - this.#clock.monotonic());
  }
}

/** `inner`, with the faults of `fault` on connections that write. */
export function faultyDriver(inner: SqliteDriver, fault: StoreFault): SqliteDriver {
  return {
    open: (path: string, options: SqliteOpenOptions) => {
      const connection = inner.open(path, options);
      if (options.readOnly) return connection;
      fault.follow(connection);
      return new FaultyConnection(connection, fault);
    },
  };
}

class FaultyConnection implements SqliteConnection {
  readonly #inner: SqliteConnection;
  readonly #fault: StoreFault;
  #isLimited = false;

  constructor(inner: SqliteConnection, fault: StoreFault) {
    this.#inner = inner;
    this.#fault = fault;
  }

  get inTransaction(): boolean {
    return this.#inner.inTransaction;
  }

  exec(sql: string): void {
    this.#strike(sql);
    this.#inner.exec(sql);
  }

  prepare(sql: string): SqliteStatement {
    const statement = this.#inner.prepare(sql);
    if (!BEGIN.test(sql) && !COMMIT.test(sql)) return statement;
    return {
      run: (...params) => {
        this.#strike(sql);
        return statement.run(...params);
      },
      get: (...params) => statement.get(...params),
      all: (...params) => statement.all(...params),
      iterate: (...params) => statement.iterate(...params),
    };
  }

  close(): void {
    this.#fault.follow(undefined);
    this.#inner.close();
  }

  #strike(sql: string): void {
    if (BEGIN.test(sql)) this.#limit(this.#fault.isFull);
    if (!COMMIT.test(sql)) return;
    this.#fault.holdBack();
    if (!this.#fault.isFull) return;
    if (!this.#isLimited) this.#limit(true);
    useUp(this.#inner);
  }

  /** With it the file keeps its pages and gets no more: a statement that needs one fails. */
  #limit(isFull: boolean): void {
    if (isFull) this.#fault.commits += 1;
    else if (!this.#isLimited) return;
    // SQLite takes the present number of pages for a lower one.
    this.#inner.exec(`PRAGMA max_page_count = ${isFull ? 1 : PAGES_MOST}`);
    this.#isLimited = isFull;
  }
}

/**
 * A transaction that got along with the pages that there are meets the limit here: it wants more than are left, SQLite finds
 * no room, and none of it is written. The row could not be kept even if there were room.
 */
function useUp(connection: SqliteConnection): void {
  const bytes = spareBytesOf(connection) + pragma(connection, 'page_size');
  connection.prepare("INSERT INTO meta (key, value) VALUES ('full', zeroblob(?))").run(bytes);
  throw new Error('fill the disk: there was room beyond the limit');
}

function spareBytesOf(connection: SqliteConnection): number {
  return pragma(connection, 'freelist_count') * pragma(connection, 'page_size');
}

function pragma(connection: SqliteConnection, name: 'freelist_count' | 'page_size'): number {
  return Number(connection.prepare(`PRAGMA ${name}`).get()?.[0]);
}
