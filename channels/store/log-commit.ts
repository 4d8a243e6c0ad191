/**
 * The statements of the writer on streams: open, commit, drop and the sweep of dropped rows. They run
 * inside a transaction that the writer owns; nothing here begins or ends one, or keeps state between
 * calls, so that a rollback leaves nothing to undo.
 */
import type { Commit, CommitResult, DuplicateNonce, Id, LogEvent, OpenedLog } from '../types.ts';
import { EVENT_COLUMNS, eventOf, HEAD_COLUMNS, headOf, nonceHash } from './rows.ts';
import type { SqliteConnection, SqliteStatement } from './types.ts';

/** Rows that one sweep deletes: about 5 ms of the writer's time. */
const SWEEP_ROWS = 500;

export class LogCommit {
  readonly #head: SqliteStatement;
  readonly #isNext: SqliteStatement;
  readonly #createHead: SqliteStatement;
  readonly #setFence: SqliteStatement;
  readonly #nextFence: SqliteStatement;
  readonly #moveHead: SqliteStatement;
  readonly #insert: SqliteStatement;
  readonly #nonces: SqliteStatement;
  readonly #rewrite: SqliteStatement;
  readonly #dropHead: SqliteStatement;
  readonly #markDropped: SqliteStatement;
  readonly #isDropped: SqliteStatement;
  readonly #anyDropped: SqliteStatement;
  readonly #forgetDropped: SqliteStatement;
  readonly #sweeps: readonly SqliteStatement[];
  readonly #pin: SqliteStatement;
  readonly #unpin: SqliteStatement;
  readonly #reactions: Reactions;

