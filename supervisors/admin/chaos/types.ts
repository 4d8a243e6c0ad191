/**
 * What chaos is made of: items of the menu, orders to the agent of a thread, what a canary saw, the written result. Types and
 * names only.
 */
import type { VerbResult } from '../types.ts';

/** Faults that can be had. */
export const CHAOS_ITEMS = [
  'kill-actor',
  'kill-thread',
  'delay-mailbox',
  'drop-mailbox',
  'stall-thread',
  'freeze-store',
  'fill-disk',
  'cut-lane',
  'kill-media',
] as const;
export type ChaosItem = (typeof CHAOS_ITEMS)[number];

/** `hold`: nothing passes and nothing is lost. `break`: both sides are told that the other is gone, what was under way is lost. */
export type CutMode = 'hold' | 'break';

/** Arguments of `chaos.start`. */
export interface ChaosStart {
  readonly item: ChaosItem;
  /** Row of the tree: an actor, or a thread. */
  readonly id?: string | undefined;
  /** cut-lane: the other thread. */
  readonly to?: string | undefined;
  readonly mode: CutMode;
  readonly forMs: number;
  readonly delayMs: number;
  readonly share: number;
  /** Actors and connections that may be affected at most. */
  readonly limit: number;
  /** Waits for the result. */
  readonly wait: boolean;
}

/** What an item does to one thread, as its agent is told. */
export type ChaosOrder =
  | {
      readonly effect: 'mailbox';
      readonly path: string;
      readonly delayMs: number;
      readonly share: number;
    }
  | { readonly effect: 'stall' }
  | { readonly effect: 'freeze' }
  | { readonly effect: 'full' }
  | { readonly effect: 'hold'; readonly to: string };

export interface ChaosTarget {
  /** Actors that the fault is in the way of: those below the target, itself included. */
  readonly actors: number;
  /** Open connections of the thread; 0 but on gateways. */
  readonly connections: number;
}

/** State of the fault of a thread. */
export interface EffectState {
  readonly isActive: boolean;
  /** Messages that waited and that were lost, of a mailbox. */
  readonly delayed: number;
  readonly dropped: number;
  /** Commits that were held back or refused, of the store. */
  readonly commits: number;
}

/** Understood by the actor `chaos-agent` of every thread but main, where chaos is on. */
export interface ChaosAgentP {
  look(m: { readonly path?: string }): VerbResult<ChaosTarget>;
  /** It ends by itself after `forMs`, on this thread, whatever happens to others. */
  begin(m: {
    readonly run: number;
    readonly forMs: number;
    readonly order: ChaosOrder;
  }): VerbResult<null>;
  end(m: { readonly run: number }): void;
  state(): EffectState;
}
export const CHAOS_AGENT = 'chaos-agent';

/** What the canary of one gateway thread is told. */
export interface CanaryOrder {
  readonly run: string;
  /** Streams of its own, one per shard thread. */
  readonly sids: readonly number[];
  /** Pause between two appends to one stream. */
  readonly paceMs: number;
  /** It ends by itself after that. */
  readonly lifeMs: number;
}

export interface CanaryProgress {
  readonly acknowledged: number;
  /** Streams that have acknowledged an append that was sent after `since`; when the last of them did, monotonic. */
  readonly well: number;
  readonly lastWellMs: number;
}

/** What a canary found, of all its streams together. */
export interface CanaryVerdict {
  readonly sent: number;
  readonly acknowledged: number;
  /** Attempts answered with a retryable refusal, and attempts without an answer. */
  readonly refused: number;
  readonly unanswered: number;
  /** Longest time between two acknowledgements of one stream. */
  readonly longestSilenceMs: number;
  /** Acknowledged and not in the log where it was said to be. */
  readonly lost: number;
  /** In the log more than once. */
  readonly repeated: number;
  /** In the log behind something that was sent later. */
  readonly reordered: number;
  /** False: a log could not be read, so nothing is known of what was lost. */
  readonly isVerified: boolean;
}

/** Understood by the actor `chaos-canary` of every gateway thread, where chaos is on. */
export interface CanaryP {
  start(m: CanaryOrder): VerbResult<null>;
  /** `since`: monotonic, the machine's. */
  progress(m: { readonly since: number }): CanaryProgress;
  /** Ends the appending, waits for what is under way, reads the logs. */
  finish(m: { readonly graceMs: number }): CanaryVerdict;
}
export const CHAOS_CANARY = 'chaos-canary';

export type EndedBy = 'itself' | 'time' | 'operator' | 'guard';
export type ChaosPhase = 'preparing' | 'active' | 'recovering' | 'verifying' | 'over';

/** What the tree did meanwhile. */
export interface TreeFindings {
  readonly crashes: number;
  readonly threadsDown: readonly string[];
  readonly threadsHung: readonly string[];
  /** The first reports, without content. */
  readonly reports: readonly {
    readonly atMs: number;
    readonly kind: string;
    readonly thread: string;
    readonly about: string;
  }[];
}

/** The written result: a JSON file in DATA_DIR/chaos. */
export interface ChaosResult {
  readonly v: 1;
  /** Name of the file, without `.json`. */
  readonly result: string;
  readonly item: ChaosItem;
  readonly args: Readonly<Record<string, unknown>>;
  readonly who: string;
  readonly node: string;
  readonly version: string;
  /** Ms since 1970. */
  readonly startedAt: number;
  /** How long the fault was there. */
  readonly activeMs: number;
  readonly endedBy: EndedBy;
  readonly affected: ChaosTarget;
  /** From the end of the fault (of a kill: from the kill) until every canary stream took an append and all threads were up; null: not in time. */
  readonly recoveryMs: number | null;
  readonly lost: number;
  readonly repeated: number;
  readonly reordered: number;
  readonly canary: CanaryVerdict;
  readonly effect: EffectState | null;
  readonly tree: TreeFindings;
  /** clean: recovered in time, nothing lost, repeated or reordered. unknown: a log could not be read. */
  readonly verdict: 'clean' | 'violated' | 'unknown';
}

/** A line of the list of results. */
export type ChaosSummary = Omit<ChaosResult, 'v' | 'affected' | 'canary' | 'effect' | 'tree'>;

/** What `chaos.status` says. */
export interface ChaosStatus {
  readonly enabled: boolean;
  readonly running: {
    readonly run: number;
    readonly item: ChaosItem;
    readonly phase: ChaosPhase;
    readonly who: string;
    readonly startedAt: number;
    readonly endsAt: number | null;
    readonly args: Readonly<Record<string, unknown>>;
  } | null;
  readonly last: string | null;
}
