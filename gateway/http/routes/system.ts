/** Health, readiness, metrics, public keys, and the API's own description. Gateway threads. */
import { unavailable } from '../errors.ts';
import { type Route, reply, route } from '../route.ts';
import * as schemas from '../schemas.ts';
import type { HttpDeps } from '../types.ts';

const tag = 'system';
const READY = { status: 'ready' } as const;
const CACHE = 'public, max-age=300';

export function systemRoutes(deps: HttpDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/health',
      tag,
      summary: 'State of the server and its parts; 503 when failed',
      auth: 'none',
      limit: 'none',
      answers: { 200: schemas.health, 503: schemas.health },
      handle: async () => {
        const { status, version, uptimeS, checks } = await deps.health();
        const body = { status, version, uptimeS, checks: { ...checks } };
        return status === 'failed' ? reply(503, body) : reply(200, body);
      },
    }),
    route({
      method: 'GET',
      path: '/ready',
      tag,
      summary: '200 when the server takes requests, else 503',
      auth: 'none',
      limit: 'none',
      answers: { 200: schemas.ready },
      handle: () => (deps.ready() ? reply(200, READY) : unavailable()),
    }),
    route({
      method: 'GET',
      path: '/metrics',
      tag,
      summary: 'Prometheus metrics; from this machine, or with the metrics scope',
      auth: 'metrics',
      limit: 'none',
      answers: { 200: { mediaType: 'text/plain; version=0.0.4; charset=utf-8' } },
      errors: ['forbidden', 'rate_limited'],
      handle: async () => {
        const text = await deps.metrics();
        return text === undefined ? unavailable() : reply(200, text);
      },
    }),
    route({
      method: 'GET',
      path: '/.well-known/jwks.json',
      tag,
      summary: 'Public keys of access tokens',
      auth: 'none',
      limit: 'none',
      answers: { 200: schemas.jwks },
      handle: () => {
        const body = { keys: deps.jwks().keys.map((key) => ({ ...key })) };
        return reply(200, body, { 'cache-control': CACHE });
      },
    }),
  ];
}

/** The description is made from all routes, so it is handed in lazily. */
export function documentRoutes(
  openapi: () => Promise<Readonly<Record<string, unknown>>>,
  asyncapi: () => Readonly<Record<string, unknown>>,
  docsPage: () => Promise<string>,
): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/openapi.json',
      tag,
      summary: 'This API as an OpenAPI document',
      auth: 'none',
      limit: 'general',
      answers: { 200: schemas.openapi },
      handle: async () => reply(200, { ...(await openapi()) }, { 'cache-control': CACHE }),
    }),
    route({
      method: 'GET',
      path: '/api/v1/asyncapi.json',
      tag,
      summary: 'The WebSocket as an AsyncAPI document',
      auth: 'none',
      limit: 'general',
      answers: { 200: schemas.asyncapi },
      handle: () => reply(200, { ...asyncapi() }, { 'cache-control': CACHE }),
    }),
    route({
      method: 'GET',
      path: '/api/docs',
      tag,
      summary: 'This API as a page to read',
      auth: 'none',
      limit: 'general',
      answers: { 200: { mediaType: 'text/html; charset=utf-8' } },
      handle: async () =>
        reply(200, await docsPage(), {
          'cache-control': CACHE,
          'content-security-policy': PAGE_POLICY,
        }),
    }),
  ];
}

/** Pages of this server are plain HTML with inline style: no script, no frame, nothing from elsewhere. */
export const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
