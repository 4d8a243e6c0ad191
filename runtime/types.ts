/**
 * The types of the runtime's public API: protocols, refs, names, behaviours, the handler context,
 * reports and introspection. Types only; nothing here runs.
 */
import type { Ms } from './clock.ts';

declare const protocol: unique symbol;
declare const fromBrand: unique symbol;
declare const monitorBrand: unique symbol;
declare const noReplyBrand: unique symbol;
declare const ignoreBrand: unique symbol;
declare const timerBrand: unique symbol;

// ---------------------------------------------------------------- protocols

/** Op names of a protocol. A protocol is an interface of functions with at most one argument. */
export type Ops<P> = keyof P & string;
/** Argument of an op; undefined for an op without one. */
export type Arg<F> = F extends () => unknown
  ? undefined
  : F extends (arg: infer A) => unknown
    ? A
    : never;
/** What a call of the op resolves to. */
export type Reply<F> = F extends (...args: never) => infer R ? Awaited<R> : never;
/** `arg` may be left out for an op without argument. */
export type CastRest<F> = F extends () => unknown ? [arg?: undefined] : [arg: Arg<F>];
export type CallRest<F> = F extends () => unknown
  ? [arg?: undefined, options?: CallOptions]
  : [arg: Arg<F>, options?: CallOptions];

/** Address of one life of one actor: a number (node 10 bits, thread 6, serial 37); plain data. */
export type Ref<P> = number & { readonly [protocol]: P };
export type AnyRef = Ref<unknown>;
/** Key of a name: unique per thread. */
export type Key = string | number;

/**
 * An address that survives restarts; plain data. Made by name(), at(), entity(), a registry's name() and
 * via() of a name service.
 */
export interface Name<P> {
  readonly via: 'name' | 'at' | 'entity' | 'registry' | 'service';
  /** Slot of `at`, type of `entity`, '@' and the name of a registry, id of a service, '' of `name`. */
  readonly of: string;
  readonly key: Key;
  /** Slot of the registry. */
  readonly slot?: string;
  /** Value of the registry entry of an actor that is started with this name. */
  readonly value?: unknown;
  readonly [protocol]?: P;
}

export type Dest<P> = Ref<P> | Name<P>;

/** The right to answer one call; plain data, may be kept, forwarded and sent to another thread. */
export type From = number & { readonly [fromBrand]: true };
export type MonitorId = number & { readonly [monitorBrand]: true };
/** Returned by a handler that will answer later with `reply(from, value)`. */
export type NoReply = { readonly [noReplyBrand]: true };
/** Returned by an init that does not want to run. */
export type Ignore = { readonly [ignoreBrand]: true };

/** A message that sendAfter sends later. */
export type TimerId = number & { readonly [timerBrand]: true };
export interface CallOptions {
  /** Default 5000, Infinity allowed; > 0. */
  readonly timeoutMs?: Ms;
  /** Rejects the call with reason 'aborted'; a late reply is dropped. */
  readonly signal?: AbortSignal;
}

// ---------------------------------------------------------------- reasons

/** An error as data: crosses threads, goes into reports. */
export interface ErrorInfo {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly cause?: ErrorInfo;
}

/**
 * Why an actor ended. normal, shutdown and { shutdown } are the normal class. 'kill' is the reason of
 * an actor that ended itself with it, an ordinary one for its peers; a victim of exit(ref, 'kill')
 * ends 'killed'.
 */
export type Reason =
  | 'normal'
  | 'shutdown'
  | 'kill'
  | 'killed'
  | 'noproc'
  | 'noconnection'
  | 'timeout'
  | { readonly shutdown: unknown }
  | { readonly error: ErrorInfo };

// ---------------------------------------------------------------- behaviours

export type Handler<P, S, F> = (
  state: S,
  arg: Arg<F>,
  ctx: Ctx<P>,
) => Reply<F> | NoReply | Promise<Reply<F> | NoReply>;

