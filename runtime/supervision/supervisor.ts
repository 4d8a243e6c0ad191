/**
 * The static supervisor: an actor that starts its children in order, restarts them by strategy and
 * restart type within an intensity, and ends them in reverse order. A failed restart is tried again
 * by a message to itself, so that it serves requests between attempts. OTP's rules (runtime.md 1).
 */
import { erase } from '../core/api.ts';
import { isNormalClass } from '../core/reason.ts';
import { IGNORE, spawnAny } from '../core/spawn.ts';
import { report, rt } from '../core/thread.ts';
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
import { type CompleteFlags, completeFlags } from './flags.ts';
import { endedWell, shutdownChild } from './shutdown.ts';
import { faultFrom } from './spec-fault.ts';
import { childName, Lives, type StartOutcome, startSpec } from './start-child.ts';
import type {
  ChildSpec,
  CompleteChildSpec,
  DeleteChildResult,
  RestartChildResult,
  StartChildResult,
  SupervisorFlags,
  SupervisorP,
} from './types.ts';

export { INTENSITY, PERIOD_S } from './flags.ts';

const NONE = 0 as AnyRef;
const NO_EXTRA: readonly unknown[] = [];
/** Requests and retries of a supervisor are its own affair: room for all children of a big tree at once. */
export const SUPERVISOR_MAILBOX = { limit: 1_000_000 } as const;

interface InternalP extends SupervisorP {
  /** A restart that failed is tried again. */
  retry(id: Key): void;
}

interface Child {
  spec: CompleteChildSpec;
  /** 0 while it does not run. */
  ref: AnyRef;
  /** Its restart failed; a retry is on its way. */
  restarting: boolean;
  /** Starts that failed in a row. */
  failed: number;
  readonly lives: Lives;
}

interface State extends Pick<CompleteFlags, 'strategy' | 'autoShutdown' | 'window'> {
  readonly label: string;
  /** In start order. */
  readonly children: Map<Key, Child>;
  readonly byRef: Map<AnyRef, Child>;
}

type SupCtx = Ctx<InternalP>;

/**
 * A supervisor as a behaviour, so that it can be a child like any other. `flags` is asked at each
 * start, may be async; IGNORE = do not run. What it throws, and a wrong flag or child spec, fails the
 * start before any child is started ({ error, field, value } names the field).
 */
export function defineSupervisor<A = undefined>(
  flags: (arg: A) => SupervisorFlags | Ignore | Promise<SupervisorFlags | Ignore>,
): Behaviour<SupervisorP, unknown, A> {
  const behaviour: Behaviour<InternalP, State, A> = {
    name: 'supervisor',
    mailbox: SUPERVISOR_MAILBOX,
    init: async (ctx, arg) => {
      // Before anything is awaited: the parent may end meanwhile.
      ctx.trapExit(true);
      return init(ctx, await flags(arg));
    },
    handle: {
      startChild: (state, spec, ctx) => startChild(state, spec, ctx),
      terminateChild: async (state, id, ctx) => {
        const found = state.children.get(id);
        if (found === undefined) return { ok: false, why: 'notFound' };
        await terminate(state, found, ctx);
        return { ok: true };
      },
      restartChild: (state, id, ctx) => restartChild(state, id, ctx),
      bounceChild: (state, id, ctx) => bounceChild(state, id, ctx),
      deleteChild: (state, id) => deleteChild(state, id),
      getChildSpec: (state, id) => specOf(state.children.get(id)),
      whichChildren: (state) => [...state.children.values()].reverse().map(childInfo),
      countChildren: (state) => countOf(state.children.values()),
      retry: (state, id, ctx) => {
        const found = state.children.get(id);
        return found?.restarting === true ? restart(state, found, ctx) : undefined;
      },
    },
    onExit,
    onUnknown: (state, op, _arg, ctx) => ignoreUnknown(state.label, op, ctx.self),
    terminate: (state, _reason, ctx) => terminateAll(state, [...state.children.values()], ctx),
  };
  return markSupervisor(behaviour) as unknown as Behaviour<SupervisorP, unknown, A>;
}

/**
 * Starts a supervisor with its children; resolves when all of them run. Rejects with ActorError: a
 * child's failure is { shutdown: { failedToStartChild, reason } } and leaves nothing running; a bad
 * flag is { error, field, value }. Not linked to the caller. This thread.
 */
export function startSupervisor(
  flags: SupervisorFlags,
  options?: SpawnOptions<SupervisorP>,
): Promise<Ref<SupervisorP>> {
  const parent = rt.current === null ? NONE : rt.current.ref;
  return spawnAny(fromFlags, flags, options, parent, false) as Promise<Ref<SupervisorP>>;
}

// The flags are its argument, which nobody keeps: start arguments of temporary children go with them.
const fromFlags = erase(defineSupervisor((flags: SupervisorFlags) => flags));

