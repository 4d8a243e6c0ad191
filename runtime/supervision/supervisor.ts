/**
 * The static supervisor: an actor that starts its children in order, restarts them by strategy and
 * restart type within an intensity, and ends them in reverse order. A failed restart is tried again
 * by a message to itself, so that it serves requests between attempts. OTP's rules (runtime.md 1).
 */
import { erase } from '../core/api.ts';
import type { StartResult } from '../core/cell.ts';
import { isNormalClass, reasonOf } from '../core/reason.ts';
import { IGNORE, spawnAny } from '../core/spawn.ts';
import { report, rt } from '../core/thread.ts';
import type { AnyRef, Behaviour, Ctx, Ignore, Ref, SpawnOptions } from '../types.ts';
import { checkSpecs, markSupervisor, withoutStart } from './child-spec.ts';
import { IntensityWindow } from './intensity.ts';
import { endedWell, shutdownChild } from './shutdown.ts';
import type {
  ChildCounts,
  ChildInfo,
  ChildSpec,
  RestartChildResult,
  StartChildResult,
  SupervisorFlags,
  SupervisorP,
} from './types.ts';

export const INTENSITY = 3;
export const PERIOD_S = 5;
const NONE = 0 as AnyRef;

interface InternalP extends SupervisorP {
  /** A restart that failed is tried again. */
  retry(id: string): void;
}

interface Child {
  spec: ChildSpec;
  ref: AnyRef;
  restarting: boolean;
}

interface State {
  readonly label: string;
  readonly strategy: NonNullable<SupervisorFlags['strategy']>;
  readonly window: IntensityWindow;
  /** In start order. */
  readonly children: Map<string, Child>;
  readonly byRef: Map<AnyRef, Child>;
}

type SupCtx = Ctx<InternalP>;

/**
 * A supervisor as a behaviour, so that it can be a child like any other. `flags` is asked at each
 * start; IGNORE = do not run. Flags are checked at the start (RangeError / TypeError names the field).
 */
export function defineSupervisor<A = undefined>(
  flags: (arg: A) => SupervisorFlags | Ignore,
): Behaviour<SupervisorP, unknown, A> {
  const behaviour: Behaviour<InternalP, State, A> = {
    name: 'supervisor',
    init: (ctx, arg) => init(ctx, flags(arg)),
    handle: {
      startChild: (state, spec, ctx) => startChild(state, spec, ctx),
      terminateChild: async (state, id, ctx) => {
        const found = state.children.get(id);
        if (found === undefined) return { ok: false, why: 'notFound' };
        await terminate(state, found, ctx);
        return { ok: true };
      },
      restartChild: (state, id, ctx) => restartChild(state, id, ctx),
      deleteChild: (state, id) => {
        const found = state.children.get(id);
        if (found === undefined) return { ok: false, why: 'notFound' };
        if (found.restarting) return { ok: false, why: 'restarting' };
        if (found.ref !== NONE) return { ok: false, why: 'running' };
        state.children.delete(id);
        return { ok: true };
      },
      getChildSpec: (state, id) => state.children.get(id)?.spec,
      whichChildren: (state) => [...state.children.values()].reverse().map(childInfo),
      countChildren: (state) => countOf([...state.children.values()].map(childInfo)),
      retry: async (state, id, ctx) => {
        const found = state.children.get(id);
        if (found?.restarting !== true) return;
        found.restarting = false;
        await restart(state, found, ctx);
      },
    },
    onExit: async (state, { from, reason }, ctx) => {
      const found = state.byRef.get(from);
      if (found === undefined) return;
      forget(state, found);
      const { id, restart: type } = found.spec;
      const abnormal = !isNormalClass(reason);
      if (abnormal) {
        report({ kind: 'childFailed', supervisor: state.label, child: id, phase: 'exit', reason });
      }
      if (type === 'temporary') state.children.delete(id);
      else if (type === 'permanent' || abnormal) await restart(state, found, ctx);
    },
    terminate: (state, _reason, ctx) => terminateAll(state, [...state.children.values()], ctx),
  };
  return markSupervisor(behaviour) as unknown as Behaviour<SupervisorP, unknown, A>;
}

