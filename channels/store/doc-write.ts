/**
 * The statements of the writer on documents: one batch, all or nothing. Runs inside a savepoint that
 * the writer owns and keeps no state between calls.
 */
import type { DocChange, DocChangeResult, SqliteConnection, SqliteStatement } from './types.ts';

type Refusal = Extract<DocChangeResult, { ok: false }>;

export class DocWriter {
  readonly #rev: SqliteStatement;
  readonly #put: SqliteStatement;
  readonly #remove: SqliteStatement;
  readonly #holder: SqliteStatement;
  readonly #hold: SqliteStatement;
  readonly #release: SqliteStatement;

  constructor(connection: SqliteConnection) {
    this.#rev = connection.prepare('SELECT rev FROM docs WHERE kind = ? AND key = ?');
    this.#put = connection.prepare('INSERT OR REPLACE INTO docs VALUES (?, ?, ?, ?)');
    this.#remove = connection.prepare('DELETE FROM docs WHERE kind = ? AND key = ?');
    this.#holder = connection.prepare('SELECT key FROM uniques WHERE kind = ? AND value = ?');
    this.#hold = connection.prepare('INSERT INTO uniques VALUES (?, ?, ?)');
    this.#release = connection.prepare('DELETE FROM uniques WHERE kind = ? AND key = ?');
  }

  /** A refused batch may have written its first documents: the caller rolls the savepoint back. */
  write(batch: readonly DocChange[]): DocChangeResult {
    const revs: number[] = [];
    for (const [index, change] of batch.entries()) {
      const result = this.#one(change, index);
      if (typeof result !== 'number') {
        return result;
      }
      revs.push(result);
    }
    return { ok: true, revs };
  }

  #one({ kind, key, expect, json, unique }: DocChange, index: number): number | Refusal {
    const present = this.#rev.get(kind, key)?.[0] as number | undefined;
    if (expect !== 'any' && (present ?? 'absent') !== expect) {
      return { ok: false, why: 'rev', index };
    }
    if (unique !== undefined || json === null) {
      this.#release.run(kind, key);
    }
    if (json === null) {
      this.#remove.run(kind, key);
      return 0;
    }
    const held = [...new Set(unique)];
    const value = held.find((one) => this.#holder.get(kind, one) !== undefined);
    if (value !== undefined) {
      return { ok: false, why: 'unique', index, value };
    }
    for (const one of held) {
      this.#hold.run(kind, one, key);
    }
    const rev = (present ?? 0) + 1;
    this.#put.run(kind, key, rev, json);
    return rev;
  }
}
