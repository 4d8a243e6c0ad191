/**
 * The dynamic supervisor: many children without order or ids, addressed by ref; ended all at once.
 */
import { erase } from '../core/api.ts';
import { isNormalClass } from '../core/reason.ts';
import { spawnAny } from '../core/spawn.ts';
import { report, rt } from '../core/thread.ts';
import type { AnyRef, Behaviour, Ctx, Ref, SpawnOptions } from '../types.ts';
import { checkSpec, markSupervisor, withoutStart } from './child-spec.ts';
import { IntensityWindow } from './intensity.ts';
import { endedWell, shutdownChild } from './shutdown.ts';
import { countOf, INTENSITY, labelOf, PERIOD_S, startSpec } from './supervisor.ts';
import type {
  ChildInfo,
  ChildSpec,
  DynamicFlags,
  DynamicSupervisorP,
  StartChildResult,
} from './types.ts';

interface InternalP extends DynamicSupervisorP {
  /** The restart of a child failed and is tried again. */
  retry(ticket: number): void;
}

interface State {
  readonly label: string;
  readonly maxChildren: number;
  readonly window: IntensityWindow;
  readonly children: Map<AnyRef, ChildSpec>;
  /** Waiting for the next attempt, by ticket. */
  readonly restarting: Map<number, ChildSpec>;
  tickets: number;
}

type DynCtx = Ctx<InternalP>;
const NONE = 0 as AnyRef;

/**
 * A dynamic supervisor as a behaviour. `flags` is asked at each start and checked there
 * (RangeError names the field).
 */
export function defineDynamicSupervisor<A = undefined>(
  flags: (arg: A) => DynamicFlags,
): Behaviour<DynamicSupervisorP, unknown, A> {
  const behaviour: Behaviour<InternalP, State, A> = {
    name: 'dynamicSupervisor',
    init: (ctx, arg) => init(ctx, flags(arg)),
    handle: {
      startDynamicChild: (state, spec, ctx) => startChild(state, spec, ctx),
      terminateDynamicChild: async (state, ref, ctx) => {
        const spec = state.children.get(ref);
        if (spec === undefined) return { ok: false, why: 'notFound' };
        await terminate(state, ref, spec, ctx);
        return { ok: true };
      },
      whichChildren: (state) => list(state),
      countChildren: (state) => countOf(list(state)),
      retry: async (state, ticket, ctx) => {
        const spec = state.restarting.get(ticket);
        if (spec === undefined) return;
        state.restarting.delete(ticket);
        await restart(state, spec, ctx);
      },
    },
    onExit: async (state, { from, reason }, ctx) => {
      const spec = state.children.get(from);
      if (spec === undefined) return;
      state.children.delete(from);
      const abnormal = !isNormalClass(reason);
      if (abnormal) {
        const { behaviour: name } = spec;
        report({
          kind: 'childFailed',
          supervisor: state.label,
          child: name,
          phase: 'exit',
          reason,
        });
      }
      const again = spec.restart === 'permanent' || (abnormal && spec.restart === 'transient');
      if (again) await restart(state, spec, ctx);
    },
    terminate: async (state, _reason, ctx) => {
      const all = [...state.children];
      await Promise.all(all.map(([ref, spec]) => terminate(state, ref, spec, ctx)));
    },
  };
  return markSupervisor(behaviour) as unknown as Behaviour<DynamicSupervisorP, unknown, A>;
}

/** Starts a dynamic supervisor without children. Rejects with ActorError for bad flags. This thread. */
export function startDynamicSupervisor(
  flags: DynamicFlags = {},
  options?: SpawnOptions<DynamicSupervisorP>,
): Promise<Ref<DynamicSupervisorP>> {
  const behaviour = erase(defineDynamicSupervisor(() => flags));
  const parent = rt.current === null ? NONE : rt.current.ref;
  return spawnAny(behaviour, undefined, options, parent, false) as Promise<Ref<DynamicSupervisorP>>;
}

function init(ctx: DynCtx, flags: DynamicFlags): State {
  ctx.trapExit(true);
  const maxChildren = flags.maxChildren ?? Number.POSITIVE_INFINITY;
  if (!(maxChildren >= 0)) {
    throw new RangeError(`dynamic supervisor: maxChildren: got ${maxChildren}, want >= 0`);
  }
  return {
    label: labelOf(ctx.self),
    maxChildren,
    window: new IntensityWindow(flags.intensity ?? INTENSITY, flags.period ?? PERIOD_S),
    children: new Map(),
    restarting: new Map(),
    tickets: 0,
  };
}

async function startChild(state: State, spec: ChildSpec, ctx: DynCtx): Promise<StartChildResult> {
  checkSpec(spec);
  if (state.children.size + state.restarting.size >= state.maxChildren) {
    return { ok: false, why: 'maxChildren' };
  }
  const result = await startSpec(spec, ctx.self, state.label);
  if (result.ok) {
    state.children.set(result.ref, withoutStart(spec));
    return { ok: true, ref: result.ref };
  }
  if (result.reason === 'ignore') return { ok: true, ref: undefined };
  return { ok: false, why: 'error', reason: result.reason };
}

async function restart(state: State, spec: ChildSpec, ctx: DynCtx): Promise<void> {
  if (state.window.add(rt.clock.monotonic())) {
    const reason = { child: spec.behaviour };
    report({ kind: 'restartLimit', supervisor: state.label, ref: ctx.self, reason });
    ctx.stop('shutdown');
  }
  const result = await startSpec(spec, ctx.self, state.label);
  if (result.ok) state.children.set(result.ref, spec);
  else if (result.reason !== 'ignore') {
    const ticket = ++state.tickets;
    state.restarting.set(ticket, spec);
    ctx.cast(ctx.self, 'retry', ticket);
  }
}

async function terminate(state: State, ref: AnyRef, spec: ChildSpec, ctx: DynCtx): Promise<void> {
  state.children.delete(ref);
  const reason = await shutdownChild(ctx.self, ref, spec.shutdown);
  if (endedWell(reason, spec.shutdown, spec.restart)) return;
  const { behaviour: name } = spec;
  report({ kind: 'childFailed', supervisor: state.label, child: name, phase: 'shutdown', reason });
}

function list(state: State): ChildInfo[] {
  const infoOf = (spec: ChildSpec, ref: AnyRef | 'restarting'): ChildInfo => ({
    id: '',
    ref,
    type: spec.type,
    behaviour: spec.behaviour,
  });
  return [
    ...[...state.children].map(([ref, spec]) => infoOf(spec, ref)),
    ...[...state.restarting.values()].map((spec) => infoOf(spec, 'restarting')),
  ];
}