/**
 * Starts a supervisor with its children; resolves when all of them run. Rejects with ActorError: a
 * child's failure is { shutdown: { failedToStartChild, reason } } and leaves nothing running; bad
 * flags are { error }. Not linked to the caller. This thread.
 */
export function startSupervisor(
  flags: SupervisorFlags,
  options?: SpawnOptions<SupervisorP>,
): Promise<Ref<SupervisorP>> {
  const behaviour = erase(defineSupervisor(() => flags));
  const parent = rt.current === null ? NONE : rt.current.ref;
  return spawnAny(behaviour, undefined, options, parent, false) as Promise<Ref<SupervisorP>>;
}

// ---------------------------------------------------------------- start

async function init(ctx: SupCtx, flags: SupervisorFlags | Ignore): Promise<State | Ignore> {
  if (flags === IGNORE) return IGNORE;
  const given = flags as SupervisorFlags;
  ctx.trapExit(true);
  checkSpecs(given.children);
  const strategy = given.strategy ?? 'oneForOne';
  if (strategy !== 'oneForOne' && strategy !== 'oneForAll' && strategy !== 'restForOne') {
    throw new TypeError(`supervisor: strategy: got ${String(strategy)}`);
  }
  const state: State = {
    label: labelOf(ctx.self),
    strategy,
    window: new IntensityWindow(given.intensity ?? INTENSITY, given.period ?? PERIOD_S),
    children: new Map(),
    byRef: new Map(),
  };
  for (const spec of given.children) {
    const added = add(state, spec);
    const result = await start(state, added, ctx);
    if (!result.ok && result.reason !== 'ignore') {
      state.children.delete(spec.id);
      await terminateAll(state, [...state.children.values()], ctx);
      ctx.stop({ shutdown: { failedToStartChild: spec.id, reason: result.reason } });
    }
    if (!result.ok && spec.restart === 'temporary') state.children.delete(spec.id);
  }
  return state;
}

/** How reports call a supervisor: its name if it has one. */
export function labelOf(self: AnyRef): string {
  for (const [key, ref] of rt.names) if (ref === self) return String(key);
  return `supervisor ${self}`;
}

function add(state: State, spec: ChildSpec): Child {
  const added: Child = { spec, ref: NONE, restarting: false };
  state.children.set(spec.id, added);
  return added;
}

async function start(state: State, child: Child, ctx: SupCtx): Promise<StartResult> {
  const result = await startSpec(child.spec, ctx.self, state.label);
  if (result.ok) {
    child.ref = result.ref;
    child.spec = withoutStart(child.spec);
    state.byRef.set(result.ref, child);
  }
  return result;
}

/** Starts a spec and reports how it went. A throw of the start function counts as an error. */
export async function startSpec(
  spec: ChildSpec,
  parent: AnyRef,
  supervisor: string,
): Promise<StartResult> {
  const child = spec.id === '' ? spec.behaviour : spec.id;
  const result = await tryStart(spec, parent);
  if (result.ok) report({ kind: 'progress', supervisor, child, ref: result.ref });
  else if (result.reason !== 'ignore') {
    report({ kind: 'childFailed', supervisor, child, phase: 'start', reason: result.reason });
  }
  return result;
}

async function tryStart(spec: ChildSpec, parent: AnyRef): Promise<StartResult> {
  try {
    return await spec.start(parent);
  } catch (thrown) {
    return { ok: false, reason: reasonOf(thrown) };
  }
}

function forget(state: State, child: Child): void {
  state.byRef.delete(child.ref);
  child.ref = NONE;
}

// ---------------------------------------------------------------- restart

