/**
 * What a failed call to an entity means on the wire. Pure; gateway threads.
 */
import { ActorError } from '../runtime/index.ts';
import { Err } from './protocol/index.ts';

/** An ERR to send. */
export interface Failure {
  readonly code: number;
  readonly retryMs?: number;
}

const RETRY_BASE_MS = 300;
const RETRY_SPREAD_MS = 700;

/** A retry hint with jitter, so that many refused at once do not come back at once. */
export function retryMs(random: number): number {
  return RETRY_BASE_MS + (random % RETRY_SPREAD_MS);
}

/** True when the entity has surely not handled the call. */
export function wasRefused(error: unknown): boolean {
  if (!(error instanceof ActorError)) return false;
  return error.reason === 'unavailable' || error.reason === 'mailboxFull';
}

const PASSING: ReadonlySet<unknown> = new Set([
  'noconnection',
  'noproc',
  'killed',
  'shutdown',
  'normal',
]);

/**
 * True when a read may simply be asked again: the entity or its thread is being started again. Not
 * after a crash in the handler, or a poisonous request would be repeated until the entity is given up.
 */
export function isPassing(error: unknown): boolean {
  return error instanceof ActorError && PASSING.has(error.reason);
}

/**
 * APPEND: what may have been committed is 501 (retry with the same nonce), the rest 502.
 * @param random any u32, for the jitter
 */
export function appendFailure(error: unknown, random: number): Failure {
  const code = wasRefused(error) ? Err.UNAVAILABLE : Err.OUTCOME_UNKNOWN;
  return { code, retryMs: retryMs(random) };
}

/**
 * Anything that changes nothing: 502 for a failed call, 500 for a bug here.
 * @param random any u32, for the jitter
 */
export function readFailure(error: unknown, random: number): Failure {
  if (error instanceof ActorError) return { code: Err.UNAVAILABLE, retryMs: retryMs(random) };
  return { code: Err.INTERNAL };
}
