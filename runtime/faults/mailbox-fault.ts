/**
 * A mailbox that is slow or loses messages, in the place of an actor's own for a while. What the actor sends to itself and its
 * timers are not touched. Any thread, for actors of that thread. Ends by itself, on the thread's own clock: nobody has to
 * come back. An actor without such a fault pays nothing for there being one.
 */
import type { Ms, Rng } from '../clock.ts';
import { type Cell, type Holding, hold, TimerEntry, unhold } from '../core/cell.ts';
import { hasWork, wake } from '../core/life.ts';
import { Mailbox } from '../core/mailbox.ts';
import { lookup, rt } from '../core/thread.ts';
import { after } from '../core/timers.ts';
import type { TraceMark } from '../core/trace-context.ts';
import type { AnyRef } from '../types.ts';

export interface MailboxFaultOptions {
  /** How long it lasts. */
  readonly forMs: Ms;
  /** Each message waits for so long, in order; 0: none does. */
  readonly delayMs: Ms;
  /** Share of messages that are lost, 0 to 1: calls are never answered, casts vanish. */
  readonly dropShare: number;
  readonly rng: Rng;
  /** It is over, by time, by `end`, or with the actor. */
  readonly onEnd?: (counts: MailboxFaultCounts) => void;
}

export interface MailboxFaultCounts {
  readonly delayed: number;
  readonly dropped: number;
}

/** A fault that is there. */
export interface MailboxFault {
  readonly counts: MailboxFaultCounts;
  /** Ends it now: what waits joins the mailbox, in order. Idempotent. */
  end(): void;
}

interface Waiting {
  readonly op: unknown;
  readonly arg: unknown;
  readonly from: number;
  readonly deadline: Ms;
  readonly dueMs: Ms;
  trace: TraceMark | null;
}

const U32 = 2 ** 32;

/** Its bound is that of the mailbox it stands for: what waits counts against the limit. */
class FaultyMailbox extends Mailbox {
  readonly #cell: Cell;
  readonly #options: MailboxFaultOptions;
  #waiting: Waiting[] = [];
  #cancel: (() => void) | undefined;
  /** Where the message pushed last is. */
  #last: 'ring' | 'lost' | Waiting = 'ring';
  delayed = 0;
  dropped = 0;

  constructor(cell: Cell, options: MailboxFaultOptions) {
    super();
    this.#cell = cell;
    this.#options = options;
  }

  override push(op: unknown, arg: unknown, from: number, deadline: Ms): void {
    const { delayMs, dropShare, rng } = this.#options;
    const isOwn = rt.current === this.#cell || op instanceof TimerEntry;
    if (!isOwn && typeof op === 'string' && dropShare > 0 && rng.u32() < dropShare * U32) {
      // The sender has counted it already.
      this.limited--;
      this.dropped++;
      rt.counters.dropped++;
      this.#last = 'lost';
    } else if (!isOwn && delayMs > 0) {
      const dueMs = rt.clock.monotonic() + delayMs;
      this.#last = { op, arg, from, deadline, dueMs, trace: null };
      this.#waiting.push(this.#last);
      this.delayed++;
      this.#arm();
    } else {
      super.push(op, arg, from, deadline);
      this.#last = 'ring';
    }
  }

