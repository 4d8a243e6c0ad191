/**
 * Path, query and body of a request against the schemas of its route. Pure but for reading the body;
 * gateway threads. Never repeats a value of the request in a message, only the name of a field.
 */
import type * as z from 'zod';
import { type Failure, fail, invalidField } from './errors.ts';
import { isJsonType } from './negotiate.ts';
import type { RequestEnv } from './types.ts';

export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

/** Largest request body in bytes (api.md). */
export const BODY_BYTES_MAX = 64 * 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Path parameters; a bad one is 400 with its name. */
export function readParams(
  schema: z.ZodType | undefined,
  params: Readonly<Record<string, string>>,
): Read<unknown> {
  if (schema === undefined) return { ok: true, value: {} };
  return judge(schema, params, 'bad_request', 'path');
}

/** Query parameters; a bad, unknown or repeated one is 400 with its name. */
export function readQuery(schema: z.ZodType | undefined, search: URLSearchParams): Read<unknown> {
  const query: Record<string, string> = {};
  for (const [key, value] of search) {
    if (Object.hasOwn(query, key) || schema === undefined) return badQuery(key);
    Object.defineProperty(query, key, { value, enumerable: true });
  }
  if (schema === undefined) return { ok: true, value: {} };
  return judge(schema, query, 'bad_request', 'query');
}

/** JSON body: 413, 415, 400 (not JSON), 422 (with field). An empty one counts as {}. */
export async function readBody(
  schema: z.ZodType,
  request: Request,
  env: RequestEnv,
): Promise<Read<unknown>> {
  const bytes = env.body ?? new Uint8Array(await request.arrayBuffer());
  if (bytes.length > BODY_BYTES_MAX) return { ok: false, failure: fail('too_large') };
  if (bytes.length === 0) return judge(schema, {}, 'invalid', 'body');
  if (!isJsonType(request.headers.get('content-type'))) {
    return { ok: false, failure: fail('unsupported_media_type') };
  }
  const parsed = parseJson(bytes);
  if (parsed === undefined) {
    return { ok: false, failure: fail('bad_request', { message: 'the body is not JSON' }) };
  }
  return judge(schema, parsed.value, 'invalid', 'body');
}

function parseJson(bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(utf8.decode(bytes)) };
  } catch (error) {
    // TypeError: not UTF-8. SyntaxError: not JSON. RangeError: nested too deep for the parser.
    if (error instanceof TypeError || error instanceof SyntaxError || error instanceof RangeError) {
      return undefined;
    }
    throw error;
  }
}

function badQuery(field: string): Read<never> {
  return {
    ok: false,
    failure: fail('bad_request', { field, message: 'a query parameter is not valid' }),
  };
}

/** `whole` names the field when the value as a whole is wrong (an array where an object is wanted). */
function judge(
  schema: z.ZodType,
  value: unknown,
  code: 'bad_request' | 'invalid',
  whole: string,
): Read<unknown> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const issue = parsed.error.issues[0];
  if (issue === undefined) return { ok: false, failure: invalidField(whole) };
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const field = [...path, issue.keys[0] ?? ''].join('.');
    return { ok: false, failure: fail(code, { field, message: 'the field is not known' }) };
  }
  const field = path.length === 0 ? whole : path.join('.');
  return { ok: false, failure: fail(code, { field, message: issueMessage(issue) }) };
}

/** zod's messages name types and bounds, never the value. */
function issueMessage(issue: z.core.$ZodIssue): string {
  return issue.message.slice(0, 200);
}
