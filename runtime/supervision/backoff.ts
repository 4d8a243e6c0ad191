/**
 * Wait between two attempts to restart a child. Pure.
 */
import type { Ms, Rng } from '../clock.ts';
import type { Backoff } from './types.ts';

const U32_SPAN = 2 ** 32;
/** Doubling more often than this is beyond any maxMs. */
const DOUBLINGS_MAX = 52;

/** Wait before the attempt after `failed` failures in a row (1, 2 ...): minMs, 2 minMs, 4 minMs ... maxMs, less jitter. */
export function backoffMs(backoff: Backoff, failed: number, rng: Rng): Ms {
  const { minMs, maxMs, jitter = 0 } = backoff;
  const grown = Math.min(maxMs, minMs * 2 ** Math.min(failed - 1, DOUBLINGS_MAX));
  if (jitter === 0) return grown;
  return grown * (1 - jitter * (rng.u32() / U32_SPAN));
}
