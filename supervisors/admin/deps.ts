/**
 * What verbs and topics of the admin side are given. Made once on the main thread (start.ts). Types only.
 */
import type { Store } from '../../channels/index.ts';
import type { Clock, NodeHandle, Rng } from '../../runtime/index.ts';
import type { Config } from '../config.ts';
import type { KeyMaterial } from '../keys.ts';
import type { Logger } from '../log.ts';
import type { Tracing } from '../tracing/collector.ts';
import type { VoiceLook, VoiceWake } from '../voice/types.ts';
import type { AuditLog } from './audit.ts';
import type { AdminCounters } from './counters.ts';
import type { ReportFeed } from './reports.ts';
import type { TreeModel } from './tree-types.ts';

/** Everything that an operator's verb may touch. Main thread. */
export interface AdminDeps {
  readonly node: NodeHandle;
  /** `n1`: the first part of every row's id. */
  readonly nodeName: string;
  readonly version: string;
  /** Ms since 1970. */
  readonly startedAt: number;
  readonly config: Config;
  /** Over lanes. Answers as long as the store thread does: bound your waiting. */
  readonly store: Store;
  /** Reads of the live tree, and what row ids stand for. */
  readonly tree: TreeModel;
  /** Where messages went, and how many are followed. */
  readonly tracing: Tracing;
  /** Media workers, rooms, and how far voice is. */
  readonly voice: { look(): Promise<VoiceLook>; wake(): Promise<VoiceWake> };
  readonly reports: ReportFeed;
  readonly audit: AuditLog;
  readonly counters: AdminCounters;
  readonly log: Logger;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Stops the server in order, as SIGTERM does; returns at once. */
  leave(why: string): void;
  /** Hands new keys to all gateway threads. */
  replaceKeys(keySet: KeyMaterial['keySet']): void;
}
