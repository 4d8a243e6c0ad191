/**
 * Looks at the actors of this thread for the published tree: who began or ended, and the figures of those that did something since
 * the last round. One at most per thread, only while somebody looks; never waits, never sends.
 *
 * Only actors that took a turn, began, ended or have something pending are visited: ten thousand idle ones cost nothing. While it
 * runs each turn pays for one flag, and up to TIMED_PER_ROUND turns a round are timed, evenly spread: their time, scaled, is the
 * handler time of their actors (what runs behind an await is not in it).
 */
import { assert } from '../assert.ts';
import type { Ms } from '../clock.ts';
import { AWAITING, type Cell, DEAD, IDLE, STARTING, TERMINATING } from '../core/cell.ts';
import { type Turn, wrapTurns } from '../core/scheduler.ts';
import { allCells, observeCells, rt } from '../core/thread.ts';
import { isSupervisor } from '../supervision/child-spec.ts';
import type { AnyRef } from '../types.ts';
import { pathOf } from './path.ts';
import { ownBytes } from './size.ts';

/** What an actor is doing, by number; the order is part of the batch's form. */
export const SAMPLED_STATES = [
  'starting',
  'idle',
  'busy',
  'awaiting',
  'terminating',
  'suspended',
  'hibernated',
] as const;
export type SampledState = (typeof SAMPLED_STATES)[number];

/** Numbers of one actor in `SampledBatch.figures`, one after another. */
export const SAMPLED_FIGURES = [
  'row',
  'messages',
  'rate',
  'mailbox',
  'mailboxMax',
  'dropped',
  'state',
  'restarts',
  'busyMs',
  'memoryBytes',
] as const;
const STRIDE = SAMPLED_FIGURES.length;

/** Who a row stands for, once per life. */
export interface SampledActor {
  /** Small number that stands for it in later batches; used again after `removed`. */
  readonly row: number;
  readonly ref: AnyRef;
  readonly parent: AnyRef;
  /** As actorPath(). */
  readonly path: string;
  readonly behaviour: string;
  /** Type of the entity, '' for other actors. */
  readonly type: string;
  readonly isSupervisor: boolean;
  readonly label: string;
  readonly mailboxLimit: number;
  /** Ms since 1970. */
  readonly startedAt: Ms;
}

/** Part of a round; to be applied in this order: removed, added, labels, figures. Plain data. */
export interface SampledBatch {
  readonly removed: readonly number[];
  readonly added: readonly SampledActor[];
  readonly labels: readonly (readonly [row: number, label: string])[];
  /** Float64 numbers of SAMPLED_FIGURES for each row that changed; busyMs is NaN where it was not measured. */
  readonly figures: Uint8Array;
  /** The round ends with it. */
  readonly isLast: boolean;
}

const TIMED_PER_ROUND = 4096;
/** Rows that the arrays have room for at first; doubled when they are full. */
const FIRST_ROWS = 256;

const TOUCHED = 1;
const PUBLISHED = 2;

/** The columns of all rows, as last published. */
class Columns {
  flags = new Uint8Array(FIRST_ROWS);
  messages = new Float64Array(FIRST_ROWS);
  rate = new Float64Array(FIRST_ROWS);
  mailbox = new Float64Array(FIRST_ROWS);
  mailboxMax = new Float64Array(FIRST_ROWS);
  dropped = new Float64Array(FIRST_ROWS);
  state = new Uint8Array(FIRST_ROWS);
  /** Most messages seen waiting, and handler time, since the last visit. */
  high = new Float64Array(FIRST_ROWS);
  busyMs = new Float64Array(FIRST_ROWS);
  busyShown = new Float64Array(FIRST_ROWS);

  get size(): number {
    return this.flags.length;
  }

  double(): void {
    const size = this.size * 2;
    const larger = (from: Float64Array): Float64Array<ArrayBuffer> => {
      const to = new Float64Array(size);
      to.set(from);
      return to;
    };
    const bytes = (from: Uint8Array): Uint8Array<ArrayBuffer> => {
      const to = new Uint8Array(size);
      to.set(from);
      return to;
    };
    this.flags = bytes(this.flags);
    this.state = bytes(this.state);
    this.messages = larger(this.messages);
    this.rate = larger(this.rate);
    this.mailbox = larger(this.mailbox);
    this.mailboxMax = larger(this.mailboxMax);
    this.dropped = larger(this.dropped);
    this.high = larger(this.high);
    this.busyMs = larger(this.busyMs);
    this.busyShown = larger(this.busyShown);
  }

