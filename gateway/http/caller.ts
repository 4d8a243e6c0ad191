/** `call` bound to one destination: how the composition root hands entities to the HTTP app. Gateway threads. */
import { call, type Dest } from '../../runtime/index.ts';
import type { Caller } from './types.ts';

/** A `Caller` of one actor or entity. Rejects with ActorError as `call` does. */
export function callerOf<P>(dest: Dest<P>): Caller<P> {
  return (op, ...rest) => call(dest, op, ...rest);
}
