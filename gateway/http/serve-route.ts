/**
 * The way of one request through its route: Accept, token, rate limit, path, query, body, handler,
 * answer. One place for all routes, so that no route can forget a step. Gateway threads.
 */
import * as z from 'zod';
import { assert, type Clock } from '../../runtime/index.ts';
import { addressKey, isLoopback } from '../address.ts';
import { RATE_LIMITS } from '../rates/index.ts';
import { pause } from './ask.ts';
import { entityTag, namesTag } from './conditional.ts';
import { ERRORS, errorBody, errorHeaders, type Failure, fail, unavailable } from './errors.ts';
import { IDEMPOTENCY_HEADER, type IdempotencyKeys } from './idempotency.ts';
import { limited, rateHeaders, takeRates } from './limiter.ts';
import { acceptsJson, bearerToken } from './negotiate.ts';
import { readBody, readParams, readQuery } from './read-input.ts';
import { isConditional, type RawAnswer, type Route, servesJson } from './route.ts';
import { runOnce } from './run-once.ts';
import type { HttpDeps, RequestEnv } from './types.ts';

export interface RequestContext {
  readonly request: Request;
  readonly env: RequestEnv;
  readonly requestId: string;
  readonly params: Readonly<Record<string, string>>;
}

interface Caller {
  readonly uid: number;
  readonly login: string;
  /** Headers that tell what is left of the caller's general limit. */
  readonly rate: Readonly<Record<string, string>>;
}

const JSON_TYPE = 'application/json; charset=utf-8';
const emptyObject = z.strictObject({});
/** Both take up to 12 ms on two busy cores; a timer per 404 is cheap, a request in work for longer is not. */
const NOT_FOUND_STEP_MS = 20;

/** Runs a request through its route. Rejects only on bugs. */
export async function serveRoute(
  deps: HttpDeps,
  keys: IdempotencyKeys,
  target: Route,
  context: RequestContext,
): Promise<Response> {
  const { request, env, requestId } = context;
  const refused = acceptProblem(target, request);
  if (refused !== undefined) return failureResponse(refused, requestId);
  const caller = await admit(deps, target, context);
  if ('failed' in caller) return failureResponse(caller, requestId);
  const input = await readInput(target, context);
  if ('failed' in input) return failureResponse(input, requestId, caller.rate);
  const { uid, login } = caller;
  const keyed = request.headers.has(IDEMPOTENCY_HEADER);
  const whole = { ...input, uid, login, ip: env.ip, requestId, keyed };
  const taken = await takeRates(deps.rateTable, target, whole, caller.rate);
  if ('failed' in taken) return failureResponse(taken, requestId);
  const startedAt = deps.clock.monotonic();
  const outcome = await runOnce(keys, target, request, whole);
  if ('failed' in outcome) {
    if (outcome.failed === 'not_found' && uid !== 0) await evenOut(deps.clock, startedAt);
    return failureResponse(outcome, requestId, taken.rate);
  }
  return answerResponse(deps, target, outcome, request, taken.rate);
}

/**
 * Waits for the next whole step since the start. What is hidden is judged from memory, what is absent is
 * looked for in the store: without this, the time would tell them apart.
 */
async function evenOut(clock: Clock, startedAt: number): Promise<void> {
  const tookMs = clock.monotonic() - startedAt;
  await pause(clock, NOT_FOUND_STEP_MS - (tookMs % NOT_FOUND_STEP_MS));
}

/** An error answer: body, status and headers of api.md. */
export function failureResponse(
  failure: Failure,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(errorBody(failure, requestId)), {
    status: ERRORS[failure.failed].status,
    headers: {
      'content-type': JSON_TYPE,
      'cache-control': 'no-store',
      ...headers,
      ...errorHeaders(failure),
    },
  });
}

/** What the adapter found wrong, as a failure. */
export function problemOf(env: RequestEnv): Failure | undefined {
  switch (env.problem) {
    case undefined:
      return undefined;
    case 'tooLarge':
      return fail('too_large');
    case 'tooSlow':
      return fail('bad_request', { message: 'the body took too long' });
    case 'badHead':
      return fail('bad_request', { message: 'the head of the request is not valid' });
    case 'busy':
      return unavailable();
  }
}

function acceptProblem(target: Route, request: Request): Failure | undefined {
  if (!servesJson(target) || acceptsJson(request.headers.get('accept'))) return undefined;
  return fail('not_acceptable');
}

