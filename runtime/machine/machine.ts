/**
 * State machines (OTP's gen_statem) as ordinary behaviours: handlers by state, transitions with enter
 * calls, postponed events, inserted events and the three kinds of timeouts. Runs in its actor.
 */
import type { Ms } from '../clock.ts';
import { defineActor } from '../core/api.ts';
import { isThenable } from '../core/life.ts';
import { IGNORE } from '../core/spawn.ts';
import type { Behaviour, Ctx, Key } from '../types.ts';
import type {
  MachineBehaviour,
  MachineCtx,
  MachineDefinition,
  MachineState,
  StateDefinition,
} from './types.ts';

// Inside, ops are plain names: the types of the protocol have been checked where it was defined.
type AnyHandler = (data: unknown, arg: unknown, ctx: unknown) => unknown;
type AnyHandlers = { readonly [op: string]: AnyHandler | undefined };
interface AnyP {
  [op: string]: (arg: unknown) => unknown;
}
type AnyState = StateDefinition<AnyP, unknown, string> & { readonly handle?: AnyHandlers };
type AnyDefinition = MachineDefinition<AnyP, unknown, string, unknown> & {
  readonly states: { readonly [state: string]: AnyState };
};
type AnyMachine = MachineState<string, unknown>;

/** Keys of a machine's own timers; no key that people write looks like them. */
const STATE_TIMER = '\0state';
const GENERIC_TIMER = '\0generic:';

interface Timeout {
  readonly ms: Ms;
  readonly op: string;
  readonly arg: unknown;
}

/** What the event that is handled has asked for, and the ways a handler asks. */
class Control {
  readonly #ctx: Ctx<AnyP>;
  readonly #definition: AnyDefinition;
  machine: AnyMachine | undefined;
  #next: string | undefined;
  #repeat = false;
  #entering = false;
  #stateTimeout: Timeout | undefined;

  constructor(ctx: Ctx<AnyP>, definition: AnyDefinition) {
    this.#ctx = ctx;
    this.#definition = definition;
    const { postpone } = ctx;
    Object.defineProperty(ctx, 'state', { get: () => this.machine?.state, configurable: true });
    Object.assign(ctx, {
      nextState: (state: string) => this.#nextState(state),
      repeatState: () => {
        this.#refuseInEnter('repeatState');
        this.#repeat = true;
      },
      nextEvent: (op: string, arg?: unknown) => {
        this.#refuseInEnter('nextEvent');
        ctx.next(op, arg);
      },
      postpone: () => {
        this.#refuseInEnter('postpone');
        postpone.call(ctx);
      },
      stateTimeout: (ms: Ms, op: string, arg?: unknown) => {
        if (!(ms >= 0)) throw new RangeError(`stateTimeout: ms: got ${ms}, want >= 0`);
        this.#stateTimeout = { ms, op, arg };
      },
      eventTimeout: (ms: Ms, op: string, arg?: unknown) => ctx.timeout(ms, op, arg),
      genericTimeout: (name: Key, ms: Ms, op: string, arg?: unknown) =>
        this.#setTimer(GENERIC_TIMER + name, { ms, op, arg }),
    });
  }

  /** An event begins. */
  begin(machine: AnyMachine): void {
    this.machine = machine;
    this.#next = undefined;
    this.#repeat = false;
    this.#stateTimeout = undefined;
    // Any event cancels the event timeout, an inserted one too.
    this.#ctx.timeout(Number.POSITIVE_INFINITY, '', undefined);
  }

  /** The event is handled: the transition it asked for. A promise when enter is asynchronous. */
  finish(machine: AnyMachine): unknown {
    const next = this.#next ?? machine.state;
    const isChange = this.#repeat || next !== machine.state;
    if (!isChange) {
      this.#applyStateTimeout();
      return undefined;
    }
    const from = machine.state;
    machine.state = next;
    this.#ctx.cancel(STATE_TIMER);
    this.#applyStateTimeout();
    this.#ctx.resumePostponed();
    return this.enter(machine, from);
  }

  enter(machine: AnyMachine, from: string): unknown {
    this.machine = machine;
    const { enter } = this.#definition.states[machine.state] ?? {};
    if (enter === undefined) return undefined;
    this.#entering = true;
    const done = (): void => {
      this.#entering = false;
      this.#applyStateTimeout();
    };
    const result = enter(machine.data, from, this.#ctx as MachineCtx<AnyP, string>);
    if (isThenable(result)) return result.then(done);
    done();
    return undefined;
  }

  #nextState(state: string): void {
    this.#refuseInEnter('nextState');
    if (!Object.hasOwn(this.#definition.states, state)) {
      throw new RangeError(`nextState: got ${state}, want a state of the machine`);
    }
    this.#next = state;
  }

  #refuseInEnter(what: string): void {
    if (this.#entering) throw new TypeError(`${what}: not in enter`);
  }

  #applyStateTimeout(): void {
    const timeout = this.#stateTimeout;
    this.#stateTimeout = undefined;
    if (timeout !== undefined) this.#setTimer(STATE_TIMER, timeout);
  }

