/**
 * Child specifications: made by child() or written by hand, checked and completed before anything is
 * started. Pure.
 */
import { erase } from '../core/api.ts';
import { type AnyBehaviour, compile } from '../core/cell.ts';
import { checkStartName, startActor } from '../core/spawn.ts';
import type { Behaviour, Key } from '../types.ts';
import { faultFrom, SpecError } from './spec-fault.ts';
import type {
  AutoShutdown,
  Backoff,
  CheckChildSpecsResult,
  ChildOptions,
  ChildSpec,
  CompleteChildSpec,
} from './types.ts';

/** OTP's default for workers; supervisors get all the time their children need. */
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
 * Specification of a child that runs `behaviour` with `arg` (the same value at each start), completed
 * with the defaults. SpecError (a TypeError) names a wrong field and its value. Any thread; pure.
 */
export function child<P, S, A>(
  id: Key,
  behaviour: Behaviour<P, S, A>,
  arg: NoInfer<A>,
  options: ChildOptions<P> = {},
): CompleteChildSpec {
  const { name, initTimeoutMs } = options;
  checkStartName(`child ${id}`, name);
  const erased = erase(behaviour);
  return completeSpec({
    ...options,
    id,
    start: (parent, extra, lives) => {
      const given = extra.length === 0 ? arg : [...extra, arg];
      const { restarts } = lives;
      const snapshots = erased.snapshot === undefined ? undefined : lives.snapshots;
      const start = { name, parent, link: true, initTimeoutMs, restarts, snapshots };
      return startActor(erased, given, start).result;
    },
    type: options.type ?? (isSupervisor(erased) ? 'supervisor' : 'worker'),
    behaviour: compile(erased).name,
  });
}

/**
 * Checks a list of child specs as a supervisor would, duplicates included, without starting anything.
 * With `autoShutdown` it also checks `significant` against it. The first fault is given with its field
 * and value. Any thread; pure.
 */
export function checkChildSpecs(
  specs: readonly ChildSpec[],
  autoShutdown?: AutoShutdown,
): CheckChildSpecsResult {
  try {
    if (autoShutdown !== undefined) checkAutoShutdown('child specs', autoShutdown);
    completeSpecs(specs, autoShutdown);
    return { ok: true };
  } catch (thrown) {
    return { ok: false, why: 'error', reason: faultFrom(thrown) };
  }
}

/** Checks and completes a list. Throws SpecError for the first fault. */
export function completeSpecs(
  specs: readonly ChildSpec[],
  autoShutdown?: AutoShutdown,
): CompleteChildSpec[] {
  if (!Array.isArray(specs)) throw new SpecError('child specs', 'children', specs, 'a list');
  const ids = new Set<Key>();
  return (specs as readonly ChildSpec[]).map((spec) => {
    const complete = completeSpec(spec, autoShutdown);
    const { id } = complete;
    if (ids.has(id)) throw new SpecError('child specs', 'id', id, 'no duplicate id');
    ids.add(id);
    return complete;
  });
}

/** Checks a spec and gives it with its defaults; unknown fields are dropped. Throws SpecError. */
export function completeSpec(given: ChildSpec, autoShutdown?: AutoShutdown): CompleteChildSpec {
  if (typeof given !== 'object' || given === null) {
    throw new SpecError('child spec', 'spec', given, 'an object');
  }
  const { id, start, restart = 'permanent', type = 'worker', significant = false } = given;
  if (id === undefined) throw new SpecError('child spec', 'id', id, 'one: it is missing');
  if (typeof id !== 'string' && typeof id !== 'number') {
    throw new SpecError('child spec', 'id', id, 'a string or a number');
  }
  const of = `child ${id}`;
  if (start === undefined) throw new SpecError(of, 'start', start, 'one: it is missing');
  if (typeof start !== 'function') throw new SpecError(of, 'start', start, 'a function');
  if (restart !== 'permanent' && restart !== 'transient' && restart !== 'temporary') {
    throw new SpecError(of, 'restart', restart, 'permanent, transient or temporary');
  }
  checkSignificant(of, significant, restart, autoShutdown);
  if (type !== 'worker' && type !== 'supervisor') {
    throw new SpecError(of, 'type', type, 'worker or supervisor');
  }
  const behaviour = given.behaviour ?? (start.name === '' ? 'start' : start.name);
  if (typeof behaviour !== 'string') throw new SpecError(of, 'behaviour', behaviour, 'a string');
  const backoff = checkBackoff(of, given.backoff);
  return {
    id,
    start,
    restart,
    significant,
    shutdown: checkShutdown(of, given.shutdown, type),
    type,
    behaviour,
    ...(backoff === undefined ? {} : { backoff }),
  };
}

function checkSignificant(
  of: string,
  significant: unknown,
  restart: string,
  autoShutdown: AutoShutdown | undefined,
): void {
  if (typeof significant !== 'boolean') {
    throw new SpecError(of, 'significant', significant, 'true or false');
  }
  if (!significant) return;
  if (autoShutdown === 'never') {
    throw new SpecError(of, 'significant', true, 'false, as autoShutdown is never');
  }
  if (restart === 'permanent') {
    throw new SpecError(of, 'significant', true, 'false, as restart is permanent');
  }
}

function checkShutdown(of: string, given: unknown, type: string): CompleteChildSpec['shutdown'] {
  if (given === undefined) {
    return type === 'supervisor' ? Number.POSITIVE_INFINITY : WORKER_SHUTDOWN_MS;
  }
  if (given === 'brutalKill') return given;
  if (given === 'infinity' || given === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  if (typeof given === 'number' && Number.isInteger(given) && given >= 0) return given;
  throw new SpecError(of, 'shutdown', given, 'whole ms >= 0, Infinity or brutalKill');
}

function checkBackoff(of: string, backoff: Backoff | undefined): Backoff | undefined {
  if (backoff === undefined) return undefined;
  const { minMs, maxMs, jitter = 0 } = backoff;
  if (!(minMs >= 0 && minMs < Number.POSITIVE_INFINITY)) {
    throw new SpecError(of, 'backoff.minMs', minMs, 'ms >= 0');
  }
  if (!(maxMs >= minMs && maxMs < Number.POSITIVE_INFINITY)) {
    throw new SpecError(of, 'backoff.maxMs', maxMs, 'ms >= minMs');
  }
  if (!(jitter >= 0 && jitter <= 1)) throw new SpecError(of, 'backoff.jitter', jitter, '0 to 1');
  return backoff;
}

/** Throws SpecError for what is no autoShutdown. */
export function checkAutoShutdown(of: string, given: unknown): void {
  if (given === 'never' || given === 'anySignificant' || given === 'allSignificant') return;
  throw new SpecError(of, 'autoShutdown', given, 'never, anySignificant or allSignificant');
}

/** The spec as kept while a child runs: a temporary one never starts again, so its arguments are not held. */
export function withoutStart(spec: CompleteChildSpec): CompleteChildSpec {
  return spec.restart === 'temporary' ? { ...spec, start: notKept } : spec;
}

function notKept(): 'ignore' {
  return 'ignore';
}
