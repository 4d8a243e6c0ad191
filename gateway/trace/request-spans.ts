/**
 * Spans of WebSocket requests, kept by rid on the connection until the request is answered; and of the upgrade, where a client
 * may say which trace its requests belong to (`traceparent`; protocol.md has no room for it inside of frames). Gateway threads.
 *
 * Bound: at most the requests in flight of a connection (64).
 */
import { newTraceId, Span } from '../../runtime/index.ts';
import { Op, type Request } from '../protocol/index.ts';
import { isParentSampled, judgeParent } from './policy.ts';
import { formatTraceparent, type RemoteParent } from './traceparent.ts';

/** What tracing needs of a connection. */
export interface TracedConnection {
  readonly no: number;
  /** The trace that the client named at the upgrade; null without. */
  trace: RemoteParent | null;
  /** Requests in flight that are traced, by rid; null without. */
  spans: Map<number, Span> | null;
}

/** The answer to an upgrade with a traceparent. */
export interface UpgradeTrace {
  /** Of the connection's requests. */
  readonly trace: RemoteParent;
  readonly header: string;
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Op).map(([name, op]) => [op, `WS ${name}`]),
);

/** What an upgrade with this header gets; undefined: tracing is off, or there is no valid header. */
export function traceUpgrade(header: string): UpgradeTrace | undefined {
  const parent = judgeParent(header);
  if (parent === undefined) return undefined;
  const { isSampled, parentId, traceId } = parent;
  if (!isSampled)
    return { trace: parent, header: formatTraceparent(traceId, newTraceId(8), false) };
  const span = new Span(traceId, parentId, 'WS upgrade', { kind: 'server' });
  span.end();
  const { spanId } = span.context;
  return {
    trace: { traceId, parentId: spanId, isSampled },
    header: formatTraceparent(traceId, spanId, true),
  };
}

/** The span of a request that is sampled by the ratio or by its connection; null: it is not. */
export function beginRequest(
  connection: TracedConnection,
  request: Request,
  nowMs: number,
): Span | null {
  const { trace } = connection;
  if (trace !== null && !isParentSampled(trace)) return null;
  const name = NAMES.get(request.op) ?? 'WS request';
  const traceId = trace?.traceId ?? newTraceId(16);
  const options = { kind: 'server', startMs: nowMs } as const;
  const span = new Span(traceId, trace?.parentId ?? '', name, options);
  span.set('network.protocol.name', 'websocket').set('driftway.conn', connection.no);
  if ('sid' in request) span.set('driftway.sid', request.sid);
  if ('kind' in request) span.set('driftway.kind', request.kind);
  connection.spans ??= new Map();
  connection.spans.set(request.rid, span);
  return span;
}

/** The message that a request became. */
export function noteCommitted(connection: TracedConnection, rid: number, seq: number): void {
  connection.spans?.get(rid)?.set('driftway.seq', seq);
}

/** The request is refused with this code of protocol.md. */
export function noteRefused(connection: TracedConnection, rid: number, code: number): void {
  const span = connection.spans?.get(rid);
  span?.set('driftway.err', code);
  // What the server could not do; the rest is the client's business.
  if (code >= 500) span?.end(String(code));
}

/** The request is answered. */
export function endRequest(connection: TracedConnection, rid: number): void {
  const { spans } = connection;
  if (spans === null) return;
  spans.get(rid)?.end();
  spans.delete(rid);
  if (spans.size === 0) connection.spans = null;
}

/** The connection has ended: what was in flight is never answered. */
export function dropRequests(connection: TracedConnection): void {
  for (const span of connection.spans?.values() ?? []) span.end('closed');
  connection.spans = null;
}
