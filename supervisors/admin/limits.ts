/**
 * Every bound of the admin side's connections in one table; README.md says what happens at each. Plain data.
 */

export const ADMIN_LIMITS = {
  /** Connections from outside, over all gateway threads. */
  remoteConnections: 16,
  /** Connections over the Unix socket. */
  localConnections: 64,
  /** Calls and subscriptions of one connection. */
  calls: { ratePerS: 50, burst: 100 },
  /** Calls of one connection that have no answer yet. */
  callsAtOnce: 32,
  subscriptions: 32,
  /** Bytes that wait for one connection, the transport's own included. */
  backlogBytes: 4 * 1024 * 1024,
  /** Of these so many are given to the transport; the rest waits where it can still be dropped. */
  transportBytes: 256 * 1024,
  /** Progress events of one call that wait; the newest win. */
  progressAtOnce: 16,
  /** Reports kept for those who subscribe later. */
  reportsKept: 500,
  /** How long an audit record may take before it goes to the file beside the store. */
  auditWaitMs: 1_000,
  /** Audit records kept in the store; the oldest go. */
  auditKept: 100_000,
  /** Audit records that may wait for the store. */
  auditWaiting: 1_000,
} as const;
