/**
 * SqliteWriter owns the only writing connection to the database: it carries out groups of changes, one
 * transaction and one fsync per group, one savepoint per change that needs several statements.
 * Synchronous; runs on the store thread (or, in tests and tools, on the caller's). It must never report
 * a change as done before COMMIT returned, and keeps nothing in memory that a rollback would have to undo.
 *
 * After a fault (disk full, I/O error, anything unknown) the whole group is answered `unavailable` once
 * the rollback has been verified, the connection is thrown away (storage.md 8.12: never go on with a
 * handle whose fsync failed), and opened again when a later group arrives, with back-off.
 */
import { checkChange } from './check.ts';
import { Checkpointer } from './checkpoint.ts';
import { BUSY_TIMEOUT_MS, openForWriting } from './connection.ts';
import { DocWriter } from './doc-write.ts';
import { nodeSqliteDriver } from './driver.ts';
import { concernsOneChange, errcodeOf, messageOf, StoreError } from './errors.ts';
import { LogCommit } from './log-commit.ts';
import type {
  Change,
  ChangeValue,
  Outcome,
  SqliteConnection,
  SqliteStatement,
  WriterOptions,
  WriterStats,
} from './types.ts';

/** Everything that lives and dies with one connection. */
class OpenDatabase {
  readonly connection: SqliteConnection;
  readonly begin: SqliteStatement;
  readonly commit: SqliteStatement;
  readonly savepoint: SqliteStatement;
  readonly release: SqliteStatement;
  readonly rollbackTo: SqliteStatement;
  readonly readGroup: SqliteStatement;
  readonly setGroup: SqliteStatement;
  readonly log: LogCommit;
  readonly docs: DocWriter;
  readonly checkpointer: Checkpointer;
  /** Number of the last group, once it is known; only this connection changes it. */
  lastGroup: number | undefined;

  constructor(connection: SqliteConnection, limits: ConstructorParameters<typeof Checkpointer>[1]) {
    this.connection = connection;
    this.begin = connection.prepare('BEGIN IMMEDIATE');
    this.commit = connection.prepare('COMMIT');
    this.savepoint = connection.prepare('SAVEPOINT change');
    this.release = connection.prepare('RELEASE change');
    this.rollbackTo = connection.prepare('ROLLBACK TO change');
    this.readGroup = connection.prepare("SELECT value FROM meta WHERE key = 'group'");
    this.setGroup = connection.prepare("UPDATE meta SET value = ? WHERE key = 'group'");
    this.log = new LogCommit(connection);
    this.docs = new DocWriter(connection);
    this.checkpointer = new Checkpointer(connection, limits);
  }

  /** Number of the last committed group: tells after a fault whether a COMMIT took effect. */
  group(): number {
    return this.readGroup.get()![0] as number;
  }
}

interface Counters {
  groups: number;
  changes: number;
  events: number;
  failedGroups: number;
  reopens: number;
  checkpoints: number;
  checkpointFailures: number;
  sweptRows: number;
}

