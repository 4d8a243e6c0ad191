/**
 * Arguments that several verbs take. Pure.
 */
import { z } from 'zod';

/** Id of a row of the tree: `n1/shard-0/stream/4711`. */
export const rowId = z.string().min(1).max(512);

/** An id of the chat: a stream, user or guild; also as decimal text, since a shell has nothing else. */
export const chatId = z.preprocess(
  (value) => (typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value),
  z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
);

/** A span in ms with its bounds. */
export function span(defaultMs: number, maxMs: number, minMs = 100) {
  return z.number().int().min(minMs).max(maxMs).default(defaultMs);
}
