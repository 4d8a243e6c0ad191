/**
 * The run queue of this thread. An actor's turn is up to 64 messages (turn.ts); every 8 turns the
 * clock is looked at, and after 1 ms the rest of the queue waits for setImmediate, so that sockets and
 * timers are served. An idle queue is kicked by a microtask. Ends each drain by flushing the lanes.
 */
import { assert } from '../assert.ts';
import { defer } from '../clock.ts';
import type { Cell } from './cell.ts';
import { rt } from './thread.ts';

const SLICE_MS = 1;
const MESSAGES_PER_TURN = 64;
const TURNS_PER_LOOK = 8;
/** Bounds a drain under a clock that stands still (tests). */
const TURNS_MAX = 4096;
/** Microtask kicks in a row before one goes through setImmediate: awaiting actors in a circle must not starve I/O. */
const KICKS_MAX = 32;

let queue: (Cell | undefined)[] = new Array(1024).fill(undefined);
let mask = 1023;
let head = 0;
let count = 0;
let pending = false;
let draining = false;
let kicks = 0;
let burstStart = 0;
export type Turn = (cell: Cell, messagesMax: number) => void;
let plainTurn: Turn = () => {};
let turn = plainTurn;
/** The test kit decides who runs: nothing is kicked, and no drain that is still under way does anything. */
let held = false;

/** Installs what a turn does (turn.ts): at most `messagesMax` messages of the cell. */
export function setTurn(fn: Turn): void {
  plainTurn = fn;
  turn = fn;
}

/** Puts `wrap` around each turn, which it has to give; null takes it away. Costs nothing while there is none. */
export function wrapTurns(wrap: ((...turn: [...Parameters<Turn>, Turn]) => void) | null): void {
  const plain = plainTurn;
  turn = wrap === null ? plain : (cell, messagesMax) => wrap(cell, messagesMax, plain);
}

/** Puts a cell at the end of the run queue; the caller has checked and set `scheduled`. */
export function enqueue(cell: Cell): void {
  if (count > mask) growQueue();
  queue[(head + count) & mask] = cell;
  count++;
  if (!pending && !draining) kick();
}

/** Makes sure that a drain follows, if only to flush the lanes. */
export function kickDrain(): void {
  if (!pending && !draining) kick();
}

function kick(): void {
  pending = true;
  if (kicks >= KICKS_MAX) setImmediate(drainImmediate);
  else {
    kicks++;
    defer(drainMicrotask);
  }
}

function drainMicrotask(): void {
  const now = rt.clock.monotonic();
  if (kicks === 1) burstStart = now;
  else if (now - burstStart > SLICE_MS) {
    // Many short drains may add up to a long one without the event loop having turned between.
    setImmediate(drainImmediate);
    return;
  }
  drain(now);
}

function drainImmediate(): void {
  kicks = 0;
  drain(rt.clock.monotonic());
}

function drain(start: number): void {
  if (held) return;
  pending = false;
  draining = true;
  rt.now = start;
  rt.counters.drains++;
  const { ints, doubles } = rt.pulse;
  ints[0] = (ints[0] as number) + 1;
  for (let turns = 1; count > 0; turns++) {
    const cell = queue[head] as Cell;
    queue[head] = undefined;
    head = (head + 1) & mask;
    count--;
    turn(cell, MESSAGES_PER_TURN);
    if (turns % TURNS_PER_LOOK !== 0 || count === 0) continue;
    rt.now = rt.clock.monotonic();
    if (rt.now - start >= SLICE_MS || turns >= TURNS_MAX) break;
  }
  ints[1] = 0;
  doubles[0] = 0;
  draining = false;
  if (rt.remote !== null) rt.remote.flush();
  if (count > 0) {
    rt.counters.yields++;
    pending = true;
    setImmediate(drainImmediate);
  }
}

// ---------------------------------------------------------------- one step at a time (testkit)

/** From now on no actor takes a turn by itself; `enqueue` believes that a drain is on its way. */
export function holdScheduler(): void {
  held = true;
  pending = true;
}

/** Takes that back. */
export function releaseScheduler(): void {
  held = false;
  pending = false;
  if (count > 0) kick();
}

export function isSchedulerHeld(): boolean {
  return held;
}

/** Whether a drain is on its way by itself, because cells wait for a turn or lanes for a flush. */
export function isSchedulerBusy(): boolean {
  return pending && !held;
}

/** Cells that wait for a turn. */
export function runnableCount(): number {
  return count;
}

/** The cell at a place in the run queue, 0 = the one that would be next. */
export function runnableAt(index: number): Cell | undefined {
  return index < count ? queue[(head + index) & mask] : undefined;
}

/** Gives the cell at a place in the run queue its turn, out of order. Only while held. O(index). */
export function runHeld(index: number, messagesMax: number): Cell {
  const cell = runnableAt(index);
  assert(held && cell !== undefined, 'a turn is given while the scheduler is held');
  for (let i = index; i > 0; i--) queue[(head + i) & mask] = queue[(head + i - 1) & mask];
  queue[head] = undefined;
  head = (head + 1) & mask;
  count--;
  rt.now = rt.clock.monotonic();
  rt.counters.drains++;
  turn(cell, messagesMax);
  rt.pulse.ints[1] = 0;
  rt.pulse.doubles[0] = 0;
  if (rt.remote !== null) rt.remote.flush();
  return cell;
}

function growQueue(): void {
  const size = mask + 1;
  const grown: (Cell | undefined)[] = new Array(size * 2).fill(undefined);
  for (let i = 0; i < size; i++) grown[i] = queue[(head + i) & mask];
  queue = grown;
  mask = size * 2 - 1;
  head = 0;
}
