/**
 * The HTTP app: every route of api.md on a Hono router, and around it what every answer needs
 * (request id, CORS, error body, counters). One per gateway thread. Never answers without a request
 * id, never lets an error out, never logs a path (it may hold an invite code), a body or a token.
 */
import { Hono } from 'hono';
import { addressKey } from '../address.ts';
import { asyncApiDocument } from '../protocol/index.ts';
import { RATE_LIMITS } from '../rates/index.ts';
import { Cors } from './cors.ts';
import { type Failure, fail } from './errors.ts';
import { IdempotencyKeys, type IdempotencyStats } from './idempotency.ts';
import { limited } from './limiter.ts';
import { buildDocument, type OpenApiDocument } from './openapi.ts';
import { docsPage, landingPage } from './pages.ts';
import { RequestLines } from './request-lines.ts';
import { RequestMeter, type RouteMeasure } from './request-meter.ts';
import type { Method, Route } from './route.ts';
import { authRoutes } from './routes/auth.ts';
import { channelRoutes } from './routes/channels.ts';
import { dmRoutes } from './routes/dms.ts';
import { guildRoutes } from './routes/guilds.ts';
import { inviteRoutes } from './routes/invites.ts';
import { markerRoutes } from './routes/markers.ts';
import { messageActRoutes } from './routes/message-acts.ts';
import { messageRoutes } from './routes/messages.ts';
import { moderationRoutes } from './routes/moderation.ts';
import { roleRoutes } from './routes/roles.ts';
import { documentRoutes, PAGE_POLICY, systemRoutes } from './routes/system.ts';
import { threadRoutes } from './routes/threads.ts';
import { userRoutes } from './routes/users.ts';
import { voiceRoutes } from './routes/voice.ts';
import { DEMO_PATHS, serveDemo } from './serve-demo.ts';
import { failureResponse, problemOf, serveRoute } from './serve-route.ts';
import { StreamLookup } from './stream-lookup.ts';
import type { HttpDeps, HttpHandler, RequestEnv } from './types.ts';

/** Counters of one app since it started. */
export interface HttpStats extends IdempotencyStats {
  readonly requests: number;
  readonly limited: number;
  /** 304: the client had the answer already. */
  readonly notModified: number;
  readonly clientErrors: number;
  readonly serverErrors: number;
  /** Appends that were repeated because their outcome was not known. */
  readonly appendRepeats: number;
  /** Entries of the bounded cache of stream ids. */
  readonly streamsKnown: number;
  /** Requests without a line in the log, for there were too many. */
  readonly accessLinesSkipped: number;
}