async function restart(state: State, child: Child, ctx: SupCtx): Promise<void> {
  if (state.window.add(rt.clock.monotonic())) {
    const reason = { child: child.spec.id };
    report({ kind: 'restartLimit', supervisor: state.label, ref: ctx.self, reason });
    ctx.stop('shutdown');
  }
  const all = [...state.children.values()];
  if (state.strategy === 'oneForOne') {
    await startOrRetry(state, child, ctx);
    return;
  }
  const affected = state.strategy === 'oneForAll' ? all : all.slice(all.indexOf(child));
  await terminateAll(state, affected, ctx);
  const started: Child[] = [];
  for (const each of affected) {
    if (!state.children.has(each.spec.id)) continue;
    if (!(await startOrRetry(state, each, ctx))) {
      // The next attempt: oneForAll begins from nothing, restForOne at the child that failed.
      if (state.strategy === 'oneForAll') await terminateAll(state, started, ctx);
      return;
    }
    started.push(each);
  }
}

/** False when the start failed; a retry is on its way then. */
async function startOrRetry(state: State, child: Child, ctx: SupCtx): Promise<boolean> {
  const result = await start(state, child, ctx);
  if (result.ok || result.reason === 'ignore') return true;
  child.restarting = true;
  ctx.cast(ctx.self, 'retry', child.spec.id);
  return false;
}

// ---------------------------------------------------------------- end

/** In reverse start order, one after another. Temporary children are forgotten. */
async function terminateAll(state: State, children: readonly Child[], ctx: SupCtx): Promise<void> {
  for (const each of [...children].reverse()) await terminate(state, each, ctx);
}

async function terminate(state: State, child: Child, ctx: SupCtx): Promise<void> {
  child.restarting = false;
  const { id, shutdown, restart: type } = child.spec;
  if (child.ref !== NONE) {
    const { ref } = child;
    forget(state, child);
    const reason = await shutdownChild(ctx.self, ref, shutdown);
    if (!endedWell(reason, shutdown, type)) {
      report({
        kind: 'childFailed',
        supervisor: state.label,
        child: id,
        phase: 'shutdown',
        reason,
      });
    }
  }
  if (type === 'temporary') state.children.delete(id);
}

// ---------------------------------------------------------------- administration

async function startChild(state: State, spec: ChildSpec, ctx: SupCtx): Promise<StartChildResult> {
  const present = state.children.get(spec.id);
  if (present !== undefined) {
    return present.ref === NONE
      ? { ok: false, why: 'alreadyPresent' }
      : { ok: false, why: 'alreadyStarted', ref: present.ref };
  }
  const added = add(state, spec);
  const result = await start(state, added, ctx);
  if (result.ok) return { ok: true, ref: result.ref };
  if (result.reason === 'ignore') {
    if (spec.restart === 'temporary') state.children.delete(spec.id);
    return { ok: true, ref: undefined };
  }
  state.children.delete(spec.id);
  return { ok: false, why: 'error', reason: result.reason };
}

async function restartChild(state: State, id: string, ctx: SupCtx): Promise<RestartChildResult> {
  const found = state.children.get(id);
  if (found === undefined) return { ok: false, why: 'notFound' };
  if (found.restarting) return { ok: false, why: 'restarting' };
  if (found.ref !== NONE) return { ok: false, why: 'running' };
  const result = await start(state, found, ctx);
  if (result.ok) return { ok: true, ref: result.ref };
  if (result.reason === 'ignore') return { ok: true, ref: undefined };
  return { ok: false, why: 'error', reason: result.reason };
}

function childInfo(child: Child): ChildInfo {
  const { id, type, behaviour } = child.spec;
  return {
    id,
    ref: child.restarting ? 'restarting' : child.ref === NONE ? undefined : child.ref,
    type,
    behaviour,
  };
}

/** The four counts of a list of children. */
export function countOf(children: readonly ChildInfo[]): ChildCounts {
  return {
    specs: children.length,
    active: children.filter((each) => typeof each.ref === 'number').length,
    supervisors: children.filter((each) => each.type === 'supervisor').length,
    workers: children.filter((each) => each.type === 'worker').length,
  };
}
