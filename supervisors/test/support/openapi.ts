/**
 * The OpenAPI document that a server serves, and answers held against it: status, header fields and body
 * of each must be what the document says. Notes which (operation, status) pairs were seen. Runs in the
 * test process; must never import product code.
 */
import { expect } from 'vitest';
import * as z from 'zod';
import type { HttpAnswer, HttpCall, HttpClient } from './http-client.ts';

type Json = Readonly<Record<string, unknown>>;

interface Operation {
  readonly method: string;
  readonly path: string;
  /** Documented statuses with what an answer must look like. */
  readonly answers: ReadonlyMap<number, AnswerShape>;
  readonly hasToken: boolean;
}

interface AnswerShape {
  /** Header fields that are always there. */
  readonly required: readonly string[];
  readonly allowed: ReadonlySet<string>;
  readonly contentType: string | undefined;
  /** undefined: no body, or one that is not JSON. */
  readonly body: z.ZodType | undefined;
}

/** Header fields of HTTP itself, of CORS and of hardening, which the document does not repeat. */
const GENERAL_FIELDS = new Set([
  'date',
  'connection',
  'keep-alive',
  'content-length',
  'content-type',
  'cache-control',
  'vary',
  'uwebsockets',
  'x-content-type-options',
  'content-security-policy',
  'www-authenticate',
  'x-request-id',
]);

export class ApiDocument {
  readonly operations: ReadonlyMap<string, Operation>;
  readonly #seen = new Set<string>();

  constructor(document: unknown) {
    this.operations = readOperations(document as Json);
  }

  static async of(http: HttpClient): Promise<ApiDocument> {
    return new ApiDocument(await http.want(200, '/openapi.json'));
  }

  /** Statuses that an operation has in the document. */
  statuses(key: string): readonly number[] {
    return [...this.#operation(key).answers.keys()];
  }

  hasSeen(key: string, status: number): boolean {
    return this.#seen.has(`${key} ${status}`);
  }

  /** Holds an answer against the document. Fails with what differs. */
  check(key: string, answer: HttpAnswer): void {
    const shape = this.#operation(key).answers.get(answer.status);
    if (shape === undefined) {
      throw new Error(`${key}: ${answer.status} is not in the document: ${answer.text}`);
    }
    const fields = Object.keys(answer.headers);
    expect(fields, `${key} ${answer.status}`).toEqual(expect.arrayContaining([...shape.required]));
    const strange = fields.filter(
      (field) => !GENERAL_FIELDS.has(field) && !shape.allowed.has(field),
    );
    expect(strange, `${key} ${answer.status}: header fields`).toEqual([]);
    if (shape.contentType === undefined) expect(answer.text, key).toBe('');
    else expect(answer.headers['content-type'], key).toBe(shape.contentType);
    const judged = shape.body?.safeParse(answer.body);
    if (judged?.success === false) {
      throw new Error(`${key} ${answer.status}: ${z.prettifyError(judged.error)}\n${answer.text}`);
    }
    this.#seen.add(`${key} ${answer.status}`);
  }

  #operation(key: string): Operation {
    const found = this.operations.get(key);
    if (found === undefined) throw new Error(`${key} is not in the document`);
    return found;
  }
}

export interface WalkCall extends HttpCall {
  /** Behind the question mark. */
  readonly query?: string;
}

/** Calls operations by their name in the document (`GET /api/v1/guilds/{id}`) and checks each answer. */
export class Walk {
  readonly document: ApiDocument;
  readonly #http: HttpClient;

  constructor(document: ApiDocument, http: HttpClient) {
    this.document = document;
    this.#http = http;
  }

  /** Sends a request, holds the answer against the document, and fails unless the status is the wanted one. */
  async call<T = Record<string, unknown>>(
    status: number,
    key: string,
    params: Readonly<Record<string, string | number>> = {},
    { query, ...call }: WalkCall = {},
  ): Promise<T> {
    const answer = await this.ask(key, params, { ...call, ...(query ? { query } : {}) });
    if (answer.status !== status) {
      throw new Error(`${key}: got ${answer.status} ${answer.text}, wanted ${status}`);
    }
    return answer.body as T;
  }

  /** As `call`, whatever the status is. */
  async ask(
    key: string,
    params: Readonly<Record<string, string | number>> = {},
    { query, ...call }: WalkCall = {},
  ): Promise<HttpAnswer> {
    const [method = '', template = ''] = key.split(' ');
    const path = template.replace(/\{([a-z]+)\}/g, (_all, name: string) => {
      const value = params[name];
      if (value === undefined) throw new Error(`${key}: no value for ${name}`);
      return encodeURIComponent(value);
    });
    const target = query === undefined ? path : `${path}?${query}`;
    const answer = await this.#http.raw(target, { ...call, method });
    this.document.check(key, answer);
    return answer;
  }
}

function readOperations(document: Json): ReadonlyMap<string, Operation> {
  const operations = new Map<string, Operation>();
  for (const [path, methods] of entries(document.paths)) {
    for (const [method, operation] of entries(methods)) {
      const answers = new Map<number, AnswerShape>();
      for (const [status, response] of entries(record(operation).responses)) {
        answers.set(Number(status), shapeOf(document, record(response)));
      }
      const name = method.toUpperCase();
      const hasToken = record(operation).security !== undefined;
      operations.set(`${name} ${path}`, { method: name, path, answers, hasToken });
    }
  }
  return operations;
}

function shapeOf(document: Json, response: Json): AnswerShape {
  const headers = entries(response.headers).map(
    ([field, header]) => [field, resolve(document, record(header))] as const,
  );
  const [content] = entries(response.content);
  const isJson = content?.[0] === 'application/json';
  return {
    required: headers.filter(([, header]) => header.required === true).map(([field]) => field),
    allowed: new Set(headers.map(([field]) => field)),
    contentType: isJson ? 'application/json; charset=utf-8' : content?.[0],
    body: isJson ? validator(document, record(content[1]).schema) : undefined,
  };
}

/** References lead into the components, which become definitions of each schema. */
function validator(document: Json, schema: unknown): z.ZodType {
  const whole = { ...record(schema), $defs: record(record(document.components).schemas) };
  const text = JSON.stringify(whole).replaceAll('#/components/schemas/', '#/$defs/');
  return z.fromJSONSchema(JSON.parse(text));
}

function resolve(document: Json, value: Json): Json {
  const ref = value.$ref;
  if (typeof ref !== 'string') return value;
  return ref
    .split('/')
    .slice(1)
    .reduce<Json>((at, part) => record(at[part]), document);
}

function entries(value: unknown): [string, unknown][] {
  return Object.entries(record(value));
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}
