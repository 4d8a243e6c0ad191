/**
 * One route of the API as data: method, path, schemas, possible answers and errors, and what it does.
 * Behaviour and OpenAPI document are both made from it, so they cannot drift. Types and one helper.
 */
import type * as z from 'zod';
import type { ErrorCode, Failure } from './errors.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

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

/** A route with its types erased: what the server and the document work with. */
export interface Route {
  readonly method: Method;
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly auth: AuthMode;
  readonly limit: LimitMode;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly answers: AnswerSpecs;
  readonly errors: readonly ErrorCode[];
  handle(
    input: RouteInput<unknown, unknown, unknown>,
  ): Promise<RawAnswer | Failure> | RawAnswer | Failure;
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
  // The input was produced by these very schemas, so the erased handler gets what the typed one wants.
  const handle = spec.handle as unknown as Route['handle'];
  return { ...spec, errors: spec.errors ?? [], handle };
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
  codes.add('internal').add('unavailable');
  return [...codes];
}

/** Whether some success of the route has a JSON body. */
export function servesJson(target: Route): boolean {
  return Object.values(target.answers).some((spec) => spec !== null && !('mediaType' in spec));
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