// ---------------------------------------------------------------- start

async function init(ctx: SupCtx, given: SupervisorFlags | Ignore): Promise<State | Ignore> {
  if (given === IGNORE) return IGNORE;
  const { children, ...flags } = checked(ctx, () => completeFlags(given as SupervisorFlags));
  const label = labelOf(ctx.self);
  const state: State = { ...flags, label, children: new Map(), byRef: new Map() };
  for (const spec of children) {
    const added = add(state, spec);
    const outcome = await start(state, added, ctx);
    if (outcome.ok) continue;
    if (outcome.reason !== 'ignore') {
      state.children.delete(spec.id);
      await terminateAll(state, [...state.children.values()], ctx);
      ctx.stop({ shutdown: { failedToStartChild: spec.id, reason: outcome.reason } });
    }
    if (spec.restart === 'temporary') state.children.delete(spec.id);
  }
  return state;
}

/** Runs a check in an init: what it refuses is the reason the start fails with. */
export function checked<T>(ctx: { stop(reason: Reason): never }, check: () => T): T {
  try {
    return check();
  } catch (thrown) {
    return ctx.stop(faultFrom(thrown));
  }
}

function add(state: State, spec: CompleteChildSpec): Child {
  const added: Child = { spec, ref: NONE, restarting: false, failed: 0, lives: new Lives() };
  state.children.set(spec.id, added);
  return added;
}

function start(state: State, child: Child, ctx: SupCtx): StartOutcome | Promise<StartOutcome> {
  const outcome = startSpec(child.spec, ctx.self, state.label, NO_EXTRA, child.lives);
  return 'ok' in outcome
    ? begin(state, child, outcome)
    : outcome.then((each) => begin(state, child, each));
}

function begin(state: State, child: Child, outcome: StartOutcome): StartOutcome {
  if (outcome.ok) {
    child.ref = outcome.ref;
    child.failed = 0;
    child.lives.restarts++;
    child.spec = withoutStart(child.spec);
    state.byRef.set(outcome.ref, child);
  }
  return outcome;
}

function forget(state: State, child: Child): void {
  state.byRef.delete(child.ref);
  child.ref = NONE;
}

// ---------------------------------------------------------------- a child ended

function onExit(state: State, { from, reason }: ExitNotice, ctx: SupCtx): void | Promise<void> {
  const found = state.byRef.get(from);
  if (found === undefined) return;
  forget(state, found);
  const { id, restart: type } = found.spec;
  const abnormal = !isNormalClass(reason);
  if (abnormal) failed(state, found, 'exit', reason);
  if (type === 'permanent' || (abnormal && type === 'transient')) {
    return restart(state, found, ctx);
  }
  if (type === 'temporary') state.children.delete(id);
  if (endsSupervisor(state, found.spec)) ctx.stop('shutdown');
}

/** A significant child ended by itself and is not restarted: is that the supervisor's end? */
function endsSupervisor({ autoShutdown, children }: State, spec: CompleteChildSpec): boolean {
  if (autoShutdown === 'never' || !spec.significant) return false;
  if (autoShutdown === 'anySignificant') return true;
  for (const { spec: other, ref, restarting } of children.values()) {
    if (other.significant && (ref !== NONE || restarting)) return false;
  }
  return true;
}

function failed(
  { label }: State,
  { spec }: Child,
  phase: 'exit' | 'shutdown',
  reason: Reason,
): void {
  report({ kind: 'childFailed', supervisor: label, child: childName(spec), phase, reason });
}

/** One attempt by the supervisor's strategy; counts once, however many children it takes. */
function restart(state: State, child: Child, ctx: SupCtx): void | Promise<void> {
  child.restarting = false;
  if (state.window.add(rt.clock.monotonic())) {
    const reason = { child: childName(child.spec) };
    report({ kind: 'restartLimit', supervisor: state.label, ref: ctx.self, reason });
    rt.gaveUp?.(ctx.self, state.label);
    ctx.stop('shutdown');
  }
  noteRestart(groupOf(ctx.self), childName(child.spec));
  if (state.strategy !== 'oneForOne') return restartMany(state, child, ctx).then(() => undefined);
  const outcome = start(state, child, ctx);
  if ('ok' in outcome) retryIfFailed(child, outcome, ctx);
  else return outcome.then((each) => void retryIfFailed(child, each, ctx));
}

/**
 * oneForAll: all others end, all start. restForOne: those after the child end, it and they start. When
 * one does not start, those before it stay up, and the next attempt is about that one: oneForAll
 * begins it by ending them, restForOne goes on from there.
 */
