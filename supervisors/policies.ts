/**
 * Every limit of Driftway's own tree in one table, with the reason beside it: lanes, watchdog, threads, waiting times. Values
 * of a protocol or of a folder stay with their owner. Plain data, any thread.
 */
import { TRUSTED_FACTOR } from '../gateway/rates/index.ts';

/**
 * Lanes from gateways to shards gather while they are busy: an idle lane sends at once, a busy one each 10 ms, under load (12
 * requests in 10 ms) each 20 ms. That bounds the wake-ups of a shard and thereby the fsyncs of the store to 100 or 50 a second
 * for each gateway; publishes are gathered by the gateway itself (gateway/gather.ts), so the way back does not wait.
 * Measured: bench/NOTES.md.
 */
export const GATEWAY_TO_SHARD = { gatherMs: 10, loaded: { records: 12, gatherMs: 20 } } as const;

/** A thread without a heartbeat for so long is replaced. Must exceed the longest garbage collection and the slowest fsync. */
export const HUNG_MS = 5_000;

/** How long a stop waits for the collector of traces. */
export const TRACES_FLUSH_MS = 1000;

/** The name in HELLO and the first part of every row's id; there is one node until the cluster issue. */
export const NODE_NAME = 'n1';

/** Reader threads: one serves two cores; more only pay with cores for them (storage.md 1.5). */
export const READERS = { fewCores: 1, manyCores: 2, manyFrom: 4 } as const;

/** How long /health waits for a thread's answer before it calls it degraded. */
export const HEALTH_TIMEOUT_MS = 1_000;
/**
 * Beyond these /health is degraded. `askMs` must be below HEALTH_TIMEOUT_MS, `keepMs` bounds what askers can cost. The floor of the
 * disk is that of the doctor's failure twice over; half a second is ten times what a busy thread takes. Guesses.
 */
export const HEALTH = {
  askMs: 800,
  keepMs: 1_000,
  lateMs: 500,
  freeBytes: 512 * 2 ** 20,
  availableBytes: 64 * 2 ** 20,
} as const;
/** How long /metrics waits for the counters of another thread. */
export const METRICS_TIMEOUT_MS = 1_000;
/** A page of metrics that is younger is given again: nobody scrapes faster, but somebody may try. */
export const METRICS_FRESH_MS = 250;

/** Share of STOP_TIMEOUT_MS in which clients are told to leave one by one (protocol.md 2.17 item 22). */
export const DRAIN_SHARE = 0.5;

/** Of the ids that the main thread makes (accounts by operators); threads with slots count up from 0. */
export const ADMIN_SLOT_NUMBER = 63;

/** How long a process that kills itself waits for its last lines to reach the log. A guess. */
export const LAST_WORDS_MS = 250;

/** Keys are looked at so often; they are replaced when they are 90 days old (keys.ts). */
export const KEYS_LOOK_MS = 24 * 3_600_000;

/** What LIMITS multiplies rates and connection counts by (protocol.md 2.17 item 23). */
export function limitsFactor(limits: 'public' | 'trusted'): number {
  return limits === 'trusted' ? TRUSTED_FACTOR : 1;
}

/**
 * Young generation of each kind of thread, in MiB. Node's default lets every thread keep up to 48 for garbage. A guess:
 * no effect on memory after start was seen, and none on the CPU per delivery.
 */
export const YOUNG_MAX_MB = { store: 8, reader: 8, shard: 24, voice: 6, gateway: 24 } as const;

/**
 * Replacements of threads before the process gives up and the heart takes over. More than the runtime's default of 3 in 5 s:
 * starts that fail count too, and a store whose disk is away for a moment, or threads that wait for it, should not end every
 * connection. A guess.
 */
export const THREAD_RESTARTS = { intensity: 10, period: 20 } as const;

/**
 * Restarts of the actors of a thread that only look at it (counters, tree, log, operators). A thread whose supervisors give up ends:
 * these may fail as often as they like, the chat beside them goes on.
 */
export const OBSERVER_RESTARTS = { intensity: 50, period: 1 } as const;

/** Replacements of the voice thread before it rests. A budget of its own: the chat goes on without voice. A guess. */
export const VOICE_RESTARTS = { intensity: 5, period: 60 } as const;

/** How long voice rests when its thread ended too often; the next join tries again. */
export const VOICE_REST_MS = 30_000;

/** The stop of the voice thread: recordings are finished, members are told, workers end. */
export const VOICE_STOP_MS = 4_000;