/** What an actor is. State is what init returns; handlers change it in place. */
export interface Behaviour<P, S, A> {
  /** Name in reports and in tree(). */
  readonly name?: string;
  init(ctx: Ctx<P>, arg: A): S | Ignore | Promise<S | Ignore>;
  /** One handler per op. An actor handles one message at a time, awaits included. */
  readonly handle: { readonly [K in Ops<P>]: Handler<P, S, P[K]> };
  /** Exit signal of a linked actor while trapExit is on. Without it: ignored. */
  onExit?(state: S, exit: ExitNotice, ctx: Ctx<P>): void | Promise<void>;
  /** A monitored actor ended, or was dead already ('noproc'), or its thread died ('noconnection'). */
  onDown?(state: S, down: DownNotice, ctx: Ctx<P>): void | Promise<void>;
  /**
   * An op that no handler knows. Without it such a plain message (send, sendAfter) is reported and
   * ignored, and such a call or cast is a crash. With it a value returned is the reply of a call.
   */
  onUnknown?(state: S, op: string, arg: unknown, ctx: Ctx<P>): unknown;
  /**
   * Runs when a handler stops or throws, on stop(), and when the parent ends while trapExit is on.
   * Not on kill, and not on an exit signal that is not trapped: call ctx.trapExit(true) in init when
   * the actor must clean up on shutdown.
   */
  terminate?(state: S, reason: Reason, ctx: Ctx<P>): void | Promise<void>;
  /** Entities only: false keeps an idle entity alive until the next look. */
  mayPassivate?(state: S): boolean;
  /** What status and crash reports show instead of the state: the place to leave secrets out. */
  formatStatus?(state: S): unknown;
  /** The state as plain data, for restore; copied when taken. Taken by snapshotEvery and ctx.snapshot(). */
  snapshot?(state: S): unknown;
  /** Runs instead of init after a crash when there is a snapshot. Throws: the older one, then init. */
  restore?(ctx: Ctx<P>, arg: A, snapshot: unknown): S | Promise<S>;
  /** When to take a snapshot; default only on request. */
  readonly snapshotEvery?: SnapshotEvery;
  readonly mailbox?: MailboxOptions;
  /** An async handler that takes longer is killed with its actor (reported). Default Infinity. */
  readonly maxHandlerMs?: Ms;
  /** Hibernates after this time without a message. Default Infinity. */
  readonly hibernateAfter?: Ms;
  /**
   * Ops that may start while another handler awaits, and never keep others out while they await.
   * They do not overtake an exclusive message queued before them.
   */
  readonly concurrent?: readonly Ops<P>[];
}

export interface SnapshotEvery {
  /** After this many messages. */
  readonly messages?: number;
  /** After this time, with the first message then. */
  readonly ms?: Ms;
}

export interface MailboxOptions {
  /** Most queued messages (signals, timers and replies are not counted). Default 10 000. */
  readonly limit?: number;
  /**
   * At the limit: `reject` (default) refuses the new message, a call fails 'mailboxFull';
   * `dropNewest` is the same without a report; `dropOldest` makes room. All count in `dropped`.
   * `block` lets calls and `send` wait for room (as many as `limit`); a cast is refused as by reject.
   */
  readonly overflow?: Overflow;
}
export type Overflow = 'reject' | 'dropNewest' | 'dropOldest' | 'block';

export interface ExitNotice {
  readonly from: AnyRef;
  readonly reason: Reason;
}

export interface DownNotice {
  readonly monitor: MonitorId;
  /** The ref that was monitored; 0 when a name could not be resolved. */
  readonly ref: AnyRef;
  /** The name as given to monitor(), if it was a name. */
  readonly name?: Name<unknown>;
  readonly reason: Reason;
}

