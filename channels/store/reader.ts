/**
 * SqliteReader: all reads of a store over one read-only connection. Each call is a read transaction of
 * its own, so it sees every commit acknowledged before it, and never half of one. Synchronous; runs on
 * reader threads (or, in tests and tools, on the caller's). Never leaves a statement open: an open one
 * would pin the WAL.
 */
import type { Id, LogEvent, LogHead, MessageAnchor, MessageRow, Ms, Seq } from '../types.ts';
import { BUSY_TIMEOUT_MS, openForReading } from './connection.ts';
import { nodeSqliteDriver } from './driver.ts';
import { messageOf, StoreError } from './errors.ts';
import { EVENT_COLUMNS, eventOf, HEAD_COLUMNS, headOf, nonceHash } from './rows.ts';
import type {
  RawDoc,
  ReaderOptions,
  ReadRequest,
  SqliteConnection,
  SqliteStatement,
  SqlRow,
} from './types.ts';

/** Events that `recent` looks at: a few MB, about 50 ms. */
const RECENT_EVENTS_MAX = 50_000;

type Reaction = MessageRow['reactions'][number];
type ReactorsRequest = Extract<ReadRequest, { op: 'reactors' }>;

export class SqliteReader {
  readonly #options: ReaderOptions;
  #open: Statements | undefined;
  #closed = false;

