/**
 * Turns a name into a typed `call` bound to it, under the trace of the HTTP request it is made for. Gateway threads.
 */

import { type Caller, inTraceScope } from '../gateway/index.ts';
import { call, currentTrace, type Dest, requestContext, withTrace } from '../runtime/index.ts';

/** `call(to, ...)` with `to` filled in. The id of the request goes along unless a trace does. */
export function callerOf<P>(to: Dest<P>, requestId?: string): Caller<P> {
  if (requestId === undefined) return (op, ...rest) => inTraceScope(() => call(to, op, ...rest));
  return (op, ...rest) =>
    inTraceScope(() => {
      if (currentTrace() !== null) return call(to, op, ...rest);
      return withTrace(requestContext(requestId), () => call(to, op, ...rest));
    });
}
