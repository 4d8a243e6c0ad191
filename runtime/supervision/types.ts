/**
 * Types of supervision: child specifications, supervisor flags, the protocols of the two kinds of
 * supervisor and the result unions of their administration. Types only.
 */
import type { Ms } from '../clock.ts';
import type { SnapshotKeeper } from '../core/snapshots.ts';
import type { FailReason } from '../errors.ts';
import type { AnyRef, ErrorInfo, Ignore, Key, SpawnOptions } from '../types.ts';

/** permanent: always again; transient: after an abnormal end; temporary: never. */
export type Restart = 'permanent' | 'transient' | 'temporary';
/** Whole ms to end after the exit signal 'shutdown' before it is killed; 'infinity' is the same as Infinity. */
export type Shutdown = Ms | 'infinity' | 'brutalKill';
/** Type of a child: sets the default of `shutdown`, and where it counts. */
export type ChildType = 'worker' | 'supervisor';
/** Whether the end of significant children ends their supervisor: never, the first one's, the last one's. */
export type AutoShutdown = 'never' | 'anySignificant' | 'allSignificant';

/**
 * Wait between two attempts to restart a child whose start fails: minMs, doubled with each attempt, at
 * most maxMs, less a random part of up to `jitter` (0 to 1) of it. Never changes what is counted.
 */
export interface Backoff {
  readonly minMs: Ms;
  readonly maxMs: Ms;
  /** Default 0. */
  readonly jitter?: number;
}

/** What all ways to describe a child have in common. */
export interface ChildPolicy {
  /** Default permanent. */
  readonly restart?: Restart;
  /** Default false; true needs restart transient or temporary, and a supervisor with autoShutdown. */
  readonly significant?: boolean;
  /** Default 5000 ms for a worker, Infinity for a supervisor. */
  readonly shutdown?: Shutdown;
  /** Default: what the behaviour is; worker for a start function. */
  readonly type?: ChildType;
  /** Default: no wait, the next attempt follows what is queued. */
  readonly backoff?: Backoff;
}

/** Options of child(). */
export interface ChildOptions<P> extends SpawnOptions<P>, ChildPolicy {}

/** Why a child did not start: an exit or fail reason, a bad spec, or a value no start may give. */
export type StartFailure = FailReason | SpecFault | { readonly badReturnValue: unknown };

/**
 * What a start function may give: the ref, the ref with `extra` for the caller of startChild or
 * restartChild, 'ignore' (or IGNORE), or an error. A throw counts as an error, of an ActorError its
 * reason; any other value is an error that carries it.
 */
export type Started =
  | AnyRef
  | { readonly ok?: true; readonly ref: AnyRef; readonly extra?: unknown }
  | 'ignore'
  | Ignore
  | { readonly ok: false; readonly reason: StartFailure }
  | { readonly error: unknown };

/** What a supervisor keeps of a child over its lives. */
export interface ChildLives {
  /** Starts that succeeded before this one. */
  readonly restarts: number;
  /** Where the child's snapshots are kept; made on first use. */
  readonly snapshots: SnapshotKeeper;
}

/**
 * Creates a child and gives its ref, at once or as a promise. What it spawns synchronously has the
 * supervisor as parent; the supervisor links itself to the ref if it is not yet linked.
 * `extraArguments` are those of a dynamic supervisor, else empty.
 */
export type StartFunction = (
  parent: AnyRef,
  extraArguments: readonly unknown[],
  lives: ChildLives,
) => Started | Promise<Started>;

/** What a supervisor is told of a child. child() makes one; unknown fields are ignored. */
export interface ChildSpec extends ChildPolicy {
  /** Unique in its supervisor; of no meaning in a dynamic one. */
  readonly id: Key;
  readonly start: StartFunction;
  /** Name of the behaviour, for introspection; default that of the start function. */
  readonly behaviour?: string;
}

/** A spec with its defaults, as getChildSpec gives it. The start of a temporary child is not kept. */
export interface CompleteChildSpec extends ChildSpec {
  readonly restart: Restart;
  readonly significant: boolean;
  readonly shutdown: Ms | 'brutalKill';
  readonly type: ChildType;
  readonly behaviour: string;
}

/** A refused spec or flag: which field, its value, and the error in words. */
export interface SpecFault {
  readonly error: ErrorInfo;
  readonly field: string;
  readonly value: unknown;
}

export interface RestartLimit {
  /** Restarts allowed within `period`; whole, >= 0; default 3. */
  readonly intensity?: number;
  /** Whole seconds > 0; default 5. */
  readonly period?: number;
}

/** Flags of a static supervisor. Unexpected ones are ignored, wrong values refused by name. */
export interface SupervisorFlags extends RestartLimit {
  /**
   * What a child's restart does to its siblings: nothing; all are restarted; those started after it
   * are. Default oneForOne.
   */
  readonly strategy?: 'oneForOne' | 'oneForAll' | 'restForOne';
  /** Default never. */
  readonly autoShutdown?: AutoShutdown;
  /** Started in this order, one after another; shut down in reverse. Default none. */
  readonly children?: readonly ChildSpec[];
}

