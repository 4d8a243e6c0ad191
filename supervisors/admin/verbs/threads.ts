/**
 * What verbs do to whole threads: kill, restart in order. Only threads that the node replaces, and never so often that it gives
 * up. Main thread.
 */
import { DriftwayError } from '../../../runtime/index.ts';
import { done, fail } from '../define.ts';
import type { AdminDeps } from '../deps.ts';
import type { VerbResult } from '../types.ts';

/** Half of what the node allows (THREAD_RESTARTS in policies.ts): the other half is for what fails by itself. */
const KILLS_MAX = 5;
const KILLS_PERIOD_MS = 20_000;

export class Threads {
  readonly #deps: Pick<AdminDeps, 'clock' | 'node' | 'nodeName'>;
  #kills: number[] = [];

  constructor(deps: Pick<AdminDeps, 'clock' | 'node' | 'nodeName'>) {
    this.#deps = deps;
  }

  /** Ends a thread as a crash does; the node replaces it. */
  async kill(slot: string): Promise<VerbResult> {
    const refused = this.#refusal(slot);
    if (refused !== undefined) return refused;
    const now = this.#deps.clock.monotonic();
    this.#kills = this.#kills.filter((at) => now - at < KILLS_PERIOD_MS);
    if (this.#kills.length >= KILLS_MAX) {
      const limit = `${KILLS_MAX} threads in ${KILLS_PERIOD_MS / 1000} s`;
      return fail('rate_limited', `more than ${limit} might have the node give up`);
    }
    this.#kills.push(now);
    this.#deps.node.terminateSlot(slot);
    return done({ id: this.#idOf(slot) });
  }

  /** Stops a thread in order and starts it again; done when the new one has booted. */
  async restart(slot: string): Promise<VerbResult> {
    const refused = this.#refusal(slot);
    if (refused !== undefined) return refused;
    const { clock, node } = this.#deps;
    const began = clock.monotonic();
    try {
      await node.restartSlot(slot);
    } catch (error) {
      if (!(error instanceof DriftwayError) && !(error instanceof RangeError)) throw error;
      return fail('conflict', error.message);
    }
    return done({ id: this.#idOf(slot), tookMs: Math.round(clock.monotonic() - began) });
  }

  #refusal(slot: string): VerbResult<never> | undefined {
    const found = this.#deps.node.slots().find(({ name }) => name === slot);
    if (found === undefined) return fail('not_found', `there is no thread ${slot}`);
    if (slot === 'main' || found.group === 'gateway') {
      return fail(
        'not_available',
        `${slot} cannot be replaced while the process lives: drain ${this.#deps.nodeName} instead`,
      );
    }
    return found.up ? undefined : fail('conflict', `${slot} is down and about to start again`);
  }

  #idOf(slot: string): string {
    return `${this.#deps.nodeName}/${slot}`;
  }
}
