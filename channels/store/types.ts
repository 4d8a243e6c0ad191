/**
 * Types that cross files of channels/store: the driver seam under the SQLite core, the changes that a
 * writer groups into transactions, their outcomes, and the options. Types only, nothing here runs.
 */
import type {
  Commit,
  CommitResult,
  DocResult,
  Id,
  MessageAnchor,
  Ms,
  OpenedLog,
  Seq,
} from '../types.ts';

// ---------------------------------------------------------------- driver seam

export type SqlValue = null | number | bigint | string | Uint8Array;
/** A row as an array of its columns, in the order of the SELECT. */
export type SqlRow = readonly SqlValue[];

/** The part of a prepared statement that the core uses. Rows come as arrays. */
export interface SqliteStatement {
  run(...params: SqlValue[]): { readonly changes: number | bigint };
  get(...params: SqlValue[]): SqlRow | undefined;
  all(...params: SqlValue[]): SqlRow[];
  /** Leaving the loop early resets the statement, so that it pins no snapshot. */
  iterate(...params: SqlValue[]): Iterable<SqlRow>;
}

export interface SqliteConnection {
  /** False after COMMIT, ROLLBACK, and after an error that made SQLite roll back by itself. */
  readonly inTransaction: boolean;
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

export interface SqliteOpenOptions {
  readonly readOnly: boolean;
  /** How long SQLite waits for a lock that another connection holds. */
  readonly busyTimeoutMs: number;
}

/**
 * Opens connections. The one place where the core meets an SQLite binding, so that better-sqlite3 can
 * replace node:sqlite and tests can inject faults. Errors of SQLite carry a numeric `errcode`.
 */
export interface SqliteDriver {
  open(path: string, options: SqliteOpenOptions): SqliteConnection;
}

// ---------------------------------------------------------------- changes and outcomes

/** A DocWrite whose value is encoded already: `json` null deletes. */
export interface DocChange {
  readonly kind: string;
  readonly key: string;
  readonly expect: number | 'absent' | 'any';
  readonly json: string | null;
  /** undefined keeps the unique values that the document holds. */
  readonly unique: readonly string[] | undefined;
}

/** One request to the writer. Plain data: it crosses threads. */
export type Change =
  | { readonly op: 'open'; readonly sid: Id }
  | { readonly op: 'commit'; readonly commit: Commit }
  | { readonly op: 'drop'; readonly sid: Id }
  | { readonly op: 'docs'; readonly batch: readonly DocChange[] };

/** What the writer says of a batch; that it cannot be reached is said by those who ask it. */
export type DocChangeResult = Exclude<DocResult, { readonly why: 'unavailable' }>;

/** What a change that was carried out (or refused by its own conditions) gives back. */
export type ChangeValue = OpenedLog | CommitResult | DocChangeResult | null;

/** Answer to one change of a group. Plain data: it crosses threads. */
export type Outcome =
  | { readonly status: 'done'; readonly value: ChangeValue }
  /** Nothing was written; the same change may be sent again after `retryMs`. */
  | { readonly status: 'unavailable'; readonly retryMs: Ms }
  /** It may or may not have been written. */
  | { readonly status: 'unknown' }
  /** The change itself is wrong (a bug of the caller); its neighbours in the group are not touched. */
  | { readonly status: 'rejected'; readonly message: string };

/** One request to a reader. Plain data: it crosses threads. */
export type ReadRequest =
  | {
      readonly op: 'replay';
      readonly sid: Id;
      readonly after: Seq;
      readonly limit: number;
      readonly bytesMax: number;
    }
  | {
      readonly op: 'history';
      readonly sid: Id;
      readonly anchor: Seq;
      readonly before: number;
      readonly after: number;
    }
  | { readonly op: 'get'; readonly sid: Id; readonly seqs: readonly Seq[] }
  | { readonly op: 'editsOf'; readonly sid: Id; readonly target: Seq }
  | { readonly op: 'findNonce'; readonly sid: Id; readonly actor: Id; readonly nonce: string }
  | {
      readonly op: 'messages';
      readonly sid: Id;
      readonly anchor: MessageAnchor;
      readonly limit: number;
      readonly viewer: Id;
    }
  | { readonly op: 'pins'; readonly sid: Id; readonly limit: number; readonly viewer: Id }
  | {
      readonly op: 'reactors';
      readonly sid: Id;
      readonly target: Seq;
      readonly emoji: string;
      readonly after: Id;
      readonly limit: number;
    }
  | { readonly op: 'recent'; readonly windowMs: Ms }
  | { readonly op: 'heads'; readonly sids: readonly Id[] }
  | { readonly op: 'docsGet'; readonly kind: string; readonly keys: readonly string[] }
  | { readonly op: 'docsFind'; readonly kind: string; readonly unique: string }
  | {
      readonly op: 'docsList';
      readonly kind: string;
      readonly prefix: string;
      readonly afterKey: string | undefined;
      readonly limit: number;
    };

/** A document as it crosses threads; the client parses `json`. */
export interface RawDoc {
  readonly key: string;
  readonly rev: number;
  readonly json: string;
}

// ---------------------------------------------------------------- options and events

/** What happened inside a store that an operator wants in the log. Never holds content. */
export type StoreEvent =
  | {
      readonly type: 'writeFailed';
      readonly changes: number;
      readonly message: string;
      readonly errcode: number | undefined;
      readonly outcome: 'unavailable' | 'unknown';
    }
  | { readonly type: 'reopenFailed'; readonly message: string; readonly retryMs: Ms }
  | { readonly type: 'reopened'; readonly attempts: number }
  | { readonly type: 'checkpointFailed'; readonly message: string }
  | { readonly type: 'readFailed'; readonly message: string };

/** Monotonic milliseconds; `Clock` of runtime/ fits. */
export interface MonotonicClock {
  monotonic(): Ms;
}

/** Random 32-bit numbers; `Rng` of runtime/ fits. */
export interface U32Source {
  u32(): number;
}

export interface WriterOptions {
  /** File of the database; its directory must exist. */
  readonly path: string;
  readonly clock: MonotonicClock;
  readonly rng: U32Source;
  readonly driver?: SqliteDriver;
  /** Default 2,000. */
  readonly busyTimeoutMs?: number;
  /** WAL size above which `idle` runs a checkpoint. Default 16 MiB. */
  readonly walIdleBytes?: number;
  /** WAL size above which a commit is followed by a checkpoint. Default 64 MiB. */
  readonly walBytesMax?: number;
  /** First and last delay between attempts to reopen after a fault. Default 50 and 5,000. */
  readonly reopenMs?: number;
  readonly reopenMsMax?: number;
  readonly onEvent?: (event: StoreEvent) => void;
  /** After each group, whatever came of it. */
  readonly onGroup?: (tookMs: Ms, changes: number) => void;
}

export interface ReaderOptions {
  readonly path: string;
  readonly driver?: SqliteDriver;
  /** Default 2,000. */
  readonly busyTimeoutMs?: number;
  readonly onEvent?: (event: StoreEvent) => void;
}

/** Counters of one writer since it started. */
export interface WriterStats {
  readonly groups: number;
  readonly changes: number;
  readonly events: number;
  readonly failedGroups: number;
  readonly reopens: number;
  readonly checkpoints: number;
  readonly checkpointFailures: number;
  readonly sweptRows: number;
  /** Bytes in the WAL that the next checkpoint has to look at. */
  readonly walBytes: number;
  readonly healthy: boolean;
}
