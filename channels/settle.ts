/**
 * Waits for work that another thread does, where its absence is an expected outcome and a bug is not.
 * Any thread.
 */
import { DriftwayError } from '../runtime/index.ts';

/** The store, a shard or a stream cannot answer now. */
export const FAILED = Symbol('failed');

/** The outcome, or FAILED when the other side is away. Anything else that is thrown is a bug and stays one. */
export async function settle<T>(work: Promise<T>): Promise<T | typeof FAILED> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof DriftwayError) return FAILED;
    throw error;
  }
}
