/**
 * Rate limits of HTTP over the shared table: refusals as failures, and RateLimit headers. Gateway
 * threads. Loopback is not exempt (api.md).
 */
import type { HashKey, RateLimit, RateTable } from '../rates/index.ts';
import { type Failure, fail } from './errors.ts';
import type { Route } from './route.ts';

type RouteInput = Parameters<Route['handle']>[0];

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

/**
 * Takes a token of each limit that the route has of its own. Headers are those of the bucket that is
 * the nearest to its end (`general` when the route has none), or of the one that refused.
 */
export async function takeRates(
  table: RateTable,
  target: Route,
  input: RouteInput,
  general: Readonly<Record<string, string>>,
): Promise<Failure | { readonly rate: Readonly<Record<string, string>> }> {
  let rate = general;
  for (const { limit, key } of target.rates) {
    const of = await key(input);
    const refused = limited(table, limit, of);
    if (refused !== undefined) return refused;
    const headers = rateHeaders(table, limit, of);
    if (left(headers) < left(rate)) rate = headers;
  }
  return { rate };
}

function left(headers: Readonly<Record<string, string>>): number {
  return Number(headers['ratelimit-remaining'] ?? Number.POSITIVE_INFINITY);
}
