/**
 * The shared memory of a node: serial marks, bytes taken in per lane, and the watchdog's pulse. All of
 * it is written with plain stores by one thread each; nothing here is a lock.
 */
import type { PulseSlots } from '../core/thread.ts';
import type { SharedMemory } from './types.ts';

export const THREADS_MAX = 64;
const PULSE_INTS = 4;
const PULSE_DOUBLES = 2;
const DOUBLE = Float64Array.BYTES_PER_ELEMENT;
const INT = Int32Array.BYTES_PER_ELEMENT;

export function makeShared(): SharedMemory {
  return {
    marks: new SharedArrayBuffer(THREADS_MAX * DOUBLE),
    consumed: new SharedArrayBuffer(THREADS_MAX * THREADS_MAX * DOUBLE),
    pulseInts: new SharedArrayBuffer(THREADS_MAX * PULSE_INTS * INT),
    pulseDoubles: new SharedArrayBuffer(THREADS_MAX * PULSE_DOUBLES * DOUBLE),
  };
}

/** Serials of `thread` below the mark may have been handed out. */
export function marksOf(shared: SharedMemory): Float64Array {
  return new Float64Array(shared.marks);
}

/** One place: bytes that `to` has taken in from `from`. */
export function consumedView(shared: SharedMemory, from: number, to: number): Float64Array {
  return new Float64Array(shared.consumed, (from * THREADS_MAX + to) * DOUBLE, 1);
}

/** The pulse of one thread: ints [beat, op, entity type, watched], doubles [ref, entity key]. */
export function pulseOf(shared: SharedMemory, thread: number): PulseSlots {
  return {
    ints: new Int32Array(shared.pulseInts, thread * PULSE_INTS * INT, PULSE_INTS),
    doubles: new Float64Array(shared.pulseDoubles, thread * PULSE_DOUBLES * DOUBLE, PULSE_DOUBLES),
  };
}

/** Turns the watchdog's eye on one thread on or off. */
export function setWatched(pulse: PulseSlots, on: boolean): void {
  pulse.ints[3] = on ? 1 : 0;
}
