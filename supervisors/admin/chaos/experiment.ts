/**
 * One run of chaos, from the first look at its target to the written result. Main thread. It only asks for the end of a fault in time:
 * that it ends is the affair of the thread that has it, also when this run is gone.
 */
import { at, type Clock, call, cast, type NodeHandle, slotsOf } from '../../../runtime/index.ts';
import { VOICE_THREAD, type VoiceThreadP } from '../../voice/types.ts';
import { ADMIN_AGENT, type AdminAgentP } from '../agent-types.ts';
import { done, fail } from '../define.ts';
import type { ReportFeed } from '../reports.ts';
import type { VerbResult } from '../types.ts';
import { Canaries } from './canaries.ts';
import type { EndWord } from './end-word.ts';
import { Findings } from './findings.ts';
import { CHAOS_LIMITS } from './limits.ts';
import type { ChaosPlan } from './plan.ts';
import {
  type CanaryVerdict,
  CHAOS_AGENT,
  type ChaosAgentP,
  type ChaosPhase,
  type ChaosTarget,
  type EffectState,
  type EndedBy,
  type TreeFindings,
} from './types.ts';

export interface ExperimentOptions {
  readonly run: number;
  readonly plan: ChaosPlan;
  /** Actors and connections that may be affected. */
  readonly limit: number;
  readonly node: NodeHandle;
  readonly reports: ReportFeed;
  readonly word: EndWord;
  readonly clock: Clock;
  readonly onPhase: (phase: ChaosPhase) => void;
}

/** What a run found. */
export interface Outcome {
  readonly activeMs: number;
  readonly endedBy: EndedBy;
  readonly affected: ChaosTarget;
  readonly recoveryMs: number | null;
  readonly canary: CanaryVerdict;
  readonly effect: EffectState | null;
  readonly tree: TreeFindings;
}

const ASK = { timeoutMs: CHAOS_LIMITS.agentMs };
/** So often the fault is asked whether it is still there: it ends with its actor. */
const STATE_MS = 200;
const SPARE_MS = 10_000;

export class Experiment {
  readonly #options: ExperimentOptions;
  readonly #canaries: Canaries;
  readonly #findings: Findings;
  readonly #unlisten: () => void;
  #affected: ChaosTarget = { actors: 0, connections: 0 };
  #endedBy: EndedBy | undefined;
  #wake: () => void = () => {};
  #join: (() => void) | undefined;