export interface SpawnOptions<P> {
  /** Taken before init runs: name(key), a name of a unique registry of this thread, or via(). */
  readonly name?: Name<P>;
  /** init that takes longer is killed and the start fails 'timeout'. Default Infinity. */
  readonly initTimeoutMs?: Ms;
  /**
   * Slot to run it on, default this one; that thread must have called hostActor() with the behaviour. The argument must be
   * plain data then, the name one of name(key), which at(slot, key) finds from here; `parent` is nobody. Rejects also with
   * 'noconnection' (no such slot, or its thread is down or dies meanwhile).
   */
  readonly at?: string;
  /** Links it to the actor that is running, as ctx.spawnLink; TypeError outside of an actor. */
  readonly link?: boolean;
  /** The actor that is running monitors it: onDown with its ref. TypeError outside of an actor. */
  readonly monitor?: boolean;
}

/** What a handler may do. Throws once the actor is dead, so an abandoned continuation has no effect. */
export interface Ctx<P> {
  readonly self: Ref<P>;
  /** The actor that spawned this one, 0 when none did. */
  readonly parent: AnyRef;
  /** Caller of the message being handled; undefined for a cast. Read it before the first await. */
  readonly from: From | undefined;
  /** Monotonic ms at which the caller gives up; Infinity for a cast. */
  readonly deadline: Ms;
  /** Aborted when the actor ends. Made on first use. */
  readonly signal: AbortSignal;
  /** Key of this entity; undefined for other actors. */
  readonly entityKey: number | undefined;
  cast<Q, K extends Ops<Q>>(to: Dest<Q>, op: K, ...rest: CastRest<Q[K]>): void;
  /** As send(). */
  send<Q, K extends Ops<Q>>(to: Dest<Q>, op: K, ...rest: CastRest<Q[K]>): Promise<void>;
  /** As call(), but never waits past `deadline`. Fails 'callingSelf' at once when the callee waits for us. */
  call<Q, K extends Ops<Q>>(to: Dest<Q>, op: K, ...rest: CallRest<Q[K]>): Promise<Reply<Q[K]>>;
  reply(from: From, value: unknown): void;
  /** Handled before anything that is queued. From init: after the starter has been told. */
  next<K extends Ops<P>>(op: K, ...rest: CastRest<P[K]>): void;
  /**
   * Ends this actor through terminate. In init: the start fails with `reason`. An entity that stops
   * 'normal' is passivated. With a second argument the call being handled gets it as its reply, after
   * terminate and even if that throws; without, it fails with `reason`.
   */
  stop(reason: Reason, ...reply: [value?: unknown]): never;
  /** Exit signal from this actor, as exit(). */
  exit(to: AnyRef, reason: Reason): void;
  /** Lets sockets and other actors run; stays exclusive. */
  yield(): Promise<void>;
  /**
   * Puts the message being handled aside (its result is ignored) until resumePostponed(). At most as
   * many as the mailbox limit: ActorError 'mailboxFull' beyond.
   */
  postpone(): void;
  /** Puts all postponed messages back, in their order, before everything that is queued. */
  resumePostponed(): void;
  /** After this handler, with nothing queued, memory that can be rebuilt is given back. */
  hibernate(): void;
  /**
   * Inactivity timeout: `op` runs once if no message comes within `ms` of this handler's end. Any
   * message cancels it; 0 means as soon as the mailbox is empty; Infinity cancels. sys requests start
   * it anew. May be set in init.
   */
  timeout<K extends Ops<P>>(ms: Ms, op: K, ...rest: CastRest<P[K]>): void;
  link(ref: AnyRef): void;
  /** No exit notice of the link comes any more; `flush` removes one already queued too. Default false. */
  unlink(ref: AnyRef, options?: FlushOptions): void;
  monitor(to: Dest<unknown>): MonitorId;
  /** No notice of this monitor comes any more. `flush` (default true) removes one already queued too. */
  demonitor(id: MonitorId, options?: FlushOptions): void;
  trapExit(on: boolean): void;
  /**
   * A second address of this actor that can be switched off: unalias(), or with `reply` the first
   * message that comes through it. What comes later is dropped (a call fails 'noproc').
   */
  alias(options?: { readonly reply?: boolean }): Ref<P>;
  /** False when it was no alias of this actor, or not any more. */
  unalias(alias: AnyRef): boolean;
  /** Takes a snapshot now (Behaviour.snapshot); false when nobody keeps one or it is no plain data. */
  snapshot(): boolean;
  /** One timer per key: set again replaces. 10 ms grain, never early. A cancelled timer never fires. */
  timer<K extends Ops<P>>(key: Key, ms: Ms, op: K, ...rest: CastRest<P[K]>): void;
  /** Repeats; a tick still queued is not queued twice. */
  every<K extends Ops<P>>(key: Key, ms: Ms, op: K, ...rest: CastRest<P[K]>): void;
  /** Ms that were left; false when no such timer was set or it has fired. */
  cancel(key: Key): Ms | false;
  /** Ms until the timer fires; false when no such timer is set. */
  readTimer(key: Key): Ms | false;
  /** Ties foreign async work to the actor: its failure is the actor's, its result is dropped after death. */
  guard<T>(promise: Promise<T>): Promise<T>;
  /** A callback for foreign code: a throw is the actor's crash; does nothing after death. */
  wrap<T extends readonly unknown[]>(callback: (...args: T) => void): (...args: T) => void;
  spawn<Q, S, A>(
    behaviour: Behaviour<Q, S, A>,
    arg: NoInfer<A>,
    options?: SpawnOptions<Q>,
  ): Promise<Ref<Q>>;
  spawnLink<Q, S, A>(
    behaviour: Behaviour<Q, S, A>,
    arg: NoInfer<A>,
    options?: SpawnOptions<Q>,
  ): Promise<Ref<Q>>;
  /** Text shown in tree() and processInfo(). */
  label(text: string): void;
}

