/**
 * Children of simulated supervisors: each says what happens to it, may start slowly or fail, and may end
 * slowly. Tests only.
 */
import { type AnyRef, type Behaviour, defineActor, isAlive, type Ref } from '../index.ts';
import type { Simulation } from '../testkit/index.ts';

export interface WorkerP {
  crash(): void;
  finish(): void;
  /** Takes a while, and may crash on the way. */
  work(): Promise<void>;
}

export interface WorkerArg {
  readonly id: string;
  readonly family: Family;
}

/** How the children of one simulation behave. */
export interface Habits {
  readonly initFails: number;
  readonly slowInit: number;
  readonly trapExit: number;
  readonly slowEnd: number;
}

const CALM: Habits = { initFails: 0, slowInit: 0.3, trapExit: 0.5, slowEnd: 0.3 };

/** All children of one simulation: who lives, and every start. */
export class Family {
  readonly sim: Simulation;
  readonly habits: Habits;
  /** The latest life of each id. */
  readonly lives = new Map<string, Ref<WorkerP>>();
  readonly starts: { readonly id: string; readonly at: number; readonly fails: boolean }[] = [];
  /** Called when a child's init begins. */
  onStart: (id: string) => void = () => {};
  #failing = true;

  constructor(sim: Simulation, habits: Partial<Habits> = {}) {
    this.sim = sim;
    this.habits = { ...CALM, ...habits };
  }

  isUp(id: string): boolean {
    const ref = this.lives.get(id);
    return ref !== undefined && isAlive(ref);
  }
  alive(): string[] {
    return [...this.lives.keys()].filter((id) => this.isUp(id));
  }
  /** A random child that lives. */
  any(): Ref<WorkerP> | undefined {
    const alive = this.alive();
    return alive.length === 0 ? undefined : this.lives.get(this.sim.pick(alive));
  }
  /** From now on every init succeeds. */
  behave(): void {
    this.#failing = false;
  }

  /** An init begins; true when it is to fail. */
  begins(id: string, ref: Ref<WorkerP>): boolean {
    const old = this.lives.get(id);
    if (old !== undefined && old !== ref && isAlive(old)) throw new Error(`two lives of ${id}`);
    this.onStart(id);
    const fails = this.#failing && this.sim.chance(this.habits.initFails);
    this.starts.push({ id, at: this.sim.clock.now(), fails });
    this.lives.set(id, ref);
    return fails;
  }
}

const worker: Behaviour<WorkerP, WorkerArg, WorkerArg> = {
  name: 'worker',
  init: (ctx, arg) => {
    const { sim, habits } = arg.family;
    ctx.trapExit(sim.chance(habits.trapExit));
    const fails = arg.family.begins(arg.id, ctx.self);
    const done = (): WorkerArg => {
      if (fails) throw new Error('init on request');
      return arg;
    };
    return sim.chance(habits.slowInit) ? sim.io(`init ${arg.id}`).then(done) : done();
  },
  handle: {
    crash: () => {
      throw new Error('crash on request');
    },
    finish: (_s, _arg, ctx) => ctx.stop('normal'),
    work: async ({ id, family: { sim } }) => {
      await sim.io(`work ${id}`);
      if (sim.chance(0.2)) throw new Error('work failed');
    },
  },
  terminate: async ({ id, family: { sim, habits } }) => {
    if (sim.chance(habits.slowEnd)) await sim.io(`end ${id}`);
  },
};

/** A child that does as its family says. */
export const Worker = defineActor<WorkerP, WorkerArg, WorkerArg>(worker);

/** The actor is dead, or the test fails with `what`. */
export function expectDead(ref: AnyRef, what: string): void {
  if (isAlive(ref)) throw new Error(`${what} is alive`);
}

/** The restart intensity by the rule of whole seconds: is one more restart at `at` one too many? */
export function isOver(
  restarts: readonly number[],
  at: number,
  intensity: number,
  periodS: number,
) {
  const oldest = Math.floor(at / 1000) - periodS;
  return restarts.filter((each) => Math.floor(each / 1000) >= oldest).length >= intensity;
}
