/**
 * Ending one child: exit signal 'shutdown', a wait on a monitor (a child that unlinked itself cannot
 * hang its supervisor), then kill.
 */
import { sendExit, sendStop, watch } from '../core/signals.ts';
import { lookup, rt } from '../core/thread.ts';
import { after } from '../core/timers.ts';
import type { AnyRef, Reason } from '../types.ts';
import { isSupervisor } from './child-spec.ts';
import type { Restart, Shutdown } from './types.ts';

/** Ends `ref` on behalf of `parent`; resolves to its reason, 'noproc' when it was dead already. */
export function shutdownChild(parent: AnyRef, ref: AnyRef, shutdown: Shutdown): Promise<Reason> {
  return new Promise((resolve) => {
    const target = { thread: rt.thread, via: 0, key: ref, ref, name: undefined } as const;
    // The notice may come at once, so the timer is there before the watch.
    const limitMs = shutdown === 'brutalKill' ? Number.POSITIVE_INFINITY : shutdown;
    const cancel = after(limitMs, () => sendExit(ref, parent, 'kill', false));
    watch(target, null, (reason) => {
      cancel();
      resolve(reason);
    });
    sendExit(ref, parent, shutdown === 'brutalKill' ? 'kill' : 'shutdown', false);
  });
}

/** True when a child that was told to end did so as it should have. */
export function endedWell(reason: Reason, shutdown: Shutdown, restart: Restart): boolean {
  if (reason === 'shutdown' || reason === 'noproc') return true;
  if (shutdown === 'brutalKill') return reason === 'killed';
  if (reason === 'normal') return restart !== 'permanent';
  return restart !== 'permanent' && typeof reason === 'object' && 'shutdown' in reason;
}

const ROOT_SHUTDOWN_MS = 5000;
const NONE = 0 as AnyRef;

/**
 * Ends an actor without a parent through its terminate: a supervisor gets all the time its children
 * need, any other 5 s before it is killed. Never rejects.
 */
export function stopRoot(ref: AnyRef): Promise<Reason> {
  return new Promise((resolve) => {
    const target = { thread: rt.thread, via: 0, key: ref, ref, name: undefined } as const;
    const cell = lookup(ref);
    const patient = cell !== undefined && isSupervisor(cell.compiled.behaviour);
    const limitMs = patient ? Number.POSITIVE_INFINITY : ROOT_SHUTDOWN_MS;
    const cancel = after(limitMs, () => sendExit(ref, NONE, 'kill', false));
    watch(target, null, (reason) => {
      cancel();
      resolve(reason);
    });
    sendStop(target, 'shutdown');
  });
}