  constructor(options: ExperimentOptions) {
    this.#options = options;
    const { clock, plan, reports } = options;
    this.#canaries = new Canaries(clock);
    this.#findings = new Findings(clock, (slot) => {
      if (!plan.mayFall.includes(slot)) this.end('guard');
    });
    this.#unlisten = reports.listen((report) => this.#findings.take(report));
  }

  /** Ends the fault now. */
  end(by: EndedBy): void {
    this.#endedBy ??= by;
    this.#wake();
  }

  /** Everything before the fault, and the fault itself. When it is refused nothing is left behind. */
  async begin(): Promise<VerbResult<null>> {
    const { clock, limit, plan, run } = this.#options;
    const seen = await this.#lookAround();
    if (!seen.ok) return this.#refused(seen);
    this.#affected = seen.value;
    const { actors, connections } = seen.value;
    if (actors + connections > limit) {
      const far = `${actors} actors and ${connections} connections`;
      return this.#refused(fail('too_large', `it would affect ${far}: the limit is ${limit}`));
    }
    const { agentMs, graceMs, recoveryMs, wellMs } = CHAOS_LIMITS;
    const lifeMs = wellMs + plan.forMs + agentMs + recoveryMs + graceMs + SPARE_MS;
    const singing = await this.#canaries.start(run, lifeMs);
    if (!singing.ok) return this.#refused(singing);
    if ((await this.#until(clock.monotonic(), wellMs, () => true)) === undefined) {
      await this.#canaries.finish(0);
      return this.#refused(fail('not_available', 'the node is not well: nothing was broken'));
    }
    if (this.#endedBy !== undefined) {
      await this.#canaries.finish(0);
      return this.#refused(fail('conflict', `ended by ${this.#endedBy} before it began`));
    }
    const begun = await this.#strike();
    if (begun.ok) return begun;
    this.#takeAway();
    await this.#canaries.finish(0);
    return this.#refused(begun);
  }

  /** The rest: waits for the end, for everything to be well again, and for the canaries' verdict. */
  async finish(startMs: number): Promise<Outcome> {
    const { clock, onPhase, plan } = this.#options;
    if (plan.forMs > 0) await this.#last(startMs);
    const endedBy = this.#endedBy ?? (plan.forMs > 0 ? 'time' : 'itself');
    this.#takeAway();
    const endMs = plan.forMs > 0 ? clock.monotonic() : startMs;
    onPhase('recovering');
    const mustRise = plan.item === 'kill-thread' ? plan.slot : undefined;
    const isWell = (): boolean => this.#findings.isWell(mustRise);
    const wellMs = await this.#until(endMs, CHAOS_LIMITS.recoveryMs, isWell);
    onPhase('verifying');
    const effect = await this.#state();
    const canary = await this.#canaries.finish(CHAOS_LIMITS.graceMs);
    this.#unlisten();
    return {
      activeMs: Math.round(endMs - startMs),
      endedBy,
      affected: this.#affected,
      recoveryMs: wellMs === undefined ? null : Math.round(wellMs - endMs),
      canary,
      effect: effect ?? null,
      tree: this.#findings.all(),
    };
  }

  #refused(why: VerbResult<never> | VerbResult<unknown>): VerbResult<null> {
    this.#unlisten();
    return why as VerbResult<null>;
  }

  // -------------------------------------------------------------- the fault

  /** What is in the way: of a thread all, of the store everybody on shards, of a lane the larger end. */
  async #lookAround(): Promise<VerbResult<ChaosTarget>> {
    const { isStoreWide, path, slot, to } = this.#options.plan;
    const slots = isStoreWide ? slotsOf('shard') : to === undefined ? [slot] : [slot, to];
    const seen: ChaosTarget[] = [];
    for (const each of slots) {
      const look = await this.#look(each, path);
      if (!look.ok) return look;
      seen.push(look.value);
    }
    const actors = seen.map((one) => one.actors);
    return done({
      actors: isStoreWide ? actors.reduce((sum, count) => sum + count, 0) : Math.max(...actors),
      connections: Math.max(...seen.map((one) => one.connections)),
    });
  }

  async #look(slot: string, path: string | undefined): Promise<VerbResult<ChaosTarget>> {
    try {
      return await call(agentOf(slot), 'look', path === undefined ? {} : { path }, ASK);
    } catch {
      return fail('not_available', `the agent of ${slot} does not answer`);
    }
  }

  async #strike(): Promise<VerbResult<null>> {
    const { node, plan, run } = this.#options;
    const { forMs, order, path, slot, to } = plan;
    try {
      if (order !== undefined) {
        return await call(agentOf(slot), 'begin', { run, forMs, order }, ASK);
      }
      if (plan.item === 'kill-actor') {
        const killed = await call(
          at<AdminAgentP>(slot, ADMIN_AGENT),
          'kill',
          { path: path ?? '' },
          ASK,
        );
        return killed.ok ? done(null) : killed;
      }
      if (plan.item === 'kill-media') {
        const killed = await call(at<VoiceThreadP>(slot, VOICE_THREAD), 'killWorker', {}, ASK);
        return killed === null ? fail('not_available', 'no media worker runs now') : done(null);
      }
      if (plan.item === 'kill-thread') {
        node.terminateSlot(slot);
        return done(null);
      }
      this.#join = node.breakLane(slot, to ?? '', forMs);
      return this.#join === undefined ? fail('conflict', 'a thread went down') : done(null);
    } catch {
      return fail('not_available', `${slot} does not answer: what it was told ends by itself`);
    }
  }

  /** Until its time is over, somebody ends it, or it has ended itself. */
  async #last(startMs: number): Promise<void> {
    const { clock, plan } = this.#options;
    const endMs = startMs + plan.forMs;
    const canAnswer = plan.order?.effect === 'mailbox' || plan.order?.effect === 'hold';
    while (this.#endedBy === undefined) {
      const leftMs = endMs - clock.monotonic();
      if (leftMs <= 0) return;
      await this.#pause(canAnswer ? Math.min(STATE_MS, leftMs) : leftMs);
      if (!canAnswer || clock.monotonic() >= endMs) continue;
      const state = await this.#state();
      if (state?.isActive === false && clock.monotonic() < endMs) this.end('itself');
    }
  }

  #takeAway(): void {
    const { plan, run, word } = this.#options;
    word.endAll(run);
    this.#join?.();
    if (plan.order !== undefined) cast(agentOf(plan.slot), 'end', { run });
  }

  async #state(): Promise<EffectState | undefined> {
    const { order, slot } = this.#options.plan;
    if (order === undefined) return undefined;
    try {
      return await call(agentOf(slot), 'state', undefined, ASK);
    } catch {
      return undefined; // the thread was replaced, or is busy
    }
  }

  // -------------------------------------------------------------- waiting

  /** When every canary stream had an append that was sent at or after `sinceMs` and `isWell`; undefined: not within `forMs`. */
  async #until(sinceMs: number, forMs: number, isWell: () => boolean): Promise<number | undefined> {
    const { clock } = this.#options;
    for (const endMs = clock.monotonic() + forMs; clock.monotonic() < endMs; ) {
      const wellMs = await this.#canaries.wellSince(sinceMs);
      if (wellMs !== undefined && isWell()) return Math.max(wellMs, sinceMs);
      await this.#pause(CHAOS_LIMITS.lookMs);
    }
    return undefined;
  }

  #pause(ms: number): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.setTimeout(resolve, ms);
      this.#wake = () => {
        clock.clearTimeout(timer);
        resolve();
      };
    });
  }
}

function agentOf(slot: string) {
  return at<ChaosAgentP>(slot, CHAOS_AGENT);
}
