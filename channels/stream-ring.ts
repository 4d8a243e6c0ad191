/**
 * The newest events of one stream with their encoded frames: at most 512 events or 256 KiB
 * (protocol.md 2.7). Plain data of one stream actor. Frames given out are never changed: a rewrite
 * (edit, delete) puts a new frame in the place of the old one, so that what was overwritten cannot
 * be read back from here.
 *
 * Numbers in one array instead of an object per event: events live long enough to be moved to the
 * old generation and then die there, which is what a collector likes least. An event that is asked
 * for is made anew.
 */
import { assert } from '../runtime/index.ts';
import type { Ms, Rewrite, RingEvent, Seq } from './types.ts';

export interface RingOptions {
  readonly eventsMax: number;
  readonly bytesMax: number;
}

/** protocol.md 2.7, "Replay source". */
export const RING_OPTIONS: RingOptions = { eventsMax: 512, bytesMax: 256 * 1024 };

const FIRST_EVENTS = 8;

// Numbers of an event, at its place times STRIDE.
const STRIDE = 6;
const TS = 0;
const ACTOR = 1;
const TARGET = 2;
const KIND = 3;
/** Where its frame is in its block of memory. */
const OFFSET = 4;
const LENGTH = 5;

/** Events (floor, head] of a stream, contiguous; the event `seq` is at place `seq & mask`. */
export class Ring {
  readonly #options: RingOptions;
  #mask = FIRST_EVENTS - 1;
  #numbers = new Float64Array(FIRST_EVENTS * STRIDE);
  /** Memory that the frames lie in, many in one. */
  #memory: (ArrayBufferLike | undefined)[] = new Array(FIRST_EVENTS).fill(undefined);
  /** By seq, of the few events that have one. */
  readonly #emojis = new Map<Seq, string>();
  #size = 0;
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
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get head(): Seq {
    return this.#floor + this.#size;
  }

