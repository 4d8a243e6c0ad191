/** What a stream says when it cannot be read, as api.md says it. Pure; gateway threads. */
import { Err } from '../protocol/index.ts';
import { type Failure, fail, unavailable } from './errors.ts';

/** 404 for absent and hidden alike, 403 without the right to read history, else 503. */
export function readFailure(reply: { readonly code: number; readonly retryMs?: number }): Failure {
  if (reply.code === Err.FORBIDDEN_OR_ABSENT) return fail('not_found');
  if (reply.code === Err.NO_HISTORY) return fail('forbidden');
  return unavailable(reply.retryMs);
}
