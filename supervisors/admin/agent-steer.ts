/**
 * What operators do to actors of one thread: suspend for a time, resume, kill, restart in order, passivate. Any thread. Never ends
 * what nobody would start again, and never so often that a supervisor gives up.
 */
import {
  ActorError,
  type AnyRef,
  actorAt,
  actorPath,
  bounceChild,
  type Clock,
  exit,
  isAlive,
  look,
  processInfo,
  type Ref,
  type SupervisorP,
  stop,
  subtreeSize,
  sys,
  whichChildren,
} from '../../runtime/index.ts';
import { AGENT_LIMITS } from './agent-limits.ts';
import { later } from './agent-timer.ts';
import type { AgentCounters } from './agent-types.ts';
import type { VerbCode, VerbResult } from './types.ts';

/** Time of an actor to answer or to end before the operator is told that it does not. */
const ANSWER_MS = 5_000;
const CLIMB_MAX = 16;
const SUPERVISORS: ReadonlySet<string> = new Set(['supervisor', 'partitionSupervisor']);

interface Suspended {
  readonly until: number;
  readonly cancel: () => void;
}

export class Steering {
  readonly #clock: Clock;
  readonly #counters: AgentCounters;
  readonly #suspended = new Map<AnyRef, Suspended>();
  /** When kills were, by what counts them. */
  readonly #kills = new Map<string, number[]>();

  constructor(clock: Clock, counters: AgentCounters) {
    this.#clock = clock;
    this.#counters = counters;
  }

  suspendedUntil(ref: AnyRef): number | undefined {
    return this.#suspended.get(ref)?.until;
  }

  async suspend(ref: AnyRef, forMs: number): Promise<VerbResult<{ until: number }>> {
    if (!this.#suspended.has(ref)) this.#forgetDead();
    if (this.#suspended.size >= AGENT_LIMITS.suspended && !this.#suspended.has(ref)) {
      return fail(
        'conflict',
        `${AGENT_LIMITS.suspended} actors of this thread are suspended already`,
      );
    }
    await sys.suspend(ref, { timeoutMs: ANSWER_MS });
    this.#suspended.get(ref)?.cancel();
    const until = this.#clock.now() + forMs;
    const cancel = later(this.#clock, forMs, () => {
      this.#forget(ref);
      // It may be dead by now, which is as good.
      sys.resume(ref).catch(() => undefined);
    });
    this.#suspended.set(ref, { until, cancel });
    this.#counters.suspendedNow = this.#suspended.size;
    return { ok: true, value: { until } };
  }

  async resume(ref: AnyRef): Promise<VerbResult<{ wasSuspended: boolean }>> {
    const wasSuspended = processInfo(ref)?.status === 'suspended';
    await sys.resume(ref, { timeoutMs: ANSWER_MS });
    this.#suspended.get(ref)?.cancel();
    this.#forget(ref);
    return { ok: true, value: { wasSuspended } };
  }

  kill(ref: AnyRef): VerbResult<{ ended: number }> {
    const seen = look(ref);
    if (seen === undefined) return gone();
    if (!seen.isKept) return unkept();
    const counted = countedAs(ref, seen.keeper);
    if (!this.#mayKill(counted)) {
      this.#counters.killsRefused += 1;
      const { kills, killsPeriodMs } = AGENT_LIMITS;
      const limit = `${kills} kills in ${killsPeriodMs / 1000} s`;
      return fail('rate_limited', `more than ${limit} would have its supervisor give it up`);
    }
    const ended = subtreeSize(ref);
    exit(ref, 'kill');
    this.#counters.kills += 1;
    return { ok: true, value: { ended } };
  }

  async restart(ref: AnyRef): Promise<VerbResult<{ restarted: string; ended: number }>> {
    const restarted = actorPath(ref);
    if (restarted === undefined) return gone();
    if (processInfo(ref)?.entity !== undefined) {
      await stop(ref, 'normal', ANSWER_MS);
      return { ok: true, value: { restarted, ended: 1 } };
    }
    return this.#restartChild(ref);
  }

