/**
 * Calls to actors on behalf of a request: failures of the machinery become 503, reads are repeated
 * once after a short wait (a shard thread that died is back in a fraction of a second). Gateway
 * threads. Never shows a reason to the client, never repeats a write that has no nonce.
 */
import type { Result } from '../../channels/index.ts';
import { ActorError, type Clock, DriftwayError } from '../../runtime/index.ts';
import { domainFailure, type Failure, unavailable, unknownOutcome } from './errors.ts';

export type Asked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

const REPEAT_AFTER_MS = 250;

/** Resolves after `ms` of the injected clock. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, ms);
  });
}

/** Codes of the store that mean "not now", by their ends. */
const NOT_NOW = /_(UNAVAILABLE|UNKNOWN|CLOSED)$/;

/** Whether the other side is gone for the moment, so that a repeat of a read may succeed. */
function isGone(error: DriftwayError): boolean {
  if (!(error instanceof ActorError)) return NOT_NOW.test(error.code);
  return error.reason === 'noconnection' || error.reason === 'noproc';
}

/** An error of the machinery, as opposed to a bug in this thread. */
export function isOutage(error: unknown): error is DriftwayError {
  return (
    error instanceof ActorError || (error instanceof DriftwayError && NOT_NOW.test(error.code))
  );
}

/** The actor never got the message. */
function wasRefused(error: DriftwayError): boolean {
  if (!(error instanceof ActorError)) return false;
  return error.reason === 'unavailable' || error.reason === 'mailboxFull';
}

/** Asks without side effects: repeated once when the actor's thread is gone. */
export async function askRead<T>(clock: Clock, run: () => Promise<T>): Promise<Asked<T>> {
  const first = await attempt(run);
  if (!('gone' in first)) return first;
  await pause(clock, REPEAT_AFTER_MS);
  const second = await attempt(run);
  return 'gone' in second ? { ok: false, failure: unavailable() } : second;
}

/** Asks once: for what changes something. */
export async function askOnce<T>(run: () => Promise<T>): Promise<Asked<T>> {
  const asked = await attempt(run);
  return 'gone' in asked ? { ok: false, failure: unknownOutcome() } : asked;
}

/** A Result of the domain as a value or a failure. */
export function unwrap<T>(asked: Asked<Result<T>>): Asked<T> {
  if (!asked.ok) return asked;
  const result = asked.value;
  return result.ok
    ? { ok: true, value: result.value }
    : { ok: false, failure: domainFailure(result) };
}

async function attempt<T>(run: () => Promise<T>): Promise<Asked<T> | { readonly gone: true }> {
  try {
    return { ok: true, value: await run() };
  } catch (error) {
    if (!isOutage(error)) throw error;
    if (isGone(error)) return { gone: true };
    return { ok: false, failure: wasRefused(error) ? unavailable() : unknownOutcome() };
  }
}
