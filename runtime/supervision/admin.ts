/**
 * Administration of supervisors, as functions with result unions. A supervisor serves these between
 * restarts; calls have no deadline, since a child's init may take long. They reject with ActorError
 * 'noproc' when the supervisor is dead. From the supervisor's own thread where a spec is given (it
 * holds functions), from any thread otherwise.
 */
import { call } from '../core/api.ts';
import type { FailReason } from '../errors.ts';
import type { AnyRef, Behaviour, Dest, Key, Ref } from '../types.ts';
import { child } from './child-spec.ts';
import type {
  ChildCounts,
  ChildIdResult,
  ChildInfo,
  ChildOptions,
  ChildSpec,
  DeleteChildResult,
  DynamicSupervisorP,
  GetChildSpecResult,
  RestartChildResult,
  StartChildResult,
  SupervisorP,
  TerminateChildResult,
} from './types.ts';

const NO_LIMIT = { timeoutMs: Number.POSITIVE_INFINITY };

/** Outcome of starting a behaviour under a dynamic supervisor, typed by its protocol. */
export type StartDynamicResult<P> =
  | { readonly ok: true; readonly ref: Ref<P> | undefined }
  | Exclude<StartChildResult, { why: 'error' } | { ok: true }>
  | {
      readonly ok: false;
      readonly why: 'error';
      readonly reason: FailReason;
      readonly spec: ChildSpec;
    };

/**
 * Adds a child at the end and starts it. A failed start keeps no spec; an ignored one keeps it without
 * a process (not a temporary one's). A bad spec is an error that names field and value. Under a
 * dynamic supervisor give a spec, or a behaviour with its argument.
 */
export function startChild(to: Dest<SupervisorP>, spec: ChildSpec): Promise<StartChildResult>;
export function startChild<P, S, A>(
  to: Dest<DynamicSupervisorP>,
  behaviour: Behaviour<P, S, A>,
  arg: NoInfer<A>,
  options?: ChildOptions<P>,
): Promise<StartDynamicResult<P>>;
export function startChild<P, S, A>(
  to: Dest<SupervisorP>,
  what: ChildSpec | Behaviour<P, S, A>,
  arg?: NoInfer<A>,
  options?: ChildOptions<P>,
): Promise<StartChildResult> {
  const isBehaviour = typeof what === 'object' && what !== null && 'handle' in what;
  const spec = isBehaviour ? child('', what, arg as NoInfer<A>, options) : (what as ChildSpec);
  return call(to, 'startChild', spec, NO_LIMIT);
}

/**
 * Ends a child and keeps its spec (not a temporary one's). ok when it was not running. Cancels a
 * pending retry. A dynamic supervisor's child is addressed by its ref (simpleOneForOne otherwise) and
 * forgotten; ok when it is dead already, notFound when it is another's.
 */
export function terminateChild(
  to: Dest<SupervisorP>,
  id: Key | AnyRef,
): Promise<TerminateChildResult> {
  return call(to, 'terminateChild', id, NO_LIMIT);
}

/** Starts a child that is not running, from its spec. Does not count against the intensity. */
export function restartChild(to: Dest<SupervisorP>, id: Key): Promise<RestartChildResult> {
  return call(to, 'restartChild', id, NO_LIMIT);
}

/**
 * Ends a child in order and starts it again, with those siblings that its restart takes along by the
 * supervisor's strategy. Does not count against the intensity. A start that fails is tried again as
 * after a crash, and that counts. ref is undefined for a temporary child, which is gone.
 */
export function bounceChild(to: Dest<SupervisorP>, id: Key): Promise<RestartChildResult> {
  return call(to, 'bounceChild', id, NO_LIMIT);
}

/** Forgets the spec of a child that is not running. */
export function deleteChild(to: Dest<SupervisorP>, id: Key): Promise<DeleteChildResult> {
  return call(to, 'deleteChild', id, NO_LIMIT);
}

/** The completed spec; of a dynamic supervisor's child by its ref. */
export function getChildSpec(to: Dest<SupervisorP>, id: Key | AnyRef): Promise<GetChildSpecResult> {
  return call(to, 'getChildSpec', id, NO_LIMIT);
}

/** The children, most recently started spec first. */
export function whichChildren(to: Dest<SupervisorP>): Promise<readonly ChildInfo[]> {
  return call(to, 'whichChildren', undefined, NO_LIMIT);
}

/** Specs, active, supervisors, workers. O(children). */
export function countChildren(to: Dest<SupervisorP>): Promise<ChildCounts> {
  return call(to, 'countChildren', undefined, NO_LIMIT);
}

/** startChild of a dynamic supervisor; `ref` is undefined when the child's init returned IGNORE. */
export function startDynamicChild<P, S, A>(
  to: Dest<DynamicSupervisorP>,
  behaviour: Behaviour<P, S, A>,
  arg: NoInfer<A>,
  options?: ChildOptions<P>,
): Promise<StartDynamicResult<P>> {
  return startChild(to, behaviour, arg, options);
}

/** terminateChild of a dynamic supervisor. */
export function terminateDynamicChild(
  to: Dest<DynamicSupervisorP>,
  ref: AnyRef,
): Promise<ChildIdResult<'notFound'>> {
  return terminateChild(to, ref) as Promise<ChildIdResult<'notFound'>>;
}
