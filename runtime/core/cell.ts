/**
 * Cell: the record of one actor on its thread, and the compiled form of a behaviour. Data only; what
 * happens to a cell is in turn.ts, signals.ts and life.ts. Optional parts stay null until used.
 */
import type { Ms } from '../clock.ts';
import type { FailReason } from '../errors.ts';
import type { AnyRef, From, Key, MonitorId, Overflow, Reason } from '../types.ts';
import { Extra } from './extra.ts';
import { Mailbox } from './mailbox.ts';
import type { OpenSpan } from './trace-context.ts';
import { WheelNode } from './wheel.ts';

export const STARTING = 0;
export const IDLE = 1;
export const RUNNING = 2;
export const AWAITING = 3;
export const TERMINATING = 4;
export const DEAD = 5;
export type Status = 0 | 1 | 2 | 3 | 4 | 5;

const DEFAULT_LIMIT = 10_000;

/** A behaviour with the types forgotten; what the runtime works with. */
export interface AnyBehaviour {
  readonly name?: string;
  init(ctx: unknown, arg: unknown): unknown;
  readonly handle: { readonly [op: string]: unknown };
  onExit?(state: unknown, exit: unknown, ctx: unknown): unknown;
  onDown?(state: unknown, down: unknown, ctx: unknown): unknown;
  onUnknown?(state: unknown, op: string, arg: unknown, ctx: unknown): unknown;
  terminate?(state: unknown, reason: Reason, ctx: unknown): unknown;
  mayPassivate?(state: unknown): boolean;
  formatStatus?(state: unknown): unknown;
  snapshot?(state: unknown): unknown;
  restore?(ctx: unknown, arg: unknown, snapshot: unknown): unknown;
  readonly snapshotEvery?: { readonly messages?: number; readonly ms?: Ms };
  readonly mailbox?: { readonly limit?: number; readonly overflow?: Overflow };
  readonly maxHandlerMs?: Ms;
  readonly hibernateAfter?: Ms;
  readonly concurrent?: readonly string[];
}

export type HandlerFn = (state: unknown, arg: unknown, ctx: unknown) => unknown;

/** One op of a behaviour. `number` is its interned name. */
export class OpRecord {
  readonly name: string;
  readonly number: number;
  readonly fn: HandlerFn;
  constructor(name: string, number: number, fn: HandlerFn) {
    this.name = name;
    this.number = number;
    this.fn = fn;
  }
}

export class Compiled {
  readonly behaviour: AnyBehaviour;
  readonly name: string;
  readonly ops: Map<string, OpRecord>;
  readonly limit: number;
  readonly overflow: Overflow;
  readonly maxHandlerMs: Ms;
  readonly hibernateAfterMs: Ms;
  /** Ops that may run while another awaits; null when there are none. */
  readonly concurrent: ReadonlySet<string> | null;

  constructor(behaviour: AnyBehaviour) {
    this.behaviour = behaviour;
    this.name = behaviour.name ?? 'actor';
    this.limit = behaviour.mailbox?.limit ?? DEFAULT_LIMIT;
    this.overflow = behaviour.mailbox?.overflow ?? 'reject';
    this.ops = new Map();
    for (const [op, fn] of Object.entries(behaviour.handle)) {
      if (typeof fn !== 'function') {
        throw new TypeError(`defineActor ${this.name}: handle.${op} is not a function`);
      }
      this.ops.set(op, new OpRecord(op, internName(op), fn as HandlerFn));
    }
    if (!Number.isInteger(this.limit) || this.limit < 1) {
      throw new RangeError(`defineActor ${this.name}: mailbox.limit: got ${this.limit}, want >= 1`);
    }
    this.maxHandlerMs = duration(this.name, 'maxHandlerMs', behaviour.maxHandlerMs);
    this.hibernateAfterMs = duration(this.name, 'hibernateAfter', behaviour.hibernateAfter);
    this.concurrent = behaviour.concurrent === undefined ? null : new Set(behaviour.concurrent);
    for (const op of behaviour.concurrent ?? []) {
      if (this.ops.has(op)) continue;
      throw new TypeError(`defineActor ${this.name}: concurrent: got ${op}, want an op of handle`);
    }
  }
}

function duration(actor: string, field: string, given: Ms | undefined): Ms {
  const ms = given ?? Number.POSITIVE_INFINITY;
  if (!(ms > 0)) throw new RangeError(`defineActor ${actor}: ${field}: got ${ms}, want > 0`);
  return ms;
}

const compiled = new WeakMap<AnyBehaviour, Compiled>();
const nameNumbers = new Map<string, number>();
const nameListeners: ((number: number, name: string) => void)[] = [];

/** Compiles once per behaviour object. */
export function compile(behaviour: AnyBehaviour): Compiled {
  let found = compiled.get(behaviour);
  if (found === undefined) {
    found = new Compiled(behaviour);
    compiled.set(behaviour, found);
  }
  return found;
}

/** A number for a name, the same for the thread's life: what fits into the watchdog's shared slots. */
export function internName(name: string): number {
  let number = nameNumbers.get(name);
  if (number === undefined) {
    number = nameNumbers.size + 1;
    nameNumbers.set(name, number);
    for (const listener of nameListeners) listener(number, name);
  }
  return number;
}

