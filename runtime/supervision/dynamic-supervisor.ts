/**
 * The dynamic supervisor (OTP's simpleOneForOne, with a spec per child): many children without order
 * or ids, addressed by ref; ended all at once. What it keeps of a child is one map entry.
 */
import { erase } from '../core/api.ts';
import { isNormalClass } from '../core/reason.ts';
import { threadOf } from '../core/ref.ts';
import { IGNORE, spawnAny } from '../core/spawn.ts';
import { lookup, report, rt } from '../core/thread.ts';
import { noteRestart } from '../inspect/meters.ts';
import type {
  AnyRef,
  Behaviour,
  Ctx,
  ExitNotice,
  Ignore,
  Key,
  Reason,
  Ref,
  SpawnOptions,
} from '../types.ts';
import { backoffMs } from './backoff.ts';
import { childInfo, countOf, groupOf, ignoreUnknown, labelOf, specOf } from './child-list.ts';
import { completeSpec, markSupervisor, withoutStart } from './child-spec.ts';
import { type CompleteDynamicFlags, completeDynamicFlags } from './flags.ts';
import { endedWell, shutdownAll, shutdownChild } from './shutdown.ts';
import { faultFrom } from './spec-fault.ts';
import { childName, Lives, type StartOutcome, startSpec } from './start-child.ts';
import { checked, SUPERVISOR_MAILBOX, startResult } from './supervisor.ts';
import type {
  ChildInfo,
  ChildSpec,
  CompleteChildSpec,
  DynamicFlags,
  DynamicSupervisorP,
  StartChildResult,
  TerminateChildResult,
} from './types.ts';

interface InternalP extends DynamicSupervisorP {
  /** The restart of the child that was `ref` failed and is tried again. */
  retry(ref: AnyRef): void;
}

interface Child {
  readonly spec: CompleteChildSpec;
  /** While restarting the ref of its last life, by which it is still addressed. */
  ref: AnyRef;
  restarting: boolean;
  /** Starts that failed in a row. */
  failed: number;
  readonly lives: Lives;
}

interface State extends CompleteDynamicFlags {
  readonly label: string;
  readonly children: Map<AnyRef, Child>;
}

type DynCtx = Ctx<InternalP>;
const NONE = 0 as AnyRef;

/**
 * A dynamic supervisor as a behaviour. `flags` is asked at each start, may be async; IGNORE = do not
 * run. What it throws and a wrong flag fails the start ({ error, field, value } names the field).
 */
export function defineDynamicSupervisor<A = undefined>(
  flags: (arg: A) => DynamicFlags | Ignore | Promise<DynamicFlags | Ignore>,
): Behaviour<DynamicSupervisorP, unknown, A> {
  const behaviour: Behaviour<InternalP, State, A> = {
    name: 'dynamicSupervisor',
    mailbox: SUPERVISOR_MAILBOX,
    init: async (ctx, arg) => {
      ctx.trapExit(true);
      const given = await flags(arg);
      if (given === IGNORE) return IGNORE;
      const complete = checked(ctx, () => completeDynamicFlags(given as DynamicFlags));
      return { ...complete, label: labelOf(ctx.self), children: new Map() };
    },
    handle: {
      startChild: (state, spec, ctx) => startChild(state, spec, ctx),
      startDynamicChild: (state, spec, ctx) => startChild(state, spec, ctx),
      terminateChild: (state, id, ctx) => terminateChild(state, id, ctx),
      restartChild: () => ({ ok: false, why: 'simpleOneForOne' }),
      bounceChild: () => ({ ok: false, why: 'simpleOneForOne' }),
      deleteChild: () => ({ ok: false, why: 'simpleOneForOne' }),
      getChildSpec: (state, id) => specOf(state.children.get(id as AnyRef)),
      whichChildren: (state) => [...state.children.values()].reverse().map(infoOf),
      countChildren: (state) => countOf(state.children.values()),
      retry: (state, ref, ctx) => {
        const found = state.children.get(ref);
        return found?.restarting === true ? restart(state, found, ctx) : undefined;
      },
    },
    onExit,
    onUnknown: (state, op, _arg, ctx) => ignoreUnknown(state.label, op, ctx.self),
    terminate: (state, _reason, ctx) => {
      const running = [...state.children.values()].filter(({ restarting }) => !restarting);
      const endings = running.map(({ ref, spec }) => ({ ref, spec, shutdown: spec.shutdown }));
      return shutdownAll(ctx.self, endings, ({ spec }, reason) => ended(state, spec, reason));
    },
  };
  return markSupervisor(behaviour) as unknown as Behaviour<DynamicSupervisorP, unknown, A>;
}

/**
 * Starts a dynamic supervisor without children. Rejects with ActorError: a bad flag is
 * { error, field, value }. Not linked to the caller. This thread.
 */
export function startDynamicSupervisor(
  flags: DynamicFlags = {},
  options?: SpawnOptions<DynamicSupervisorP>,
): Promise<Ref<DynamicSupervisorP>> {
  const parent = rt.current === null ? NONE : rt.current.ref;
  return spawnAny(fromFlags, flags, options, parent, false) as Promise<Ref<DynamicSupervisorP>>;
}

