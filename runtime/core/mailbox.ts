/**
 * Mailbox: a strided ring of (op, arg, from, deadline). Arrays only, so a queued message costs no
 * object. Made with the first message, grown by doubling up to the limit, given back when it has
 * emptied after growing large. Marks of traced messages are beside the ring, by place. Owned by one
 * cell; never shared.
 */
import type { TraceMark } from './trace-context.ts';

const STRIDE = 4;
const FIRST_RECORDS = 4;
/** A larger ring is released when empty; a guess that keeps ordinary bursts free of allocation. */
const KEEP_RECORDS = 256;

export class Mailbox {
  #buf: unknown[] = new Array(FIRST_RECORDS * STRIDE).fill(undefined);
  #mask = FIRST_RECORDS - 1;
  #head = 0;
  /** Records in the ring, those taken back by `dropOldest` included until they reach the head. */
  count = 0;
  /** Records that count against the limit. */
  limited = 0;

  // The record last taken by `take`: fields instead of an object per message.
  op: unknown = undefined;
  arg: unknown = undefined;
  from = 0;
  deadline = 0;
  trace: TraceMark | null = null;
  /** Of the records in the ring that are traced; null while there are none. */
  #marks: Map<number, TraceMark> | null = null;

  push(op: unknown, arg: unknown, from: number, deadline: number): void {
    if (this.count > this.#mask) this.#grow();
    const at = ((this.#head + this.count) & this.#mask) * STRIDE;
    const buf = this.#buf;
    buf[at] = op;
    buf[at + 1] = arg;
    buf[at + 2] = from;
    buf[at + 3] = deadline;
    this.count++;
  }

  /** Puts a record before all others. */
  unshift(op: unknown, arg: unknown, from: number, deadline: number): void {
    if (this.count > this.#mask) this.#grow();
    this.#head = (this.#head - 1) & this.#mask;
    const at = this.#head * STRIDE;
    this.#buf[at] = op;
    this.#buf[at + 1] = arg;
    this.#buf[at + 2] = from;
    this.#buf[at + 3] = deadline;
    this.count++;
  }

  /** The record pushed last is traced. */
  markLast(mark: TraceMark): void {
    this.#marks ??= new Map();
    this.#marks.set((this.#head + this.count - 1) & this.#mask, mark);
  }

  /** The record put before all others is traced. */
  markFirst(mark: TraceMark): void {
    this.#marks ??= new Map();
    this.#marks.set(this.#head, mark);
  }

  /** The op of the oldest record; the caller has looked at `count`. */
  peekOp(): unknown {
    return this.#buf[this.#head * STRIDE];
  }

  /** Removes the notices (records that do not count against the limit) that `match`. O(count). */
  discard(match: (notice: unknown) => boolean): void {
    for (let i = 0; i < this.count; i++) {
      const at = ((this.#head + i) & this.#mask) * STRIDE;
      const op = this.#buf[at];
      if (op !== undefined && typeof op !== 'string' && match(op)) this.#buf[at] = undefined;
    }
    this.#trim();
  }

  /** Moves the oldest record into op, arg, from, deadline, trace. The caller has looked at `count`. */
  take(): void {
    const at = this.#head * STRIDE;
    const buf = this.#buf;
    this.op = buf[at];
    this.arg = buf[at + 1];
    this.from = buf[at + 2] as number;
    this.deadline = buf[at + 3] as number;
    buf[at] = undefined;
    buf[at + 1] = undefined;
    this.trace = this.#marks === null ? null : this.#takeMark(this.#head);
    this.#head = (this.#head + 1) & this.#mask;
    this.count--;
    if (this.count === 0 && this.#mask >= KEEP_RECORDS) this.#release();
  }

  /**
   * Takes the oldest record that counts against the limit (a string op) out of the middle: it becomes
   * a hole (op undefined) that `take` returns later. Its `from` is returned, -1 when there is none.
   */
  dropOldest(): number {
    for (let i = 0; i < this.count; i++) {
      const at = ((this.#head + i) & this.#mask) * STRIDE;
      if (typeof this.#buf[at] !== 'string') continue;
      const from = this.#buf[at + 2] as number;
      this.#buf[at] = undefined;
      this.#buf[at + 1] = undefined;
      this.limited--;
      if (this.#marks !== null) this.#takeMark(at / STRIDE);
      this.#trim();
      return from;
    }
    return -1;
  }

  /** The oldest queued op that `fits`; it stays queued. O(count). */
  find(fits: (op: unknown) => boolean): unknown {
    for (let i = 0; i < this.count; i++) {
      const op = this.#buf[((this.#head + i) & this.#mask) * STRIDE];
      if (fits(op)) return op;
    }
    return undefined;
  }

  #takeMark(place: number): TraceMark | null {
    const marks = this.#marks as Map<number, TraceMark>;
    const mark = marks.get(place) ?? null;
    marks.delete(place);
    if (marks.size === 0) this.#marks = null;
    return mark;
  }

  /** Holes at the head go at once, so that dropping over and over stays O(1). */
  #trim(): void {
    while (this.count > 0 && this.#buf[this.#head * STRIDE] === undefined) {
      this.#head = (this.#head + 1) & this.#mask;
      this.count--;
    }
  }

  #grow(): void {
    const size = this.#mask + 1;
    const grown: unknown[] = new Array(size * 2 * STRIDE).fill(undefined);
    for (let i = 0; i < size * STRIDE; i++) {
      grown[i] = this.#buf[(this.#head * STRIDE + i) % (size * STRIDE)];
    }
    if (this.#marks !== null) {
      const marks = new Map<number, TraceMark>();
      for (const [place, mark] of this.#marks) marks.set((place - this.#head + size) % size, mark);
      this.#marks = marks;
    }
    this.#buf = grown;
    this.#mask = size * 2 - 1;
    this.#head = 0;
  }

  #release(): void {
    this.#buf = new Array(FIRST_RECORDS * STRIDE).fill(undefined);
    this.#mask = FIRST_RECORDS - 1;
    this.#head = 0;
  }
}