/** Tells every interned name known now and from now on: the watchdog names culprits with them. */
export function onName(listener: (number: number, name: string) => void): void {
  nameListeners.push(listener);
  for (const [name, number] of nameNumbers) listener(number, name);
}

/** Keyed timer of a cell. It is queued in the mailbox itself, so cancelling also stops a queued expiry. */
export class TimerEntry extends WheelNode {
  readonly cell: Cell;
  readonly key: Key;
  readonly op: string;
  readonly arg: unknown;
  readonly periodMs: Ms;
  live = true;
  queued = false;
  readonly #onFire: (entry: TimerEntry) => void;

  constructor(
    cell: Cell,
    key: Key,
    op: string,
    arg: unknown,
    periodMs: Ms,
    onFire: (entry: TimerEntry) => void,
  ) {
    super();
    this.cell = cell;
    this.key = key;
    this.op = op;
    this.arg = arg;
    this.periodMs = periodMs;
    this.#onFire = onFire;
  }

  fire(): void {
    this.#onFire(this);
  }
}

/** A trapped exit signal in the mailbox. */
export class ExitMessage {
  readonly from: AnyRef;
  readonly reason: Reason;
  constructor(from: AnyRef, reason: Reason) {
    this.from = from;
    this.reason = reason;
  }
}

/** A down notice in the mailbox; `id` is looked up again when it is handled, so demonitor flushes it. */
export class DownMessage {
  readonly id: MonitorId;
  readonly ref: AnyRef;
  readonly reason: Reason;
  constructor(id: MonitorId, ref: AnyRef, reason: Reason) {
    this.id = id;
    this.ref = ref;
    this.reason = reason;
  }
}

/** Outcome of a start, as a value. */
export type StartResult =
  | { readonly ok: true; readonly ref: AnyRef }
  | { readonly ok: false; readonly reason: FailReason };

/** What an entity's host wants to know of its cell. */
export interface EntityTag {
  readonly type: string;
  readonly typeNumber: number;
  readonly key: number;
  /** The cell exists, before its init: the single activation of the key from now on. */
  began(cell: Cell): void;
  /**
   * The cell ended (`started`: its init had succeeded). True: the host has taken `cell.mailbox` over (a
   * passivated entity that has mail starts again with it); false: what is queued fails.
   */
  ended(cell: Cell, reason: Reason, started: boolean): boolean;
}

/**
 * What an actor holds beyond its cell: registry entries, group memberships, locks, a task's result. It is
 * told of the actor's end inside endCell, before any exit or down signal leaves. Must not throw.
 */
export interface Holding {
  ownerEnded(owner: Cell, reason: Reason): void;
}

export class Cell {
  readonly ref: AnyRef;
  compiled: Compiled;
  readonly parent: AnyRef;
  readonly startedAt: Ms;
  state: unknown = undefined;
  ctx: unknown = undefined;
  status: Status = STARTING;
  /** In the run queue, or running: keeps an actor that sends to itself from being queued twice. */
  scheduled = false;
  trapExit = false;
  mailbox: Mailbox | null = null;
  /** Requested by stop() or by the death of the parent; acts between two messages, ahead of the mailbox. */
  stopReason: Reason | null = null;
  /** (op, arg) pairs of ctx.next. */
  nexts: unknown[] | null = null;
  links: Set<AnyRef> | null = null;
  /** Monitors that watch this cell. */
  monitoredBy: Set<MonitorId> | null = null;
  /** Monitors that this cell holds. */
  monitors: Set<MonitorId> | null = null;
  timers: Map<Key, TimerEntry> | null = null;
  /** Calls taken with NOREPLY and not answered yet: they fail when the cell ends. */
  deferred: Set<From> | null = null;
  holdings: Set<Holding> | null = null;
  extra: Extra | null = null;
  /** Of the traced message that is being handled, awaits included. */
  trace: OpenSpan | null = null;
  /** Started with a link to its parent: the parent's exit ends it through terminate (if it traps). */
  isChild = false;
  starter: ((result: StartResult) => void) | null = null;
  name: Key | undefined = undefined;
  label = '';
  entity: EntityTag | null = null;
  from = 0;
  deadline: Ms = 0;
  currentOp = '';
  lastActiveMs: Ms;
  messagesIn = 0;
  messagesOut = 0;
  dropped = 0;
  /** Its row in the sampler (inspect/sampler.ts), while there is one. */
  row = -1;

  constructor(ref: AnyRef, behaviour: Compiled, parent: AnyRef, startedAt: Ms, activeMs: Ms) {
    this.ref = ref;
    this.compiled = behaviour;
    this.parent = parent;
    this.startedAt = startedAt;
    this.lastActiveMs = activeMs;
  }
}

/** Has a cell tell `holding` of its end. */
export function hold(cell: Cell, holding: Holding): void {
  cell.holdings ??= new Set();
  cell.holdings.add(holding);
}

/** The holding is given up before the cell ends. */
export function unhold(cell: Cell, holding: Holding): void {
  cell.holdings?.delete(holding);
}

/** The cell's rare parts, made on first use. */
export function extraOf(cell: Cell): Extra {
  cell.extra ??= new Extra();
  return cell.extra;
}

/** The cell's mailbox, made on first use. */
export function mailboxOf(cell: Cell): Mailbox {
  if (cell.mailbox === null) cell.mailbox = new Mailbox();
  return cell.mailbox;
}
