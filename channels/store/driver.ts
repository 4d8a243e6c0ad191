/**
 * The SQLite driver over node:sqlite. Synchronous: it belongs on the store thread and on reader
 * threads, never on a thread with sockets. Holds no state.
 */
import { DatabaseSync } from 'node:sqlite';
import type {
  SqliteConnection,
  SqliteDriver,
  SqliteOpenOptions,
  SqliteStatement,
} from './types.ts';

class NodeSqliteConnection implements SqliteConnection {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  prepare(sql: string): SqliteStatement {
    const statement = this.#database.prepare(sql);
    statement.setReturnArrays(true);
    // With setReturnArrays the rows are arrays, which the types of node:sqlite do not express.
    return statement as unknown as SqliteStatement;
  }

  close(): void {
    this.#database.close();
  }
}

/** The production driver: the SQLite that is built into Node. Any thread; each connection stays on its own. */
export const nodeSqliteDriver: SqliteDriver = {
  open(path: string, options: SqliteOpenOptions): SqliteConnection {
    const { readOnly, busyTimeoutMs: timeout } = options;
    return new NodeSqliteConnection(new DatabaseSync(path, { readOnly, timeout }));
  },
};
