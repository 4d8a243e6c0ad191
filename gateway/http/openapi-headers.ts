/**
 * Header fields of requests and answers in the OpenAPI document. Pure; loaded with the document. They
 * say what `serve-route.ts`, `run-once.ts` and `errors.ts` write.
 */
import * as z from 'zod';
import { isConditional, keepsKeys, type Route } from './route.ts';

const decimal = z.string().regex(/^[0-9]+$/);
const text = z.string();

/** A header field that is described once and referred to. */
function field<T extends z.ZodType>(id: string, description: string, schema: T): T {
  return schema.meta({ description, header: { id } });
}

const requestId = field('RequestId', 'Names the request in logs and error bodies', text);
const rates = {
  'ratelimit-limit': field(
    'RateLimitLimit',
    'Requests at once under the limit that is the nearest to its end',
    decimal.optional(),
  ),
  'ratelimit-remaining': field('RateLimitRemaining', 'Requests left of it now', decimal.optional()),
  'ratelimit-reset': field('RateLimitReset', 'Seconds until it is full again', decimal.optional()),
};
const etag = field('ETag', 'Digest of the body, for If-None-Match', text);
const retryAfter = field('RetryAfter', 'Seconds to wait', decimal.optional());
const replayed = field(
  'IdempotentReplayed',
  'true: this is the kept answer of an earlier request',
  text.optional(),
);

const parameters = {
  'Idempotency-Key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/)
    .optional()
    .meta({
      description:
        'One per intention, chosen by the client. The answer of a success is kept for 24 h: the same request gets it again, another one 422',
      param: { id: 'IdempotencyKey' },
    }),
  'If-None-Match': z
    .string()
    .optional()
    .meta({
      description: 'ETags that the client has: 304 when one is current',
      param: { id: 'IfNoneMatch' },
    }),
};

/** Header parameters of a route; undefined for none. */
export function requestHeaders(target: Route): z.ZodObject | undefined {
  if (target.method === 'POST') {
    return z.object({ 'Idempotency-Key': parameters['Idempotency-Key'] });
  }
  if (isConditional(target)) return z.object({ 'If-None-Match': parameters['If-None-Match'] });
  return undefined;
}

/** Header fields of an answer of a route. */
export function responseHeaders(target: Route, status: number): z.ZodObject {
  const isTagged = isConditional(target) && (status === 200 || status === 304);
  return z.object({
    'x-request-id': requestId,
    ...(target.limit === 'general' ? rates : {}),
    ...(isTagged ? { etag } : {}),
    ...(status === 429 || status === 503 ? { 'retry-after': retryAfter } : {}),
    ...(keepsKeys(target) && status < 300 ? { 'idempotent-replayed': replayed } : {}),
  });
}
