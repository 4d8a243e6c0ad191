/**
 * The state of this thread's runtime: who it is, its clock, its counters, its table of cells, and the
 * link to other threads (null until startNode or the worker's boot installs it). One per thread.
 */

import { assert } from '../assert.ts';
import { type Clock, type Ms, type Rng, systemClock, systemRng } from '../clock.ts';
import type { LaneCounters } from '../inspect/types.ts';
import type {
  AnyRef,
  CrashDetail,
  CrashInput,
  From,
  Key,
  MonitorId,
  Reason,
  Report,
  ReportBody,
} from '../types.ts';
import type { Cell } from './cell.ts';
import { describeReport } from './describe.ts';
import { refBase, SERIALS } from './ref.ts';
import { Wheel } from './wheel.ts';

/** Where a message goes on a thread: via 0 = the ref `key`, '' = the name `key`, else entity type. */
export type Via = 0 | string;

/** Signals that cross threads, in lane order with messages. */
export interface SignalSink {
  exit(to: AnyRef, from: AnyRef, reason: Reason | 'kill', linked: boolean): void;
  link(to: AnyRef, from: AnyRef): void;
  unlink(to: AnyRef, from: AnyRef): void;
  monitor(thread: number, id: MonitorId, via: Via, key: Key): void;
  demonitor(thread: number, id: MonitorId): void;
  down(id: MonitorId, ref: AnyRef, reason: Reason): void;
  stop(thread: number, via: Via, key: Key, reason: Reason): void;
  /** Of the call that follows: who waits for it (call-chain.ts). */
  callChain(thread: number, from: From, chain: readonly number[]): void;
}

/** The other threads as this one sees them; implemented by threads/router.ts. */
export interface Remote {
  readonly signals: SignalSink;
  cast(thread: number, via: Via, key: Key, op: string, arg: unknown): void;
  /** Why the request was not sent; undefined when it was. */
  call(
    thread: number,
    via: Via,
    key: Key,
    op: string,
    arg: unknown,
    from: From,
    deadline: Ms,
  ): FailedSend | undefined;
  reply(from: From, ok: boolean, value: unknown): void;
  isUp(thread: number): boolean;
  slotThread(slot: string): number;
  /** Name of a thread's slot. */
  slotName(thread: number): string;
  /** Home thread of an entity; -1 when the type has no group, which means this thread. */
  homeThread(type: string, key: number): number;
  slotsOf(group: string): readonly string[];
  /** End of a drain: batches leave, or are armed to leave. */
  flush(): void;
  lanes(): readonly LaneCounters[];
}
export type FailedSend = 'noconnection' | 'mailboxFull';

/** Written at each turn for the watchdog; replaced by views of shared memory in a node. */
export interface PulseSlots {
  /** [beat, op number, entity type number] */
  readonly ints: Int32Array;
  /** [ref, entity key] */
  readonly doubles: Float64Array;
}

const SERIAL_BLOCK = 65_536;
const REPORTS_PER_SECOND = 200;

class Counters {
  spawned = 0;
  crashed = 0;
  messages = 0;
  calls = 0;
  timeouts = 0;
  lateReplies = 0;
  expired = 0;
  deadLetters = 0;
  dropped = 0;
  drains = 0;
  yields = 0;
  zombieErrors = 0;
  snapshotsForgotten = 0;
  chainsForgotten = 0;
  reportsDropped = 0;
}

export const rt = {
  thread: 0,
  slot: 'main',
  base: 0,
  clock: systemClock as Clock,
  /** For what the runtime itself draws: the jitter of restarts. */
  rng: systemRng as Rng,
  counters: new Counters(),
  remote: null as Remote | null,
  pulse: { ints: new Int32Array(3), doubles: new Float64Array(2) } as PulseSlots,
  /** Actor whose code runs right now; null outside handlers and after an await. */
  current: null as Cell | null,
  /** Coarse monotonic time: the start of the present drain. */
  now: 0 as Ms,
  report: printReport as (report: Report) => void,
  /** Called before serials up to `end` are handed out: shared memory keeps the mark. */
  reserveSerials: (_end: number): void => {},
  names: new Map<Key, AnyRef>(),
  /** What is done to each message and reply of this thread (payload.ts); null: nothing. */
  payload: null as ((value: unknown) => unknown) | null,
  /** A handler over it is reported, where handlers are timed. */
  longHandlerMs: Number.POSITIVE_INFINITY as Ms,
  /** Handlers of every actor are timed. */
  timeAll: false,
  /** Sees a cell before its init and may exchange the start argument (record/); null: nobody looks. */
  onStart: null as ((cell: Cell, arg: unknown) => unknown) | null,
  /** The last inputs of a cell that crashes (record/). */
  crashInputs: null as ((cell: Cell) => readonly CrashInput[] | undefined) | null,
  /** A supervisor gives up (a restart limit); a node's worker ends with one that nobody is above. */
  gaveUp: null as ((supervisor: AnyRef, label: string) => void) | null,
};

export const wheel = new Wheel(() => rt.clock);