export class SqliteWriter {
  readonly #options: Required<Omit<WriterOptions, 'onEvent' | 'onGroup'>> &
    Pick<WriterOptions, 'onEvent' | 'onGroup'>;
  readonly #counters: Counters = {
    groups: 0,
    changes: 0,
    events: 0,
    failedGroups: 0,
    reopens: 0,
    checkpoints: 0,
    checkpointFailures: 0,
    sweptRows: 0,
  };
  /** undefined after a fault, until it could be opened again. */
  #database: OpenDatabase | undefined;
  #closed = false;
  /** Attempts since the fault, 0 when healthy. */
  #attempts = 0;
  #retryAt = 0;

  /** Opens, creates or migrates the database. Throws when it cannot: a server without it must not start. */
  constructor(options: WriterOptions) {
    this.#options = {
      driver: nodeSqliteDriver,
      busyTimeoutMs: BUSY_TIMEOUT_MS,
      walIdleBytes: 16 * 2 ** 20,
      walBytesMax: 64 * 2 ** 20,
      reopenMs: 50,
      reopenMsMax: 5_000,
      ...options,
    };
    this.#database = this.#openDatabase();
  }

  /**
   * Carries out the changes in order, in one transaction. outcomes[i] answers group[i]; no outcome is
   * `done` unless all of them are durable.
   */
  run(group: readonly Change[]): readonly Outcome[] {
    if (this.#closed) {
      throw new StoreError('DRIFT_CHANNELS_STORE_CLOSED', 'write: the store is closed');
    }
    const database = this.#ready();
    if (database === undefined) {
      return group.map(() => this.#unavailable());
    }
    const { clock, onGroup } = this.#options;
    const startedMs = clock.monotonic();
    let before: number | undefined;
    let outcomes: readonly Outcome[];
    try {
      before = database.lastGroup ?? database.group();
      database.lastGroup = before;
      outcomes = this.#transact(database, group, before + 1);
    } catch (error) {
      return this.#fail(database, group, before, error);
    } finally {
      onGroup?.(clock.monotonic() - startedMs, group.length);
    }
    this.#count(group, outcomes);
    this.#checkpoint(database, false);
    return outcomes;
  }

  /**
   * One slice (about 5 ms) of the work that waits for a quiet moment: rows of dropped streams, then a
   * checkpoint. Returns true when more is waiting.
   */
  idle(): boolean {
    const database = this.#closed ? undefined : this.#database;
    if (database === undefined) {
      return false;
    }
    try {
      if (database.log.hasDropped()) {
        database.begin.run();
        this.#counters.sweptRows += database.log.sweep();
        database.commit.run();
        return true;
      }
    } catch (error) {
      this.#fail(database, [], undefined, error);
      return false;
    }
    this.#checkpoint(database, true);
    return false;
  }

  stats(): WriterStats {
    const healthy = this.#database !== undefined;
    const walBytes = this.#database?.checkpointer.waitingBytes() ?? 0;
    return { ...this.#counters, walBytes, healthy };
  }

  /** Idempotent. Everything that was reported as done is durable already. */
  close(): void {
    this.#closed = true;
    const database = this.#database;
    this.#database = undefined;
    if (database !== undefined) {
      this.#discard(database);
    }
  }

  #transact(database: OpenDatabase, group: readonly Change[], number: number): readonly Outcome[] {
    database.begin.run();
    const outcomes: Outcome[] = [];
    let written = false;
    for (const change of group) {
      const outcome = this.#apply(database, change);
      outcomes.push(outcome);
      if (hasWritten(outcome)) {
        written = true;
      }
    }
    if (written) {
      database.setGroup.run(number);
    }
    database.commit.run();
    if (written) {
      database.lastGroup = number;
    }
    return outcomes;
  }

  #apply(database: OpenDatabase, change: Change): Outcome {
    try {
      checkChange(change);
      const value = change.op === 'commit' ? database.log.commitOne(change.commit) : undefined;
      return value === undefined ? this.#applyWhole(database, change) : { status: 'done', value };
    } catch (error) {
      if (!concernsOneChange(error)) {
        throw error;
      }
      return { status: 'rejected', message: messageOf(error) };
    }
  }

  /** A change of several statements, all or nothing by a savepoint. */
  #applyWhole(database: OpenDatabase, change: Change): Outcome {
    database.savepoint.run();
    try {
      const value = this.#carryOut(database, change);
      if (value !== null && 'ok' in value && !value.ok) {
        database.rollbackTo.run();
      }
      database.release.run();
      return { status: 'done', value };
    } catch (error) {
      if (concernsOneChange(error)) {
        database.rollbackTo.run();
        database.release.run();
      }
      throw error;
    }
  }

  #carryOut(database: OpenDatabase, change: Change): ChangeValue {
    switch (change.op) {
      case 'commit':
        return database.log.commit(change.commit);
      case 'open':
        return database.log.open(change.sid, () => this.#options.rng.u32() || 1);
      case 'drop':
        return database.log.drop(change.sid);
      case 'docs':
        return database.docs.write(change.batch);
    }
  }

  #fail(
    database: OpenDatabase,
    group: readonly Change[],
    before: number | undefined,
    cause: unknown,
  ): readonly Outcome[] {
    const landed = this.#rollBack(database, before);
    this.#database = undefined;
    this.#discard(database);
    this.#attempts = 1;
    this.#retryAt = this.#options.clock.monotonic() + this.#options.reopenMs;
    this.#counters.failedGroups += 1;
    const outcome: Outcome = landed ? { status: 'unknown' } : this.#unavailable();
    this.#options.onEvent?.({
      type: 'writeFailed',
      changes: group.length,
      message: messageOf(cause),
      errcode: errcodeOf(cause),
      outcome: landed ? 'unknown' : 'unavailable',
    });
    return group.map(() => outcome);
  }

  /**
   * Ends the transaction of a failed group. Returns false only when it is certain that nothing of it was
   * written: it is still open (then it ends here, or at the latest when the connection is closed), or
   * SQLite has rolled it back and the group number is the old one.
   */
  #rollBack(database: OpenDatabase, before: number | undefined): boolean {
    let certain = before === undefined;
    try {
      if (database.connection.inTransaction) {
        certain = true;
        database.connection.exec('ROLLBACK');
      }
      return !certain && database.group() !== before;
    } catch (error) {
      this.#options.onEvent?.({ type: 'readFailed', message: messageOf(error) });
      return !certain;
    }
  }

  /** The database, opened again if it is time to try that; undefined while the fault lasts. */
  #ready(): OpenDatabase | undefined {
    if (this.#database !== undefined || this.#options.clock.monotonic() < this.#retryAt) {
      return this.#database;
    }
    let database: OpenDatabase | undefined;
    try {
      database = this.#openDatabase();
      this.#heal(database);
      this.#database = database;
      this.#counters.reopens += 1;
      this.#options.onEvent?.({ type: 'reopened', attempts: this.#attempts });
      this.#attempts = 0;
    } catch (error) {
      if (database !== undefined) {
        this.#discard(database);
      }
      this.#attempts += 1;
      this.#retryAt = this.#options.clock.monotonic() + this.#backOffMs();
      const retryMs = this.#backOffMs();
      this.#options.onEvent?.({ type: 'reopenFailed', message: messageOf(error), retryMs });
    }
    return this.#database;
  }

  /**
   * A real write before the first group: proves that the fault is gone, and overwrites what a failed
   * COMMIT may have left behind the end of the WAL, which recovery after a crash could otherwise find.
   */
  #heal(database: OpenDatabase): void {
    database.begin.run();
    try {
      database.setGroup.run(database.group() + 1);
      database.commit.run();
    } catch (error) {
      this.#rollBack(database, undefined);
      throw error;
    }
  }

  #openDatabase(): OpenDatabase {
    const { driver, path, busyTimeoutMs } = this.#options;
    return new OpenDatabase(openForWriting(driver, path, busyTimeoutMs), this.#options);
  }

  /** Closes a connection that is not used any more; that a broken one cannot even close is only reported. */
  #discard(database: OpenDatabase): void {
    try {
      database.connection.close();
    } catch (error) {
      this.#options.onEvent?.({ type: 'readFailed', message: messageOf(error) });
    }
  }

  /** A checkpoint that fails loses nothing: the WAL keeps everything, only grows. */
  #checkpoint(database: OpenDatabase, idle: boolean): void {
    try {
      if (database.checkpointer.isDue(idle)) {
        database.checkpointer.run();
        this.#counters.checkpoints += 1;
      }
    } catch (error) {
      this.#counters.checkpointFailures += 1;
      this.#options.onEvent?.({ type: 'checkpointFailed', message: messageOf(error) });
    }
  }

  #unavailable(): Outcome {
    const waitMs = this.#retryAt - this.#options.clock.monotonic();
    return { status: 'unavailable', retryMs: Math.ceil(Math.max(waitMs, this.#options.reopenMs)) };
  }

  #backOffMs(): number {
    const { reopenMs, reopenMsMax } = this.#options;
    return Math.min(reopenMsMax, reopenMs * 2 ** Math.min(this.#attempts, 20));
  }

  #count(group: readonly Change[], outcomes: readonly Outcome[]): void {
    this.#counters.groups += 1;
    this.#counters.changes += group.length;
    for (let i = 0; i < group.length; i += 1) {
      const change = group[i]!;
      if (change.op === 'commit' && hasWritten(outcomes[i]!)) {
        this.#counters.events += change.commit.events.length;
      }
    }
  }
}

/** False for refusals, which leave no trace: a group of refusals costs no fsync. */
function hasWritten(outcome: Outcome): boolean {
  if (outcome.status !== 'done') {
    return false;
  }
  const { value } = outcome;
  return value === null || !('ok' in value) || value.ok;
}
