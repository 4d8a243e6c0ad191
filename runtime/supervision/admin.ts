/**
 * Administration of supervisors of this thread, as functions with result unions. A supervisor serves
 * these between restarts; calls have no deadline, since a child's init may take long. They reject with
 * ActorError 'noproc' when the supervisor is dead.
 */
import { call } from '../core/api.ts';
import type { AnyRef, Behaviour, Dest, Ref } from '../types.ts';
import { checkSpec, child } from './child-spec.ts';
import type {
  ChildCounts,
  ChildIdResult,
  ChildInfo,
  ChildOptions,
  ChildSpec,
  DynamicSupervisorP,
  RestartChildResult,
  StartChildResult,
  SupervisorP,
} from './types.ts';

const NO_LIMIT = { timeoutMs: Number.POSITIVE_INFINITY };

/** Adds a child at the end and starts it. A failed start keeps no spec; IGNORE keeps it (not a temporary one). */
export function startChild(to: Dest<SupervisorP>, spec: ChildSpec): Promise<StartChildResult> {
  checkSpec(spec);
  return call(to, 'startChild', spec, NO_LIMIT);
}

/** Ends a child and keeps its spec (not a temporary one's). ok when it was not running. Cancels a pending retry. */
export function terminateChild(
  to: Dest<SupervisorP>,
  id: string,
): Promise<ChildIdResult<'notFound'>> {
  return call(to, 'terminateChild', id, NO_LIMIT);
}

/** Starts a child that is not running, from its spec. Does not count against the intensity. */
export function restartChild(to: Dest<SupervisorP>, id: string): Promise<RestartChildResult> {
  return call(to, 'restartChild', id, NO_LIMIT);
}

/** Forgets the spec of a child that is not running. */
export function deleteChild(
  to: Dest<SupervisorP>,
  id: string,
): Promise<ChildIdResult<'notFound' | 'running' | 'restarting'>> {
  return call(to, 'deleteChild', id, NO_LIMIT);
}

/** The completed spec; undefined when there is none. */
export function getChildSpec(to: Dest<SupervisorP>, id: string): Promise<ChildSpec | undefined> {
  return call(to, 'getChildSpec', id, NO_LIMIT);
}

/** The children, most recently started spec first. */
export function whichChildren(
  to: Dest<SupervisorP> | Dest<DynamicSupervisorP>,
): Promise<readonly ChildInfo[]> {
  return call(to as Dest<SupervisorP>, 'whichChildren', undefined, NO_LIMIT);
}

/** Specs, active, supervisors, workers. */
export function countChildren(
  to: Dest<SupervisorP> | Dest<DynamicSupervisorP>,
): Promise<ChildCounts> {
  return call(to as Dest<SupervisorP>, 'countChildren', undefined, NO_LIMIT);
}

/** Outcome of startDynamicChild, typed by the child's protocol. */
export type StartDynamicResult<P> =
  | { readonly ok: true; readonly ref: Ref<P> | undefined }
  | Extract<StartChildResult, { ok: false }>;

/** Starts a child under a dynamic supervisor; `ref` is undefined when its init returned IGNORE. */
export function startDynamicChild<P, S, A>(
  to: Dest<DynamicSupervisorP>,
  behaviour: Behaviour<P, S, A>,
  arg: A,
  options?: ChildOptions<P>,
): Promise<StartDynamicResult<P>> {
  const spec = child('', behaviour, arg, options);
  return call(to, 'startDynamicChild', spec, NO_LIMIT) as Promise<StartDynamicResult<P>>;
}

/** Ends one child of a dynamic supervisor and forgets it. */
export function terminateDynamicChild(
  to: Dest<DynamicSupervisorP>,
  ref: AnyRef,
): Promise<ChildIdResult<'notFound'>> {
  return call(to, 'terminateDynamicChild', ref, NO_LIMIT);
}
