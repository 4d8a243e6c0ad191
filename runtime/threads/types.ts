/**
 * Types of threads and nodes: the options of startNode, what a slot's module sees, and the control
 * messages between main and its workers. Types only.
 */
import type { MessagePort, WorkerOptions } from 'node:worker_threads';
import type { Clock, Ms } from '../clock.ts';
import type { RuntimeCounters } from '../inspect/types.ts';
import type { KeptSnapshots } from '../names/entity-snapshots.ts';
import type { RestartLimit } from '../supervision/types.ts';
import type { Culprit, ErrorInfo, Report, TreeNode } from '../types.ts';

// ---------------------------------------------------------------- public

/** One thread of the node. */
export interface SlotOptions {
  /** Unique; 'main' is taken. */
  readonly name: string;
  /** Group for entities, slotsOf and lane pacing; default: no group. */
  readonly group?: string;
  /** Module that exports the boot function; a file URL. */
  readonly module: URL | string;
  /** Name of the exported BootFunction; default 'boot'. */
  readonly export?: string;
  /** Given to boot; whatever structured clone takes (SharedArrayBuffers are shared). */
  readonly arg?: unknown;
  /**
   * restart: a dead or hung thread is replaced, within the node's restart limit. fatal: it is never
   * terminated; its failure calls NodeOptions.fatal.
   */
  readonly onDown: 'restart' | 'fatal';
  /** Time for loading and boot; default 30 000. */
  readonly startTimeoutMs?: Ms;
  /** Time for an orderly stop; default 10 000. A restart slot is terminated then, a fatal one left alone. */
  readonly stopTimeoutMs?: Ms;
  /** Old generation limit of the thread's heap in MiB; default: Node's. */
  readonly heapMaxMb?: number;
  /**
   * Young generation limit in MiB (three semi-spaces); default: Node's 48. A small one keeps the memory of a
   * thread near what it really holds, and collects more often.
   */
  readonly youngMaxMb?: number;
  /**
   * Keeps one thread in reserve that has loaded the module, so that a replacement costs its boot alone: some ms instead of
   * 40 and the loading. One for all slots of the same module and limits; costs the memory of a thread. Default false.
   */
  readonly spare?: boolean;
  /**
   * Not started with the node but by NodeHandle.startSlot; has a place from the start all the same. Replaced within this limit, which
   * is its own: beyond it the slot is in standby again and the node goes on. Only with onDown 'restart'.
   */
  readonly standby?: RestartLimit;
}

/** How a lane gathers: at most one flush per `gatherMs`; the first after a pause leaves at once. */
export interface LanePace {
  readonly gatherMs: Ms;
  /** Longer gathering under load: after a batch of at least so many records. Default: none. */
  readonly loaded?: { readonly records: number; readonly gatherMs: Ms };
}

/** Gathering on the lanes from one slot or group to another. */
export interface LanePacing extends LanePace {
  readonly from: string;
  readonly to: string;
}

export interface LaneLimits {
  /** A lane with more pending flushes at once. Default 512. */
  readonly flushMessages: number;
  /** Estimated; default 64 KiB. */
  readonly flushBytes: number;
  /** Sent and not yet taken in by the other thread; beyond it messages are refused. Default 64 MiB. */
  readonly inFlightBytes: number;
}

export interface WatchdogOptions {
  /** Silence that is reported as slow; default 250. */
  readonly slowMs?: Ms;
  /** Silence that counts as hung; default 5000; must exceed the longest garbage collection. */
  readonly hungMs?: Ms;
  /** Time between two looks; default 100. */
  readonly intervalMs?: Ms;
  /** A hung main thread ends the process with SIGABRT; default true. */
  readonly abortOnMainHang?: boolean;
}

export interface NodeOptions {
  /** Started in this order, stopped in reverse; at most 63. */
  readonly slots: readonly SlotOptions[];
  /** Type of entity -> group whose slots host it. */
  readonly entities?: Readonly<Record<string, string>>;
  readonly lanes?: readonly LanePacing[];
  readonly laneLimits?: Partial<LaneLimits>;
  /** Replacements of threads allowed; default 3 in 5 s. Beyond it: fatal. */
  readonly restart?: RestartLimit;
  /** false: off, as it is under a debugger. */
  readonly watchdog?: WatchdogOptions | false;
  /** Takes the reports of all threads; runs on main. */
  readonly report?: (report: Report) => void;
  /** The node cannot go on: the process should end non-zero. Called once, on main. */
  readonly fatal?: (failure: NodeFailure) => void;
  readonly clock?: Clock;
  /** Flags of Node for the threads, for example a preload; default: those of the process. */
  readonly execArgv?: readonly string[];
}

export interface NodeFailure {
  readonly slot: string;
  readonly why: 'threadDown' | 'hung' | 'restartLimit';
  readonly reason: unknown;
}

export interface SlotStatus {
  readonly name: string;
  readonly group: string;
  readonly thread: number;
  readonly up: boolean;
  /** 1 for the first thread of the slot. */
  readonly incarnation: number;
}

