/**
 * HELLO: what a connection is told first. Pure but for the challenge; gateway threads.
 */
import type { Rng } from '../runtime/index.ts';
import { type Frame, helloFrame, Limits, PROTOCOL_VERSION } from './protocol/index.ts';

const CHALLENGE_BYTES = 16;
const HERD_MIN_MS = 1000;
const HERD_MAX_MS = 120_000;
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
 * @param open connections of this thread; the kernel spreads them, and those that come back, evenly
 */
export function helloFor(options: HelloOptions, open: number): Frame {
  return helloFrame({
    ver: PROTOCOL_VERSION,
    node: options.nodeName,
    pingMs: Limits.pingMs,
    deadlineMs: Limits.identifyDeadlineMs,
    herdMs: herdMs(open, options.acceptsPerS ?? ACCEPTS_PER_S),
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

/** Window over which clients come back after a crash: 1 to 120 s (protocol.md 2.14). */
export function herdMs(connections: number, acceptsPerS: number): number {
  const ms = Math.ceil((connections / acceptsPerS) * 1000);
  return Math.min(HERD_MAX_MS, Math.max(HERD_MIN_MS, ms));
}