async function admit(
  deps: HttpDeps,
  target: Route,
  { request, env }: RequestContext,
): Promise<Caller | Failure> {
  if (target.auth === 'metrics') return admitMetrics(deps, request, env);
  if (target.auth === 'none') {
    if (target.limit === 'none') return { uid: 0, login: '', rate: {} };
    const key = addressKey(env.ip);
    const refused = limited(deps.rateTable, RATE_LIMITS.httpPerIp, key);
    if (refused !== undefined) return refused;
    return { uid: 0, login: '', rate: rateHeaders(deps.rateTable, RATE_LIMITS.httpPerIp, key) };
  }
  const verdict = await judgeToken(deps, request, env);
  if ('failed' in verdict) return verdict;
  const refused = limited(deps.rateTable, RATE_LIMITS.httpPerUser, verdict.uid);
  if (refused !== undefined) return refused;
  const rate = rateHeaders(deps.rateTable, RATE_LIMITS.httpPerUser, verdict.uid);
  return { uid: verdict.uid, login: verdict.login, rate };
}

/** Facts of the bearer token; a bad one costs the address a token of its own limit. */
async function judgeToken(deps: HttpDeps, request: Request, env: RequestEnv) {
  const token = bearerToken(request.headers.get('authorization'));
  const verdict = token === undefined ? undefined : await deps.verifier.verify(token);
  if (verdict?.ok === true) return verdict;
  const refused = limited(deps.rateTable, RATE_LIMITS.httpPerIp, addressKey(env.ip));
  if (refused !== undefined) return refused;
  return fail(verdict?.code === 'expired' ? 'token_expired' : 'unauthorized');
}

/** /metrics: from this machine, unless something forwarded it from elsewhere; else by scope. */
async function admitMetrics(
  deps: HttpDeps,
  request: Request,
  env: RequestEnv,
): Promise<Caller | Failure> {
  const forwarded = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'];
  const direct = forwarded.every((header) => !request.headers.has(header));
  if (direct && isLoopback(env.ip)) return { uid: 0, login: '', rate: {} };
  const verdict = await judgeToken(deps, request, env);
  if ('failed' in verdict) return verdict;
  return verdict.scopes.includes('metrics') ? { uid: 0, login: '', rate: {} } : fail('forbidden');
}

async function readInput(target: Route, { request, env, params }: RequestContext) {
  const path = readParams(target.params, params);
  if (!path.ok) return path.failure;
  const probes = target.limit === 'none';
  // Probes and scrapers may put anything behind the question mark.
  const search = probes ? new URLSearchParams() : new URL(request.url).searchParams;
  const query = readQuery(target.query, search);
  if (!query.ok) return query.failure;
  if (target.method === 'GET') return { params: path.value, query: query.value, body: {} };
  const body = await readBody(target.body ?? emptyObject, request, env);
  if (!body.ok) return body.failure;
  return { params: path.value, query: query.value, body: body.value };
}

function answerResponse(
  deps: HttpDeps,
  target: Route,
  answer: RawAnswer,
  request: Request,
  rate: Readonly<Record<string, string>>,
): Response {
  const spec = target.answers[answer.status];
  assert(spec !== undefined, 'a route answers only with the statuses it declares');
  const headers = { 'cache-control': 'no-store', ...rate, ...answer.headers };
  if (spec === null) return new Response(null, { status: answer.status, headers });
  if ('mediaType' in spec) {
    const text = String(answer.body);
    return new Response(text, {
      status: answer.status,
      headers: { 'content-type': spec.mediaType, ...headers },
    });
  }
  if (deps.checkAnswers === true) spec.parse(answer.body);
  const text = JSON.stringify(answer.body);
  if (!isConditional(target)) {
    const fields = { 'content-type': JSON_TYPE, ...headers };
    return new Response(text, { status: answer.status, headers: fields });
  }
  const etag = entityTag(text);
  // Kept by the client alone, and asked about each time.
  const fields = { 'cache-control': 'private, no-cache', ...rate, ...answer.headers, etag };
  if (namesTag(request.headers.get('if-none-match'), etag)) {
    return new Response(null, { status: 304, headers: fields });
  }
  return new Response(text, {
    status: answer.status,
    headers: { 'content-type': JSON_TYPE, ...fields },
  });
}