  override markLast(mark: TraceMark): void {
    if (this.#last === 'ring') super.markLast(mark);
    else if (this.#last !== 'lost') this.#last.trace = mark;
  }

  override discard(match: (notice: unknown) => boolean): void {
    super.discard(match);
    this.#waiting = this.#waiting.filter(({ op }) => typeof op === 'string' || !match(op));
  }

  override dropOldest(): number {
    const from = super.dropOldest();
    if (from !== -1) return from;
    const at = this.#waiting.findIndex(({ op }) => typeof op === 'string');
    const [oldest] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (oldest === undefined) return -1;
    this.limited--;
    return oldest.from;
  }

  override find(fits: (op: unknown) => boolean): unknown {
    return super.find(fits) ?? this.#waiting.find(({ op }) => fits(op))?.op;
  }

  /** Everything, in order, into `mailbox`: what is in the ring came before what waits. */
  moveTo(mailbox: Mailbox): void {
    this.#cancel?.();
    this.#pass(Number.POSITIVE_INFINITY);
    while (this.count > 0) {
      this.take();
      if (this.op === undefined) continue;
      mailbox.push(this.op, this.arg, this.from, this.deadline);
      if (this.trace !== null) mailbox.markLast(this.trace);
    }
    mailbox.limited = this.limited;
  }

  /** Takes over what another mailbox holds, past the fault. */
  takeOver(mailbox: Mailbox): void {
    while (mailbox.count > 0) {
      mailbox.take();
      const { op, arg, from, deadline, trace } = mailbox;
      if (op !== undefined) this.#queue(op, arg, from, deadline, trace);
    }
    this.limited = mailbox.limited;
  }

  #arm(): void {
    const first = this.#waiting[0];
    if (first === undefined || this.#cancel !== undefined) return;
    this.#cancel = after(Math.max(0, first.dueMs - rt.clock.monotonic()), () => {
      this.#cancel = undefined;
      this.#pass(rt.clock.monotonic());
      if (hasWork(this.#cell)) wake(this.#cell);
      this.#arm();
    });
  }

  #pass(nowMs: Ms): void {
    const held = this.#waiting.findIndex(({ dueMs }) => dueMs > nowMs);
    const due = this.#waiting.splice(0, held < 0 ? this.#waiting.length : held);
    for (const { op, arg, from, deadline, trace } of due) {
      this.#queue(op, arg, from, deadline, trace);
    }
  }

  #queue(op: unknown, arg: unknown, from: number, deadline: Ms, trace: TraceMark | null): void {
    super.push(op, arg, from, deadline);
    if (trace !== null) super.markLast(trace);
  }
}

/** Takes the fault off when its actor ends, before the end of the mailbox decides about what is queued. */
class Installed implements MailboxFault, Holding {
  readonly #cell: Cell;
  readonly #mailbox: FaultyMailbox;
  readonly #options: MailboxFaultOptions;
  readonly #cancel: () => void;
  #isOver = false;

  constructor(cell: Cell, options: MailboxFaultOptions) {
    this.#cell = cell;
    this.#options = options;
    this.#mailbox = new FaultyMailbox(cell, options);
    if (cell.mailbox !== null) this.#mailbox.takeOver(cell.mailbox);
    cell.mailbox = this.#mailbox;
    hold(cell, this);
    this.#cancel = after(options.forMs, () => this.end());
  }

  get counts(): MailboxFaultCounts {
    const { delayed, dropped } = this.#mailbox;
    return { delayed, dropped };
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancel();
    unhold(this.#cell, this);
    const plain = new Mailbox();
    this.#mailbox.moveTo(plain);
    this.#cell.mailbox = plain;
    if (hasWork(this.#cell)) wake(this.#cell);
    this.#options.onEnd?.(this.counts);
  }

  ownerEnded(): void {
    this.end();
  }
}

/**
 * Makes the mailbox of an actor of this thread slow or lossy; undefined when it is dead or elsewhere, or has a fault already.
 * RangeError for a time that is not above 0 or a share outside 0 to 1. Costs O(queued messages).
 */
export function faultMailbox(ref: AnyRef, options: MailboxFaultOptions): MailboxFault | undefined {
  const { forMs, delayMs, dropShare } = options;
  if (!(forMs > 0 && Number.isFinite(forMs))) {
    throw new RangeError(`faultMailbox: forMs: got ${forMs}, want > 0 and finite`);
  }
  if (!(delayMs >= 0 && Number.isFinite(delayMs))) {
    throw new RangeError(`faultMailbox: delayMs: got ${delayMs}, want >= 0 and finite`);
  }
  if (!(dropShare >= 0 && dropShare <= 1)) {
    throw new RangeError(`faultMailbox: dropShare: got ${dropShare}, want 0 to 1`);
  }
  const cell = lookup(ref);
  if (cell === undefined || cell.mailbox instanceof FaultyMailbox) return undefined;
  return new Installed(cell, options);
}