export interface FlushOptions {
  readonly flush?: boolean;
}

/** What sys.trace, sys.log and sys.install see of an actor. */
export type SystemEvent =
  | { readonly kind: 'in'; readonly op: string; readonly arg: unknown; readonly isCall: boolean }
  | { readonly kind: 'out'; readonly op: string; readonly arg: unknown; readonly to: Dest<unknown> }
  | { readonly kind: 'reply'; readonly value: unknown; readonly to: From }
  | { readonly kind: 'state'; readonly state: unknown };

// ---------------------------------------------------------------- reports and introspection

/** One input in a crash report: what keepInputs() keeps. */
export interface CrashInput {
  readonly op: string;
  /** The argument, redacted, as text, cut at a size. */
  readonly arg: string;
}

/** What an actor was handling when it crashed, and its state. */
export interface CrashDetail {
  readonly lastMessage: { readonly op: string; readonly arg: unknown } | undefined;
  /** Through formatStatus. */
  readonly state: unknown;
}

/**
 * What happened, for the log. `slot` names the thread. The fields of CrashDetail are not enumerable:
 * a sink on the actor's own thread may look at them, JSON, copies and other threads never see them,
 * so no message content gets into a log by accident.
 */
export type Report = { readonly slot: string; readonly at: Ms; readonly trace?: string } & (
  | ({
      readonly kind: 'crash';
      readonly ref: AnyRef;
      readonly actor: string;
      readonly op: string;
      readonly reason: Reason;
      /** The actor that called; 0 for a caller that is no actor, undefined when it was no call. */
      readonly caller?: AnyRef;
      /** Oldest first, the one that crashed last; where keepInputs() is on. */
      readonly inputs?: readonly CrashInput[];
    } & Partial<CrashDetail>)
  | {
      /** A plain message that no handler knows was ignored. */
      readonly kind: 'unknownMessage';
      readonly ref: AnyRef;
      readonly actor: string;
      readonly op: string;
    }
  | {
      /** A handler kept its thread (longHandler) or its actor (handlerTimeout: killed) for too long. */
      readonly kind: 'longHandler' | 'handlerTimeout';
      readonly ref: AnyRef;
      readonly actor: string;
      readonly op: string;
      readonly tookMs: Ms;
    }
  | {
      /** sys.trace: one event of one actor, as text. */
      readonly kind: 'trace';
      readonly ref: AnyRef;
      readonly actor: string;
      readonly event: string;
    }
  | {
      readonly kind: 'progress';
      readonly supervisor: string;
      readonly child: string;
      readonly ref: AnyRef;
    }
  | {
      readonly kind: 'childFailed';
      readonly supervisor: string;
      readonly child: string;
      readonly phase: 'start' | 'exit' | 'shutdown';
      readonly reason: unknown;
    }
  | {
      readonly kind: 'restartLimit';
      readonly supervisor: string;
      readonly ref: AnyRef;
      readonly reason: unknown;
    }
  | {
      readonly kind: 'entityUnavailable';
      readonly type: string;
      readonly key: number;
      readonly reason: unknown;
    }
  | {
      readonly kind: 'mailboxFull';
      readonly ref: AnyRef;
      readonly actor: string;
      readonly dropped: number;
    }
  | { readonly kind: 'laneFull'; readonly to: string; readonly dropped: number }
  | { readonly kind: 'undeliverable'; readonly to: string; readonly error: ErrorInfo }
  | {
      readonly kind: 'threadUp';
      readonly thread: string;
      readonly incarnation: number;
      readonly tookMs: Ms;
    }
  | {
      readonly kind: 'threadDown';
      readonly thread: string;
      readonly incarnation: number;
      readonly reason: unknown;
    }
  | {
      readonly kind: 'slow' | 'hung';
      readonly thread: string;
      readonly silentMs: Ms;
      readonly culprit: Culprit;
    }
);

