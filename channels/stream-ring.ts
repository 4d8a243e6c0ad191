/**
 * The newest events of one stream with their encoded frames: at most 512 events or 256 KiB
 * (protocol.md 2.7). Plain data of one stream actor. Frames given out are never changed: a rewrite
 * (edit, delete) puts a new frame in the place of the old one, so that what was overwritten cannot
 * be read back from here.
 */
import { assert } from '../runtime/index.ts';
import type { LogEvent, Ms, Rewrite, Seq } from './types.ts';

export interface RingOptions {
  readonly eventsMax: number;
  readonly bytesMax: number;
}

/** protocol.md 2.7, "Replay source". */
export const RING_OPTIONS: RingOptions = { eventsMax: 512, bytesMax: 256 * 1024 };

/** Compact the array when so many dead slots stand before the first live one. */
const SLACK_MAX = 512;

/** Events (floor, head] of a stream, contiguous. */
export class Ring {
  readonly #options: RingOptions;
  #events: (LogEvent | undefined)[] = [];
  #start = 0;
  #bytes = 0;
  #floor: Seq;
  #floorTs: Ms;

  /** Starts empty at a head: `floor` and `floorTs` are the head's seq and ts. */
  constructor(floor: Seq, floorTs: Ms, options: RingOptions = RING_OPTIONS) {
    this.#floor = floor;
    this.#floorTs = floorTs;
    this.#options = options;
  }

  /** Everything after this seq is here. */
  get floor(): Seq {
    return this.#floor;
  }

  /** ts of the event at `floor`, 0 when that is not known. */
  get floorTs(): Ms {
    return this.#floorTs;
  }

  get size(): number {
    return this.#events.length - this.#start;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get head(): Seq {
    return this.#floor + this.size;
  }

  /** Appends the next event; the oldest leave when a bound is passed. */
  push(event: LogEvent): void {
    assert(event.seq === this.head + 1, 'ring: events come in order');
    this.#events.push(event);
    this.#bytes += event.frame.byteLength;
    while (this.size > this.#options.eventsMax || this.#bytes > this.#options.bytesMax)
      this.#shift();
  }

  /**
   * Puts older events, ascending and ending at `floor`, before the ones here, as many of the newest
   * as fit. Anything that does not join at `floor` is left out.
   */
  prepend(older: readonly LogEvent[]): void {
    if (older.length === 0 || older[older.length - 1]?.seq !== this.#floor) return;
    let from = older.length;
    let bytes = this.#bytes;
    let count = this.size;
    while (from > 0) {
      const event = older[from - 1] as LogEvent;
      const joins = event.seq === this.#floor - (older.length - from);
      if (!joins || count + 1 > this.#options.eventsMax) break;
      if (bytes + event.frame.byteLength > this.#options.bytesMax) break;
      bytes += event.frame.byteLength;
      count += 1;
      from -= 1;
    }
    const taken = older.slice(from);
    if (taken.length === 0) return;
    this.#events = [...taken, ...this.#events.slice(this.#start)];
    this.#start = 0;
    this.#bytes = bytes;
    this.#floor -= taken.length;
    this.#floorTs = from > 0 ? (older[from - 1] as LogEvent).ts : 0;
  }

  /** The event, or undefined when it is older than the ring (or not there yet). */
  get(seq: Seq): LogEvent | undefined {
    if (seq <= this.#floor || seq > this.head) return undefined;
    return this.#events[this.#start + seq - this.#floor - 1];
  }

  /** ts of an event, of the floor too where it is known. */
  tsOf(seq: Seq): Ms | undefined {
    if (seq === this.#floor && this.#floorTs > 0) return this.#floorTs;
    return this.get(seq)?.ts;
  }

  /** Replaces kind and frame of an event that is here; seq, ts and actor stay. */
  rewrite(change: Rewrite): void {
    const event = this.get(change.seq);
    if (event === undefined) return;
    this.#bytes += change.frame.byteLength - event.frame.byteLength;
    const emoji = change.kind === 0 ? '' : event.emoji;
    const target = change.kind === 0 ? 0 : event.target;
    const next = { ...event, kind: change.kind, frame: change.frame, emoji, target };
    this.#events[this.#start + change.seq - this.#floor - 1] = next;
    while (this.#bytes > this.#options.bytesMax) this.#shift();
  }

  /** Seqs of edits (kind 2) of a message; complete only for a target that is in the ring itself. */
  editsOf(target: Seq): Seq[] {
    const found: Seq[] = [];
    for (let i = this.#start; i < this.#events.length; i += 1) {
      const event = this.#events[i] as LogEvent;
      if (event.kind === 2 && event.target === target) found.push(event.seq);
    }
    return found;
  }

  /** True when all of (after, head] is here. */
  covers(after: Seq): boolean {
    return after >= this.#floor;
  }

  /** Events after `after`, ascending, within both bounds but at least one. Needs `covers(after)`. */
  after(after: Seq, limit: number, bytesMax: number): LogEvent[] {
    assert(this.covers(after), 'ring: read below the floor');
    const found: LogEvent[] = [];
    let bytes = 0;
    for (let i = this.#start + after - this.#floor; i < this.#events.length; i += 1) {
      const event = this.#events[i] as LogEvent;
      bytes += event.frame.byteLength;
      if (found.length >= limit || (found.length > 0 && bytes > bytesMax)) break;
      found.push(event);
    }
    return found;
  }

  #shift(): void {
    const event = this.#events[this.#start] as LogEvent;
    this.#events[this.#start] = undefined;
    this.#start += 1;
    this.#bytes -= event.frame.byteLength;
    this.#floor = event.seq;
    this.#floorTs = event.ts;
    if (this.#start >= SLACK_MAX || this.#start === this.#events.length) {
      this.#events = this.#events.slice(this.#start);
      this.#start = 0;
    }
  }
}
