/**
 * Rate limits of HTTP over the shared table: refusals as failures, and RateLimit headers. Gateway
 * threads. Loopback is not exempt (api.md).
 */
import type { HashKey, RateLimit, RateTable } from '../rates/index.ts';
import { type Failure, fail } from './errors.ts';

/** Takes one token; the failure (429 with its wait and headers) when there is none. */
export function limited(table: RateTable, limit: RateLimit, key: HashKey): Failure | undefined {
  const retryAfterMs = table.take(limit, key);
  if (retryAfterMs === 0) return undefined;
  return fail('rate_limited', { retryAfterMs, headers: rateHeaders(table, limit, key) });
}

/** RateLimit-Limit, -Remaining and -Reset (seconds) of a bucket as it is now. */
export function rateHeaders(
  table: RateTable,
  limit: RateLimit,
  key: HashKey,
): Record<string, string> {
  const { limit: most, remaining, resetS } = table.allowance(limit, key);
  return {
    'ratelimit-limit': String(most),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(resetS),
  };
}
