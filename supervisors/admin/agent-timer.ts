/**
 * The timers by which what operators switched on ends by itself. Any thread; one that is pending never keeps its thread from
 * stopping.
 */
import type { Clock } from '../../runtime/index.ts';

/** Runs `end` after `ms`, unless the returned function was called before. */
export function later(clock: Clock, ms: number, end: () => void): () => void {
  const timer = clock.setTimeout(end, ms);
  timer.unref?.();
  return () => clock.clearTimeout(timer);
}
