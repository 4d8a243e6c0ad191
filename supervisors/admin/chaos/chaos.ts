/**
 * Owns chaos on a node: whether it may be, the one run that there can be at a time, who hears of it, and the written results. Main
 * thread; loaded with the admin verbs.
 */
import type { Clock, NodeHandle } from '../../../runtime/index.ts';
import type { Config } from '../../config.ts';
import type { Logger } from '../../log.ts';
import { mainCounters } from '../../metrics/main-counters.ts';
import { done, fail } from '../define.ts';
import type { ReportFeed } from '../reports.ts';
import type { VerbResult } from '../types.ts';
import { EndWord, endWordBuffer } from './end-word.ts';
import { Experiment, type Outcome } from './experiment.ts';
import { CHAOS_LIMITS } from './limits.ts';
import { type ChaosPlan, planOf } from './plan.ts';
import { ChaosResults } from './results.ts';
import type { ChaosPhase, ChaosResult, ChaosStart, ChaosStatus } from './types.ts';

export interface ChaosDeps {
  readonly node: NodeHandle;
  readonly nodeName: string;
  readonly version: string;
  readonly config: Pick<Config, 'chaosEnabled' | 'dataDir'>;
  readonly reports: ReportFeed;
  readonly log: Logger;
  readonly clock: Clock;
}

/** What those who listen hear. */
export type ChaosNews =
  | { readonly kind: 'status'; readonly data: ChaosStatus }
  | { readonly kind: 'result'; readonly data: ChaosResult };

/** A run that has begun. */
export interface ChaosRun {
  readonly run: number;
  /** Ms since 1970; null: the fault is over as soon as it has happened. */
  readonly endsAt: number | null;
  /** Never rejects. */
  readonly finished: Promise<VerbResult<ChaosResult>>;
}

interface Running {
  status: NonNullable<ChaosStatus['running']>;
  readonly experiment: Experiment;
}

export class Chaos {
  readonly results: ChaosResults;
  readonly #deps: ChaosDeps;
  readonly #word = new EndWord(endWordBuffer());
  readonly #listeners = new Set<(news: ChaosNews) => void>();
  readonly #counters = { refused: 0, begun: 0, endedByGuard: 0, notClean: 0 };
  #runs = 0;
  /** When threads were brought down lately, monotonic. */
  #falls: number[] = [];
  #running: Running | undefined;
  #last: string | null = null;