  constructor(connection: SqliteConnection) {
    const prepare = (sql: string): SqliteStatement => connection.prepare(sql);
    this.#head = prepare(`SELECT ${HEAD_COLUMNS}, fence FROM heads WHERE sid = ?`);
    this.#isNext = prepare(
      `SELECT 1 FROM heads WHERE sid = ?1 AND fence = ?2 AND head = ?3
       AND NOT EXISTS (SELECT 1 FROM log WHERE sid = ?1 AND nonce_hash = ?4)`,
    );
    this.#createHead = prepare('INSERT INTO heads VALUES (?, ?, 0, 1, 0, 0)');
    this.#setFence = prepare('UPDATE heads SET fence = ? WHERE sid = ?');
    this.#nextFence = prepare(
      "UPDATE meta SET value = value + 1 WHERE key = 'fence' RETURNING value",
    );
    this.#moveHead = prepare('UPDATE heads SET head = ?, head_ts = ? WHERE sid = ?');
    // node:sqlite binds some empty arrays (those without memory behind them) as NULL, hence ifnull.
    this.#insert = prepare(
      `INSERT INTO log (sid, seq, ts, kind, actor, target, emoji, nonce, nonce_hash, digest, edited_at, frame)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ifnull(?, x''), 0, ifnull(?, x''))`,
    );
    this.#nonces = prepare(`SELECT ${EVENT_COLUMNS} FROM log WHERE sid = ? AND nonce_hash = ?`);
    this.#rewrite = prepare(
      `UPDATE log SET kind = ?1, frame = ifnull(?2, x''), edited_at = ?3, emoji = iif(?1 = 0, '', emoji)
       WHERE sid = ?4 AND seq = ?5`,
    );
    this.#dropHead = prepare('DELETE FROM heads WHERE sid = ?');
    this.#markDropped = prepare('INSERT OR IGNORE INTO dropped (sid) VALUES (?)');
    this.#isDropped = prepare('SELECT sid FROM dropped WHERE sid = ?');
    this.#anyDropped = prepare('SELECT sid FROM dropped LIMIT 1');
    this.#forgetDropped = prepare('DELETE FROM dropped WHERE sid = ?');
    this.#sweeps = [
      'DELETE FROM log WHERE gsn IN (SELECT gsn FROM log WHERE sid = ? LIMIT ?)',
      `DELETE FROM reactions WHERE (sid, target, uid, emoji) IN
         (SELECT sid, target, uid, emoji FROM reactions WHERE sid = ? LIMIT ?)`,
      `DELETE FROM tallies WHERE (sid, target, emoji) IN
         (SELECT sid, target, emoji FROM tallies WHERE sid = ? LIMIT ?)`,
      `DELETE FROM pins WHERE (sid, target) IN (SELECT sid, target FROM pins WHERE sid = ? LIMIT ?)`,
    ].map(prepare);
    this.#pin = prepare('INSERT OR REPLACE INTO pins (sid, target, at) VALUES (?, ?, ?)');
    this.#unpin = prepare('DELETE FROM pins WHERE sid = ? AND target = ?');
    this.#reactions = new Reactions(connection);
  }

  /** Raises the fence; creates the stream with a fresh epoch when it is absent. */
  open(sid: Id, freshEpoch: () => number): OpenedLog {
    if (this.#head.get(sid) === undefined) {
      this.#sweepAll(sid);
      this.#createHead.run(sid, freshEpoch());
    }
    // One counter for all streams: the owner of a dropped stream can never match a new one of that sid.
    const fence = this.#nextFence.get()![0] as number;
    this.#setFence.run(fence, sid);
    return { ...headOf(this.#head.get(sid)!), fence };
  }

  /**
   * The commit that is nearly all of the load, one event that changes no other: three statements. They
   * need no savepoint, since only the first write can fail for reasons of the event itself. undefined
   * when the commit is another, or is refused: nothing was written, and `commit` says why.
   */
  commitOne({ sid, fence, after, events, rewrites }: Commit): CommitResult | undefined {
    const event = events[0];
    if (event === undefined || events.length > 1 || rewrites.length > 0) {
      return undefined;
    }
    if (event.kind >= 3 && event.kind <= 6) {
      return undefined;
    }
    const hash = hashOf(event);
    // A hit on the hash alone may be another nonce: `commit` looks closer.
    if (this.#isNext.get(sid, fence, after, hash) === undefined) {
      return undefined;
    }
    this.#append(sid, event, hash);
    this.#moveHead.run(event.seq, event.ts, sid);
    return { ok: true, head: event.seq };
  }

  /** Refuses without having written anything; throws RangeError on a rewrite of a missing event. */
  commit(commit: Commit): CommitResult {
    const row = this.#head.get(commit.sid);
    const head = row === undefined ? 0 : (row[3] as number);
    if (row === undefined || row[5] !== commit.fence || head !== commit.after) {
      return { ok: false, why: 'fenced', head };
    }
    const hashes = commit.events.map(hashOf);
    const at = this.#duplicates(commit, hashes);
    if (at.length > 0) {
      return { ok: false, why: 'duplicate', at };
    }
    for (const [index, event] of commit.events.entries()) {
      this.#append(commit.sid, event, hashes[index]!);
    }
    for (const { seq, kind, frame, editedAt } of commit.rewrites) {
      if (Number(this.#rewrite.run(kind, frame, editedAt, commit.sid, seq).changes) !== 1) {
        throw new RangeError(`rewrite event ${seq} of stream ${commit.sid}: there is none`);
      }
      if (kind === 0) {
        this.#reactions.clear(commit.sid, seq);
        this.#unpin.run(commit.sid, seq);
      }
    }
    const last = commit.events.at(-1);
    if (last !== undefined) {
      this.#moveHead.run(last.seq, last.ts, commit.sid);
    }
    return { ok: true, head: last?.seq ?? head };
  }

  /** The stream is gone for every reader at once; its rows are deleted by `sweep`, a few at a time. */
  drop(sid: Id): null {
    if (Number(this.#dropHead.run(sid).changes) > 0) {
      this.#markDropped.run(sid);
    }
    return null;
  }

  /** True when a dropped stream still has rows. */
  hasDropped(): boolean {
    return this.#anyDropped.get() !== undefined;
  }

  /** Deletes up to SWEEP_ROWS rows of a dropped stream and returns how many. */
  sweep(): number {
    const sid = this.#anyDropped.get()?.[0];
    return sid === undefined ? 0 : this.#sweepSome(sid as Id);
  }

  #sweepSome(sid: Id): number {
    for (const statement of this.#sweeps) {
      const removed = Number(statement.run(sid, SWEEP_ROWS).changes);
      if (removed > 0) {
        return removed;
      }
    }
    this.#forgetDropped.run(sid);
    return 0;
  }

  #sweepAll(sid: Id): void {
    while (this.#isDropped.get(sid) !== undefined) {
      this.#sweepSome(sid);
    }
  }

  #append(sid: Id, event: LogEvent, hash: number | null): void {
    const { seq, ts, kind, actor, target, emoji, nonce, digest, frame } = event;
    this.#insert.run(sid, seq, ts, kind, actor, target, emoji, nonce, hash, digest, frame);
    if (kind === 3) {
      this.#reactions.clear(sid, target);
      this.#unpin.run(sid, target);
    } else if (kind === 4) {
      this.#reactions.add(sid, event);
    } else if (kind === 5) {
      this.#reactions.remove(sid, event);
    } else if (kind === 6) {
      if (emoji === '') this.#unpin.run(sid, target);
      else this.#pin.run(sid, target, seq);
    }
  }

  #duplicates({ sid, events }: Commit, hashes: readonly (number | null)[]): DuplicateNonce[] {
    const at: DuplicateNonce[] = [];
    const inCommit = new Map<string, LogEvent>();
    for (const [index, event] of events.entries()) {
      const hash = hashes[index]!;
      if (hash === null) {
        continue;
      }
      const key = `${event.actor} ${event.nonce}`;
      const first = this.#withNonce(sid, event, hash) ?? inCommit.get(key);
      if (first === undefined) {
        inCommit.set(key, event);
      } else {
        at.push({ index, seq: first.seq, ts: first.ts, digest: first.digest });
      }
    }
    return at;
  }

  #withNonce(sid: Id, { actor, nonce }: LogEvent, hash: number): LogEvent | undefined {
    const row = this.#nonces
      .all(sid, hash)
      .find((candidate) => candidate[3] === actor && candidate[6] === nonce);
    return row && eventOf(row);
  }
}

