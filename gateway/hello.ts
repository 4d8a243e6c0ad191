/**
 * HELLO: what a connection is told first, and the window in which a herd comes back. Pure but for the
 * challenge and the peak; gateway threads.
 */
import type { Rng } from '../runtime/index.ts';
import { type Frame, helloFrame, Limits, PROTOCOL_VERSION } from './protocol/index.ts';

const CHALLENGE_BYTES = 16;
const HERD_MIN_MS = 1000;
const HERD_MAX_MS = 120_000;
/** A guess: a day's quiet hours are longer, two storms after each other are closer. */
const PEAK_HALF_MS = 600_000;
/**
 * Connections that a thread takes in per second while the others are still served well: upgrade, IDENTIFY
 * and a SUB with a short replay cost 0.7 ms over all threads (supervisors/test/evidence).
 */
const ACCEPTS_PER_S = 500;

export interface HelloOptions {
  readonly nodeName: string;
  readonly replayMax: number;
  readonly rng: Rng;
  /** Of one thread; default ACCEPTS_PER_S. */
  readonly acceptsPerS?: number;
}

/**
 * The HELLO of a new connection.
 * @param peak connections of this thread that may come back (HerdPeak); the kernel spreads them evenly
 */
export function helloFor(options: HelloOptions, peak: number): Frame {
  return helloFrame({
    ver: PROTOCOL_VERSION,
    node: options.nodeName,
    pingMs: Limits.pingMs,
    deadlineMs: Limits.identifyDeadlineMs,
    herdMs: herdMs(peak, options.acceptsPerS ?? ACCEPTS_PER_S),
    challenge: Buffer.from(options.rng.bytes(CHALLENGE_BYTES)).toString('base64url'),
    limits: {
      maxFrameBytes: Limits.inboundFrameBytesMax,
      maxStreams: Limits.streamsMax,
      maxInflight: Limits.inflightMax,
      maxContent: Limits.contentCodePointsMax,
      dedupeMs: Limits.dedupeMs,
      replayMax: options.replayMax,
      batchMax: Limits.batchEventsMax,
    },
  });
}

/**
 * The connections that would come back after a crash: as many as there are, or were not long ago. Those
 * who come back first from a storm would else be told a window as short as if they were alone. One per
 * thread.
 */
export class HerdPeak {
  #peak = 0;
  #atMs = 0;

  /** Notes how many are open; returns the peak, which sinks by half in PEAK_HALF_MS. */
  note(open: number, nowMs: number): number {
    const left = this.#peak * 2 ** -((nowMs - this.#atMs) / PEAK_HALF_MS);
    this.#peak = Math.max(open, left);
    this.#atMs = nowMs;
    return this.#peak;
  }
}

/** Window over which clients come back after a crash: 1 to 120 s (protocol.md 2.14). */
export function herdMs(connections: number, acceptsPerS: number): number {
  const ms = Math.ceil((connections / acceptsPerS) * 1000);
  return Math.min(HERD_MAX_MS, Math.max(HERD_MIN_MS, ms));
}
