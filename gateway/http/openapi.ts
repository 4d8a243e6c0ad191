/**
 * The OpenAPI document, made from the routes themselves. Gateway threads, on the first request for
 * it only (its generator is not loaded before).
 */
import type * as z from 'zod';
import type { RateLimit } from '../rates/index.ts';
import { ERRORS, type ErrorCode } from './errors.ts';
import { requestHeaders, responseHeaders } from './openapi-headers.ts';
import { errorsOf, isConditional, type Route } from './route.ts';
import { emptyBody, errorSchema } from './schemas.ts';

/** A generated document: plain JSON. */
export type OpenApiDocument = Readonly<Record<string, unknown>>;

interface ResponseObject {
  readonly description: string;
  readonly headers: z.ZodObject;
  readonly content?: Record<string, { schema: z.ZodType }>;
}
type Responses = Record<string, ResponseObject>;

/** Builds the document of all routes. Loads the generator. */
export async function buildDocument(
  routes: readonly Route[],
  info: { readonly version: string; readonly publicUrl: string },
): Promise<OpenApiDocument> {
  const { createDocument } = await import('zod-openapi');
  const paths: Record<string, Record<string, unknown>> = {};
  for (const target of routes) {
    const path = target.path.replace(/:([a-z]+)/g, '{$1}');
    paths[path] = { ...paths[path], [target.method.toLowerCase()]: operation(target) };
  }
  const document = createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Driftway',
      version: info.version,
      description:
        'Ids are decimal strings, times are ms since 1970. A list is { items, next }; next is given back as after. ' +
        'Every answer carries x-request-id. The WebSocket is at /gw (subprotocols driftway.v1.mp and driftway.v1.json).',
    },
    servers: [{ url: info.publicUrl }],
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
    paths: paths as NonNullable<Parameters<typeof createDocument>[0]['paths']>,
  });
  return document as unknown as OpenApiDocument;
}

function operation(target: Route): Record<string, unknown> {
  const { params, query, tag, summary } = target;
  const description = descriptionOf(target);
  const header = requestHeaders(target);
  const hasBody = target.method !== 'GET' && target.body !== undefined;
  return {
    operationId: operationId(target),
    tags: [tag],
    summary,
    ...(description === '' ? {} : { description }),
    ...(target.auth === 'none' ? {} : { security: [{ bearer: [] }] }),
    ...(params === undefined && query === undefined && header === undefined
      ? {}
      : {
          requestParams: {
            ...(params === undefined ? {} : { path: params }),
            ...(query === undefined ? {} : { query }),
            ...(header === undefined ? {} : { header }),
          },
        }),
    ...(hasBody
      ? {
          requestBody: {
            required: !acceptsNothing(target),
            content: { 'application/json': { schema: target.body ?? emptyBody } },
          },
        }
      : {}),
    responses: { ...successes(target), ...failures(target) },
  };
}

/** What the route says of itself, and its limits. */
function descriptionOf(target: Route): string {
  const said = target.description === undefined ? [] : [target.description];
  const limits = target.rates.map(({ limit }) => rateText(limit));
  return [...said, ...(limits.length === 0 ? [] : [`Limits: ${limits.join(', ')}.`])].join(' ');
}

/** `append-user: 20 at once, then one per 0.25 s`. */
function rateText({ name, burst, ratePerS }: RateLimit): string {
  return `${name} ${burst} at once, then one per ${Number((1 / ratePerS).toFixed(3))} s`;
}

function acceptsNothing(target: Route): boolean {
  return target.body?.safeParse({}).success ?? true;
}

/** `GET /api/v1/guilds/:id/channels` to `getGuildsIdChannels`. */
function operationId(target: Route): string {
  const words = target.path
    .replace(/^\/api\/v1/, '')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `${target.method.toLowerCase()}${words.join('')}`;
}

function successes(target: Route): Responses {
  const responses: Responses = {};
  for (const [status, spec] of Object.entries(target.answers)) {
    const description = STATUS_TEXT[status] ?? 'Answer';
    const headers = responseHeaders(target, Number(status));
    if (spec === null) responses[status] = { description, headers };
    else if ('mediaType' in spec) {
      const content = { [spec.mediaType]: { schema: { type: 'string' } as unknown as z.ZodType } };
      responses[status] = { description, headers, content };
    } else {
      const content = { 'application/json': { schema: spec } };
      responses[status] = { description, headers, content };
    }
  }
  if (isConditional(target)) {
    const description = 'The client has this answer already (If-None-Match)';
    responses['304'] = { description, headers: responseHeaders(target, 304) };
  }
  return responses;
}

/** Errors by status; a status that is also a success (503 of /health) keeps the success. */
function failures(target: Route): Responses {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorsOf(target)) {
    const { status } = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const responses: Responses = {};
  for (const [status, codes] of [...byStatus].sort(([a], [b]) => a - b)) {
    if (target.answers[status] !== undefined) continue;
    const description = `Error: ${codes.join(', ')}`;
    responses[String(status)] = {
      description,
      headers: responseHeaders(target, status),
      content: { 'application/json': { schema: errorSchema } },
    };
  }
  return responses;
}

const STATUS_TEXT: Readonly<Record<string, string>> = {
  '200': 'Done',
  '201': 'Created',
  '204': 'Done; no body',
  '503': 'Not available',
};
