/**
 * Timers on the thread's wheel: keyed timers of actors and the runtime's own one-shot callbacks.
 */
import type { Ms } from '../clock.ts';
import type { Key } from '../types.ts';
import { type Cell, mailboxOf, TimerEntry } from './cell.ts';
import { wake } from './life.ts';
import { rt, wheel } from './thread.ts';
import { GRAIN_MS, WheelNode } from './wheel.ts';

class Callback extends WheelNode {
  readonly #fn: () => void;
  constructor(fn: () => void) {
    super();
    this.#fn = fn;
  }
  fire(): void {
    this.#fn();
  }
}

/** Runs `fn` after `ms`; the returned function cancels. Infinity: never. */
export function after(ms: Ms, fn: () => void): () => void {
  if (ms === Number.POSITIVE_INFINITY) return () => {};
  const node = new Callback(fn);
  const now = rt.clock.monotonic();
  wheel.add(node, now + ms, now);
  return () => wheel.remove(node);
}

/** Sets the timer `key` of a cell, replacing one of that key. `periodMs` 0: once. */
export function setTimer(
  cell: Cell,
  key: Key,
  ms: Ms,
  op: string,
  arg: unknown,
  periodMs: Ms,
): void {
  if (!(ms >= 0)) throw new RangeError(`timer ${key}: ms: got ${ms}, want >= 0`);
  cancelTimer(cell, key);
  const entry = new TimerEntry(cell, key, op, arg, periodMs, expire);
  cell.timers ??= new Map();
  cell.timers.set(key, entry);
  if (ms === Number.POSITIVE_INFINITY) return;
  const now = rt.clock.monotonic();
  wheel.add(entry, now + ms, now);
}

/** Ms until a timer of a cell fires, 0 when its expiry is queued; false when none is set. */
export function timerLeft(cell: Cell, key: Key): Ms | false {
  const entry = cell.timers?.get(key);
  if (entry === undefined) return false;
  return entry.bucket < 0 && !entry.queued ? Number.POSITIVE_INFINITY : leftOf(entry);
}

/** Ms until a node is due. */
export function leftOf(node: WheelNode): Ms {
  return Math.max(0, node.dueTick * GRAIN_MS - rt.clock.monotonic());
}

/** After it the timer never fires, even if its expiry is queued. Gives what timerLeft would. */
export function cancelTimer(cell: Cell, key: Key): Ms | false {
  const entry = cell.timers?.get(key);
  if (entry === undefined) return false;
  const left = timerLeft(cell, key);
  entry.live = false;
  wheel.remove(entry);
  cell.timers?.delete(key);
  return left;
}

function expire(entry: TimerEntry): void {
  const { cell, periodMs } = entry;
  if (!entry.live) return;
  if (periodMs > 0) {
    const now = rt.clock.monotonic();
    // From the tick it was due at, so that lateness does not add up.
    wheel.add(entry, Math.max(entry.dueTick * GRAIN_MS + periodMs, now), now);
  }
  if (entry.queued) return;
  entry.queued = true;
  mailboxOf(cell).push(entry, undefined, 0, 0);
  wake(cell);
}

/** An expiry is taken from the mailbox: false when the timer was cancelled meanwhile. */
export function takeExpiry(entry: TimerEntry): boolean {
  entry.queued = false;
  if (!entry.live) return false;
  if (entry.periodMs === 0) {
    entry.live = false;
    entry.cell.timers?.delete(entry.key);
  }
  return true;
}
