/**
 * The contract of the two stores: ChannelLog (streams of events) and DocStore (documents).
 * Types only. Implementations: memory and SQLite in store/; both pass the same contract suites.
 */

/** Entity id (user, guild, channel, role): u53, one number space. */
export type Id = number;
/** Position in a stream: gapless, starts at 1; 0 = empty. */
export type Seq = number;
/** Milliseconds since 1970, server clock. */
export type Ms = number;

// ---------------------------------------------------------------- channel log

/** One durable event as stored: facts to index by, and the encoded EV frame that is fanned out. */
export interface LogEvent {
  readonly seq: Seq;
  readonly ts: Ms;
  /** Event kind of protocol.md 2.5; becomes 0 when redacted. */
  readonly kind: number;
  readonly actor: Id;
  /** seq of the message that an edit, delete, reaction or pin refers to, else 0. */
  readonly target: Seq;
  /** Emoji of a reaction; 'on' of an event that sets a pin; else ''. */
  readonly emoji: string;
  /** Client nonce, '' for events without one. Unique per (sid, actor) inside the window. */
  readonly nonce: string;
  /** 16-byte digest of (kind, body); tells a retry from a reused nonce. Empty without nonce. */
  readonly digest: Uint8Array;
  /** The whole msgpack EV frame `[16, sid, epoch, seq, ts, kind, actor, ...body]`. */
  readonly frame: Uint8Array;
}

/** An event without what only its commit needs: what a stream keeps in memory. */
export type RingEvent = Omit<LogEvent, 'nonce' | 'digest'>;

/** Replaces a stored event in the same commit (edit, delete, redaction). seq, ts, actor stay. */
export interface Rewrite {
  readonly seq: Seq;
  readonly kind: number;
  readonly frame: Uint8Array;
  /** Time of the edit for a kind 1 event served as edited, else 0. */
  readonly editedAt: Ms;
}

export interface Commit {
  readonly sid: Id;
  /** Token from `open`: a commit with an older one is refused (another owner exists). */
  readonly fence: number;
  /** Head that the events follow: events[i].seq = after + 1 + i. */
  readonly after: Seq;
  readonly events: readonly LogEvent[];
  readonly rewrites: readonly Rewrite[];
}

export type CommitResult =
  | { readonly ok: true; readonly head: Seq }
  | { readonly ok: false; readonly why: 'fenced'; readonly head: Seq }
  /** Some nonces are in the log already; nothing was written. */
  | { readonly ok: false; readonly why: 'duplicate'; readonly at: readonly DuplicateNonce[] }
  /** Queue bound reached, or the store cannot write (disk full, I/O error): nothing was written. */
  | { readonly ok: false; readonly why: 'unavailable'; readonly retryMs: number };

/** Takes what became of a commit; `result` undefined: rejected with `error`. Must not throw. */
export type CommitDone = (result: CommitResult | undefined, error?: unknown) => void;

export interface DuplicateNonce {
  /** Index into Commit.events. */
  readonly index: number;
  readonly seq: Seq;
  readonly ts: Ms;
  /** Digest stored with the first one; compare with the event's own. */
  readonly digest: Uint8Array;
}

export interface LogHead {
  readonly sid: Id;
  readonly epoch: number;
  readonly first: Seq;
  readonly head: Seq;
  /** ts of the head event, 0 when empty. */
  readonly headTs: Ms;
}

export interface OpenedLog extends LogHead {
  readonly fence: number;
}

/** A message as REST and later clients want it: edits and reactions folded in. */
export interface MessageRow {
  readonly event: LogEvent;
  readonly editedAt: Ms;
  readonly reactions: readonly {
    readonly emoji: string;
    readonly count: number;
    readonly me: boolean;
  }[];
}

export type MessageAnchor =
  | { readonly before: Seq }
  | { readonly after: Seq }
  | { readonly around: Seq };

/**
 * The log of all streams. Implementations: memory, SQLite (and later JetStream); one contract suite.
 * A rejected promise means "outcome unknown": the caller opens the stream again and looks.
 */
