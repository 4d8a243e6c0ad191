/**
 * Every bound of chaos in one table: how long, how far, how many. Plain data.
 */
import { HUNG_MS, THREAD_RESTARTS } from '../../policies.ts';
import { VOICE_GROUP } from '../../voice/types.ts';
import type { ChaosItem } from './types.ts';

export const CHAOS_LIMITS = {
  forMsDefault: 5_000,
  forMsMax: 60_000,
  delayMsDefault: 200,
  delayMsMax: 10_000,
  shareDefault: 0.5,
  /** Actors and connections that may be affected unless the operator says more. */
  affectedDefault: 1_000,
  affectedMax: 1_000_000,
  /** A gateway thread cannot be replaced: it must not hang for as long as the watchdog waits. */
  gatewayStallMsMax: HUNG_MS - 2_000,
  /** Free pages of the database that fill-disk uses up with each transaction, in memory: half of the writer's cache. */
  spareMiBMax: 16,
  /** Threads that may be brought down within the period in which the node counts them: beyond its own limit the process ends. */
  fallsMax: Math.floor(THREAD_RESTARTS.intensity / 2),
  fallsMs: THREAD_RESTARTS.period * 1_000,
  /** How long one has to wait for an agent. */
  agentMs: 3_000,
  /** How long the canary may take for its first appends: before anything is broken. */
  wellMs: 10_000,
  /** How long all may take to be well again. */
  recoveryMs: 60_000,
  /** How long the canary waits for what is under way at the end: longer than a store call may take. */
  graceMs: 15_000,
  /** Between two looks at the canaries and threads: the grain of the time to recovery. */
  lookMs: 20,
  canaryPaceMs: 50,
  /** Streams of all canaries: gateways and shards beyond have none. */
  canaryGateways: 4,
  canaryShards: 8,
  /** Appends of one canary stream; then it pauses for good. */
  canaryAppends: 10_000,
  /** Results kept in DATA_DIR/chaos; the oldest go. */
  results: 100,
  reports: 100,
} as const;

/** Groups of threads on which an item may strike. Main has the way to end it, gateways cannot be replaced. */
export const CHAOS_GROUPS: Readonly<Record<ChaosItem, readonly string[]>> = {
  'kill-actor': ['shard', 'reader', 'store'],
  'kill-thread': ['shard', 'reader', 'store', VOICE_GROUP],
  'delay-mailbox': ['shard', 'reader', 'store', 'gateway'],
  'drop-mailbox': ['shard', 'reader', 'store'],
  'stall-thread': ['shard', 'reader', 'store', 'gateway'],
  'freeze-store': ['store'],
  'fill-disk': ['store'],
  'cut-lane': ['shard', 'reader', 'store', 'gateway'],
  'kill-media': [VOICE_GROUP],
};
