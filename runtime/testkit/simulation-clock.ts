/**
 * The clock of a simulation: time passes only when the schedule says so, and a timeout that is due runs
 * only when the schedule chooses it. Tests only.
 */
import type { Clock, Ms, TimerHandle } from '../clock.ts';

interface Timeout {
  readonly dueMs: Ms;
  readonly order: number;
  readonly fn: () => void;
}

const WALL_START_MS: Ms = 1_750_000_000_000;
export const MONOTONIC_START_MS: Ms = 1_000_000;

export class SimulationClock implements Clock {
  #elapsedMs: Ms = 0;
  #order = 0;
  #timeouts: Timeout[] = [];

  now(): Ms {
    return WALL_START_MS + Math.floor(this.#elapsedMs);
  }
  monotonic(): Ms {
    return MONOTONIC_START_MS + this.#elapsedMs;
  }
  setTimeout(fn: () => void, ms: Ms): TimerHandle {
    const dueMs = this.#elapsedMs + Math.max(0, ms);
    const timeout = { dueMs, order: this.#order++, fn };
    this.#timeouts.push(timeout);
    return timeout as TimerHandle;
  }
  clearTimeout(handle: TimerHandle): void {
    const at = this.#timeouts.indexOf(handle as Timeout);
    if (at >= 0) this.#timeouts.splice(at, 1);
  }

  /** Virtual time since the start. */
  get elapsedMs(): Ms {
    return this.#elapsedMs;
  }
  get pending(): number {
    return this.#timeouts.length;
  }

  /** When the next timeout is due, as virtual time since the start; Infinity without any. */
  get nextMs(): Ms {
    return this.#first()?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  pass(ms: Ms): void {
    this.#elapsedMs += ms;
  }

  /** Runs the timeout that is due first, `lateMs` late; time moves on if it has to. False without any. */
  fireNext(lateMs: Ms): boolean {
    const first = this.#first();
    if (first === undefined) return false;
    this.clearTimeout(first as TimerHandle);
    this.#elapsedMs = Math.max(this.#elapsedMs, first.dueMs + lateMs);
    first.fn();
    return true;
  }

  #first(): Timeout | undefined {
    let first = this.#timeouts[0];
    if (first === undefined) return undefined;
    for (const each of this.#timeouts) {
      const earlier = each.dueMs - first.dueMs || each.order - first.order;
      if (earlier < 0) first = each;
    }
    return first;
  }
}