const fromFlags = erase(defineDynamicSupervisor((flags: DynamicFlags) => flags));

// ---------------------------------------------------------------- start

async function startChild(
  state: State,
  given: Omit<ChildSpec, 'id'> & { readonly id?: Key },
  ctx: DynCtx,
): Promise<StartChildResult> {
  let spec: CompleteChildSpec;
  try {
    // The id is of no meaning here and may be missing.
    const named = typeof given === 'object' && given !== null ? { id: '', ...given } : given;
    spec = completeSpec(named, state.autoShutdown);
  } catch (thrown) {
    return { ok: false, why: 'error', reason: faultFrom(thrown), spec: given as ChildSpec };
  }
  if (state.children.size >= state.maxChildren) return { ok: false, why: 'maxChildren' };
  const lives = new Lives();
  const outcome = await start(state, spec, lives, ctx);
  if (outcome.ok) add(state, withoutStart(spec), lives, outcome.ref);
  return startResult(outcome, given as ChildSpec);
}

function start(state: State, spec: CompleteChildSpec, lives: Lives, ctx: DynCtx) {
  return startSpec(spec, ctx.self, state.label, state.extraArguments, lives);
}

function add(state: State, spec: CompleteChildSpec, lives: Lives, ref: AnyRef): void {
  lives.restarts++;
  state.children.set(ref, { spec, ref, restarting: false, failed: 0, lives });
}

// ---------------------------------------------------------------- a child ended

function onExit(state: State, { from, reason }: ExitNotice, ctx: DynCtx): void | Promise<void> {
  const found = state.children.get(from);
  if (found === undefined || found.restarting) return;
  const { spec } = found;
  const abnormal = !isNormalClass(reason);
  if (abnormal) failed(state, spec, 'exit', reason);
  if (spec.restart === 'permanent' || (abnormal && spec.restart === 'transient')) {
    return restart(state, found, ctx);
  }
  state.children.delete(from);
  if (endsSupervisor(state, spec)) ctx.stop('shutdown');
}

/** A significant child ended by itself and is not restarted: is that the supervisor's end? */
function endsSupervisor({ autoShutdown, children }: State, spec: CompleteChildSpec): boolean {
  if (autoShutdown === 'never' || !spec.significant) return false;
  if (autoShutdown === 'anySignificant') return true;
  for (const { spec: other } of children.values()) if (other.significant) return false;
  return true;
}

function failed(
  { label }: State,
  spec: CompleteChildSpec,
  phase: 'exit' | 'shutdown',
  reason: Reason,
): void {
  report({ kind: 'childFailed', supervisor: label, child: childName(spec), phase, reason });
}

/** One attempt: counts, whether it succeeds or not. */
function restart(state: State, child: Child, ctx: DynCtx): void | Promise<void> {
  if (state.window.add(rt.clock.monotonic())) {
    state.children.delete(child.ref);
    const reason = { child: childName(child.spec) };
    report({ kind: 'restartLimit', supervisor: state.label, ref: ctx.self, reason });
    rt.gaveUp?.(ctx.self, state.label);
    ctx.stop('shutdown');
  }
  noteRestart(groupOf(ctx.self), childName(child.spec));
  const outcome = start(state, child.spec, child.lives, ctx);
  if ('ok' in outcome) restarted(state, child, outcome, ctx);
  else return outcome.then((each) => restarted(state, child, each, ctx));
}

function restarted(state: State, child: Child, outcome: StartOutcome, ctx: DynCtx): void {
  if (outcome.ok || outcome.reason === 'ignore') {
    state.children.delete(child.ref);
    if (outcome.ok) add(state, child.spec, child.lives, outcome.ref);
    return;
  }
  child.restarting = true;
  child.failed++;
  const { backoff } = child.spec;
  if (backoff === undefined) ctx.cast(ctx.self, 'retry', child.ref);
  else ctx.timer(child.ref, backoffMs(backoff, child.failed, rt.rng), 'retry', child.ref);
}

// ---------------------------------------------------------------- end, administration

async function terminateChild(state: State, id: Key, ctx: DynCtx): Promise<TerminateChildResult> {
  if (typeof id !== 'number') return { ok: false, why: 'simpleOneForOne' };
  const ref = id as AnyRef;
  const found = state.children.get(ref);
  if (found === undefined) {
    // OTP: one that is dead already needs no ending; one that lives is somebody else's.
    const dead = threadOf(ref) === rt.thread && lookup(ref) === undefined;
    return dead ? { ok: true } : { ok: false, why: 'notFound' };
  }
  state.children.delete(ref);
  if (found.restarting) ctx.cancel(ref);
  else {
    const { spec } = found;
    ended(state, spec, await shutdownChild(ctx.self, ref, spec.shutdown));
  }
  return { ok: true };
}

function ended(state: State, spec: CompleteChildSpec, reason: Reason): void {
  if (!endedWell(reason, spec.shutdown, spec.restart)) failed(state, spec, 'shutdown', reason);
}

function infoOf(child: Child): ChildInfo {
  return { ...childInfo(child), id: undefined };
}