  constructor(deps: ChaosDeps) {
    this.#deps = deps;
    this.results = new ChaosResults(deps.config.dataDir);
    const running = (): number => (this.#running === undefined ? 0 : 1);
    mainCounters.add('chaos', () => ({ ...this.#counters, runningNow: running() }));
  }

  get isEnabled(): boolean {
    return this.#deps.config.chaosEnabled === 'on';
  }

  status(): ChaosStatus {
    const last = this.#last ?? this.results.names()[0] ?? null;
    return { enabled: this.isEnabled, running: this.#running?.status ?? null, last };
  }

  /** Hears of each phase and result; the returned function ends it. */
  listen(listener: (news: ChaosNews) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Ends the present fault; its result is written all the same. */
  stop(): VerbResult<{ readonly run: number }> {
    if (this.#running === undefined) return fail('not_found', 'nothing is broken on purpose now');
    this.#running.experiment.end('operator');
    return done({ run: this.#running.status.run });
  }

  /** Resolves when the fault is there, or why it is not. */
  async start(start: ChaosStart, who: string): Promise<VerbResult<ChaosRun>> {
    const begun = await this.#start(start, who);
    if (begun.ok) this.#counters.begun += 1;
    else this.#counters.refused += 1;
    return begun;
  }

  async #start(start: ChaosStart, who: string): Promise<VerbResult<ChaosRun>> {
    const { node, nodeName } = this.#deps;
    if (!this.isEnabled) {
      return fail('disabled', 'chaos is off: start the server with DRIFTWAY_CHAOS_ENABLED=on');
    }
    if (this.#running !== undefined) {
      return fail('conflict', `run ${this.#running.status.run} is not over: one at a time`);
    }
    const slots = node.slots();
    const plan = planOf(start, nodeName, slots);
    if (!plan.ok) return plan;
    const down = slots.find(({ up }) => !up);
    if (down !== undefined) return fail('conflict', `${down.name} is down: nothing more is broken`);
    if (plan.value.mayFall.length > 0 && !this.#mayFall()) {
      const { fallsMax, fallsMs } = CHAOS_LIMITS;
      const limit = `${fallsMax} threads in ${fallsMs / 1000} s`;
      return fail('rate_limited', `more than ${limit} might have the node give up`);
    }
    return this.#run(plan.value, start, who);
  }

  /** Counts one more, unless they are too many. */
  #mayFall(): boolean {
    const now = this.#deps.clock.monotonic();
    this.#falls = this.#falls.filter((at) => now - at < CHAOS_LIMITS.fallsMs);
    if (this.#falls.length >= CHAOS_LIMITS.fallsMax) return false;
    this.#falls.push(now);
    return true;
  }

  async #run(plan: ChaosPlan, start: ChaosStart, who: string): Promise<VerbResult<ChaosRun>> {
    const { clock, log, node, reports } = this.#deps;
    this.#runs += 1;
    const run = this.#runs;
    const experiment = new Experiment({
      ...{ run, plan, node, reports, clock, word: this.#word },
      limit: start.limit,
      onPhase: (phase) => this.#phase(phase),
    });
    const args = argsOf(plan, start);
    const { item } = plan;
    const status = { run, item, who, args, startedAt: clock.now(), endsAt: null };
    this.#running = { experiment, status: { ...status, phase: 'preparing' } };
    this.#phase('preparing');
    let begun: VerbResult<null>;
    try {
      begun = await experiment.begin();
    } catch (error) {
      log.error({ err: error, item }, 'chaos could not begin');
      begun = fail('internal', 'chaos could not begin: see the log of the server');
    }
    if (!begun.ok) {
      this.#over();
      return begun;
    }
    const [startMs, startedAt] = [clock.monotonic(), clock.now()];
    const endsAt = plan.forMs > 0 ? startedAt + plan.forMs : null;
    this.#running.status = { ...this.#running.status, startedAt, endsAt };
    log.warn({ item, args, who, run }, 'chaos begins');
    this.#phase('active');
    const finished = this.#finish(experiment, startMs, { item, args, who, startedAt, run });
    return done({ run, endsAt, finished });
  }

  async #finish(
    experiment: Experiment,
    startMs: number,
    told: Pick<ChaosResult, 'item' | 'args' | 'who' | 'startedAt'> & { readonly run: number },
  ): Promise<VerbResult<ChaosResult>> {
    const { log, nodeName, version } = this.#deps;
    const { run, ...head } = told;
    try {
      const outcome = await experiment.finish(startMs);
      const result: ChaosResult = {
        v: 1,
        result: nameOf(told.startedAt, run, told.item),
        ...head,
        node: nodeName,
        version,
        ...outcome,
        lost: outcome.canary.lost,
        repeated: outcome.canary.repeated,
        reordered: outcome.canary.reordered,
        verdict: verdictOf(outcome),
      };
      this.results.write(result);
      this.#last = result.result;
      const { lost, recoveryMs, repeated, verdict } = result;
      if (verdict !== 'clean') this.#counters.notClean += 1;
      if (result.endedBy === 'guard') this.#counters.endedByGuard += 1;
      log.warn({ item: head.item, run, verdict, recoveryMs, lost, repeated }, 'chaos is over');
      this.#tell({ kind: 'result', data: result });
      return done(result);
    } catch (error) {
      log.error({ err: error, run }, 'the result of chaos could not be written');
      return fail('internal', 'the result could not be written: see the log of the server');
    } finally {
      this.#over();
    }
  }

  #over(): void {
    this.#phase('over');
    this.#running = undefined;
  }

  #phase(phase: ChaosPhase): void {
    if (this.#running === undefined) return;
    this.#running.status = { ...this.#running.status, phase };
    this.#tell({ kind: 'status', data: this.status() });
  }

  #tell(news: ChaosNews): void {
    for (const listener of this.#listeners) listener(news);
  }
}

/** What was done, as the result says it. */
function argsOf(plan: ChaosPlan, start: ChaosStart): Readonly<Record<string, unknown>> {
  const { forMs, item, mode, path, slot, to } = plan;
  return {
    id: path === undefined ? slot : `${slot}/${path}`,
    ...(to === undefined ? {} : { to, mode }),
    ...(forMs === 0 ? {} : { forMs }),
    ...(item === 'delay-mailbox' ? { delayMs: start.delayMs } : {}),
    ...(item === 'drop-mailbox' ? { share: start.share } : {}),
    limit: start.limit,
  };
}

/** Sorts by time: `20261121T211500Z-3-kill-actor`. */
function nameOf(startedAt: number, run: number, item: string): string {
  const time = new Date(startedAt).toISOString().replace(/[-:]|\.\d+/g, '');
  return `${time}-${run}-${item}`;
}

function verdictOf({ canary, recoveryMs }: Outcome): ChaosResult['verdict'] {
  const { isVerified, lost, reordered, repeated } = canary;
  if (lost + repeated + reordered > 0 || recoveryMs === null) return 'violated';
  return isVerified ? 'clean' : 'unknown';
}

const byDeps = new WeakMap<object, Chaos>();

/** The one of a node: for its verbs and its topic. */
export function chaosOf(deps: ChaosDeps): Chaos {
  let chaos = byDeps.get(deps);
  if (chaos === undefined) {
    chaos = new Chaos(deps);
    byDeps.set(deps, chaos);
  }
  return chaos;
}