  /** Opens the file, which a writer must have created. Throws when it cannot. */
  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#open = this.#openDatabase();
  }

  /** Dispatches a request that came as data. */
  read(request: ReadRequest): unknown {
    switch (request.op) {
      case 'replay':
        return this.replay(request.sid, request.after, request.limit, request.bytesMax);
      case 'history':
        return this.history(request.sid, request.anchor, request.before, request.after);
      case 'get':
        return this.get(request.sid, request.seqs);
      case 'editsOf':
        return this.editsOf(request.sid, request.target);
      case 'findNonce':
        return this.findNonce(request.sid, request.actor, request.nonce);
      case 'messages':
        return this.messages(request.sid, request.anchor, request.limit, request.viewer);
      case 'pins':
        return this.pins(request.sid, request.limit, request.viewer);
      case 'reactors':
        return this.reactors(request);
      case 'recent':
        return this.recent(request.windowMs);
      case 'heads':
        return this.heads(request.sids);
      case 'docsGet':
        return this.docsGet(request.kind, request.keys);
      case 'docsFind':
        return this.docsFind(request.kind, request.unique);
      case 'docsList':
        return this.docsList(request.kind, request.prefix, request.afterKey, request.limit);
    }
  }

  replay(sid: Id, after: Seq, limit: number, bytesMax: number): readonly LogEvent[] {
    return this.#read((db) => {
      const page: LogEvent[] = [];
      let bytes = 0;
      for (const row of db.exists(sid) ? db.newer.iterate(sid, after, limit) : []) {
        const event = eventOf(row);
        bytes += event.frame.length;
        if (page.length > 0 && bytes > bytesMax) {
          break;
        }
        page.push(event);
      }
      return page;
    });
  }

  history(sid: Id, anchor: Seq, before: number, after: number): readonly LogEvent[] {
    return this.#read((db) => {
      if (!db.exists(sid)) {
        return [];
      }
      const older = before === 0 ? [] : db.older.all(sid, anchor, before).reverse();
      const newer = after === 0 ? [] : db.newer.all(sid, anchor, after);
      return [...older, ...newer].map(eventOf);
    });
  }

  get(sid: Id, seqs: readonly Seq[]): readonly (LogEvent | undefined)[] {
    return this.#read((db) => {
      const exists = db.exists(sid);
      return seqs.map((seq) => {
        const row = exists ? db.event.get(sid, seq) : undefined;
        return row && eventOf(row);
      });
    });
  }

  editsOf(sid: Id, target: Seq): readonly Seq[] {
    return this.#read((db) =>
      db.exists(sid) ? db.edits.all(sid, target).map((row) => row[0] as Seq) : [],
    );
  }

  findNonce(
    sid: Id,
    actor: Id,
    nonce: string,
  ): { seq: Seq; ts: number; digest: Uint8Array } | undefined {
    return this.#read((db) => {
      const rows =
        nonce !== '' && db.exists(sid) ? db.nonces.all(sid, nonceHash(actor, nonce)) : [];
      const found = rows.map(eventOf).find((e) => e.actor === actor && e.nonce === nonce);
      return found && { seq: found.seq, ts: found.ts, digest: found.digest };
    });
  }

  messages(sid: Id, anchor: MessageAnchor, limit: number, viewer: Id): readonly MessageRow[] {
    return this.#read((db) => {
      const rows = db.exists(sid) ? pageOf(db, sid, anchor, limit) : [];
      const first = rows[0]?.[0];
      const last = rows.at(-1)?.[0];
      if (first === undefined || last === undefined) {
        return [];
      }
      const reactions = reactionsOf(db, sid, first as Seq, last as Seq, viewer);
      return rows.map((row) => rowOf(row, reactions));
    });
  }

  pins(sid: Id, limit: number, viewer: Id): readonly MessageRow[] {
    return this.#read((db) =>
      (db.exists(sid) ? db.pins.all(sid, limit) : []).map((row) => {
        const seq = row[0] as Seq;
        return rowOf(row, reactionsOf(db, sid, seq, seq, viewer));
      }),
    );
  }

  reactors({ sid, target, emoji, after, limit }: ReactorsRequest): readonly Id[] {
    return this.#read((db) =>
      db.exists(sid)
        ? db.reactors.all(sid, target, after, emoji, limit).map((row) => row[0] as Id)
        : [],
    );
  }

  recent(windowMs: Ms): readonly Id[] {
    return this.#read((db) => {
      const rows = db.recent.all(RECENT_EVENTS_MAX);
      const newestTs = rows.reduce((newest, row) => Math.max(newest, row[1] as Ms), 0);
      return rows.flatMap((row) => ((row[1] as Ms) >= newestTs - windowMs ? [row[0] as Id] : []));
    });
  }

  heads(sids: readonly Id[]): readonly LogHead[] {
    return this.#read((db) =>
      [...new Set(sids)].flatMap((sid) => {
        const row = db.head.get(sid);
        return row === undefined ? [] : [headOf(row)];
      }),
    );
  }

  docsGet(kind: string, keys: readonly string[]): readonly (RawDoc | undefined)[] {
    return this.#read((db) =>
      keys.map((key) => {
        const row = db.doc.get(kind, key);
        return row && docOf(row);
      }),
    );
  }

  docsFind(kind: string, unique: string): RawDoc | undefined {
    return this.#read((db) => {
      const row = db.docHolding.get(kind, unique);
      return row && docOf(row);
    });
  }

  docsList(
    kind: string,
    prefix: string,
    afterKey: string | undefined,
    limit: number,
  ): readonly RawDoc[] {
    return this.#read((db) => {
      const docs: RawDoc[] = [];
      // Bytewise order keeps the keys of a prefix together: the first other one ends the list.
      for (const row of db.docs.iterate(kind, prefix, afterKey ?? '', limit)) {
        const doc = docOf(row);
        if (!doc.key.startsWith(prefix)) {
          break;
        }
        docs.push(doc);
      }
      return docs;
    });
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#discard();
  }

  /** Runs `body` in one read transaction; after a failure the connection is replaced at the next call. */
  #read<T>(body: (db: Statements) => T): T {
    if (this.#closed) {
      throw new StoreError('DRIFT_CHANNELS_STORE_CLOSED', 'read: the store is closed');
    }
    try {
      this.#open ??= this.#openDatabase();
      const db = this.#open;
      db.begin.run();
      const result = body(db);
      db.commit.run();
      return result;
    } catch (error) {
      this.#options.onEvent?.({ type: 'readFailed', message: messageOf(error) });
      this.#discard();
      throw new StoreError('DRIFT_CHANNELS_STORE_UNAVAILABLE', `read: ${messageOf(error)}`, {
        cause: error,
        data: { retryMs: 250 },
      });
    }
  }

  #openDatabase(): Statements {
    const { driver = nodeSqliteDriver, path, busyTimeoutMs = BUSY_TIMEOUT_MS } = this.#options;
    return new Statements(openForReading(driver, path, busyTimeoutMs));
  }

  #discard(): void {
    const connection = this.#open?.connection;
    this.#open = undefined;
    try {
      connection?.close();
    } catch (error) {
      this.#options.onEvent?.({ type: 'readFailed', message: messageOf(error) });
    }
  }
}

/** Everything that lives and dies with one connection. */
class Statements {
  readonly connection: SqliteConnection;
  readonly begin: SqliteStatement;
  readonly commit: SqliteStatement;
  readonly head: SqliteStatement;
  readonly event: SqliteStatement;
  readonly newer: SqliteStatement;
  readonly older: SqliteStatement;
  readonly newerMessages: SqliteStatement;
  readonly olderMessages: SqliteStatement;
  readonly edits: SqliteStatement;
  readonly nonces: SqliteStatement;
  readonly pins: SqliteStatement;
  readonly tallies: SqliteStatement;
  readonly ownReactions: SqliteStatement;
  readonly reactors: SqliteStatement;
  readonly recent: SqliteStatement;
  readonly doc: SqliteStatement;
  readonly docHolding: SqliteStatement;
  readonly docs: SqliteStatement;