/** Distributes over the union, so that each kind keeps its own fields. */
export type ReportBody = Report extends infer R
  ? R extends Report
    ? Omit<R, 'slot' | 'at'>
    : never
  : never;

/** What a thread was running when it fell silent; ref 0 when it was not in a handler. */
export interface Culprit {
  readonly ref: AnyRef;
  readonly op: string;
  /** Set when the actor is an entity. */
  readonly entity?: { readonly type: string; readonly key: number };
}

export interface ProcessInfo {
  readonly ref: AnyRef;
  readonly name: Key | undefined;
  readonly behaviour: string;
  readonly label: string;
  readonly parent: AnyRef;
  /** Parent, its parent and so on, as far as they live. */
  readonly ancestors: readonly AnyRef[];
  readonly entity: { readonly type: string; readonly key: number } | undefined;
  readonly links: readonly AnyRef[];
  /** Number of monitors it holds. */
  readonly monitors: number;
  /** Number of monitors that watch it. */
  readonly monitoredBy: number;
  readonly trapExit: boolean;
  readonly status:
    | 'starting'
    | 'idle'
    | 'runnable'
    | 'running'
    | 'awaiting'
    | 'terminating'
    | 'suspended'
    | 'hibernated';
  readonly currentOp: string;
  /** Since the turn of the present op began; 0 when none is running. */
  readonly currentOpAgeMs: Ms;
  readonly mailboxLength: number;
  readonly mailboxLimit: number;
  readonly postponed: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Of the handlers that were timed: sys.statistics, RuntimeOptions.longHandlerMs. */
  readonly handlerTimeMs: Ms;
  readonly longestHandlerMs: Ms;
  readonly dropped: number;
  readonly thread: string;
  readonly startedAt: Ms;
  /** Earlier lives of this child, as its supervisor counts them. */
  readonly restarts: number;
  /** A guess: the runtime's own tables and the mailbox; the state too in processInfo(), not in tree(). */
  readonly memoryBytes: number;
}

/** One actor with the actors it spawned. */
export interface TreeNode extends ProcessInfo {
  readonly children: readonly TreeNode[];
}
