/**
 * Turns a name into a typed `call` bound to it. Any thread.
 */

import type { Caller } from '../gateway/index.ts';
import { call, type Dest } from '../runtime/index.ts';

/** `call(to, ...)` with `to` filled in. */
export function callerOf<P>(to: Dest<P>): Caller<P> {
  return (op, ...rest) => call(to, op, ...rest);
}
