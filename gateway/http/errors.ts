/**
 * The error codes of api.md with their status and message, and failures as values. One table for
 * behaviour, documentation and tests. Pure; runs on gateway threads. Never put details of a failure
 * into a message: two failures with one code must look alike.
 */
import type { DomainCode } from '../../channels/index.ts';

/** Every `code` of an error body, with status and message. */
export const ERRORS = {
  bad_request: { status: 400, message: 'the request could not be read' },
  unauthorized: { status: 401, message: 'a valid access token is needed' },
  token_expired: { status: 401, message: 'the token has expired' },
  bad_credentials: { status: 401, message: 'user name or password is wrong' },
  refresh_reused: { status: 401, message: 'the refresh token was used before; log in again' },
  forbidden: { status: 403, message: 'you may not do this' },
  registration_closed: { status: 403, message: 'this server takes no new accounts' },
  invite_required: { status: 403, message: 'this server takes new accounts with an invite only' },
  not_found: { status: 404, message: 'there is no such thing, or you may not see it' },
  method_not_allowed: { status: 405, message: 'the method is not allowed here' },
  not_acceptable: { status: 406, message: 'only application/json can be served' },
  conflict: { status: 409, message: 'this conflicts with what is there' },
  username_taken: { status: 409, message: 'the user name is taken' },
  owner_must_transfer: {
    status: 409,
    message: 'the owner must transfer or delete the guild first',
  },
  nonce_reused: { status: 409, message: 'the nonce was used for another message' },
  idempotency_in_progress: {
    status: 409,
    message: 'the first request with this Idempotency-Key is still in work',
  },
  outcome_unknown: {
    status: 409,
    message:
      'the first request with this Idempotency-Key was interrupted and may have been carried out; look before you try again with another key',
  },
  invite_expired: { status: 410, message: 'the invite has expired or is used up' },
  too_large: { status: 413, message: 'the body is larger than 64 KiB' },
  unsupported_media_type: { status: 415, message: 'the body must be application/json' },
  invalid: { status: 422, message: 'a field is not valid' },
  idempotency_key_reused: {
    status: 422,
    message: 'this Idempotency-Key was used for another request',
  },
  upgrade_required: { status: 426, message: 'this address speaks WebSocket only' },
  rate_limited: { status: 429, message: 'too many requests' },
  internal: { status: 500, message: 'the server made a mistake' },
  unavailable: { status: 503, message: 'not available at the moment; try again' },
} as const satisfies Record<string, { status: number; message: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** An answer that is an error. */
export interface Failure {
  readonly failed: ErrorCode;
  /** Dotted path of the offending field or query parameter. */
  readonly field?: string;
  /** Replaces the general message; only for what the caller sent wrong. */
  readonly message?: string;
  readonly retryAfterMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** What was asked may have been carried out all the same. */
  readonly unknown?: true;
}

/** Longest `field` in an answer: keys of the request come back in it. */
const FIELD_CHARS_MAX = 128;
const UNAVAILABLE_RETRY_MS = 1000;

export function fail(code: ErrorCode, more: Omit<Failure, 'failed'> = {}): Failure {
  return { failed: code, ...more };
}

export function invalidField(field: string, message?: string): Failure {
  return { failed: 'invalid', field, ...(message === undefined ? {} : { message }) };
}

/** 503 with a wait: outcome unknown or not available; the same request may be sent again. */
export function unavailable(retryAfterMs: number = UNAVAILABLE_RETRY_MS): Failure {
  return { failed: 'unavailable', retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)) };
}

/** As `unavailable`, when a write may have been carried out. */
export function unknownOutcome(): Failure {
  return { ...unavailable(), unknown: true };
}

/** A failure of the domain (channels/) as an answer. */
export function domainFailure(result: {
  readonly code: DomainCode;
  readonly field?: string;
  readonly retryMs?: number;
  readonly unknown?: true;
}): Failure {
  if (result.code === 'unavailable') {
    return { ...unavailable(result.retryMs), ...(result.unknown ? { unknown: true } : {}) };
  }
  // username_taken says which field itself; `conflict` and `invalid` need it.
  const { code, field } = result;
  const named = field !== undefined && (code === 'conflict' || code === 'invalid');
  return { failed: code, ...(named ? { field } : {}) };
}

/** The error body of api.md. */
export function errorBody(failure: Failure, requestId: string): Record<string, unknown> {
  return {
    code: failure.failed,
    message: failure.message ?? ERRORS[failure.failed].message,
    ...(failure.field === undefined ? {} : { field: failure.field.slice(0, FIELD_CHARS_MAX) }),
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
    requestId,
  };
}

/** Headers that go with a failure: Retry-After (whole seconds, at least 1), Allow, WWW-Authenticate. */
export function errorHeaders(failure: Failure): Record<string, string> {
  const headers: Record<string, string> = { ...failure.headers };
  if (failure.retryAfterMs !== undefined) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(failure.retryAfterMs / 1000)));
  }
  if (failure.failed === 'unauthorized') headers['www-authenticate'] = 'Bearer';
  if (failure.failed === 'token_expired') {
    headers['www-authenticate'] = 'Bearer error="invalid_token"';
  }
  return headers;
}
