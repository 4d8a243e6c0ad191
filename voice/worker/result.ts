/**
 * Answers of the media workers as values: what mediasoup throws becomes a code. Pure.
 */
import type { Ms } from '../../runtime/index.ts';
import type { MediaErr, MediaResult } from './types.ts';

/** How much of a worker's text goes into a message: it may repeat a client's value. */
const MESSAGE_LENGTH_MAX = 200;

export const DONE: MediaResult<null> = { ok: true, value: null };

export function done<T>(value: T): MediaResult<T> {
  return { ok: true, value };
}

export function failed(code: MediaErr, message: string, retryMs?: Ms): MediaResult<never> {
  return { ok: false, code, message, ...(retryMs === undefined ? {} : { retryMs }) };
}

/** A handle that was closed, or whose worker is dead. */
export const GONE: MediaResult<never> = failed('gone', 'closed');

/** Errors that say that an object, or the channel to the worker, is not there any more. */
const GONE_NAMES = new Set(['WorkerClosedError', 'NotFoundError', 'InvalidStateError']);

/**
 * Awaits a request to the worker. Everything it can throw is a value: a vanished object is `gone`, all else (types that do not
 * fit, codecs that nobody knows, values that trip the library) is `rejected`.
 * @param isClosed the handle's state now: a refusal after its end is `gone`, whatever the text says
 */
export async function attempt<T>(
  request: () => Promise<T>,
  isClosed: () => boolean,
): Promise<MediaResult<T>> {
  if (isClosed()) return GONE;
  try {
    return done(await request());
  } catch (error) {
    if (isClosed() || (error instanceof Error && GONE_NAMES.has(error.name))) return GONE;
    return failed('rejected', textOf(error));
  }
}

function textOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.slice(0, MESSAGE_LENGTH_MAX);
}
