/** Tracing of a gateway thread's requests. Exports only. */
export { FanOutSpans } from './fan-out-spans.ts';
export { traceHttp } from './http-spans.ts';
export {
  isTracingOn,
  judgeParent,
  parentsRefused,
  setTracePolicy,
  type TracePolicy,
} from './policy.ts';
export {
  beginRequest,
  dropRequests,
  endRequest,
  noteCommitted,
  noteRefused,
  type TracedConnection,
  traceUpgrade,
} from './request-spans.ts';
export { inTraceScope } from './scope.ts';
export { formatTraceparent, parseTraceparent, type RemoteParent } from './traceparent.ts';
