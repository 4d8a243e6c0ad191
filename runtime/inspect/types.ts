/** Counters that a thread keeps of itself and of its lanes. Types only. */

/** Counters of this thread, since it started. */
export interface RuntimeCounters {
  readonly actors: number;
  readonly spawned: number;
  readonly crashed: number;
  readonly messages: number;
  readonly calls: number;
  readonly callsPending: number;
  readonly timeouts: number;
  readonly lateReplies: number;
  readonly expired: number;
  readonly deadLetters: number;
  readonly dropped: number;
  readonly drains: number;
  readonly yields: number;
  readonly zombieErrors: number;
  /** At their bounds: snapshots of ended entities (10,000 a type, on main 10,000 a thread), who waits for calls from other threads (4096). */
  readonly snapshotsForgotten: number;
  readonly chainsForgotten: number;
  readonly reportsDropped: number;
  readonly lanes: readonly LaneCounters[];
}

export interface LaneCounters {
  readonly to: string;
  readonly messagesOut: number;
  readonly bytesOut: number;
  readonly flushes: number;
  readonly messagesIn: number;
  readonly bytesIn: number;
  readonly batchesIn: number;
  readonly dropped: number;
  readonly bytesInFlight: number;
}
