/** Counters of a relay, all zero. Gateway threads. */
import type { AdminRelayStats } from './types.ts';

export function createRelayStats(): AdminRelayStats {
  return {
    connectionsNow: 0,
    waitingNow: 0,
    opened: 0,
    refusedOrigin: 0,
    refusedToken: 0,
    refusedScope: 0,
    refusedRate: 0,
    refusedFull: 0,
    badFrames: 0,
    deadlines: 0,
    expired: 0,
    revoked: 0,
  };
}
