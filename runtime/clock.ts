/**
 * Time and randomness of the process: the only file that reads the system's clocks and its random
 * source. Everything else takes a Clock or an Rng. Any thread; no state of its own.
 */
import { randomFillSync } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { clearTimeout as clearNodeTimeout, setTimeout as setNodeTimeout } from 'node:timers';

/** Milliseconds; fractional where a monotonic clock is read. */
export type Ms = number;

/** A pending timeout. `unref` lets the process end while it is pending, `ref` takes that back, where the clock has them. */
export interface TimerHandle {
  unref?(): unknown;
  ref?(): unknown;
}

/** Time as the code sees it. `systemClock` in production, FakeClock in tests. */
export interface Clock {
  /** Wall clock, whole milliseconds since 1970. */
  now(): Ms;
  /** Never goes back; comparable between the threads of one machine; fractional. */
  monotonic(): Ms;
  setTimeout(fn: () => void, ms: Ms): TimerHandle;
  clearTimeout(handle: TimerHandle): void;
}

/** Randomness as the code sees it. */
export interface Rng {
  /** Uniform in [0, 2^32). */
  u32(): number;
  /** `n` fresh bytes, cryptographically strong in `systemRng`. */
  bytes(n: number): Uint8Array;
}

/** So many looks at both clocks at most, and how close together two readings are close enough. */
const LOOKS = 50;
const CLOSE_MS = 0.01;

/**
 * What to add to readings of `own` to have those of `machine`. A thread may be stopped between the two, for tens of milliseconds where
 * the machine is busy: the closest pair of a few counts.
 */
export function offsetBetween(own: () => Ms, machine: () => Ms): Ms {
  let closestMs = Number.POSITIVE_INFINITY;
  let foundMs = 0;
  for (let i = 0; i < LOOKS && closestMs > CLOSE_MS; i += 1) {
    const before = own();
    const there = machine();
    const apartMs = own() - before;
    if (apartMs >= closestMs) continue;
    closestMs = apartMs;
    foundMs = there - before - apartMs / 2;
  }
  return foundMs;
}

// performance.now() counts from the start of each thread; hrtime is the machine's. Their difference
// is fixed, so adding it makes the values of all threads comparable (deadlines cross threads).
const offsetMs = offsetBetween(
  () => performance.now(),
  () => Number(process.hrtime.bigint() / 1000n) / 1000,
);

const settled = Promise.resolve();

/**
 * Runs `fn` at the end of the present turn, when the microtasks before it have run. Cheaper than
 * queueMicrotask, which makes an AsyncResource for each; `fn` must not throw. Any thread.
 */
export function defer(fn: () => void): void {
  void settled.then(fn);
}

/** The machine's clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now() + offsetMs,
  setTimeout: (fn, ms) => setNodeTimeout(fn, ms),
  clearTimeout: (handle) => clearNodeTimeout(handle as NodeJS.Timeout),
};

/** The operating system's random source. */
export const systemRng: Rng = {
  u32() {
    const word = new Uint32Array(1);
    randomFillSync(word);
    return word[0] as number;
  },
  bytes(n) {
    const out = new Uint8Array(n);
    randomFillSync(out);
    return out;
  },
};
