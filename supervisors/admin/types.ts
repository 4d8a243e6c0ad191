/**
 * What the parts of the admin side share: rows of the tree, verbs and their context, topics and their subscriptions. The same
 * shapes go over the admin socket (README.md). Types only.
 */
import type { z } from 'zod';

/** What a row of the tree stands for. `more` sums up the children that a limit cut off. */
export type RowKind =
  | 'node'
  | 'thread'
  | 'supervisor'
  | 'actor'
  | 'guild'
  | 'channel'
  | 'user'
  | 'dm'
  | 'sessions'
  | 'session'
  | 'room'
  | 'process'
  | 'group'
  | 'more';

export type RowState =
  | 'running'
  | 'idle'
  | 'busy'
  | 'awaiting'
  | 'starting'
  | 'suspended'
  | 'hibernated'
  | 'terminating'
  | 'down'
  | 'hung'
  | 'passive';

export interface LastCrash {
  /** Ms since 1970. */
  readonly at: number;
  readonly reason: string;
  /** The op that was being handled; null when none was. */
  readonly op: string | null;
}

/** One node of the tree, as published. Numbers of a thread or group are sums or maxima over what is below. */
export interface TreeRow {
  /** Path from the node on, the same over restarts: `n1/shard-0/stream/4711`. Unnamed actors end in their ref. */
  readonly id: string;
  /** Id of the row above; null for the node. */
  readonly parent: string | null;
  readonly kind: RowKind;
  /** Short text for a screen: `shard-0`, `channel 4711`. */
  readonly name: string;
  /** What the actor calls itself (ctx.label), '' without. */
  readonly label: string;
  /** Thread it runs on. */
  readonly thread: string;
  /** Actor ref as text, null for what is no actor. */
  readonly ref: string | null;
  readonly state: RowState;
  readonly restarts: number;
  readonly lastCrash: LastCrash | null;
  /** Messages waiting now, the most seen since the last publication, and the bound (0: none). */
  readonly mailbox: number;
  readonly mailboxMax: number;
  readonly mailboxLimit: number;
  readonly dropped: number;
  /** Messages handled since the start, and per second over the last interval. */
  readonly messages: number;
  readonly rate: number;
  /** Handler time in ms per second over the last interval where it is measured, else null. */
  readonly busyMs: number | null;
  readonly memoryBytes: number;
  /** Ms since 1970. */
  readonly startedAt: number;
  /** Direct children, also those that the subscription does not show. */
  readonly children: number;
}

/** What changed since the last event of a tree subscription. */
export interface TreeDelta {
  readonly added: readonly TreeRow[];
  /** Changed fields only, by id. */
  readonly changed: readonly (readonly [id: string, Partial<TreeRow>])[];
  readonly removed: readonly string[];
}

/** Options of a subscription to the topic `tree`. */
export interface TreeOptions {
  /** Id of the subtree's root; the node without. */
  readonly root?: string;
  /** Levels below the root, 1 to 16; default 3. */
  readonly depth?: number;
  /** Ms between events, 250 to 60,000; default 1,000. */
  readonly everyMs?: number;
  /** Rows at most, 1 to 5,000; default 1,000. Of the children of one parent the first by `sort` stay, a `more` row sums up the rest. */
  readonly limit?: number;
  readonly sort?: 'name' | 'mailbox' | 'rate' | 'restarts' | 'memory';
  /** Only rows whose name, label or id contains it, and the rows above them. */
  readonly filter?: string;
}

/** Who asks. `local` came over the Unix socket: whoever may open it may do everything. */
export interface AdminCaller {
  readonly via: 'local' | 'remote';
  /** User id of the token; 0 for local. */
  readonly uid: number;
  /** For the audit record: `local pid 123 uid 0`, `user 4711 from 10.0.0.1`. */
  readonly who: string;
  readonly scopes: readonly string[];
}

/** What a verb gets besides its arguments. */
export interface VerbContext {
  readonly caller: AdminCaller;
  /** Aborted when the connection ends or the verb's time is over. */
  readonly signal: AbortSignal;
  /** Progress of long work, sent to the caller as events of the call; bounded, the newest win. */
  progress(data: unknown): void;
}

/** Named refusals and failures; `ok: false` on the wire is ERR with this code. */
export type VerbCode =
  | 'unknown_verb'
  | 'invalid'
  | 'not_found'
  | 'forbidden'
  | 'conflict'
  | 'disabled'
  | 'not_available'
  | 'rate_limited'
  | 'too_large'
  | 'timeout'
  | 'internal';

export type VerbResult<T = unknown> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: VerbCode; readonly message: string };

/**
 * One verb of the admin socket. Runs on the main thread; reads answer from published snapshots and plain counters and never
 * call into an actor of the chat.
 */
export interface AdminVerb<A = unknown, T = unknown> {
  /** `inspect`, `kill`, `chaos.start`. */
  readonly name: string;
  /** One line for `--help` and the dashboard. */
  readonly about: string;
  /** read: no effect, no audit record. act and danger: an audit record before and after; danger needs `admin.danger` too when remote. */
  readonly effect: 'read' | 'act' | 'danger';
  readonly args: z.ZodType<A>;
  /** Longest time in ms; the caller gets `timeout` then. */
  readonly timeoutMs: number;
  run(args: A, context: VerbContext): Promise<VerbResult<T>>;
}

/** A record of the audit log, written before the act (`began`) and after it (`done`, `failed`). */
export interface AdminAuditEntry {
  readonly n: number;
  readonly at: number;
  readonly who: string;
  readonly verb: string;
  /** Arguments with secrets left out. */
  readonly args: unknown;
  readonly phase: 'began' | 'done' | 'failed';
  readonly outcome: string;
}