function printReport(report: Report): void {
  if (report.kind === 'progress' || report.kind === 'threadUp') return;
  process.stderr.write(`${describeReport(report)}\n`);
}

let windowStart = 0;
let windowCount = 0;

/** How reports and the tree call an actor. */
export function actorName(cell: Cell): string {
  if (cell.entity !== null) return `${cell.entity.type}:${cell.entity.key}`;
  return cell.name === undefined ? cell.compiled.name : `${cell.compiled.name}(${cell.name})`;
}

/**
 * Sends a report to the owner of the log: at most 200 a second, the rest is counted. `hidden` may
 * hold message content: its fields are there, and not enumerable.
 */
export function report(body: ReportBody, hidden?: CrashDetail): void {
  const at = rt.clock.now();
  if (at - windowStart >= 1000 || at < windowStart) {
    windowStart = at;
    windowCount = 0;
  }
  if (++windowCount > REPORTS_PER_SECOND) {
    rt.counters.reportsDropped++;
    return;
  }
  const full = { ...body, slot: rt.slot, at } as Report;
  for (const [key, value] of Object.entries(hidden ?? {})) {
    Object.defineProperty(full, key, { value, enumerable: false });
  }
  try {
    rt.report(full);
  } catch (error) {
    // A log that fails must not take the scheduler with it.
    rt.counters.reportsDropped++;
    process.stderr.write(`report failed: ${String(error)}\n${describeReport(full)}\n`);
  }
}

/** Begins a new second: a simulation starts with the whole allowance, whatever ran before it. */
export function resetReportWindow(): void {
  windowStart = 0;
  windowCount = 0;
}

/** Tells the watchdog what runs from now on: an actor and the interned name of its op. */
export function setPulse(cell: Cell, op: number): void {
  const { ints, doubles } = rt.pulse;
  doubles[0] = cell.ref;
  ints[1] = op;
  ints[2] = cell.entity === null ? 0 : cell.entity.typeNumber;
  if (cell.entity !== null) doubles[1] = cell.entity.key;
}

// ---------------------------------------------------------------- table of cells

let cells: (Cell | undefined)[] = new Array(64).fill(undefined);
let mask = 63;
let live = 0;
let serial = 0;
let reserved = 0;

/** Cells alive on this thread. */
export function cellCount(): number {
  return live;
}

/** The live cell of a ref of this thread; undefined when dead or on another thread. O(1). */
export function lookup(ref: number): Cell | undefined {
  const cell = cells[ref & mask];
  return cell !== undefined && cell.ref === ref ? cell : undefined;
}

/**
 * The next ref. Its low bits are a free place in the table: serials whose place is taken by a long
 * lived actor are skipped, so lookup needs no hash and no probing.
 */
export function nextRef(): AnyRef {
  if (live * 2 >= mask) grow();
  do {
    serial++;
  } while (cells[(rt.base + serial) & mask] !== undefined);
  if (serial >= reserved) {
    reserved = serial + SERIAL_BLOCK;
    assert(reserved < SERIALS, 'serials of a thread number are used up');
    rt.reserveSerials(reserved);
  }
  return (rt.base + serial) as AnyRef;
}

/** Told of every beginning and end of a cell. */
export interface CellObserver {
  added(cell: Cell): void;
  removed(cell: Cell): void;
}
let observer: CellObserver | null = null;

/** One at a time; null takes it away. It must not throw. */
export function observeCells(by: CellObserver | null): void {
  observer = by;
}

export function addCell(cell: Cell): void {
  cells[cell.ref & mask] = cell;
  live++;
  if (observer !== null) observer.added(cell);
}

export function removeCell(cell: Cell): void {
  const at = cell.ref & mask;
  assert(cells[at] === cell, 'a cell is removed once');
  cells[at] = undefined;
  live--;
  if (observer !== null) observer.removed(cell);
}

/** Live cells, oldest place first; a copy, so cells may end meanwhile. O(table). */
export function allCells(): Cell[] {
  return cells.filter((cell) => cell !== undefined);
}

// Twice as many low bits cannot make two refs collide that did not before.
function grow(): void {
  const old = cells;
  mask = mask * 2 + 1;
  cells = new Array(mask + 1).fill(undefined);
  for (const cell of old) if (cell !== undefined) cells[cell.ref & mask] = cell;
}

/**
 * Becomes thread `thread` of the node, whose serials continue above `firstSerial`. Before the first
 * spawn on a worker; on main it may come after actors exist, since main is thread 0 from the start.
 */
export function becomeThread(thread: number, slot: string, firstSerial: number): void {
  assert(thread === rt.thread || live === 0, 'a thread gets its number before its first actor');
  rt.thread = thread;
  rt.slot = slot;
  rt.base = refBase(0, thread);
  if (firstSerial > serial) {
    serial = firstSerial;
    reserved = firstSerial;
  }
}

/** Highest serial that may have been used: for the shared mark when main becomes part of a node. */
export function serialMark(): number {
  return Math.max(serial, reserved);
}