/** A running node, on main. */
export interface NodeHandle {
  /** Stops the slots in reverse order, each with its tree; idempotent; never rejects. */
  stop(): Promise<void>;
  /** All that are up or should be: a slot in standby is not among them. */
  slots(): readonly SlotStatus[];
  /**
   * Starts a slot in standby; resolves when it has booted, at once when it is up. RangeError for any other slot or a stopping node,
   * ActorError when it does not boot: it is in standby then.
   */
  startSlot(name: string): Promise<void>;
  /** Stops such a slot in order; it is in standby then. Idempotent; never rejects. RangeError for any other slot. */
  stopSlot(name: string): Promise<void>;
  /** Actors of all threads that answer within 2 s, by slot. */
  tree(): Promise<Readonly<Record<string, readonly TreeNode[]>>>;
  /** Counters of all threads that answer within 2 s, by slot. */
  counters(): Promise<Readonly<Record<string, RuntimeCounters>>>;
  /** Ends a thread at once, as a crash would: for tests and chaos. RangeError for a fatal slot or one that is down. */
  terminateSlot(name: string): void;
  /**
   * Stops a thread in order (stop hook, then its actors through terminate) and starts it again; resolves when the new one has
   * booted. Does not count against NodeOptions.restart. RangeError for a fatal slot or one that is down, DriftwayError
   * DRIFT_RUNTIME_THREAD when it did not start: it is tried again then, as after a crash.
   */
  restartSlot(name: string): Promise<void>;
  /**
   * Tears the lane between two threads for a time: each takes the other for dead ('noconnection'), what was under way is lost,
   * and then they get a new lane. For chaos. Gives what ends it before; undefined when a thread is down or there are not two.
   */
  breakLane(a: string, b: string, forMs: Ms): (() => void) | undefined;
}

/** What the boot function is told. */
export interface ThreadInfo {
  readonly slot: string;
  readonly group: string;
  readonly thread: number;
  /** 1 for the first thread of the slot, then rising. */
  readonly incarnation: number;
}

/** What a boot function may return. */
export interface Booted {
  /** Runs first at an orderly stop, before the thread's actors are shut down. */
  stop?(): void | Promise<void>;
}

/** Exported by a slot's module. The thread is ready when it resolves; a rejection is a failed start. */
export type BootFunction<A = unknown> = (
  arg: A,
  thread: ThreadInfo,
  // biome-ignore lint/suspicious/noConfusingVoidType: a boot function without result is the common case
) => Promise<Booted | void> | Booted | void;

// ---------------------------------------------------------------- between main and its workers

export interface TopologySlot {
  readonly name: string;
  readonly group: string;
  readonly thread: number;
}

/** The same on every thread of a node, from start to end. */
export interface Topology {
  /** Index = thread number; main is 0. */
  readonly slots: readonly TopologySlot[];
  readonly entities: Readonly<Record<string, string>>;
  readonly pacing: readonly LanePacing[];
  readonly limits: LaneLimits;
}

/** Shared memory of a node; see shared.ts. */
export interface SharedMemory {
  /** Float64 per thread: serials below it may have been used. */
  readonly marks: SharedArrayBuffer;
  /** Float64 per ordered pair: bytes taken in. */
  readonly consumed: SharedArrayBuffer;
  /** Int32 x4 per thread: beat, op, entity type, watched. */
  readonly pulseInts: SharedArrayBuffer;
  /** Float64 x2 per thread: ref, entity key. */
  readonly pulseDoubles: SharedArrayBuffer;
}

/** Options of Node for each thread. */
export type ThreadFlags = Pick<WorkerOptions, 'execArgv'>;

/** What a thread is made with. */
export interface WorkerLoad {
  readonly module: string;
}

/** What makes a loaded thread a slot. */
export interface WorkerBoot {
  readonly topology: Topology;
  readonly shared: SharedMemory;
  readonly thread: number;
  readonly incarnation: number;
  readonly exportName: string;
  readonly arg: unknown;
  readonly fatal: boolean;
  /** Entities left down because they hung the thread before. */
  readonly blocked: readonly { readonly type: string; readonly key: number }[];
  /** What the thread's predecessor left of its entities. */
  readonly snapshots: readonly KeptSnapshots[];
}

export type ToWorker =
  | { readonly kind: 'become'; readonly boot: WorkerBoot }
  | { readonly kind: 'connect'; readonly thread: number; readonly port: MessagePort }
  | { readonly kind: 'disconnect'; readonly thread: number }
  | { readonly kind: 'boot' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'inspect'; readonly id: number };

export type FromWorker =
  | { readonly kind: 'loaded' | 'booted' | 'stopped' }
  | { readonly kind: 'failed'; readonly error: ErrorInfo }
  | { readonly kind: 'fatal'; readonly error: ErrorInfo }
  | { readonly kind: 'report'; readonly report: Report }
  | { readonly kind: 'name'; readonly number: number; readonly name: string }
  /** Of an entity; undefined: it ended well. */
  | {
      readonly kind: 'snapshot';
      readonly type: string;
      readonly key: number;
      readonly snapshot: unknown;
    }
  | {
      readonly kind: 'inspected';
      readonly id: number;
      readonly tree: readonly TreeNode[];
      readonly counters: RuntimeCounters;
    };

/** What the watchdog thread sees, by numbers. */
export interface Silence {
  readonly kind: 'slow' | 'hung';
  readonly thread: number;
  readonly silentMs: Ms;
  readonly ref: number;
  readonly op: number;
  readonly type: number;
  readonly key: number;
}

/** A silent thread, by names. */
export interface NamedSilence {
  readonly kind: 'slow' | 'hung';
  readonly thread: number;
  readonly silentMs: Ms;
  readonly culprit: Culprit;
}