  /** Appends the next event; the oldest leave when a bound is passed. */
  push(event: RingEvent): void {
    assert(event.seq === this.head + 1, 'ring: events come in order');
    const { eventsMax, bytesMax } = this.#options;
    if (this.#size >= eventsMax) this.#shift();
    if (this.#size > this.#mask) this.#grow();
    this.#size += 1;
    this.#put(event);
    while (this.#bytes > bytesMax) this.#shift();
  }

  /**
   * Puts older events, ascending and ending at `floor`, before the ones here, as many of the newest
   * as fit. Anything that does not join at `floor` is left out.
   */
  prepend(older: readonly RingEvent[]): void {
    if (older[older.length - 1]?.seq !== this.#floor) return;
    for (let i = older.length - 1; i >= 0; i -= 1) {
      const event = older[i] as RingEvent;
      const { eventsMax, bytesMax } = this.#options;
      if (event.seq !== this.#floor || this.#size >= eventsMax) return;
      if (this.#bytes + event.frame.byteLength > bytesMax) return;
      if (this.#size > this.#mask) this.#grow();
      this.#size += 1;
      this.#floor -= 1;
      this.#floorTs = older[i - 1]?.ts ?? 0;
      this.#put(event);
    }
  }

  /** The event, or undefined when it is older than the ring (or not there yet). */
  get(seq: Seq): RingEvent | undefined {
    return this.#has(seq) ? this.#make(seq) : undefined;
  }

  /** ts of an event, of the floor too where it is known. */
  tsOf(seq: Seq): Ms | undefined {
    if (seq === this.#floor && this.#floorTs > 0) return this.#floorTs;
    return this.#has(seq) ? this.#number(seq, TS) : undefined;
  }

  /** Replaces kind and frame of an event that is here; seq, ts and actor stay. */
  rewrite({ seq, kind, frame }: Rewrite): void {
    if (!this.#has(seq)) return;
    const at = (seq & this.#mask) * STRIDE;
    this.#bytes += frame.byteLength - this.#number(seq, LENGTH);
    this.#numbers[at + KIND] = kind;
    if (kind === 0) {
      this.#numbers[at + TARGET] = 0;
      this.#emojis.delete(seq);
    }
    this.#putFrame(seq, frame);
    while (this.#bytes > this.#options.bytesMax) this.#shift();
  }

  /** Seqs of edits (kind 2) of a message; complete only for a target that is in the ring itself. */
  editsOf(target: Seq): Seq[] {
    const found: Seq[] = [];
    for (let seq = this.#floor + 1; seq <= this.head; seq += 1) {
      if (this.#number(seq, KIND) === 2 && this.#number(seq, TARGET) === target) found.push(seq);
    }
    return found;
  }

  /** True when all of (after, head] is here. */
  covers(after: Seq): boolean {
    return after >= this.#floor;
  }

  /** Events after `after`, ascending, within both bounds but at least one. Needs `covers(after)`. */
  after(after: Seq, limit: number, bytesMax: number): RingEvent[] {
    assert(this.covers(after), 'ring: read below the floor');
    const found: RingEvent[] = [];
    let bytes = 0;
    for (let seq = after + 1; seq <= this.head; seq += 1) {
      bytes += this.#number(seq, LENGTH);
      if (found.length >= limit || (found.length > 0 && bytes > bytesMax)) break;
      found.push(this.#make(seq));
    }
    return found;
  }

  #has(seq: Seq): boolean {
    return seq > this.#floor && seq <= this.head;
  }

  #number(seq: Seq, field: number): number {
    return this.#numbers[(seq & this.#mask) * STRIDE + field] as number;
  }

  #make(seq: Seq): RingEvent {
    const at = (seq & this.#mask) * STRIDE;
    const numbers = this.#numbers;
    const memory = this.#memory[seq & this.#mask] as ArrayBufferLike;
    return {
      seq,
      ts: numbers[at + TS] as number,
      kind: numbers[at + KIND] as number,
      actor: numbers[at + ACTOR] as number,
      target: numbers[at + TARGET] as number,
      emoji: this.#emojis.get(seq) ?? '',
      frame: new Uint8Array(memory, numbers[at + OFFSET], numbers[at + LENGTH]),
    };
  }

  #put({ seq, ts, kind, actor, target, emoji, frame }: RingEvent): void {
    const at = (seq & this.#mask) * STRIDE;
    const numbers = this.#numbers;
    numbers[at + TS] = ts;
    numbers[at + ACTOR] = actor;
    numbers[at + TARGET] = target;
    numbers[at + KIND] = kind;
    if (emoji !== '') this.#emojis.set(seq, emoji);
    this.#putFrame(seq, frame);
    this.#bytes += frame.byteLength;
  }

  #putFrame(seq: Seq, { buffer, byteOffset, byteLength }: Uint8Array): void {
    const at = (seq & this.#mask) * STRIDE;
    this.#memory[seq & this.#mask] = buffer;
    this.#numbers[at + OFFSET] = byteOffset;
    this.#numbers[at + LENGTH] = byteLength;
  }

  #shift(): void {
    const seq = this.#floor + 1;
    this.#memory[seq & this.#mask] = undefined;
    if (this.#emojis.size > 0) this.#emojis.delete(seq);
    this.#bytes -= this.#number(seq, LENGTH);
    this.#floorTs = this.#number(seq, TS);
    this.#floor = seq;
    this.#size -= 1;
  }

  #grow(): void {
    const [mask, numbers, memory] = [this.#mask, this.#numbers, this.#memory];
    this.#mask = mask * 2 + 1;
    this.#numbers = new Float64Array(numbers.length * 2);
    this.#memory = new Array(memory.length * 2).fill(undefined);
    for (let seq = this.#floor + 1; seq <= this.head; seq += 1) {
      const [from, to] = [seq & mask, seq & this.#mask];
      this.#memory[to] = memory[from];
      this.#numbers.set(numbers.subarray(from * STRIDE, (from + 1) * STRIDE), to * STRIDE);
    }
  }
}