async function restartMany(
  state: State,
  child: Child,
  ctx: SupCtx,
): Promise<StartOutcome | undefined> {
  const affected = affectedBy(state, child);
  await terminateAll(state, affected, ctx);
  for (const each of affected) {
    // A temporary one is gone with its end.
    if (!state.children.has(each.spec.id)) continue;
    const outcome = await start(state, each, ctx);
    if (retryIfFailed(each, outcome, ctx)) return outcome;
  }
  return undefined;
}

/** What the restart of a child takes along, in start order. */
function affectedBy({ children, strategy }: State, child: Child): readonly Child[] {
  if (strategy === 'oneForOne') return [child];
  const all = [...children.values()];
  return strategy === 'oneForAll' ? all : all.slice(all.indexOf(child));
}

/** True when the start failed: a retry is on its way then. */
function retryIfFailed(child: Child, outcome: StartOutcome, ctx: SupCtx): boolean {
  if (outcome.ok || outcome.reason === 'ignore') return false;
  const { id, backoff } = child.spec;
  child.restarting = true;
  child.failed++;
  if (backoff === undefined) ctx.cast(ctx.self, 'retry', id);
  else ctx.timer(id, backoffMs(backoff, child.failed, rt.rng), 'retry', id);
  return true;
}

// ---------------------------------------------------------------- end

/** In reverse start order, one after another. Temporary children are forgotten. */
async function terminateAll(state: State, children: readonly Child[], ctx: SupCtx): Promise<void> {
  for (const each of [...children].reverse()) await terminate(state, each, ctx);
}

async function terminate(state: State, child: Child, ctx: SupCtx): Promise<void> {
  const { id, shutdown, restart: type } = child.spec;
  if (child.restarting) {
    child.restarting = false;
    child.failed = 0;
    ctx.cancel(id);
  }
  if (child.ref !== NONE) {
    const { ref } = child;
    forget(state, child);
    const reason = await shutdownChild(ctx.self, ref, shutdown);
    if (!endedWell(reason, shutdown, type)) failed(state, child, 'shutdown', reason);
  }
  if (type === 'temporary') state.children.delete(id);
}

// ---------------------------------------------------------------- administration

async function startChild(state: State, given: ChildSpec, ctx: SupCtx): Promise<StartChildResult> {
  let spec: CompleteChildSpec;
  try {
    spec = completeSpec(given, state.autoShutdown);
  } catch (thrown) {
    return { ok: false, why: 'error', reason: faultFrom(thrown), spec: given };
  }
  const present = state.children.get(spec.id);
  if (present !== undefined) {
    return present.ref === NONE
      ? { ok: false, why: 'alreadyPresent' }
      : { ok: false, why: 'alreadyStarted', ref: present.ref };
  }
  const added = add(state, spec);
  const outcome = await start(state, added, ctx);
  if (!outcome.ok && (outcome.reason !== 'ignore' || spec.restart === 'temporary')) {
    state.children.delete(spec.id);
  }
  return startResult(outcome, given);
}

/** The outcome of a start for the caller of startChild. */
export function startResult(outcome: StartOutcome, spec: ChildSpec): StartChildResult {
  if (outcome.ok) return outcome;
  const { reason } = outcome;
  if (reason === 'ignore') return { ok: true, ref: undefined };
  if (typeof reason === 'object' && 'alreadyStarted' in reason) {
    return { ok: false, why: 'alreadyStarted', ref: reason.alreadyStarted };
  }
  return { ok: false, why: 'error', reason, spec };
}

async function restartChild(state: State, id: Key, ctx: SupCtx): Promise<RestartChildResult> {
  const found = state.children.get(id);
  if (found === undefined) return { ok: false, why: 'notFound' };
  if (found.restarting) return { ok: false, why: 'restarting' };
  if (found.ref !== NONE) return { ok: false, why: 'running' };
  const outcome = await start(state, found, ctx);
  if (outcome.ok) return outcome;
  if (outcome.reason === 'ignore') return { ok: true, ref: undefined };
  return { ok: false, why: 'error', reason: outcome.reason };
}

async function bounceChild(state: State, id: Key, ctx: SupCtx): Promise<RestartChildResult> {
  const found = state.children.get(id);
  if (found === undefined) return { ok: false, why: 'notFound' };
  if (found.restarting) return { ok: false, why: 'restarting' };
  const failure = await restartMany(state, found, ctx);
  if (failure !== undefined && !failure.ok) {
    return { ok: false, why: 'error', reason: failure.reason };
  }
  return { ok: true, ref: found.ref === NONE ? undefined : found.ref };
}

function deleteChild(state: State, id: Key): DeleteChildResult {
  const found = state.children.get(id);
  if (found === undefined) return { ok: false, why: 'notFound' };
  if (found.restarting) return { ok: false, why: 'restarting' };
  if (found.ref !== NONE) return { ok: false, why: 'running' };
  state.children.delete(id);
  return { ok: true };
}
