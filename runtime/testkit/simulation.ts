/**
 * Deterministic simulation: the runtime and any actors on this thread, every choice of who goes next
 * drawn from a seed. A failing seed runs again bit for bit and its message holds the schedule. Tests only;
 * one simulation at a time on a thread, and nothing else may use the runtime meanwhile.
 */
import { assert } from '../assert.ts';
import { isSchedulerHeld } from '../core/scheduler.ts';
import { SimulationRun } from './simulation-run.ts';
import type {
  ExploreOptions,
  ExploreResult,
  SimulationOptions,
  SimulationResult,
} from './simulation-types.ts';

/** A schedule that failed: `message` says seed and schedule, `cause` is what was thrown. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError';
  readonly seed: number;
  readonly step: number;
  /** The whole schedule. */
  readonly trace: readonly string[];

  constructor(
    message: string,
    seed: number,
    step: number,
    trace: readonly string[],
    cause: unknown,
  ) {
    super(message, { cause });
    this.seed = seed;
    this.step = step;
    this.trace = trace;
  }
}

const LINES = 60;
const SCHEDULES = 10_000;
const TIMEOUT_MS = 90_000;

/**
 * Runs one schedule. The scheduler is held, clock and report sink are the simulation's until it is
 * over; then every actor started in it is killed. Rejects with SimulationError: an invariant, a client,
 * `setup` or `check` threw; a client can never go on; the run does not end.
 */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  assert(!isSchedulerHeld(), 'one simulation or stepper at a time holds the scheduler');
  const { seed } = options;
  const run = new SimulationRun(options);
  run.begin();
  try {
    await run.drive(options);
    return {
      seed,
      steps: run.step,
      digest: run.trace.digest,
      trace: () => run.trace.text(),
    };
  } catch (thrown) {
    throw describe(run, options, thrown);
  } finally {
    await run.end();
  }
}

/**
 * Runs many schedules, one after another, until one fails; that one's SimulationError is thrown. The
 * environment variable SIMULATION_SEED runs that seed alone.
 */
export async function explore(options: ExploreOptions): Promise<ExploreResult> {
  const only = process.env.SIMULATION_SEED;
  if (only !== undefined) {
    const { steps } = await simulate({ ...options, seed: Number(only) });
    return { schedules: 1, steps };
  }
  let steps = 0;
  for (let i = 0; i < options.schedules; i++) {
    steps += (await simulate({ ...options, seed: scheduleSeed(options.seed, i) })).steps;
  }
  return { schedules: options.schedules, steps };
}

/** Seed of the i-th schedule: mixed, so that neighbours have nothing in common. */
function scheduleSeed(seed: number, i: number): number {
  if (i === 0) return seed >>> 0;
  let mixed = Math.imul((seed >>> 0) ^ Math.imul(i, 0x9e3779b1), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/**
 * How many schedules a test runs: its share of SIMULATION_SCHEDULES (default 10 000, over all tests
 * of the repository together).
 */
export function simulationSchedules(share: number): number {
  assert(share > 0, 'a share is above 0');
  return Math.max(1, Math.round(total() * share));
}

/** Time for one test's share of them on a busy machine: a test runner's limit, no measure. Real ms. */
export function simulationTimeoutMs(): number {
  return TIMEOUT_MS * Math.max(1, total() / SCHEDULES);
}

function total(): number {
  const schedules = Number(process.env.SIMULATION_SCHEDULES ?? SCHEDULES);
  assert(schedules > 0, 'SIMULATION_SCHEDULES is above 0');
  return schedules;
}

function describe(
  run: SimulationRun,
  { seed, lines }: SimulationOptions,
  thrown: unknown,
): SimulationError {
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  const trace = run.trace.text();
  const shown = trace.slice(-(lines ?? LINES));
  const message = [
    `simulation: seed ${seed}, step ${run.step}, phase ${run.phase}: ${why}`,
    `again: simulate({ seed: ${seed}, ... }) or SIMULATION_SEED=${seed}`,
    `temper: ${run.temper}`,
    `schedule, last ${shown.length} of ${trace.length}:`,
    ...shown,
  ].join('\n');
  return new SimulationError(message, seed, run.step, trace, thrown);
}
