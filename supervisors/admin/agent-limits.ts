/**
 * Every bound of what operators may do to a thread, with what happens at it. Plain data.
 */

export const AGENT_LIMITS = {
  /** Actors suspended at once on a thread; more are refused. */
  suspended: 32,
  suspendMaxMs: 600_000,
  /** Traces at once on a thread; more are refused. */
  traces: 8,
  traceMaxMs: 60_000,
  traceEventsMax: 10_000,
  /** Events that wait to be fetched; beyond it the oldest go. */
  traceWaiting: 2_000,
  /** Kills of one entity, or of the children of one supervisor, in a period: one fewer than ends them for good. */
  kills: 2,
  killsPeriodMs: 6_000,
  /** Entities and supervisors of which kills are remembered; the oldest is forgotten. */
  killsRemembered: 256,
  /** Recordings at once on a thread; more are refused. */
  recordings: 4,
  /** Values of a state that are shown, levels of it, entries of one value, characters of one text. */
  shownValues: 2_000,
  shownDepth: 6,
  shownEntries: 64,
  shownChars: 200,
  /** Heap beyond which no snapshot is taken: it would hold the thread for more than about 10 s. */
  heapSnapshotMaxBytes: 512 * 1024 * 1024,
} as const;