  /** Climbs to the first actor that is a supervisor's child: what lies between would not be started again. */
  async #restartChild(from: AnyRef): Promise<VerbResult<{ restarted: string; ended: number }>> {
    let ref = from;
    for (let steps = 0; steps < CLIMB_MAX; steps++) {
      const seen = look(ref);
      if (seen === undefined) return gone();
      if (!seen.isKept) return unkept();
      const { keeper } = seen;
      if (SUPERVISORS.has(processInfo(keeper)?.behaviour ?? '')) {
        const supervisor = keeper as Ref<SupervisorP>;
        const found = (await whichChildren(supervisor)).find((each) => each.ref === ref);
        if (found?.id !== undefined) return this.#bounce(supervisor, found.id, ref);
        return fail('conflict', 'its supervisor is about to start it anew');
      }
      ref = keeper;
    }
    return fail('not_available', 'no supervisor above it starts it again');
  }

  async #bounce(
    supervisor: Ref<SupervisorP>,
    id: string | number,
    ref: AnyRef,
  ): Promise<VerbResult<{ restarted: string; ended: number }>> {
    const restarted = actorPath(ref) ?? String(id);
    const ended = subtreeSize(ref);
    const result = await bounceChild(supervisor, id);
    if (result.ok) return { ok: true, value: { restarted, ended } };
    return fail('conflict', `it did not start again: ${result.why}; its supervisor goes on trying`);
  }

  async passivate(ref: AnyRef, force: boolean): Promise<VerbResult<null>> {
    const entity = processInfo(ref)?.entity;
    if (entity === undefined) return fail('invalid', 'only entities can be passivated');
    if (!force && look(ref)?.mayPassivate !== true) {
      return fail(
        'conflict',
        'it is in use; force ends it all the same, and it starts with its next message',
      );
    }
    await stop(ref, 'normal', ANSWER_MS);
    return { ok: true, value: null };
  }

  /** Notes the kill when there is room for it. */
  #mayKill(counted: string): boolean {
    const now = this.#clock.monotonic();
    const recent = (this.#kills.get(counted) ?? []).filter(
      (at) => now - at < AGENT_LIMITS.killsPeriodMs,
    );
    if (recent.length >= AGENT_LIMITS.kills) return false;
    this.#kills.delete(counted);
    this.#kills.set(counted, [...recent, now]);
    if (this.#kills.size > AGENT_LIMITS.killsRemembered) {
      const [oldest] = this.#kills.keys();
      if (oldest !== undefined) this.#kills.delete(oldest);
    }
    return true;
  }

  #forget(ref: AnyRef): void {
    this.#suspended.delete(ref);
    this.#counters.suspendedNow = this.#suspended.size;
  }

  #forgetDead(): void {
    for (const [ref, { cancel }] of this.#suspended) {
      if (isAlive(ref)) continue;
      cancel();
      this.#forget(ref);
    }
  }
}

/** An entity's crashes are counted for itself, those of other actors for who restarts them. */
function countedAs(ref: AnyRef, keeper: AnyRef): string {
  const entity = processInfo(ref)?.entity;
  return entity === undefined ? String(keeper) : `${entity.type}/${entity.key}`;
}

/** The actor of a path, unless it is `self`: an agent that stops itself could not answer. */
export function targetAt(path: string, self: AnyRef): VerbResult<AnyRef> {
  const ref = actorAt(path);
  if (ref === undefined) return gone();
  if (ref === self) return fail('conflict', 'this actor carries the verbs out itself');
  return { ok: true, value: ref };
}

/** What a failed request to an actor means for the operator. */
export function failureOf(error: unknown): VerbResult<never> {
  if (!(error instanceof ActorError)) throw error;
  if (error.reason === 'noproc') return gone();
  if (error.reason === 'timeout') {
    return fail('timeout', `it is in a handler and did not answer within ${ANSWER_MS / 1000} s`);
  }
  return fail('conflict', `it ended meanwhile: ${error.message}`);
}

function fail(code: VerbCode, message: string): VerbResult<never> {
  return { ok: false, code, message };
}

function gone(): VerbResult<never> {
  return fail('not_found', 'no such actor lives on this thread');
}

function unkept(): VerbResult<never> {
  return fail('conflict', 'nothing starts it again: restart its thread instead');
}