  #setTimer(key: string, { ms, op, arg }: Timeout): void {
    if (ms === Number.POSITIVE_INFINITY) this.#ctx.cancel(key);
    else this.#ctx.timer(key, ms, op, arg);
  }
}

const controls = new WeakMap<object, Control>();

function controlOf(ctx: Ctx<AnyP>, definition: AnyDefinition): Control {
  let control = controls.get(ctx);
  if (control === undefined) {
    control = new Control(ctx, definition);
    controls.set(ctx, control);
  }
  return control;
}

/** Puts the work after a value or the value of a promise. */
function then(value: unknown, next: (value: unknown) => unknown): unknown {
  return isThenable(value) ? value.then(next) : next(value);
}

/**
 * Declares a state machine and gives it as an ordinary behaviour (runtime.md 1.17, gen_statem).
 * TypeError for a handler that is no function. An init that names an unknown state fails its start
 * with { error } named badReturnValue. Any thread; pure.
 */
export function defineMachine<P, D, St extends string, A = undefined>(
  definition: MachineDefinition<P, D, St, A>,
): MachineBehaviour<P, D, St, A> {
  const behaviour = behaviourOf(definition as unknown as AnyDefinition);
  return defineActor(behaviour) as unknown as MachineBehaviour<P, D, St, A>;
}

function behaviourOf(definition: AnyDefinition): Behaviour<AnyP, AnyMachine, unknown> {
  const { onExit, onDown, onUnknown, terminate, restore, states, init, handle, ...rest } =
    definition;
  const event = (machine: AnyMachine, ctx: Ctx<AnyP>, handler: () => unknown): unknown =>
    runEvent(controlOf(ctx, definition), machine, handler);
  const own = (ctx: Ctx<AnyP>) => ctx as MachineCtx<AnyP, string>;
  const made: Behaviour<AnyP, AnyMachine, unknown> = {
    ...rest,
    init: (ctx, arg) => start(definition, ctx, () => init(own(ctx), arg)),
    handle: opsOf(definition),
    ...(onExit && {
      onExit: (m, exit, ctx) => event(m, ctx, () => onExit(m.data, exit, own(ctx))) as undefined,
    }),
    ...(onDown && {
      onDown: (m, down, ctx) => event(m, ctx, () => onDown(m.data, down, own(ctx))) as undefined,
    }),
    ...(onUnknown && {
      onUnknown: (m, op, arg, ctx) => event(m, ctx, () => onUnknown(m.data, op, arg, own(ctx))),
    }),
    ...(terminate && { terminate: (m, reason, ctx) => terminate(m.data, reason, own(ctx)) }),
    ...(restore && {
      restore: (ctx, arg, snapshot) =>
        start(definition, ctx, () => restore(own(ctx), arg, snapshot)),
    }),
  };
  return made;
}

function opsOf(definition: AnyDefinition): Behaviour<AnyP, AnyMachine, unknown>['handle'] {
  const handlers: AnyHandlers[] = [
    ...Object.values(definition.states).map((state) => (state.handle ?? {}) as AnyHandlers),
    (definition.handle ?? {}) as AnyHandlers,
  ];
  const ops = new Set(handlers.flatMap((each) => Object.keys(each)));
  for (const each of handlers) {
    for (const [op, handler] of Object.entries(each)) {
      if (typeof handler === 'function') continue;
      throw new TypeError(`defineMachine ${definition.name ?? ''}: ${op} is not a function`);
    }
  }
  return Object.fromEntries([...ops].map((op) => [op, dispatcher(definition, op)]));
}

function dispatcher(definition: AnyDefinition, op: string) {
  return (machine: AnyMachine, arg: unknown, ctx: Ctx<AnyP>): unknown => {
    const state = definition.states[machine.state];
    const handler =
      (state?.handle as AnyHandlers)?.[op] ?? (definition.handle as AnyHandlers)?.[op];
    if (handler === undefined) {
      throw new TypeError(
        `${definition.name ?? 'machine'}: no handler for ${op} in ${machine.state}`,
      );
    }
    const control = controlOf(ctx, definition);
    return runEvent(control, machine, () => handler(machine.data, arg, ctx));
  };
}

/** A handler, and after it the transition it asked for. */
function runEvent(control: Control, machine: AnyMachine, handler: () => unknown): unknown {
  control.begin(machine);
  return then(handler(), (value) => then(control.finish(machine), () => value));
}

/** init or restore, then the first enter. */
function start(
  definition: AnyDefinition,
  ctx: Ctx<AnyP>,
  make: () => unknown,
): AnyMachine | Promise<AnyMachine> {
  const control = controlOf(ctx, definition);
  const begin = (made: unknown): unknown => {
    if (made === IGNORE) return made;
    const machine = made as AnyMachine;
    if (!Object.hasOwn(definition.states, machine?.state)) throw badReturnValue(made);
    return then(control.enter(machine, machine.state), () => machine);
  };
  return then(make(), begin) as AnyMachine | Promise<AnyMachine>;
}

function badReturnValue(value: unknown): Error {
  const error = new Error(`init: got ${JSON.stringify(value)}, want { state, data }`);
  error.name = 'badReturnValue';
  return error;
}