/** Flags of a dynamic supervisor. Unexpected ones are ignored, wrong values refused by name. */
export interface DynamicFlags extends RestartLimit {
  /** The only one there is. */
  readonly strategy?: 'oneForOne';
  /** Default never. */
  readonly autoShutdown?: AutoShutdown;
  /** Children alive or waiting to be restarted; whole, >= 0; default Infinity. */
  readonly maxChildren?: number;
  /**
   * Put before each child's own argument, at its start and at each restart: a behaviour's init gets
   * [...extraArguments, arg], a start function gets them as its second parameter. Default none.
   */
  readonly extraArguments?: readonly unknown[];
}

export type StartChildResult =
  /** ref is undefined when the start was ignored; extra only when the start function gave it. */
  | { readonly ok: true; readonly ref: AnyRef | undefined; readonly extra?: unknown }
  /** A child of that id runs, or the name that the child wanted belongs to `ref`. */
  | { readonly ok: false; readonly why: 'alreadyStarted'; readonly ref: AnyRef }
  /** alreadyPresent: a child of that id does not run, or waits to be restarted. */
  | { readonly ok: false; readonly why: 'alreadyPresent' | 'maxChildren' }
  | {
      readonly ok: false;
      readonly why: 'error';
      readonly reason: StartFailure;
      /** The refused spec, as given. */
      readonly spec: ChildSpec;
    };

export type ChildIdResult<Why extends string> =
  | { readonly ok: true }
  | { readonly ok: false; readonly why: Why };

/** simpleOneForOne: the supervisor is a dynamic one, which knows its children by ref only. */
export type TerminateChildResult = ChildIdResult<'notFound' | 'simpleOneForOne'>;
export type DeleteChildResult = ChildIdResult<
  'notFound' | 'running' | 'restarting' | 'simpleOneForOne'
>;

export type RestartChildResult =
  | { readonly ok: true; readonly ref: AnyRef | undefined; readonly extra?: unknown }
  | {
      readonly ok: false;
      readonly why: 'notFound' | 'running' | 'restarting' | 'simpleOneForOne';
    }
  | { readonly ok: false; readonly why: 'error'; readonly reason: StartFailure };

export type GetChildSpecResult =
  | { readonly ok: true; readonly spec: CompleteChildSpec }
  | { readonly ok: false; readonly why: 'notFound' };

export type CheckChildSpecsResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly why: 'error'; readonly reason: SpecFault };

export interface ChildInfo {
  /** undefined under a dynamic supervisor. */
  readonly id: Key | undefined;
  /** undefined: not running; restarting: waiting for the next attempt. */
  readonly ref: AnyRef | 'restarting' | undefined;
  readonly type: ChildType;
  readonly behaviour: string;
}

export interface ChildCounts {
  readonly specs: number;
  /** Those that really live. */
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}

/** What a supervisor understands; use the functions of supervision/admin.ts. */
export interface SupervisorP {
  startChild(spec: ChildSpec): StartChildResult;
  terminateChild(id: Key): TerminateChildResult;
  restartChild(id: Key): RestartChildResult;
  bounceChild(id: Key): RestartChildResult;
  deleteChild(id: Key): DeleteChildResult;
  getChildSpec(id: Key): GetChildSpecResult;
  whichChildren(): readonly ChildInfo[];
  countChildren(): ChildCounts;
}

/** What a dynamic supervisor understands: children have no ids, only refs. */
export interface DynamicSupervisorP extends SupervisorP {
  /** startChild of a spec that needs no id. */
  startDynamicChild(spec: Omit<ChildSpec, 'id'>): StartChildResult;
}

/** Options of a partition supervisor. */
export interface PartitionOptions extends RestartLimit {
  /** What partition(name, key) finds them by; unique on this thread. */
  readonly name: string;
  /** How many, > 0; or 'threads' (default): one on each thread of `group`, outside a node one. */
  readonly partitions?: number | 'threads';
  /** Group of slots for 'threads'. */
  readonly group?: string;
  /** The child of a partition, 0 to count - 1, asked at the start; its id becomes that number. */
  readonly child: (partition: number) => ChildSpec;
}

/** previous: how many were active before. outOfRange: more than at the start, or one per thread. */
export type ResizeResult =
  | { readonly ok: true; readonly previous: number }
  | { readonly ok: false; readonly why: 'outOfRange' }
  | { readonly ok: false; readonly why: 'error'; readonly reason: StartFailure };

/** What a partition supervisor understands: child ids are the numbers of its partitions. */
export interface PartitionSupervisorP extends SupervisorP {
  resize(count: number): ResizeResult;
}
