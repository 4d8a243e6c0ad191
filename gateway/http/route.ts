/**
 * One route of the API as data: method, path, schemas, possible answers and errors, and what it does.
 * Behaviour and OpenAPI document are both made from it, so they cannot drift. Types and one helper.
 */
import type * as z from 'zod';
import type { HashKey, RateLimit } from '../rates/index.ts';
import type { ErrorCode, Failure } from './errors.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A successful answer: JSON by schema, nothing (null), or text of another media type. */
export type AnswerSpec = z.ZodType | null | { readonly mediaType: string };
export type AnswerSpecs = Readonly<Record<number, AnswerSpec>>;

type AnswerOf<S, Spec> = Spec extends z.ZodType
  ? { readonly status: S; readonly body: z.input<Spec>; readonly headers?: HeaderFields }
  : Spec extends null
    ? { readonly status: S; readonly body?: undefined; readonly headers?: HeaderFields }
    : { readonly status: S; readonly body: string; readonly headers?: HeaderFields };
type HeaderFields = Readonly<Record<string, string>>;

/** Any success that the specs allow. */
export type Answer<A extends AnswerSpecs> = {
  [S in keyof A & number]: AnswerOf<S, A[S]>;
}[keyof A & number];

/** `user`: a valid access token. `none`: any Authorization header is ignored. `metrics`: see api.md. */
export type AuthMode = 'user' | 'none' | 'metrics';
/** `general`: 50 per s per user (per address without one). `none`: probes and public keys. */
export type LimitMode = 'general' | 'none';

/** What a handler gets. `uid` and `login` are 0 and '' unless auth is `user`. */
export interface RouteInput<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly uid: number;
  readonly login: string;
  readonly ip: string;
  readonly requestId: string;
  /** The request has an Idempotency-Key. */
  readonly keyed: boolean;
}

/** A limit of the route's own, besides the general one. Several are taken in their order. */
export interface RouteRate<I> {
  readonly limit: RateLimit;
  key(input: I): HashKey | Promise<HashKey>;
}

/**
 * How a POST answers a repeat of its Idempotency-Key. `itself`: the key changes nothing, since the
 * route's own rules make a repeat harmless (its description says how). Replay: only what `keep` gives
 * is kept, and `again` makes the answer of it anew. Absent: the answer is kept as it was.
 */
export type Idempotency<I, A> = 'itself' | Replay<I, A>;

export interface Replay<I, A> {
  /** Plain JSON. */
  keep(body: unknown): unknown;
  again(input: I, kept: unknown): Promise<A | Failure> | A | Failure;
}

export interface RouteSpec<
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
  A extends AnswerSpecs,
> {
  readonly method: Method;
  /** Hono pattern: `/api/v1/guilds/:id`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly auth: AuthMode;
  readonly limit: LimitMode;
  readonly rates?: readonly RouteRate<RouteInput<z.output<P>, z.output<Q>, z.output<B>>>[];
  readonly idempotency?: Idempotency<RouteInput<z.output<P>, z.output<Q>, z.output<B>>, Answer<A>>;
  readonly params?: P;
  readonly query?: Q;
  /** Absent on POST, PATCH and DELETE: only an empty object is accepted. */
  readonly body?: B;
  readonly answers: A;
  /** Errors beyond those that method, auth and schemas imply. */
  readonly errors?: readonly ErrorCode[];
  handle(
    input: RouteInput<z.output<P>, z.output<Q>, z.output<B>>,
  ): Promise<Answer<A> | Failure> | Answer<A> | Failure;
}

type ErasedInput = RouteInput<unknown, unknown, unknown>;

/** A route with its types erased: what the server and the document work with. */
export interface Route {
  readonly method: Method;
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly auth: AuthMode;
  readonly limit: LimitMode;
  readonly rates: readonly RouteRate<ErasedInput>[];
  readonly idempotency: 'none' | 'stored' | Idempotency<ErasedInput, RawAnswer>;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly answers: AnswerSpecs;
  readonly errors: readonly ErrorCode[];
  handle(input: ErasedInput): Promise<RawAnswer | Failure> | RawAnswer | Failure;
}

export interface RawAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

type Nothing = z.ZodObject<Record<never, never>>;

/** Declares a route. The one way to add one: path, behaviour, statuses and document come together. */
export function route<
  const A extends AnswerSpecs,
  P extends z.ZodType = Nothing,
  Q extends z.ZodType = Nothing,
  B extends z.ZodType = Nothing,
>(spec: RouteSpec<P, Q, B, A>): Route {
  // The input was produced by these very schemas, so the erased functions get what the typed ones want.
  const handle = spec.handle as unknown as Route['handle'];
  const rates = (spec.rates ?? []) as unknown as Route['rates'];
  const wanted = spec.idempotency as Idempotency<ErasedInput, RawAnswer> | undefined;
  const idempotency = spec.method === 'POST' ? (wanted ?? 'stored') : 'none';
  return { ...spec, errors: spec.errors ?? [], handle, rates, idempotency };
}

/** Errors that a route can answer with: those it names and those its shape implies. */
export function errorsOf(target: Route): readonly ErrorCode[] {
  const codes = new Set<ErrorCode>(target.errors);
  if (target.params !== undefined || target.query !== undefined) codes.add('bad_request');
  if (target.auth !== 'none') codes.add('unauthorized').add('token_expired');
  if (target.method !== 'GET') {
    codes.add('bad_request').add('too_large').add('unsupported_media_type').add('invalid');
  }
  if (servesJson(target)) codes.add('not_acceptable');
  if (target.limit === 'general') codes.add('rate_limited');
  if (keepsKeys(target)) {
    codes.add('idempotency_key_reused').add('idempotency_in_progress').add('outcome_unknown');
  }
  codes.add('internal').add('unavailable');
  return [...codes];
}

/** Whether some success of the route has a JSON body. */
export function servesJson(target: Route): boolean {
  return Object.values(target.answers).some((spec) => spec !== null && !('mediaType' in spec));
}

/** Whether answers are kept under the Idempotency-Key. */
export function keepsKeys(target: Route): boolean {
  return target.idempotency !== 'none' && target.idempotency !== 'itself';
}

/** Whether successes carry an ETag, and If-None-Match is honoured. */
export function isConditional(target: Route): boolean {
  return target.method === 'GET' && target.limit === 'general' && servesJson(target);
}

/** A success: keeps the literal type of its status. */
export function reply<const S extends number>(status: S): { readonly status: S };
export function reply<const S extends number, B>(
  status: S,
  body: B,
  headers?: HeaderFields,
): { readonly status: S; readonly body: B; readonly headers?: HeaderFields };
export function reply(status: number, body?: unknown, headers?: HeaderFields): RawAnswer {
  return { status, body, ...(headers === undefined ? {} : { headers }) };
}
