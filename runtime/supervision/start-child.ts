/**
 * Starting one child on behalf of its supervisor: runs the start function, makes sense of what it
 * gives, links the supervisor to the child, and reports. Runs inside the supervisor's handlers.
 */
import { isThenable } from '../core/life.ts';
import { errorInfo, reasonOf } from '../core/reason.ts';
import { linkCell, sendExit } from '../core/signals.ts';
import { SnapshotKeeper } from '../core/snapshots.ts';
import { IGNORE } from '../core/spawn.ts';
import { lookup, report, rt } from '../core/thread.ts';
import { ActorError } from '../errors.ts';
import type { AnyRef } from '../types.ts';
import type { ChildLives, CompleteChildSpec, StartFailure } from './types.ts';

/** A start that was made sense of; ignore is the reason 'ignore'. */
export type StartOutcome =
  | { readonly ok: true; readonly ref: AnyRef; readonly extra?: unknown }
  | { readonly ok: false; readonly reason: StartFailure };

/** What is kept of a child over its lives; the keeper of snapshots only when it is asked for. */
export class Lives implements ChildLives {
  restarts = 0;
  #keeper: SnapshotKeeper | undefined;

  get snapshots(): SnapshotKeeper {
    this.#keeper ??= new SnapshotKeeper();
    return this.#keeper;
  }
}

/** How reports call a child. */
export function childName(spec: CompleteChildSpec): string {
  return spec.id === '' ? spec.behaviour : String(spec.id);
}

/**
 * Starts a child of `parent`, a live supervisor of this thread. Throws ActorError 'noproc' when the
 * supervisor is dead or dies meanwhile: nothing it does after its death may have an effect.
 */
export function startSpec(
  spec: CompleteChildSpec,
  parent: AnyRef,
  supervisor: string,
  extraArguments: readonly unknown[],
  lives: Lives,
): StartOutcome | Promise<StartOutcome> {
  const cell = lookup(parent);
  if (cell === undefined) throw new ActorError('noproc', 'start of a child');
  const outer = rt.current;
  // What the start function spawns before its first await has the supervisor as parent.
  rt.current = cell;
  let given: unknown;
  try {
    given = spec.start(parent, extraArguments, lives);
  } catch (thrown) {
    return begun(spec, parent, supervisor, failureOf(thrown));
  } finally {
    rt.current = outer;
  }
  if (!isThenable(given)) return begun(spec, parent, supervisor, outcomeOf(given));
  return given.then(
    (value) => begun(spec, parent, supervisor, outcomeOf(value)),
    (thrown) => begun(spec, parent, supervisor, failureOf(thrown)),
  ) as Promise<StartOutcome>;
}

function begun(
  spec: CompleteChildSpec,
  parent: AnyRef,
  supervisor: string,
  outcome: StartOutcome,
): StartOutcome {
  const cell = lookup(parent);
  if (cell === undefined) {
    // Its link would have taken it along; a start function may not have linked it yet.
    if (outcome.ok) sendExit(outcome.ref, parent, 'kill', false);
    throw new ActorError('noproc', 'start of a child');
  }
  const child = childName(spec);
  if (outcome.ok) {
    linkCell(cell, outcome.ref);
    // One that was spawned without a link is a child as well: the supervisor's exit signal ends it.
    const started = lookup(outcome.ref);
    if (started?.parent === parent) started.isChild = true;
    report({ kind: 'progress', supervisor, child, ref: outcome.ref });
  } else if (outcome.reason !== 'ignore') {
    report({ kind: 'childFailed', supervisor, child, phase: 'start', reason: outcome.reason });
  }
  return outcome;
}

/** A throw counts as an error; of a failed spawn or call its reason, so that an ignored spawn is an ignored start. */
function failureOf(thrown: unknown): StartOutcome {
  return { ok: false, reason: thrown instanceof ActorError ? thrown.reason : reasonOf(thrown) };
}

/** The forms that a start function may answer in; anything else is an error that carries it. */
export function outcomeOf(given: unknown): StartOutcome {
  if (isRef(given)) return { ok: true, ref: given };
  if (given === IGNORE || given === 'ignore') return { ok: false, reason: 'ignore' };
  if (given instanceof Error) return { ok: false, reason: { error: errorInfo(given) } };
  if (typeof given === 'object' && given !== null) {
    const { ok, ref, extra, reason, error } = given as Partial<Record<string, unknown>>;
    if (ok !== false && isRef(ref)) {
      return extra === undefined ? { ok: true, ref } : { ok: true, ref, extra };
    }
    if (ok === false && reason !== undefined) {
      return { ok: false, reason: reason as StartFailure };
    }
    if (error instanceof Error) return { ok: false, reason: { error: errorInfo(error) } };
    if (ok === undefined && error !== undefined) {
      return { ok: false, reason: given as StartFailure };
    }
  }
  return { ok: false, reason: { badReturnValue: given } };
}

function isRef(value: unknown): value is AnyRef {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
