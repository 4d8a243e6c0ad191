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
    let cancel = (): void => {};
    watch(target, null, (reason) => {
      cancel();
      resolve(reason);
    });
    if (shutdown === 'brutalKill') {
      sendExit(ref, parent, 'kill', false);
      return;
    }
    cancel = after(shutdown, () => sendExit(ref, parent, 'kill', false));
    sendExit(ref, parent, 'shutdown', false);
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

/**
 * Ends an actor without a parent through its terminate: a supervisor gets all the time its children
 * need, any other 5 s before it is killed. Never rejects.
 */
export function stopRoot(ref: AnyRef): Promise<Reason> {
  return new Promise((resolve) => {
    const target = { thread: rt.thread, via: 0, key: ref, ref, name: undefined } as const;
    let cancel = (): void => {};
    watch(target, null, (reason) => {
      cancel();
      resolve(reason);
    });
    const cell = lookup(ref);
    if (cell !== undefined && !isSupervisor(cell.compiled.behaviour)) {
      cancel = after(ROOT_SHUTDOWN_MS, () => sendExit(ref, 0 as AnyRef, 'kill', false));
    }
    sendStop(target, 'shutdown');
  });
}
