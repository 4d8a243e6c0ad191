/**
 * Child specifications: made by child(), checked before anything is started. Pure.
 */

import { erase } from '../core/api.ts';
import { type AnyBehaviour, compile } from '../core/cell.ts';
import { checkStartName, startActor } from '../core/spawn.ts';
import type { Behaviour } from '../types.ts';
import type { ChildOptions, ChildSpec } from './types.ts';

const WORKER_SHUTDOWN_MS = 5000;
const supervisors = new WeakSet<AnyBehaviour>();

/** Marks a behaviour as a supervisor: its children default to shutdown Infinity. */
export function markSupervisor<P, S, A>(behaviour: Behaviour<P, S, A>): Behaviour<P, S, A> {
  supervisors.add(erase(behaviour));
  return behaviour;
}

/** True for behaviours that end a tree: they get all the time their children need. */
export function isSupervisor(behaviour: AnyBehaviour): boolean {
  return supervisors.has(behaviour);
}

/**
 * Specification of a child that runs `behaviour` with `arg` (the same value at each start).
 * TypeError / RangeError names a wrong field. Any thread; pure.
 */
export function child<P, S, A>(
  id: string,
  behaviour: Behaviour<P, S, A>,
  arg: A,
  options: ChildOptions<P> = {},
): ChildSpec {
  const { name, initTimeoutMs } = options;
  checkStartName(`child ${id}`, name);
  const erased = erase(behaviour);
  const supervisor = isSupervisor(erased);
  const spec: ChildSpec = {
    id,
    start: (parent) => startActor(erased, arg, { name, parent, link: true, initTimeoutMs }).result,
    restart: options.restart ?? 'permanent',
    shutdown: options.shutdown ?? (supervisor ? Number.POSITIVE_INFINITY : WORKER_SHUTDOWN_MS),
    type: supervisor ? 'supervisor' : 'worker',
    behaviour: compile(erased).name,
  };
  checkSpec(spec);
  return spec;
}

/** Throws TypeError or RangeError that names the wrong field and its value. */
export function checkSpec(spec: ChildSpec): void {
  if (typeof spec !== 'object' || spec === null) {
    throw new TypeError(`child spec: got ${typeof spec}, want an object`);
  }
  const { id, start, restart, shutdown, type } = spec;
  if (typeof id !== 'string')
    throw new TypeError(`child spec: id: got ${typeof id}, want a string`);
  if (typeof start !== 'function') throw new TypeError(`child ${id}: start: want a function`);
  if (restart !== 'permanent' && restart !== 'transient' && restart !== 'temporary') {
    throw new TypeError(`child ${id}: restart: got ${String(restart)}`);
  }
  if (type !== 'worker' && type !== 'supervisor') {
    throw new TypeError(`child ${id}: type: got ${String(type)}`);
  }
  if (shutdown !== 'brutalKill' && !(typeof shutdown === 'number' && shutdown >= 0)) {
    throw new RangeError(
      `child ${id}: shutdown: got ${String(shutdown)}, want ms >= 0 or brutalKill`,
    );
  }
}

/** Checks a list, duplicates included, without starting anything. */
export function checkSpecs(specs: readonly ChildSpec[]): void {
  const ids = new Set<string>();
  for (const spec of specs) {
    checkSpec(spec);
    if (ids.has(spec.id)) throw new TypeError(`child specs: duplicate id: got ${spec.id} twice`);
    ids.add(spec.id);
  }
}

/** The spec as kept while a child runs: a temporary one never starts again, so its arguments are not held. */
export function withoutStart(spec: ChildSpec): ChildSpec {
  if (spec.restart !== 'temporary') return spec;
  return { ...spec, start: () => ({ ok: false, reason: 'ignore' }) };
}
