/**
 * One request through its handler, at most once per Idempotency-Key. Gateway threads. Without a key, or
 * on a route that needs none, it is the handler alone.
 */
import { isOutage } from './ask.ts';
import { type Failure, fail, unavailable } from './errors.ts';
import {
  fingerprintOf,
  IDEMPOTENCY_HEADER,
  type IdempotencyKeys,
  idempotencyKey,
  type Kept,
  type Ticket,
} from './idempotency.ts';
import { keepsKeys, type RawAnswer, type Route } from './route.ts';

type RouteInput = Parameters<Route['handle']>[0];

const REPLAYED = { 'idempotent-replayed': 'true' } as const;

/** The answer of the handler, or of the first request with the same key. */
export async function runOnce(
  keys: IdempotencyKeys,
  target: Route,
  request: Request,
  input: RouteInput,
): Promise<RawAnswer | Failure> {
  if (target.idempotency === 'none') return target.handle(input);
  const key = idempotencyKey(request.headers);
  if (key === null) {
    const message = '1 to 255 visible ASCII characters are wanted';
    return fail('bad_request', { field: IDEMPOTENCY_HEADER, message });
  }
  if (key === undefined || !keepsKeys(target)) return target.handle(input);
  const begun = await begin(keys, input.uid, key, fingerprintOf(request, input.body));
  if ('failure' in begun) return begun.failure;
  if ('kept' in begun) return replay(target, input, begun.kept);
  return first(keys, target, input, begun.ticket);
}

async function begin(keys: IdempotencyKeys, uid: number, key: string, fingerprint: string) {
  try {
    return await keys.begin(uid, key, fingerprint);
  } catch (error) {
    if (!isOutage(error)) throw error;
    return { failure: unavailable() };
  }
}

async function first(
  keys: IdempotencyKeys,
  target: Route,
  input: RouteInput,
  ticket: Ticket,
): Promise<RawAnswer | Failure> {
  const outcome = await target.handle(input);
  if ('failed' in outcome) {
    await (outcome.unknown === true ? keys.doubt(ticket) : keys.forget(ticket));
    return outcome;
  }
  const { status, body = null } = outcome;
  const { idempotency } = target;
  const kept = typeof idempotency === 'object' ? idempotency.keep(body) : body;
  await keys.keep(ticket, { status, body: kept });
  return outcome;
}

async function replay(target: Route, input: RouteInput, kept: Kept): Promise<RawAnswer | Failure> {
  const { idempotency } = target;
  if (typeof idempotency !== 'object') return { ...kept, headers: REPLAYED };
  const made = await idempotency.again(input, kept.body);
  if ('failed' in made) return made;
  return { status: kept.status, body: made.body, headers: { ...made.headers, ...REPLAYED } };
}
