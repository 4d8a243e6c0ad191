/**
 * One run of a simulation: the loop that chooses what goes next, and what a test may ask of it. The
 * promises of actors and clients run out between two choices, so only the seed orders things.
 */
import { assert } from '../assert.ts';
import type { Clock, Ms, Rng } from '../clock.ts';
import { type Cell, DEAD } from '../core/cell.ts';
import {
  holdScheduler,
  releaseScheduler,
  runHeld,
  runnableAt,
  runnableCount,
} from '../core/scheduler.ts';
import { sendExit } from '../core/signals.ts';
import { allCells, lookup, resetReportWindow, rt, wheel } from '../core/thread.ts';
import type { AnyRef, Report } from '../types.ts';
import { seededRng } from './fake-clock.ts';
import { SimulationClock } from './simulation-clock.ts';
import { Trace } from './simulation-trace.ts';
import type { Simulation, SimulationOptions, SimulationPhase } from './simulation-types.ts';

const STEPS = 200;
const STEPS_MAX = 50_000;
const VIRTUAL_MS_MAX: Ms = 3_600_000;
/** Turns of the event loop without any choice to make before everything that can run has run. */
const QUIET_TURNS = 4;
const NONE = 0 as AnyRef;

/** How this schedule is inclined: differs by seed, so that some runs starve, some batch, some hurry time. */
interface Temper {
  /** Messages in one turn. */
  readonly messagesMax: number;
  /** Turns between which no promise runs, as in a drain of the real scheduler. */
  readonly burstMax: number;
  readonly order: 'any' | 'oldest' | 'newest' | 'starve';
  /** Chance that time goes on although somebody could run. */
  readonly timerRate: number;
  /** How far ahead such a timeout may lie. */
  readonly horizonMs: Ms;
  /** Time that passes with a step, at most. */
  readonly driftMs: Ms;
  /** How late a timeout runs, at most. */
  readonly lateMs: Ms;
}

interface Fault {
  readonly name: string;
  readonly rate: number;
  readonly act: () => boolean | undefined;
}

interface Pending {
  readonly name: string;
  readonly resolve: () => void;
}

export class SimulationRun implements Simulation {
  readonly seed: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly reports: Report[] = [];
  readonly trace = new Trace();
  phase: SimulationPhase = 'setup';
  step = 0;
  readonly #time = new SimulationClock();
  readonly #choice: Rng;
  readonly #test: Rng;
  readonly #temper: Temper;
  readonly #ios: Pending[] = [];
  readonly #faults: Fault[] = [];
  readonly #checks: (() => void)[] = [];
  readonly #clients = new Set<string>();
  #failure: { readonly thrown: unknown } | undefined;
  /** The actor that the schedule passes over, when it is inclined to starve one. */
  #starved: AnyRef = NONE;
  readonly #before = new Set<AnyRef>();
  #restore = () => {};