  clear(row: number): void {
    this.flags[row] = 0;
    this.state[row] = 0;
    for (const column of [this.messages, this.rate, this.mailbox, this.mailboxMax, this.dropped]) {
      column[row] = 0;
    }
    this.high[row] = 0;
    this.busyMs[row] = 0;
    this.busyShown[row] = 0;
  }
}

let current: Sampler | null = null;

/** Samples this thread from its making until close(), or until another is made. */
export class Sampler {
  readonly #columns = new Columns();
  readonly #labels: (string | undefined)[] = [];
  readonly #free: number[] = [];
  #rows = 0;
  /** Rows of cells that have ended, as far as they were published. */
  #ended: number[] = [];
  /** Cells to be visited in the next round. */
  #touched: Cell[] = [];
  /** Cells of the round under way, and how many of them are done. */
  #visiting: Cell[] = [];
  #visited = 0;
  #inRound = false;
  #roundAt: Ms;
  /** Length of the interval that the round is about; 0: the first round has none. */
  #intervalMs: Ms = 0;
  #rounds = 0;
  #turns = 0;
  #timedEvery = 1;
  #untilTimed = 1;

  constructor() {
    current = this;
    this.#roundAt = rt.clock.monotonic();
    observeCells({ added: (cell) => this.#began(cell), removed: (cell) => this.#gone(cell) });
    wrapTurns((cell, messagesMax, turn) => this.#turn(cell, messagesMax, turn));
    for (const cell of allCells()) this.#began(cell);
  }

  /** Ends it: turns and cells are as they were. Idempotent. */
  close(): void {
    if (current !== this) return;
    current = null;
    observeCells(null);
    wrapTurns(null);
  }

  /** Actors with a row. */
  get size(): number {
    return this.#rows - this.#free.length;
  }

  /**
   * Visits at most `cellsMax` cells of the round, beginning one when none is under way. The batch may be empty. Cost: that of the
   * cells visited; the first batch of a round lists all ends.
   */
  take(cellsMax: number): SampledBatch {
    const removed = this.#inRound ? [] : this.#beginRound();
    const added: SampledActor[] = [];
    const labels: [number, string][] = [];
    const end = Math.min(this.#visiting.length, this.#visited + cellsMax);
    const figures = new Float64Array((end - this.#visited) * STRIDE);
    let used = 0;
    for (; this.#visited < end; this.#visited++) {
      const cell = this.#visiting[this.#visited] as Cell;
      if (cell.status === DEAD) continue;
      this.#introduce(cell, added, labels);
      used = this.#measure(cell, figures, used);
    }
    const isLast = this.#visited >= this.#visiting.length;
    if (isLast) this.#endRound();
    return { removed, added, labels, figures: new Uint8Array(figures.buffer, 0, used * 8), isLast };
  }

  // -------------------------------------------------------------- rounds

  #beginRound(): number[] {
    const now = rt.clock.monotonic();
    this.#intervalMs = this.#rounds === 0 ? 0 : Math.max(1, now - this.#roundAt);
    this.#roundAt = now;
    this.#rounds++;
    this.#inRound = true;
    this.#visiting = this.#touched;
    this.#visited = 0;
    this.#touched = [];
    this.#timedEvery = Math.max(1, Math.ceil(this.#turns / TIMED_PER_ROUND));
    this.#turns = 0;
    const removed = this.#ended;
    this.#ended = [];
    this.#free.push(...removed);
    return removed;
  }

  #endRound(): void {
    this.#inRound = false;
    this.#visiting = [];
    this.#visited = 0;
  }

  #introduce(cell: Cell, added: SampledActor[], labels: [number, string][]): void {
    const { row, label } = cell;
    const { flags } = this.#columns;
    const flag = flags[row] as number;
    flags[row] = PUBLISHED;
    if ((flag & PUBLISHED) === 0) added.push(actorOf(cell));
    else if (this.#labels[row] !== label) labels.push([row, label]);
    else return;
    this.#labels[row] = label;
  }

  /** Writes the figures of a cell behind `used` when they have changed; where the next one goes. */
  #measure(cell: Cell, figures: Float64Array, used: number): number {
    const { row } = cell;
    const columns = this.#columns;
    const messages = cell.messagesIn;
    const mailbox = cell.mailbox?.count ?? 0;
    const mailboxMax = Math.max(columns.high[row] as number, mailbox);
    const state = stateOf(cell, mailbox);
    const ms = this.#intervalMs;
    const before = columns.messages[row] as number;
    const isFirst = ms === 0;
    const rate = isFirst ? 0 : ((messages - before) * 1000) / ms;
    const busyMs = isFirst ? 0 : Math.min(1000, ((columns.busyMs[row] as number) * 1000) / ms);
    columns.high[row] = 0;
    columns.busyMs[row] = 0;
    // What still moves or waits is looked at again, if only to see it come to rest.
    if (rate > 0 || busyMs > 0 || mailboxMax > 0 || state !== STATE_IDLE) this.#touch(cell);
    if (
      messages === before &&
      rate === columns.rate[row] &&
      mailbox === columns.mailbox[row] &&
      mailboxMax === columns.mailboxMax[row] &&
      cell.dropped === columns.dropped[row] &&
      state === columns.state[row] &&
      busyMs === columns.busyShown[row]
    ) {
      return used;
    }
    columns.messages[row] = messages;
    columns.rate[row] = rate;
    columns.mailbox[row] = mailbox;
    columns.mailboxMax[row] = mailboxMax;
    columns.dropped[row] = cell.dropped;
    columns.state[row] = state;
    columns.busyShown[row] = busyMs;
    figures[used] = row;
    figures[used + 1] = messages;
    figures[used + 2] = rate;
    figures[used + 3] = mailbox;
    figures[used + 4] = mailboxMax;
    figures[used + 5] = cell.dropped;
    figures[used + 6] = state;
    figures[used + 7] = cell.extra?.restarts ?? 0;
    figures[used + 8] = isFirst ? Number.NaN : busyMs;
    figures[used + 9] = ownBytes(cell);
    return used + STRIDE;
  }

  // -------------------------------------------------------------- what happens meanwhile

  #turn(cell: Cell, messagesMax: number, turn: Turn): void {
    const { row } = cell;
    const columns = this.#columns;
    const waiting = cell.mailbox === null ? 0 : cell.mailbox.count;
    if (waiting > (columns.high[row] as number)) columns.high[row] = waiting;
    if (((columns.flags[row] as number) & TOUCHED) === 0) this.#touch(cell);
    this.#turns++;
    if (--this.#untilTimed > 0) {
      turn(cell, messagesMax);
      return;
    }
    this.#untilTimed = this.#timedEvery;
    const from = rt.clock.monotonic();
    turn(cell, messagesMax);
    const tookMs = (rt.clock.monotonic() - from) * this.#timedEvery;
    // The turn may have been its last: then the row is another's, or nobody's, at the earliest in the next round.
    if (cell.status !== DEAD)
      this.#columns.busyMs[row] = (this.#columns.busyMs[row] as number) + tookMs;
  }

  #touch(cell: Cell): void {
    const { flags } = this.#columns;
    const flag = flags[cell.row] as number;
    if ((flag & TOUCHED) !== 0) return;
    flags[cell.row] = flag | TOUCHED;
    this.#touched.push(cell);
  }

  #began(cell: Cell): void {
    const row = this.#free.pop() ?? this.#rows++;
    if (row >= this.#columns.size) this.#columns.double();
    this.#columns.clear(row);
    this.#labels[row] = undefined;
    cell.row = row;
    this.#touch(cell);
  }

  #gone(cell: Cell): void {
    const { row } = cell;
    assert(row >= 0, 'a cell that ends while a sampler looks has a row');
    if (((this.#columns.flags[row] as number) & PUBLISHED) !== 0) this.#ended.push(row);
    else this.#free.push(row);
    this.#labels[row] = undefined;
  }
}

const STATE_IDLE = SAMPLED_STATES.indexOf('idle');
const STATE_BUSY = SAMPLED_STATES.indexOf('busy');
const STATE_SUSPENDED = SAMPLED_STATES.indexOf('suspended');
const STATE_HIBERNATED = SAMPLED_STATES.indexOf('hibernated');

function stateOf({ extra, scheduled, status }: Cell, mailbox: number): number {
  if (extra?.suspended === true) return STATE_SUSPENDED;
  if (status === STARTING) return 0;
  if (status === AWAITING) return SAMPLED_STATES.indexOf('awaiting');
  if (status === TERMINATING) return SAMPLED_STATES.indexOf('terminating');
  if (status !== IDLE || scheduled || mailbox > 0) return STATE_BUSY;
  return extra?.hibernated === true ? STATE_HIBERNATED : STATE_IDLE;
}

function actorOf(cell: Cell): SampledActor {
  const { compiled, entity, label, parent, ref, row, startedAt } = cell;
  return {
    row,
    ref,
    parent,
    path: pathOf(cell),
    behaviour: compiled.name,
    type: entity === null ? '' : entity.type,
    isSupervisor: isSupervisor(compiled.behaviour),
    label,
    mailboxLimit: compiled.limit,
    startedAt,
  };
}