export interface HttpApp {
  readonly fetch: HttpHandler;
  readonly routes: readonly Route[];
  /** The OpenAPI document, made on first use. */
  openapi(): Promise<OpenApiDocument>;
  stats(): HttpStats;
  /** Requests by route, with their times. */
  measures(): readonly RouteMeasure[];
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
const requestIdKey = 'x-request-id';
const correlationKey = 'x-correlation-id';

/** Builds the app of one gateway thread. */
export function createHttpApp(deps: HttpDeps): HttpApp {
  const publicUrl = deps.publicUrl.replace(/\/+$/, '');
  const cors = new Cors(publicUrl, deps.corsOrigins);
  const streams = new StreamLookup(
    deps.clock,
    (sid) => deps.streamInfo(sid),
    (sid) => deps.stream(sid)('head', { uid: 0 }),
  );
  const keys = new IdempotencyKeys(deps.docs, deps.clock, deps.rateTable);
  const counters = {
    requests: 0,
    limited: 0,
    notModified: 0,
    clientErrors: 0,
    serverErrors: 0,
    appendRepeats: 0,
  };
  const meter = new RequestMeter();
  const lines = new RequestLines(deps.clock, deps.log);
  const onRepeat = (): void => {
    counters.appendRepeats++;
  };
  let document: Promise<OpenApiDocument> | undefined;
  const openapi = (): Promise<OpenApiDocument> => {
    document ??= buildDocument(routes, { version: deps.version, publicUrl });
    return document;
  };
  let socketDocument: Readonly<Record<string, unknown>> | undefined;
  const asyncapi = (): Readonly<Record<string, unknown>> => {
    socketDocument ??= asyncApiDocument({ version: deps.version, publicUrl });
    return socketDocument;
  };
  const routes: readonly Route[] = [
    ...subjectRoutes(deps, publicUrl, streams, onRepeat),
    ...documentRoutes(openapi, asyncapi, async () => docsPage(await openapi())),
  ];
  const router = mount(deps, keys, routes);

  return {
    routes,
    openapi,
    stats: () => ({ ...counters, ...keys.stats(), streamsKnown: streams.size, ...lines.stats() }),
    measures: () => meter.measures(),
    async fetch(request, env) {
      counters.requests++;
      const correlationId = goodId(request, correlationKey);
      const requestId = requestIdOf(deps, request, correlationId);
      const startedAt = deps.clock.monotonic();
      const trace: Trace = env.trace ?? {};
      const response = await respond(deps, router, cors, request, { ...env, requestId, trace });
      response.headers.set(requestIdKey, requestId);
      if (correlationId !== undefined) response.headers.set(correlationKey, correlationId);
      response.headers.set('x-content-type-options', 'nosniff');
      if (response.status === 304) counters.notModified++;
      else if (response.status === 429) counters.limited++;
      else if (response.status >= 500) counters.serverErrors++;
      else if (response.status >= 400) counters.clientErrors++;
      const { method } = request;
      const tookMs = deps.clock.monotonic() - startedAt;
      meter.note(method, trace.route, response.status, tookMs);
      lines.tell({ requestId, correlationId, method, trace, status: response.status, tookMs });
      return response;
    },
  };
}

/** Every route but those about the documents, by subject. */
function subjectRoutes(
  deps: HttpDeps,
  publicUrl: string,
  streams: StreamLookup,
  onRepeat: () => void,
): readonly Route[] {
  return [
    ...authRoutes(deps),
    ...userRoutes(deps),
    ...guildRoutes(deps),
    ...roleRoutes(deps, streams),
    ...moderationRoutes(deps),
    ...channelRoutes(deps, streams),
    ...voiceRoutes(deps, streams),
    ...threadRoutes(deps, streams),
    ...dmRoutes(deps, onRepeat),
    ...inviteRoutes(deps, publicUrl),
    ...messageRoutes(deps, streams, onRepeat),
    ...messageActRoutes(deps, streams, onRepeat),
    ...markerRoutes(deps, streams),
    ...systemRoutes(deps),
  ];
}

interface RouterEnv {
  readonly Bindings: RequestEnv & { readonly requestId: string; readonly trace: Trace };
}

/** What the log line of a request says beyond its answer. */
interface Trace {
  /** Pattern of the route, never the path itself. */
  route?: string;
}

async function respond(
  deps: HttpDeps,
  router: Hono<RouterEnv>,
  cors: Cors,
  request: Request,
  env: RouterEnv['Bindings'],
): Promise<Response> {
  const { requestId } = env;
  const origin = request.headers.get('origin');
  const preflight =
    request.method === 'OPTIONS' && request.headers.has('access-control-request-method');
  if (preflight && origin !== null) {
    return new Response(null, { status: 204, headers: cors.preflight(origin) });
  }
  const problem = problemOf(env);
  let response: Response;
  try {
    response =
      problem === undefined
        ? await router.fetch(request, env)
        : failureResponse(problem, requestId);
  } catch (error) {
    logInternal(deps, error, requestId);
    response = failureResponse(fail('internal'), requestId);
  }
  for (const [name, value] of Object.entries(cors.headers(origin)))
    response.headers.set(name, value);
  return response;
}

/** The caller's own, by either name; else a new one. */
function requestIdOf(deps: HttpDeps, request: Request, correlationId: string | undefined): string {
  const given = goodId(request, requestIdKey) ?? correlationId;
  return given ?? Buffer.from(deps.rng.bytes(12)).toString('base64url');
}

function goodId(request: Request, header: string): string | undefined {
  const given = request.headers.get(header);
  return given !== null && REQUEST_ID.test(given) ? given : undefined;
}

/** Puts every route on the router, and behind each path the answer to other methods. */
function mount(deps: HttpDeps, keys: IdempotencyKeys, routes: readonly Route[]): Hono<RouterEnv> {
  const router = new Hono<RouterEnv>();
  const methods = new Map<string, Method[]>();
  for (const target of routes) {
    methods.set(target.path, [...(methods.get(target.path) ?? []), target.method]);
    router.on(target.method, target.path, (c) => {
      const env = c.env;
      env.trace.route = target.path;
      const params = c.req.param() as Record<string, string>;
      const context = { request: c.req.raw, env, requestId: env.requestId, params };
      return serveRoute(deps, keys, target, context);
    });
  }
  router.get('/', (c) => {
    if (c.req.header('upgrade') !== undefined) return refuse(deps, c.env, fail('not_found'));
    const headers = {
      'content-security-policy': PAGE_POLICY,
      'cache-control': 'public, max-age=300',
    };
    return c.html(landingPage(deps.version), 200, headers);
  });
  methods.set('/', ['GET']);
  for (const path of deps.voiceDemo === undefined ? [] : DEMO_PATHS) {
    methods.set(path, ['GET']);
    router.get(path, async (c) => {
      c.env.trace.route = path;
      const answer = await serveDemo(deps, c.env.ip, c.req.param('file') ?? '');
      return 'failed' in answer ? failureResponse(answer, c.env.requestId) : answer;
    });
  }
  for (const [path, allowed] of methods) {
    const allow = [...allowed, ...(allowed.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
    router.all(path, (c) => {
      if (c.req.method === 'OPTIONS') return c.body(null, 204, { allow });
      return refuse(deps, c.env, fail('method_not_allowed', { headers: { allow } }));
    });
  }
  // The WebSocket's own address without an upgrade (protocol.md 2.17 item 14).
  router.all('/gw', (c) => {
    const headers = { upgrade: 'websocket' };
    return refuse(deps, c.env, fail('upgrade_required', { headers }));
  });
  router.notFound((c) => refuse(deps, c.env, fail('not_found')));
  router.onError((error, c) => {
    logInternal(deps, error, c.env.requestId);
    return failureResponse(fail('internal'), c.env.requestId);
  });
  return router;
}

/** An error outside the routes; costs the address a token of the general limit. */
function refuse(deps: HttpDeps, env: RouterEnv['Bindings'], failure: Failure): Response {
  const refused = limited(deps.rateTable, RATE_LIMITS.httpPerIp, addressKey(env.ip));
  return failureResponse(refused ?? failure, env.requestId);
}

function logInternal(deps: HttpDeps, error: unknown, requestId: string): void {
  const known = error instanceof Error ? { name: error.name, stack: stackOf(error) } : {};
  deps.log.error({ requestId, ...known }, 'http: a handler failed');
}

/** Where it happened, without the message (which may quote what somebody wrote). */
function stackOf(error: Error): string {
  const frames = (error.stack ?? '')
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '));
  return frames.slice(0, 10).join('\n');
}