  constructor({ seed }: SimulationOptions) {
    this.seed = seed >>> 0;
    this.clock = this.#time;
    this.#choice = seededRng(this.seed);
    this.#test = seededRng(this.seed ^ 0x5bd1e995);
    this.rng = seededRng(this.seed ^ 0x1b873593);
    this.#temper = {
      messagesMax: this.#draw([1, 1, 2, 64]),
      burstMax: this.#draw([1, 1, 3, 6]),
      order: this.#draw(['any', 'any', 'oldest', 'newest', 'starve']),
      timerRate: this.#draw([0, 0.02, 0.1, 0.3]),
      horizonMs: this.#draw([20, 20, 200, 10_000]),
      driftMs: this.#draw([0, 0, 1, 20]),
      lateMs: this.#draw([0, 0, 5, 500]),
    };
  }

  get temper(): string {
    return JSON.stringify(this.#temper);
  }

  // -------------------------------------------------------------- begin and end

  begin(): void {
    holdScheduler();
    for (const { ref } of allCells()) this.#before.add(ref);
    const { clock, report, rng } = rt;
    this.#restore = () => {
      wheel.changeClock(() => {
        rt.clock = clock;
      });
      rt.report = report;
      rt.rng = rng;
    };
    wheel.changeClock(() => {
      rt.clock = this.#time;
    });
    rt.report = (each) => this.reports.push(each);
    rt.rng = seededRng(this.seed ^ 0x2545f491);
    resetReportWindow();
  }

  /** Kills what the simulation started and gives the thread back. */
  async end(): Promise<void> {
    this.phase = 'over';
    rt.report = () => {};
    for (let rounds = 0; rounds < QUIET_TURNS; rounds++) {
      for (const { ref } of allCells()) {
        if (!this.#before.has(ref)) sendExit(ref, NONE, 'kill', false);
      }
      await eventLoopTurn();
    }
    this.#restore();
    resetReportWindow();
    releaseScheduler();
  }

  // -------------------------------------------------------------- the loop

  async drive(options: SimulationOptions): Promise<void> {
    const stepsMax = options.stepsMax ?? STEPS_MAX;
    const virtualMsMax = options.virtualMsMax ?? VIRTUAL_MS_MAX;
    const steps = options.steps ?? STEPS;
    const bounded = () => {
      if (this.step > stepsMax + steps) throw new Error(`no end after ${this.step} steps`);
      if (this.#time.elapsedMs <= virtualMsMax) return;
      throw new Error(`no end after ${this.#time.elapsedMs} ms: ${this.#waiting()}`);
    };
    await this.#until(
      'setup',
      this.#task(() => options.setup(this)),
      bounded,
    );
    const end = this.step + steps;
    const isDriven = this.#clients.size > 0;
    await this.#until('run', () => this.step >= end || (isDriven && this.#isOver()), bounded);
    await this.#until('settle', () => this.#isOver() && this.#isQuiet(), bounded);
    const { check } = options;
    if (check !== undefined)
      await this.#until(
        'check',
        this.#task(() => check(this)),
        bounded,
      );
  }

  /** Starts work of the test; the function says whether it is done. */
  #task(work: () => void | Promise<void>): () => boolean {
    let done = false;
    const run = async () => work();
    run().then(
      () => {
        done = true;
      },
      (thrown: unknown) => this.#fail(thrown),
    );
    return () => done;
  }

  async #until(phase: SimulationPhase, done: () => boolean, bounded: () => void): Promise<void> {
    this.phase = phase;
    this.trace.add(this.step, this.#time.elapsedMs, '--', phase, '');
    let quiet = 0;
    for (;;) {
      await eventLoopTurn();
      this.#check();
      if (done()) return;
      bounded();
      if (this.#choose()) quiet = 0;
      // Whatever yields to the event loop needs a few turns of it until it shows again.
      else if (quiet++ >= QUIET_TURNS) {
        if (phase === 'run' && this.#isOver()) return;
        throw new Error(`stuck: ${this.#waiting()}`);
      }
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.thrown;
    for (const check of this.#checks) check();
  }

  #fail(thrown: unknown): void {
    this.#failure ??= { thrown };
  }

  /** Nobody is left that wants something. */
  #isOver(): boolean {
    return this.#clients.size === 0;
  }

  #isQuiet(): boolean {
    return runnableCount() === 0 && this.#ios.length === 0;
  }

  #waiting(): string {
    const clients = [...this.#clients].map((name) => `client ${name}`);
    const ios = this.#ios.map(({ name }) => `io ${name}`);
    const waiting = [...clients, ...ios].join(', ');
    return `phase ${this.phase} waits for ${waiting === '' ? 'something outside' : waiting}`;
  }

  // -------------------------------------------------------------- choices

  /** Does one thing. False when there is none to do. */
  #choose(): boolean {
    if (this.phase === 'run' && this.#tryFaults()) return true;
    const { driftMs } = this.#temper;
    if (driftMs > 0 && this.phase === 'run') this.#time.pass(this.#below(driftMs * 16) / 16);
    const runnable = runnableCount();
    const ios = this.#ios.length;
    const isIdle = runnable + ios === 0;
    if (isIdle ? this.#time.pending > 0 : this.#isTimeUp()) this.#passTime();
    else if (runnable + ios === 0) return false;
    else if (this.#below(runnable + ios) < ios) this.#completeIo();
    else this.#runBurst();
    return true;
  }

  /** Somebody could run, but a timeout of the near future comes first. */
  #isTimeUp(): boolean {
    const { timerRate, horizonMs } = this.#temper;
    if (this.phase !== 'run' || !this.#maybe(timerRate)) return false;
    return this.#time.nextMs <= this.#time.elapsedMs + horizonMs;
  }

  #tryFaults(): boolean {
    for (const { name, rate, act } of this.#faults) {
      if (!this.#maybe(rate) || act() === false) continue;
      this.#log('fault', name, '');
      return true;
    }
    return false;
  }

  #passTime(): void {
    const { lateMs } = this.#temper;
    // Logged after it: the line shows the time that it is then.
    this.#time.fireNext(lateMs > 0 && this.#maybe(0.3) ? this.#below(lateMs) : 0);
    this.#log('time', '', '');
  }

  #completeIo(): void {
    const [io] = this.#ios.splice(this.#below(this.#ios.length), 1);
    assert(io !== undefined, 'an io was pending');
    this.#log('io', io.name, '');
    io.resolve();
  }

  #runBurst(): void {
    const turns = 1 + this.#below(this.#temper.burstMax);
    for (let i = 0; i < turns && runnableCount() > 0; i++) this.#runTurn();
  }

  #runTurn(): void {
    const at = this.#place();
    const cell = runnableAt(at) as Cell;
    const before = cell.messagesIn;
    runHeld(at, 1 + this.#below(this.#temper.messagesMax));
    const op = cell.status === DEAD && cell.messagesIn === before ? '' : cell.currentOp;
    this.trace.turn(++this.step, this.#time.elapsedMs, cell, op, cell.messagesIn - before);
  }

  /** Who of the runnable actors is next. */
  #place(): number {
    const count = runnableCount();
    const { order } = this.#temper;
    const any = this.#below(count);
    if (count === 1 || order === 'any') return any;
    if (order === 'oldest') return this.#maybe(0.9) ? 0 : any;
    if (order === 'newest') return this.#maybe(0.9) ? count - 1 : any;
    const chosen = (runnableAt(any) as Cell).ref;
    if (lookup(this.#starved) === undefined || this.#maybe(0.01)) this.#starved = chosen;
    if (chosen !== this.#starved || this.#maybe(0.05)) return any;
    return (any + 1) % count;
  }

  #log(what: string, who: string, detail: string): void {
    this.trace.add(++this.step, this.#time.elapsedMs, what, who, detail);
  }

  #below(n: number): number {
    return below(this.#choice, n);
  }
  #maybe(p: number): boolean {
    return p > 0 && this.#choice.u32() < p * 2 ** 32;
  }
  #draw<T>(list: readonly T[]): T {
    return list[this.#below(list.length)] as T;
  }

  // -------------------------------------------------------------- what the test uses

  int(n: number): number {
    return below(this.#test, n);
  }
  chance(p: number): boolean {
    return this.#test.u32() < p * 2 ** 32;
  }
  pick<T>(list: readonly T[]): T {
    assert(list.length > 0, 'pick: the list is not empty');
    return list[this.int(list.length)] as T;
  }

  client(name: string, run: () => Promise<void>): void {
    assert(!this.#clients.has(name), `client ${name}: the name is not taken`);
    this.#clients.add(name);
    run().then(
      () => this.#clients.delete(name),
      (thrown: unknown) => this.#fail(thrown),
    );
  }

  io(name: string): Promise<void> {
    return new Promise((resolve) => this.#ios.push({ name, resolve }));
  }

  sleep(ms: Ms): Promise<void> {
    return new Promise((resolve) => this.#time.setTimeout(resolve, ms));
  }

  fault(name: string, rate: number, act: () => boolean | undefined): void {
    this.#faults.push({ name, rate, act });
  }

  killing(name: string, rate: number, victim: () => AnyRef | undefined): void {
    this.fault(`kill ${name}`, rate, () => {
      const ref = victim();
      if (ref === undefined || lookup(ref) === undefined) return false;
      sendExit(ref, NONE, 'kill', false);
      return true;
    });
  }

  calm(): void {
    this.#faults.length = 0;
  }

  always(check: () => void): void {
    this.#checks.push(check);
  }

  note(text: string): void {
    this.trace.add(this.step, this.#time.elapsedMs, 'note', text, '');
  }
}

function below(rng: Rng, n: number): number {
  assert(Number.isInteger(n) && n > 0, 'a choice is between 1 or more');
  return Math.floor((rng.u32() / 2 ** 32) * n);
}

/** All promises that are ready run, and what yielded to the event loop. */
function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
