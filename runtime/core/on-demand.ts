/**
 * The runtime's own actors that answer other threads: found by a place name of theirs, started with the first message that
 * comes for it.
 */
import type { Ms } from '../clock.ts';
import type { AnyRef, From } from '../types.ts';
import { failCall, openCall, openedFrom } from './calls.ts';
import type { AnyBehaviour } from './cell.ts';
import { setPlace } from './send.ts';
import { startActor } from './spawn.ts';
import { lookup, rt } from './thread.ts';

/** Makes `behaviour` what `place` means on this thread. No type of entity may look like it ('%' first). */
export function serveOnDemand(place: string, behaviour: AnyBehaviour): void {
  let ref = 0 as AnyRef;
  setPlace(place, {
    cell() {
      const live = lookup(ref);
      if (live !== undefined) return live;
      ref = startActor(behaviour, undefined, {}).ref;
      return lookup(ref) ?? 'noproc';
    },
    ref: () => (lookup(ref) === undefined ? undefined : ref),
  });
}

/** Calls what `place` means on another thread; 'noconnection' when there is no such thread (-1) or it is down. */
export function askPlace(
  thread: number,
  place: string,
  op: string,
  arg: unknown,
  timeoutMs: Ms,
  what: string,
): Promise<unknown> {
  const now = rt.clock.monotonic();
  const deadline = now + timeoutMs;
  const promise = openCall(what, thread, now, deadline, undefined, null);
  const from: From = openedFrom;
  if (rt.remote === null || thread < 0) failCall(from, 'noconnection');
  else {
    const failed = rt.remote.call(thread, place, 0, op, arg, from, deadline);
    if (failed !== undefined) failCall(from, failed);
  }
  return promise;
}
