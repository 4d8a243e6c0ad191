/**
 * Spans of HTTP requests: `traceparent` in and out, around the app's handler. A request that is not sampled and brings no
 * header costs a look at the ratio. Never names a path (it may hold an invite code): the route's pattern. Gateway threads.
 */
import { isTraceDrawn, newTraceId, Span } from '../../runtime/index.ts';
import type { HttpHandler, RequestEnv } from '../http/index.ts';
import { isTracingOn, judgeParent } from './policy.ts';
import { traceScope } from './scope.ts';
import { formatTraceparent, type RemoteParent } from './traceparent.ts';

const HEADER = 'traceparent';

/** The same handler, traced. */
export function traceHttp(handler: HttpHandler): HttpHandler {
  return (request, env) => {
    if (!isTracingOn()) return handler(request, env);
    const header = request.headers.get(HEADER);
    const parent = header === null ? undefined : judgeParent(header);
    if (parent === undefined ? isTraceDrawn() : parent.isSampled) {
      return serveTraced(handler, request, env, parent);
    }
    return parent === undefined
      ? handler(request, env)
      : serveUntraced(handler, request, env, parent);
  };
}

/** The caller's trace is told on, as not recorded here. */
async function serveUntraced(
  handler: HttpHandler,
  request: Request,
  env: RequestEnv,
  { traceId }: RemoteParent,
): Promise<Response> {
  const response = await handler(request, env);
  response.headers.set(HEADER, formatTraceparent(traceId, newTraceId(8), false));
  return response;
}

async function serveTraced(
  handler: HttpHandler,
  request: Request,
  env: RequestEnv,
  parent: RemoteParent | undefined,
): Promise<Response> {
  const { method } = request;
  const traceId = parent?.traceId ?? newTraceId(16);
  const span = new Span(traceId, parent?.parentId ?? '', `HTTP ${method}`, { kind: 'server' });
  span.set('http.request.method', method);
  const trace: NonNullable<RequestEnv['trace']> = {};
  try {
    const response = await traceScope(span.context, () => handler(request, { ...env, trace }));
    const { status } = response;
    if (trace.route !== undefined) {
      span.name = `${method} ${trace.route}`;
      span.set('http.route', trace.route);
    }
    span.set('http.response.status_code', status);
    response.headers.set(HEADER, formatTraceparent(traceId, span.context.spanId, true));
    span.end(status >= 500 ? String(status) : '');
    return response;
  } catch (error) {
    span.end('failed');
    throw error;
  }
}