  constructor(connection: SqliteConnection) {
    const events = (where: string, order: string): SqliteStatement =>
      connection.prepare(
        `SELECT ${EVENT_COLUMNS}, edited_at FROM log
         WHERE sid = ? AND ${where} ORDER BY seq ${order} LIMIT ?`,
      );
    this.connection = connection;
    this.begin = connection.prepare('BEGIN');
    this.commit = connection.prepare('COMMIT');
    this.head = connection.prepare(`SELECT ${HEAD_COLUMNS} FROM heads WHERE sid = ?`);
    this.event = connection.prepare(`SELECT ${EVENT_COLUMNS} FROM log WHERE sid = ? AND seq = ?`);
    this.newer = events('seq > ?', 'ASC');
    this.older = events('seq <= ?', 'DESC');
    this.newerMessages = events('seq > ? AND kind = 1', 'ASC');
    this.olderMessages = events('seq <= ? AND kind = 1', 'DESC');
    this.edits = connection.prepare(
      'SELECT seq FROM log WHERE sid = ? AND target = ? AND kind = 2 ORDER BY seq',
    );
    this.nonces = connection.prepare(
      `SELECT ${EVENT_COLUMNS} FROM log WHERE sid = ? AND nonce_hash = ?`,
    );
    const columns = `${EVENT_COLUMNS}, edited_at`.replace(/\w+/g, 'log.$&');
    this.pins = connection.prepare(
      `SELECT ${columns} FROM pins
       JOIN log ON log.sid = pins.sid AND log.seq = pins.target AND log.kind = 1
       WHERE pins.sid = ? ORDER BY pins.at DESC LIMIT ?`,
    );
    this.tallies = connection.prepare(
      `SELECT target, emoji, count FROM tallies
       WHERE sid = ? AND target BETWEEN ? AND ? ORDER BY target, first_seq`,
    );
    this.ownReactions = connection.prepare(
      'SELECT emoji FROM reactions WHERE sid = ? AND target = ? AND uid = ?',
    );
    this.reactors = connection.prepare(
      `SELECT uid FROM reactions
       WHERE sid = ? AND target = ? AND uid > ? AND emoji = ? ORDER BY uid LIMIT ?`,
    );
    // Rows of dropped streams may still be there.
    this.recent = connection.prepare(
      `SELECT sid, max(ts) FROM (SELECT sid, ts, kind FROM log ORDER BY gsn DESC LIMIT ?)
       WHERE kind = 1 AND sid IN (SELECT sid FROM heads) GROUP BY sid ORDER BY sid`,
    );
    this.doc = connection.prepare('SELECT key, rev, json FROM docs WHERE kind = ? AND key = ?');
    this.docHolding = connection.prepare(
      `SELECT docs.key, rev, json FROM uniques JOIN docs USING (kind, key)
       WHERE uniques.kind = ? AND uniques.value = ?`,
    );
    this.docs = connection.prepare(
      `SELECT key, rev, json FROM docs
       WHERE kind = ?1 AND key >= ?2 AND key > ?3 ORDER BY key LIMIT ?4`,
    );
  }

  /** False for streams that were dropped, whose rows may still be there. */
  exists(sid: Id): boolean {
    return this.head.get(sid) !== undefined;
  }
}

function pageOf(db: Statements, sid: Id, anchor: MessageAnchor, limit: number): readonly SqlRow[] {
  if (limit === 0) {
    return [];
  }
  if ('before' in anchor) {
    return db.olderMessages.all(sid, anchor.before - 1, limit).reverse();
  }
  if ('after' in anchor) {
    return db.newerMessages.all(sid, anchor.after, limit);
  }
  const older = db.olderMessages.all(sid, anchor.around - 1, limit);
  const newer = db.newerMessages.all(sid, anchor.around - 1, limit);
  // Half of the page before the anchor; what one side lacks the other side fills.
  const before = Math.min(older.length, Math.max(Math.floor(limit / 2), limit - newer.length));
  return [...older.slice(0, before).reverse(), ...newer.slice(0, limit - before)];
}

/** Reactions to the messages from seq `first` to `last`, in the order of the first one of each emoji. */
function reactionsOf(
  db: Statements,
  sid: Id,
  first: Seq,
  last: Seq,
  viewer: Id,
): ReadonlyMap<Seq, readonly Reaction[]> {
  const all = new Map<Seq, Reaction[]>();
  let own = new Set<unknown>();
  for (const row of db.tallies.all(sid, first, last)) {
    const target = row[0] as Seq;
    let list = all.get(target);
    if (list === undefined) {
      list = [];
      all.set(target, list);
      own = new Set(db.ownReactions.all(sid, target, viewer).map((mine) => mine[0]));
    }
    list.push({ emoji: row[1] as string, count: row[2] as number, me: own.has(row[1]) });
  }
  return all;
}

/** A message from a row of EVENT_COLUMNS and edited_at. */
function rowOf(row: SqlRow, reactions: ReadonlyMap<Seq, readonly Reaction[]>): MessageRow {
  const event = eventOf(row);
  const editedAt = row[9] as number;
  return { event, editedAt, reactions: reactions.get(event.seq) ?? [] };
}

function docOf(row: SqlRow): RawDoc {
  return { key: row[0] as string, rev: row[1] as number, json: row[2] as string };
}
