/**
 * CORS for the web client on another origin: PUBLIC_URL's origin and the configured list. Tokens
 * travel in Authorization, so credentials are never allowed. Pure; gateway threads.
 */

const MAX_AGE_S = 7200;
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const REQUEST_HEADERS =
  'authorization, content-type, idempotency-key, if-none-match, x-correlation-id, x-request-id';
const EXPOSED =
  'etag, idempotent-replayed, x-correlation-id, x-request-id, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset';

export class Cors {
  readonly #origins: ReadonlySet<string>;
  readonly #any: boolean;

  /** `publicUrl` and each entry of `origins` are URLs or origins; `*` allows every origin. */
  constructor(publicUrl: string, origins: readonly string[]) {
    this.#any = origins.includes('*');
    const listed = origins.filter((origin) => origin !== '*');
    this.#origins = new Set([publicUrl, ...listed].map((url) => new URL(url).origin));
  }

  /** Headers of an ordinary answer to a request with this Origin (null = none). */
  headers(origin: string | null): Record<string, string> {
    if (origin === null || !this.allows(origin)) return { vary: 'Origin' };
    return {
      vary: 'Origin',
      'access-control-allow-origin': origin,
      'access-control-expose-headers': EXPOSED,
    };
  }

  /** Headers of the answer to a preflight. */
  preflight(origin: string): Record<string, string> {
    if (!this.allows(origin)) return { vary: 'Origin' };
    return {
      vary: 'Origin',
      'access-control-allow-origin': origin,
      'access-control-allow-methods': METHODS,
      'access-control-allow-headers': REQUEST_HEADERS,
      'access-control-max-age': String(MAX_AGE_S),
    };
  }

  allows(origin: string): boolean {
    return origin !== 'null' && (this.#any || this.#origins.has(origin));
  }
}
