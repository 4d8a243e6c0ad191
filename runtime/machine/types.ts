/**
 * Types of state machines: what defineMachine takes and what its handlers are given.
 */
import type { Ms } from '../clock.ts';
import type {
  Arg,
  Behaviour,
  CastRest,
  Ctx,
  DownNotice,
  ExitNotice,
  Ignore,
  Key,
  MailboxOptions,
  NoReply,
  Ops,
  Reason,
  Reply,
  SnapshotEvery,
} from '../types.ts';

/** The state of a machine as sys, snapshot and formatStatus see it. */
export interface MachineState<St extends string, D> {
  state: St;
  data: D;
}

/** Ctx of a machine's handlers. What an event asks for takes effect when its handler is through. */
export interface MachineCtx<P, St extends string> extends Ctx<P> {
  /** The present state. */
  readonly state: St;
  /** The state after this event. The one it is in already is no change. */
  nextState(state: St): void;
  /** Counts as a change, to the same state: enter runs again, postponed events are retried. */
  repeatState(): void;
  /** Inserts an event before everything that is queued; several keep their order. */
  nextEvent<K extends Ops<P>>(op: K, ...rest: CastRest<P[K]>): void;
  /** Runs `op` after `ms` in one state; a change of state cancels it. Set again replaces, Infinity cancels. */
  stateTimeout<K extends Ops<P>>(ms: Ms, op: K, ...rest: CastRest<P[K]>): void;
  /** Runs `op` unless another event comes within `ms`; any event cancels it. */
  eventTimeout<K extends Ops<P>>(ms: Ms, op: K, ...rest: CastRest<P[K]>): void;
  /** Runs `op` after `ms`, whatever happens, unless set again (replaces) or with Infinity (cancels). */
  genericTimeout<K extends Ops<P>>(name: Key, ms: Ms, op: K, ...rest: CastRest<P[K]>): void;
}

type Result<F> = Reply<F> | NoReply | Promise<Reply<F> | NoReply>;

/** Handles an event in a state; what it returns is the reply of a call. `data` is changed in place. */
export type EventHandler<P, D, St extends string, F> = (
  data: D,
  arg: Arg<F>,
  ctx: MachineCtx<P, St>,
) => Result<F>;

export type EventHandlers<P, D, St extends string> = {
  readonly [K in Ops<P>]?: EventHandler<P, D, St, P[K]>;
};

export interface StateDefinition<P, D, St extends string> {
  /**
   * Runs at each entry, the first one included (`from` is the state itself then). It may set timeouts
   * and reply; a change of state, postpone and nextEvent throw.
   */
  enter?(data: D, from: St, ctx: MachineCtx<P, St>): void | Promise<void>;
  readonly handle?: EventHandlers<P, D, St>;
}

type Machine<St extends string, D> = MachineState<St, D>;

/** A state machine: gen_statem over the same cell. */
export interface MachineDefinition<P, D, St extends string, A> {
  readonly name?: string;
  init(ctx: MachineCtx<P, St>, arg: A): Machine<St, D> | Ignore | Promise<Machine<St, D> | Ignore>;
  readonly states: { readonly [K in St]: StateDefinition<P, D, St> };
  /** Events that a state does not handle itself. Without a handler here either: a crash that names both. */
  readonly handle?: EventHandlers<P, D, St>;
  onExit?(data: D, exit: ExitNotice, ctx: MachineCtx<P, St>): void | Promise<void>;
  onDown?(data: D, down: DownNotice, ctx: MachineCtx<P, St>): void | Promise<void>;
  onUnknown?(data: D, op: string, arg: unknown, ctx: MachineCtx<P, St>): unknown;
  terminate?(data: D, reason: Reason, ctx: MachineCtx<P, St>): void | Promise<void>;
  formatStatus?(machine: Machine<St, D>): unknown;
  snapshot?(machine: Machine<St, D>): unknown;
  restore?(
    ctx: MachineCtx<P, St>,
    arg: A,
    snapshot: unknown,
  ): Machine<St, D> | Promise<Machine<St, D>>;
  readonly snapshotEvery?: SnapshotEvery;
  readonly mailbox?: MailboxOptions;
  readonly maxHandlerMs?: Ms;
  readonly hibernateAfter?: Ms;
}

/** A machine is an ordinary behaviour to everybody else. */
export type MachineBehaviour<P, D, St extends string, A> = Behaviour<P, Machine<St, D>, A>;
