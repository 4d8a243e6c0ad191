/** A clock that tests move by hand, and a pause for promises that are ready. Tests only. */
import type { Clock, TimerHandle } from '../../runtime/index.ts';
import type { Ms } from '../types.ts';

/** A clock that moves only when told. */
export class HandClock implements Clock {
  #now: Ms = Date.UTC(2026, 10, 21);
  #monotonic: Ms = 1000;
  #timers: (TimerHandle & { at: Ms; fn: () => void })[] = [];

  now(): Ms {
    return this.#now;
  }
  monotonic(): Ms {
    return this.#monotonic;
  }
  setTimeout(fn: () => void, ms: Ms): TimerHandle {
    const timer = { at: this.#monotonic + ms, fn, unref: () => undefined };
    this.#timers.push(timer);
    return timer;
  }
  clearTimeout(handle: TimerHandle): void {
    this.#timers = this.#timers.filter((timer) => timer !== handle);
  }
  /** Moves both clocks and runs what is due, in order. */
  async advance(ms: Ms): Promise<void> {
    const until = this.#monotonic + ms;
    for (;;) {
      const due = this.#timers.filter((t) => t.at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#set(due.at);
      due.fn();
      await settled();
    }
    this.#set(until);
    await settled();
  }
  /** Time passes while the thread stands still: what falls due runs late, at the next `advance`. */
  stall(ms: Ms): void {
    this.#set(this.#monotonic + ms);
  }
  /** Sets the wall clock back, as an operator may. */
  stepBack(ms: Ms): void {
    this.#now -= ms;
  }
  #set(monotonic: Ms): void {
    const passed = monotonic - this.#monotonic;
    if (passed <= 0) return;
    this.#monotonic = monotonic;
    this.#now += passed;
  }
}

/** Lets promises that are ready run. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 4; i += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
