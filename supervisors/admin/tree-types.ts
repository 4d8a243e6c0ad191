/**
 * What the published tree offers to the rest of the admin side: subscriptions, snapshots, and what a row id stands for. The model
 * itself is tree-model.ts. Types only; main thread.
 */
import type { AnyRef, Dest, Report } from '../../runtime/index.ts';
import type { TreeDelta, TreeOptions, TreeRow, VerbResult } from './types.ts';

/** Events of a subscription, in order: `snapshot` chunks (`more` false on the last), then `delta`s; `resync` before a new snapshot. */
export type TreeEvent =
  | {
      readonly kind: 'snapshot';
      readonly data: { readonly rows: readonly TreeRow[]; readonly more: boolean };
    }
  | { readonly kind: 'delta'; readonly data: TreeDelta }
  | { readonly kind: 'resync'; readonly data: null };

/** Where events of a subscription go. */
export interface TreeSink {
  /**
   * Takes one event, small enough for a frame. False: there is no room now; it is lost, nothing but `resync` is offered from then
   * on, once per interval, and a whole snapshot follows when that was taken. Must not throw.
   */
  send(event: TreeEvent): boolean;
}

export interface TreeSubscription {
  /** Ends it; idempotent. No event comes afterwards. */
  close(): void;
}

/** What a row id stands for. `path` is what the runtime's actorAt() takes on the thread of `slot`. */
export type TreeTarget =
  | { readonly kind: 'node'; readonly id: string }
  | { readonly kind: 'thread'; readonly id: string; readonly slot: string }
  | {
      readonly kind: 'entity';
      readonly id: string;
      readonly slot: string;
      readonly path: string;
      readonly type: string;
      readonly key: number;
      /** Starts it when it is passive, as any message does. */
      readonly dest: Dest<unknown>;
    }
  | {
      /** A host of entities of one type. */
      readonly kind: 'host';
      readonly id: string;
      readonly slot: string;
      readonly path: string;
      readonly type: string;
    }
  | {
      readonly kind: 'named';
      readonly id: string;
      readonly slot: string;
      readonly path: string;
      readonly dest: Dest<unknown>;
    }
  | {
      readonly kind: 'unnamed';
      readonly id: string;
      readonly slot: string;
      readonly path: string;
      readonly ref: AnyRef;
      readonly dest: Dest<unknown>;
    }
  | { readonly kind: 'sessions'; readonly id: string; readonly slot: string }
  | { readonly kind: 'session'; readonly id: string; readonly slot: string; readonly conn: number };

/** Counters of the model, for /metrics. */
export interface TreeCounters {
  readonly subscriptions: number;
  readonly rows: number;
  readonly rounds: number;
  readonly deltas: number;
  readonly snapshots: number;
  readonly resyncs: number;
  readonly crashesForgotten: number;
}

/** The tree of this node as last published by its threads. Nothing is published while nobody looks. */
export interface TreeModel {
  /** Begins with a snapshot as soon as all threads that are up have published, 1 s later at the latest. `invalid`, `not_found` as values. */
  subscribe(options: TreeOptions, sink: TreeSink): VerbResult<TreeSubscription>;
  /** The same once, for `driftway tree`: rates are over about `rateMs` (default 0: none, rows have rate 0). */
  snapshot(
    options: TreeOptions,
    rateMs?: number,
  ): Promise<VerbResult<{ readonly rows: readonly TreeRow[] }>>;
  /** What an id stands for, from its text and the list of threads, also while nobody looks: the actor may be dead or passive. */
  find(id: string): TreeTarget | undefined;
  /** Id of the row of an entity. */
  idOf(type: string, key: number): string;
  /** Fed with every report of the runtime: crashes, restarts, threads that are down, hung or up again. */
  report(report: Report): void;
  counters(): TreeCounters;
}
