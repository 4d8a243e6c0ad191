/**
 * Sizes and times of the socket side (protocol.md 2.13, 2.14 and section 3) and the native settings
 * made from them. Constants and one check; runs on gateway threads. Rates are in limits.ts.
 */
import { assert } from '../runtime/index.ts';
import { Limits } from './protocol/index.ts';

/** Over this a socket enters lag mode. */
export const BACKLOG_SOFT_BYTES = 256 * 1024;
/** Native `maxBackpressure`: over this frames are dropped and the connection is ended. */
export const BACKLOG_HARD_BYTES = 1024 * 1024;
/** Published since the last round of the sweep: over this the next step visits all connections. */
export const SWEEP_HURRY_BYTES = 384 * 1024;
/** Below this a socket in lag mode catches up. */
export const BACKLOG_RESUME_BYTES = 32 * 1024;
/** Large replies that wait for the backlog, per connection (protocol.md 2.7: 4 MiB). */
export const REPLY_QUEUE_BYTES_MAX = 4 * 1024 * 1024;
/** Longest time in lag mode, and longest time in which a peer takes nothing of any backlog (I17). */
export const LAG_MAX_S = 30;
/** Time that a close frame gets to leave a socket with a backlog before close() (P27). */
export const CLOSE_WAIT_S = 5;
export const IDENTIFY_DEADLINE_S = Limits.identifyDeadlineMs / 1000;
/** IDENTIFY in progress: its calls have their own shorter time-outs. */
export const IDENTIFYING_MAX_S = 30;
/** No complete message, ping or pong for this long while bytes arrive (H14). */
export const SILENCE_MAX_S = 120;
export const AUTH_EXPIRING_MS = 60_000;
/** From the expiry of the token to close 4003. */
export const AUTH_GRACE_MS = 15_000;
/** Refusals by the frame rate within REFUSAL_WINDOW_S that end a connection with 4008. */
export const REFUSALS_MAX = 200;
export const REFUSAL_WINDOW_S = 10;
/** Frames kept while IDENTIFY is being answered, and the sum of their bytes. */
export const HELD_FRAMES_MAX = 64;
export const HELD_BYTES_MAX = 64 * 1024;
export const PING_COHORTS = 16;
/** What a connection has waiting counts from here on when the sum is over its bound. */
export const BACKLOG_COUNTED_BYTES = 16 * 1024;
/** Process-wide bound of the sum of all backlogs and waiting replies, shared by the gateway threads. */
export const BACKLOG_TOTAL_BYTES_MAX = 256 * 1024 * 1024;

/** Native settings of a WebSocket route that this project sets. */
export interface NativeSettings {
  readonly maxPayloadLength: number;
  readonly maxBackpressure: number;
  readonly closeOnBackpressureLimit: boolean;
  /** Seconds; 0 or 8 to 960. */
  readonly idleTimeout: number;
  /** Minutes; 0 to 240. */
  readonly maxLifetime: number;
  readonly sendPingsAutomatically: boolean;
  readonly compression: number;
}

/** uWS.DISABLED: compression is never negotiated (P28, H27). */
const COMPRESSION_DISABLED = 0;

/** Settings of /gw. */
export const NATIVE_SETTINGS: NativeSettings = {
  maxPayloadLength: Limits.nativeFrameBytesMax,
  maxBackpressure: BACKLOG_HARD_BYTES,
  closeOnBackpressureLimit: false,
  idleTimeout: 60,
  maxLifetime: 0,
  sendPingsAutomatically: true,
  compression: COMPRESSION_DISABLED,
};

/**
 * Refuses settings that would end the process natively, without an exception (P13).
 * @throws RangeError naming the setting, what was got and what is wanted
 */
export function checkNativeSettings(settings: NativeSettings): NativeSettings {
  const { idleTimeout, maxLifetime, maxPayloadLength, maxBackpressure } = settings;
  const isIdleOk = idleTimeout === 0 || (idleTimeout >= 8 && idleTimeout <= 960);
  if (!Number.isInteger(idleTimeout) || !isIdleOk) {
    throw new RangeError(`set idleTimeout: got ${idleTimeout}, wanted 0 or 8 to 960 s`);
  }
  if (!Number.isInteger(maxLifetime) || maxLifetime < 0 || maxLifetime > 240) {
    throw new RangeError(`set maxLifetime: got ${maxLifetime}, wanted 0 to 240 min`);
  }
  for (const [name, bytes] of Object.entries({ maxPayloadLength, maxBackpressure })) {
    if (!Number.isInteger(bytes) || bytes < 1024 || bytes > 2 ** 30) {
      throw new RangeError(`set ${name}: got ${bytes}, wanted 1 KiB to 1 GiB`);
    }
  }
  return settings;
}

assert(
  Limits.nativeFrameBytesMax > Limits.inboundFrameBytesMax,
  '4501 needs room below the native limit',
);
assert(BACKLOG_RESUME_BYTES < BACKLOG_SOFT_BYTES / 4, 'a drained socket must be able to pull');
assert(
  BACKLOG_SOFT_BYTES + Limits.outboundFrameBytesMax < BACKLOG_HARD_BYTES,
  'a reply must fit above the soft limit',
);