function hashOf({ actor, nonce }: LogEvent): number | null {
  return nonce === '' ? null : nonceHash(actor, nonce);
}

/** Reactions as a set of (sid, target, uid, emoji), and their counts, which pages read. */
class Reactions {
  readonly #insert: SqliteStatement;
  readonly #delete: SqliteStatement;
  readonly #raise: SqliteStatement;
  readonly #lower: SqliteStatement;
  readonly #deleteEmpty: SqliteStatement;
  readonly #clearSet: SqliteStatement;
  readonly #clearTallies: SqliteStatement;

  constructor(connection: SqliteConnection) {
    this.#insert = connection.prepare('INSERT OR IGNORE INTO reactions VALUES (?, ?, ?, ?)');
    this.#delete = connection.prepare(
      'DELETE FROM reactions WHERE sid = ? AND target = ? AND uid = ? AND emoji = ?',
    );
    this.#raise = connection.prepare(
      `INSERT INTO tallies VALUES (?, ?, ?, 1, ?)
       ON CONFLICT (sid, target, emoji) DO UPDATE SET count = count + 1`,
    );
    this.#lower = connection.prepare(
      'UPDATE tallies SET count = count - 1 WHERE sid = ? AND target = ? AND emoji = ?',
    );
    this.#deleteEmpty = connection.prepare(
      'DELETE FROM tallies WHERE sid = ? AND target = ? AND emoji = ? AND count = 0',
    );
    this.#clearSet = connection.prepare('DELETE FROM reactions WHERE sid = ? AND target = ?');
    this.#clearTallies = connection.prepare('DELETE FROM tallies WHERE sid = ? AND target = ?');
  }

  add(sid: Id, { target, actor, emoji, seq }: LogEvent): void {
    if (Number(this.#insert.run(sid, target, actor, emoji).changes) > 0) {
      this.#raise.run(sid, target, emoji, seq);
    }
  }

  remove(sid: Id, { target, actor, emoji }: LogEvent): void {
    if (Number(this.#delete.run(sid, target, actor, emoji).changes) > 0) {
      this.#lower.run(sid, target, emoji);
      this.#deleteEmpty.run(sid, target, emoji);
    }
  }

  clear(sid: Id, target: number): void {
    if (Number(this.#clearTallies.run(sid, target).changes) > 0) {
      this.#clearSet.run(sid, target);
    }
  }
}
