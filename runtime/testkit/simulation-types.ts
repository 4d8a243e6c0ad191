/**
 * Types of the deterministic simulation: what a test gives, what it is handed, what comes out. Types only.
 */
import type { Clock, Ms, Rng } from '../clock.ts';
import type { AnyRef, Report } from '../types.ts';

/** `setup` is run first, then `run` (faults on), then `settle` (faults off, until all clients are done), then `check`. */
export type SimulationPhase = 'setup' | 'run' | 'settle' | 'check' | 'over';

export interface SimulationOptions {
  /** 32 bits; the same seed gives the same run. */
  readonly seed: number;
  /** Choices while faults are on; default 200. */
  readonly steps?: number;
  /** Choices of all other phases together before the run counts as endless; default 50 000. */
  readonly stepsMax?: number;
  /** Virtual time after which the run counts as endless; default one hour. */
  readonly virtualMsMax?: Ms;
  /** Lines of the schedule in the message of a failure; default 60. */
  readonly lines?: number;
  /** Starts the actors, the clients, the faults. */
  setup(sim: Simulation): void | Promise<void>;
  /** Judges the end; may call actors. */
  check?(sim: Simulation): void | Promise<void>;
}

export interface ExploreOptions extends Omit<SimulationOptions, 'seed'> {
  /** The first schedule runs `seed` itself, the others seeds made of it. */
  readonly seed: number;
  readonly schedules: number;
}

export interface SimulationResult {
  readonly seed: number;
  readonly steps: number;
  /** Over every choice made: two runs of one seed have the same. */
  readonly digest: number;
  /** The schedule, one line per choice. */
  trace(): readonly string[];
}

export interface ExploreResult {
  readonly schedules: number;
  readonly steps: number;
}

/** What the code of a simulated test uses instead of the world. */
export interface Simulation {
  readonly seed: number;
  readonly phase: SimulationPhase;
  /** Choices made so far. */
  readonly step: number;
  /** Virtual time; the runtime's clock as well. */
  readonly clock: Clock;
  /** Randomness for the code under test, from the seed. */
  readonly rng: Rng;
  /** Reports of the runtime so far, in order. */
  readonly reports: readonly Report[];
  /** A whole number in [0, n), from the seed. */
  int(n: number): number;
  /** True with probability `p`. */
  chance(p: number): boolean;
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
  /**
   * A process that is no actor, for example a caller. The run lasts until all are done; a rejection
   * fails it, and a client that can never go on is reported by name.
   */
  client(name: string, run: () => Promise<void>): void;
  /** Simulated input or output: resolves at a moment that the schedule chooses, in any order. */
  io(name: string): Promise<void>;
  /** Resolves after virtual time. */
  sleep(ms: Ms): Promise<void>;
  /**
   * Something bad that the schedule may do at any step of the phase `run`, with probability `rate` per
   * step. `act` returns false when there was nothing to do.
   */
  fault(name: string, rate: number, act: () => boolean | undefined): void;
  /** A fault that kills an actor (exit signal 'kill'); undefined or dead: nothing. */
  killing(name: string, rate: number, victim: () => AnyRef | undefined): void;
  /** No more faults. */
  calm(): void;
  /** Checked after every choice, from now on. */
  always(check: () => void): void;
  /** A line in the schedule. */
  note(text: string): void;
}
