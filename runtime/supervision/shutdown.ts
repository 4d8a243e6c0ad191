/**
 * Ending children: exit signal 'shutdown', a wait on a monitor (a child that unlinked itself cannot
 * hang its supervisor), then kill. One child, or many in parallel.
 */
import { ExitMessage } from '../core/cell.ts';
import { targetOf } from '../core/send.ts';
import { sendExit, sendStop, watch } from '../core/signals.ts';
import { lookup } from '../core/thread.ts';
import { after } from '../core/timers.ts';
import type { AnyRef, Reason } from '../types.ts';
import { isSupervisor } from './child-spec.ts';
import type { CompleteChildSpec, Restart, Shutdown } from './types.ts';

type Limit = CompleteChildSpec['shutdown'];

/** A child that is to end. */
export interface Ending {
  readonly ref: AnyRef;
  readonly shutdown: Limit;
}

/** Ends `ref` on behalf of `parent`; resolves to the reason it ended with. */
export function shutdownChild(parent: AnyRef, ref: AnyRef, shutdown: Shutdown): Promise<Reason> {
  return new Promise((resolve) => {
    const limitMs = typeof shutdown === 'number' ? shutdown : Number.POSITIVE_INFINITY;
    // The notice may come at once, so the timer is there before the watch.
    const cancel = after(limitMs, () => sendExit(ref, parent, 'kill', false));
    watch(targetOf(ref), null, (reason) => {
      cancel();
      resolve(reasonFor(parent, ref, reason));
    });
    sendExit(ref, parent, shutdown === 'brutalKill' ? 'kill' : 'shutdown', false);
  });
}

/**
 * Ends all at once and waits for all, under one timer per distinct limit. `ended` is told the reason of
 * each. O(children).
 */
export function shutdownAll<C extends Ending>(
  parent: AnyRef,
  children: readonly C[],
  ended: (child: C, reason: Reason) => void,
): Promise<void> {
  if (children.length === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const cancels = killTimers(parent, children);
    let left = children.length;
    for (const child of children) {
      watch(targetOf(child.ref), null, (reason) => {
        ended(child, reasonFor(parent, child.ref, reason));
        if (--left > 0) return;
        for (const cancel of cancels) cancel();
        resolve();
      });
    }
    for (const { ref, shutdown } of children) {
      sendExit(ref, parent, shutdown === 'brutalKill' ? 'kill' : 'shutdown', false);
    }
  });
}

function killTimers(parent: AnyRef, children: readonly Ending[]): (() => void)[] {
  const byLimit = new Map<number, AnyRef[]>();
  for (const { ref, shutdown } of children) {
    if (shutdown === 'brutalKill' || shutdown === Number.POSITIVE_INFINITY) continue;
    const same = byLimit.get(shutdown);
    if (same === undefined) byLimit.set(shutdown, [ref]);
    else same.push(ref);
  }
  return [...byLimit].map(([limitMs, refs]) =>
    after(limitMs, () => {
      for (const ref of refs) sendExit(ref, parent, 'kill', false);
    }),
  );
}

/** It was dead before the monitor: the true reason is in the exit notice that waits in the supervisor's mailbox. */
function reasonFor(parent: AnyRef, ref: AnyRef, reason: Reason): Reason {
  if (reason !== 'noproc') return reason;
  const found = lookup(parent)?.mailbox?.find(
    (op) => op instanceof ExitMessage && op.from === ref,
  ) as ExitMessage | undefined;
  return found?.reason ?? reason;
}

/** True when a child that was told to end did so as it should have. */
export function endedWell(reason: Reason, shutdown: Limit, restart: Restart): boolean {
  if (shutdown === 'brutalKill') {
    if (reason === 'killed') return true;
    if (reason === 'shutdown') return restart !== 'permanent';
  } else if (reason === 'shutdown') return true;
  if (restart === 'permanent') return false;
  return reason === 'normal' || (typeof reason === 'object' && 'shutdown' in reason);
}

const ROOT_SHUTDOWN_MS = 5000;
const NONE = 0 as AnyRef;

/**
 * Ends an actor without a parent through its terminate: a supervisor gets all the time its children
 * need, any other 5 s before it is killed. Never rejects.
 */
export function stopRoot(ref: AnyRef): Promise<Reason> {
  return new Promise((resolve) => {
    const target = targetOf(ref);
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
