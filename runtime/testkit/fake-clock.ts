/**
 * A clock that stands still until a test moves it, and a seeded random source. For tests only.
 */
import type { Clock, Ms, Rng, TimerHandle } from '../clock.ts';
import { isSchedulerBusy } from '../core/scheduler.ts';

const QUIET_TURNS = 5;
const SETTLE_TURNS_MAX = 200;

interface FakeTimer {
  readonly dueMs: Ms;
  readonly order: number;
  readonly fn: () => void;
}

/** Wall clock and monotonic clock start at the given times; both move only by advance(). */
export class FakeClock implements Clock {
  #wallMs: Ms;
  #monotonicMs: Ms;
  #order = 0;
  readonly #timers = new Set<FakeTimer>();

  constructor(wallMs: Ms = 1_750_000_000_000, monotonicMs: Ms = 1_000_000) {
    this.#wallMs = wallMs;
    this.#monotonicMs = monotonicMs;
  }

  now(): Ms {
    return Math.floor(this.#wallMs);
  }
  monotonic(): Ms {
    return this.#monotonicMs;
  }

  setTimeout(fn: () => void, ms: Ms): TimerHandle {
    const timer = { dueMs: this.#monotonicMs + Math.max(0, ms), order: this.#order++, fn };
    this.#timers.add(timer);
    return timer as TimerHandle;
  }
  clearTimeout(handle: TimerHandle): void {
    this.#timers.delete(handle as FakeTimer);
  }

  /** Timeouts set and not yet run. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time on, running what falls due in order; after each, everything that can run runs. */
  async advance(ms: Ms): Promise<void> {
    const end = this.#monotonicMs + ms;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#moveTo(Math.max(this.#monotonicMs, next.dueMs));
      this.#timers.delete(next);
      next.fn();
      await settle();
    }
    this.#moveTo(end);
    await settle();
  }

  #next(end: Ms): FakeTimer | undefined {
    let first: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > end) continue;
      const earlier =
        first === undefined ||
        timer.dueMs < first.dueMs ||
        (timer.dueMs === first.dueMs && timer.order < first.order);
      if (earlier) first = timer;
    }
    return first;
  }

  #moveTo(monotonicMs: Ms): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}

/**
 * Resolves when promises and actors of this thread had their turn: after five turns of the event loop in a row that found no actor
 * waiting. How much an actor gets done in a turn depends on the machine (scheduler.ts), so turns alone would not do. Gives up
 * after 200 turns, for actors that never rest.
 */
export async function settle(): Promise<void> {
  let quiet = 0;
  for (let turns = 0; quiet < QUIET_TURNS && turns < SETTLE_TURNS_MAX; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
    quiet = isSchedulerBusy() ? 0 : quiet + 1;
  }
}

/** The same numbers for the same seed (mulberry32). Not for secrets. */
export function seededRng(seed: number): Rng {
  let state = seed >>> 0;
  const u32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  return { u32, bytes: (n) => Uint8Array.from({ length: n }, () => u32() & 255) };
}
