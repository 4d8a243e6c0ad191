/**
 * What threads tell of themselves for /metrics, and how a metric is declared. Types only.
 */
import type { CommitMeasures } from '../../channels/store/index.ts';
import type { GatewayMeasures, RouteMeasure } from '../../gateway/index.ts';
import type { HistogramData, RuntimeMeters, SlotStatus } from '../../runtime/index.ts';

/** Counters by name; nested objects are flattened when they are rendered. */
export type CounterTree = { readonly [name: string]: unknown };

/** What some kinds of threads measure beside their counters. */
export interface SlotMeasures {
  readonly sockets?: GatewayMeasures;
  readonly routes?: readonly RouteMeasure[];
  /** By the name of the limit. */
  readonly refusals?: Readonly<Record<string, number>>;
  readonly store?: CommitMeasures;
  /** What the main thread alone knows. */
  readonly node?: NodeFacts;
  /** The voice thread's. */
  readonly voice?: VoiceMeasures;
}

/** Of the rooms and the media workers. */
export interface VoiceMeasures {
  readonly people: number;
  readonly rooms: number;
  readonly workers: readonly {
    readonly slot: number;
    readonly role: string;
    readonly state: string;
    /** Share of a core. */
    readonly cpu: number;
    readonly rssBytes: number;
    readonly predictedPps: number;
  }[];
}

/** Plain data, so that it crosses threads. */
export interface NodeFacts {
  readonly slots: readonly SlotStatus[];
  /** Reports of the runtime by kind. */
  readonly reports: Readonly<Record<string, number>>;
}

/** What a thread answers from; all of it cheap and of this moment. */
export interface ThreadSources {
  readonly counters?: () => CounterTree;
  readonly measures?: () => SlotMeasures;
}

/** Of one thread's V8. */
export interface HeapFacts {
  readonly usedBytes: number;
  readonly totalBytes: number;
  readonly externalBytes: number;
}

/** One thread at one moment. Plain data, so that it crosses threads. */
export interface ThreadReport {
  readonly counters: CounterTree;
  readonly meters: RuntimeMeters;
  readonly measures: SlotMeasures;
  readonly heap: HeapFacts;
  /** Ms that its event loop has worked since it started. */
  readonly activeMs: number;
}

/** What the `rates` topic is made of: totals and present values of one thread. */
export interface ThreadTotals {
  readonly actors: number;
  readonly actorMessages: number;
  readonly crashes: number;
  readonly activeMs: number;
  readonly heapBytes: number;
  readonly connections: number;
  readonly framesIn: number;
  readonly requests: number;
  readonly errors: number;
  readonly publishes: number;
  readonly deliveries: number;
  readonly httpRequests: number;
  readonly stored: number;
  readonly commits: number;
}

/** A thread as it answers; no report: it did not answer in time. */
export interface ThreadView {
  readonly slot: string;
  readonly report: ThreadReport | undefined;
}

/** Of the whole process. */
export interface ProcessFacts {
  readonly startedAtS: number;
  readonly cpuUserS: number;
  readonly cpuSystemS: number;
  readonly residentBytes: number;
  readonly openFiles: number | undefined;
  readonly openFilesMax: number | undefined;
  /** Of the disk that the data folder is on. */
  readonly diskFreeBytes: number | undefined;
  readonly diskBytes: number | undefined;
  readonly databaseBytes: number;
  readonly walBytes: number;
  readonly version: string;
  readonly nodeVersion: string;
}

/** Everything that a page is made of. */
export interface NodeView {
  readonly threads: readonly ThreadView[];
  readonly process: ProcessFacts;
}

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels: Labels;
  readonly data: HistogramData;
}

/**
 * One metric. Samples with the same labels (of several threads) are added up. Labels come from fixed tables, from the names of
 * threads, actors' kinds and routes, all of them bounded: never an id, a name that a user gave, or an address.
 */
export type Family = {
  readonly name: string;
  readonly help: string;
} & (
  | {
      readonly type: 'counter' | 'gauge';
      readonly read: (view: NodeView) => readonly Sample[];
    }
  | {
      readonly type: 'histogram';
      readonly read: (view: NodeView) => readonly HistogramSample[];
    }
);
