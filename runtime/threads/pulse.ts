/**
 * This thread's heartbeat for the watchdog: the scheduler beats at each drain, a timer at each 100 ms.
 */
import { clearInterval, setInterval } from 'node:timers';
import { rt } from '../core/thread.ts';
import { noteBeat } from '../inspect/meters.ts';
import { pulseOf } from './shared.ts';
import type { SharedMemory } from './types.ts';

const BEAT_MS = 100;

/** Starts beating; the returned function stops it. */
export function startPulse(shared: SharedMemory, thread: number): () => void {
  const pulse = pulseOf(shared, thread);
  pulse.ints.fill(0);
  pulse.doubles.fill(0);
  rt.pulse = pulse;
  const timer = setInterval(() => {
    pulse.ints[0] = (pulse.ints[0] as number) + 1;
    noteBeat(BEAT_MS);
  }, BEAT_MS);
  timer.unref();
  return () => {
    pulse.ints[3] = 0;
    clearInterval(timer);
  };
}

/**
 * Runs what holds this thread for longer than the watchdog allows (a heap snapshot) without being taken for hung. It has to be
 * bounded by itself.
 */
export function whileUnwatched<T>(run: () => T): T {
  const { ints } = rt.pulse;
  const watched = ints[3] ?? 0;
  ints[3] = 0;
  try {
    return run();
  } finally {
    ints[0] = (ints[0] as number) + 1;
    ints[3] = watched;
  }
}
