/**
 * What the actor `admin-agent` of each thread understands: its protocol, what it is given, what it answers. Types and its name
 * only; the main thread asks, the agent's own thread answers.
 */
import type { AudienceFacts, ConnectionFacts } from '../../gateway/index.ts';
import type { ProcessInfo, RuntimeCounters } from '../../runtime/index.ts';
import type { VerbResult } from './types.ts';

/** Name of the actor on every thread. */
export const ADMIN_AGENT = 'admin-agent';

/** An actor of the thread, by the path that the tree gives it (`stream/4711`, `fan-out`). */
export interface ActorAt {
  readonly path: string;
}

/** What is to be seen of one actor. */
export interface Inspection {
  readonly path: string;
  readonly info: Omit<ProcessInfo, 'links'> & { readonly links: number };
  /** What a shutdown of it would end, itself included. */
  readonly subtree: number;
  readonly state: unknown;
  /** True: texts and bytes are shown as their lengths only, or the behaviour's own status is shown. */
  readonly redacted: boolean;
  /** What operators have switched on here: `suspended until`, traces, a recording. */
  readonly watched: readonly string[];
}

/** What a thread says of itself. */
export interface ThreadInspection {
  readonly thread: string;
  readonly counters: RuntimeCounters;
  readonly heap: {
    readonly usedBytes: number;
    readonly totalBytes: number;
    readonly limitBytes: number;
    readonly externalBytes: number;
  };
  readonly logLevel: string;
  readonly agent: AgentCounters;
}

export interface TraceOrder extends ActorAt {
  /** One of so many messages is shown, with all that comes of it. */
  readonly sample: number;
  readonly forMs: number;
  /** Events after which the trace ends. */
  readonly eventsMax: number;
  /** Arguments as they are, cut at a size; else their shapes. */
  readonly raw: boolean;
}

/** One thing that a traced actor did. */
export interface TraceEvent {
  /** Ms since 1970. */
  readonly at: number;
  /** done: the handler of the message `in` before it is through, `ms` later. */
  readonly kind: 'in' | 'out' | 'reply' | 'done';
  readonly op: string;
  readonly call?: boolean;
  readonly arg?: unknown;
  readonly to?: string;
  readonly ms?: number;
}

export type TraceEnd = 'time' | 'events' | 'actor ended' | 'stopped';

export interface TraceNews {
  readonly events: readonly TraceEvent[];
  /** Messages that the actor took since the trace began, and those of them that were shown. */
  readonly seen: number;
  readonly sampled: number;
  /** Events lost because nobody fetched them in time. */
  readonly dropped: number;
  readonly ended: TraceEnd | null;
}

export interface RecordOrder {
  readonly type: string;
  readonly key: number;
  readonly file: string;
  readonly forMs: number;
  readonly bytesMax: number;
  readonly content: boolean;
}

/** A recording of this thread. */
export interface RecordingInfo {
  readonly file: string;
  readonly type: string;
  readonly key: number;
  /** Ms since 1970; when it ends by itself. */
  readonly until: number;
  readonly content: boolean;
  readonly lives: number;
  readonly entries: number;
  readonly bytes: number;
  /** Entries refused at the bound of the file, or lost because the disk was full. */
  readonly dropped: number;
}

/** Counters of the agent, for /metrics. */
export interface AgentCounters {
  tracesNow: number;
  suspendedNow: number;
  recordingsNow: number;
  kills: number;
  killsRefused: number;
  heapSnapshots: number;
  traceEventsDropped: number;
  recordEntriesDropped: number;
}

/**
 * Everything that lasts (a trace, a suspension, a recording, a log level) ends by itself on this thread, also when the main
 * thread or the connection is gone.
 */
export interface AdminAgentP {
  inspect(m: ActorAt & { readonly raw: boolean }): VerbResult<Inspection>;
  inspectThread(): ThreadInspection;
  suspend(m: ActorAt & { readonly forMs: number }): VerbResult<{ readonly until: number }>;
  resume(m: ActorAt): VerbResult<{ readonly wasSuspended: boolean }>;
  /** `ended`: actors that ended with it. */
  kill(m: ActorAt): VerbResult<{ readonly ended: number }>;
  /** `restarted`: the path of what was ended and started again, which may lie above. */
  restart(m: ActorAt): VerbResult<{ readonly restarted: string; readonly ended: number }>;
  passivate(m: ActorAt & { readonly force: boolean }): VerbResult<null>;
  traceStart(m: TraceOrder): VerbResult<{ readonly trace: number; readonly until: number }>;
  traceRead(m: { readonly trace: number }): VerbResult<TraceNews>;
  traceStop(m: { readonly trace: number }): void;
  /** Back to the configured level after `forMs`; undefined: until the thread ends. */
  logLevel(m: { readonly level: string; readonly forMs?: number }): {
    readonly before: string;
  };
  heapUsed(): number;
  heapSnapshot(m: { readonly file: string }): VerbResult<{
    readonly bytes: number;
    readonly tookMs: number;
  }>;
  recordStart(m: RecordOrder): VerbResult<RecordingInfo>;
  recordStop(m: { readonly file: string }): VerbResult<RecordingInfo>;
  recordings(): readonly RecordingInfo[];
  /** Gateway threads; elsewhere nothing. */
  audience(m: { readonly sid: number }): AudienceFacts | null;
  connections(m: { readonly uid: number; readonly limit: number }): readonly ConnectionFacts[];
}
