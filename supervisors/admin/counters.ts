/**
 * Counters of the admin side, as /metrics shows them (`driftway_admin_...`, thread main). A plain object; main thread.
 */

export interface AdminCounters {
  localConnectionsNow: number;
  remoteConnectionsNow: number;
  connectionsOpened: number;
  /** At a bound: too many connections. */
  connectionsRefused: number;
  calls: number;
  callsFailed: number;
  callsTimedOut: number;
  rateLimited: number;
  subscriptionsNow: number;
  eventsSent: number;
  /** A reader was too slow, or an event was too large. */
  eventsDropped: number;
  resyncs: number;
  framesBad: number;
  closedTooSlow: number;
  auditRecords: number;
  /** Written to the file beside the store, since the store did not answer. */
  auditSpilled: number;
  auditFailed: number;
  logLinesDropped: number;
}

export function createAdminCounters(): AdminCounters {
  return {
    localConnectionsNow: 0,
    remoteConnectionsNow: 0,
    connectionsOpened: 0,
    connectionsRefused: 0,
    calls: 0,
    callsFailed: 0,
    callsTimedOut: 0,
    rateLimited: 0,
    subscriptionsNow: 0,
    eventsSent: 0,
    eventsDropped: 0,
    resyncs: 0,
    framesBad: 0,
    closedTooSlow: 0,
    auditRecords: 0,
    auditSpilled: 0,
    auditFailed: 0,
    logLinesDropped: 0,
  };
}