export interface ChannelLog {
  /** 0 memory, 1 survives death of the process, 2 fsynced, 3 quorum. */
  readonly durability: 0 | 1 | 2 | 3;
  /** Takes ownership: raises the fence; creates the stream with a random epoch when absent. */
  open(sid: Id): Promise<OpenedLog>;
  /** Durable before it resolves with ok. Atomic: events, rewrites and nonces, or nothing. */
  commit(commit: Commit): Promise<CommitResult>;
  /** `commit` without a promise: `done` is called exactly once, never from in here. */
  submit(commit: Commit, done: CommitDone): void;
  /** Events after `after`, ascending, without holes; at most `limit` events and about `bytesMax` bytes. */
  replay(sid: Id, after: Seq, limit: number, bytesMax: number): Promise<readonly LogEvent[]>;
  /** `before` events with seq <= anchor and `after` events with seq > anchor, ascending together. */
  history(sid: Id, anchor: Seq, before: number, after: number): Promise<readonly LogEvent[]>;
  /** The events at these seqs, in that order; undefined where there is none. */
  get(sid: Id, seqs: readonly Seq[]): Promise<readonly (LogEvent | undefined)[]>;
  /** Seqs of the edits (kind 2) of a message that are not redacted yet. */
  editsOf(sid: Id, target: Seq): Promise<readonly Seq[]>;
  findNonce(
    sid: Id,
    actor: Id,
    nonce: string,
  ): Promise<{ seq: Seq; ts: Ms; digest: Uint8Array } | undefined>;
  /** Kind 1 events only, ascending. `me` in reactions is judged for `viewer`. */
  messages(
    sid: Id,
    anchor: MessageAnchor,
    limit: number,
    viewer: Id,
  ): Promise<readonly MessageRow[]>;
  /** Pinned messages (kind 1), the newest pin first. `me` in reactions is judged for `viewer`. */
  pins(sid: Id, limit: number, viewer: Id): Promise<readonly MessageRow[]>;
  /** Users that reacted to a message with an emoji, above `after`, ascending. */
  reactors(sid: Id, target: Seq, emoji: string, after: Id, limit: number): Promise<readonly Id[]>;
  /**
   * Streams with a message (kind 1) not more than `windowMs` older than the newest message of all, in
   * ascending order. Looks at the newest 50,000 events of the log at most: for a start, not for traffic.
   */
  recent(windowMs: Ms): Promise<readonly Id[]>;
  /** Heads of the streams that exist, in any order. */
  heads(sids: readonly Id[]): Promise<readonly LogHead[]>;
  /** Removes a stream and all of its events. Idempotent. */
  drop(sid: Id): Promise<void>;
}

// ---------------------------------------------------------------- documents

export interface Doc<T> {
  readonly key: string;
  /** Rises by one with each write. */
  readonly rev: number;
  readonly value: T;
}

export interface DocWrite {
  readonly kind: string;
  readonly key: string;
  /** Required present revision, or that the document is absent, or no condition. */
  readonly expect: number | 'absent' | 'any';
  /** Plain JSON value; null deletes the document (and frees its unique values). */
  readonly value: unknown;
  /** Values that no other document of this kind may hold, for example `username:alice`. */
  readonly unique?: readonly string[];
}

export type DocResult =
  | { readonly ok: true; readonly revs: readonly number[] }
  | {
      readonly ok: false;
      readonly why: 'rev' | 'unique';
      readonly index: number;
      readonly value?: string;
    }
  | { readonly ok: false; readonly why: 'unavailable'; readonly retryMs: number };

/** Users, guilds, members, invites, logins. Keys order bytewise; numeric parts are zero-padded (`pad`). */
export interface DocStore {
  get<T>(kind: string, keys: readonly string[]): Promise<readonly (Doc<T> | undefined)[]>;
  /** The document that holds a unique value. */
  find<T>(kind: string, unique: string): Promise<Doc<T> | undefined>;
  list<T>(
    kind: string,
    prefix: string,
    afterKey: string | undefined,
    limit: number,
  ): Promise<readonly Doc<T>[]>;
  /** One atomic batch: all or nothing. Durable before it resolves with ok. */
  write(batch: readonly DocWrite[]): Promise<DocResult>;
}

export interface Store {
  readonly log: ChannelLog;
  readonly docs: DocStore;
  /** Ends after everything acknowledged is durable; later calls reject. */
  close(): Promise<void>;
}
