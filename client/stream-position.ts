/**
 * The normative gap algorithm of protocol.md 2.7 for one stream: position, held events, ranges that
 * will not come. Pure state, no timers, no socket: it says what to deliver and whether there is a hole;
 * streams.ts asks the server. The position moves before anything is delivered.
 */

import type { Cursor, GapFields, StreamEvent, SubResult } from '../gateway/protocol/index.ts';
import { GapReason, gapVoidsCache, Limits, SubStatus } from '../gateway/protocol/index.ts';

/** A range of seq that will not be delivered; the application may fill it by HISTORY. */
export interface UnknownRange {
  readonly sid: number;
  readonly epoch: number;
  /** Inclusive; an empty range has to = from - 1. */
  readonly from: number;
  readonly to: number;
  readonly reason: number;
  /** Everything cached for the stream is void and must be dropped. */
  readonly isVoid: boolean;
}

/** What an input led to. */
export interface Outcome {
  /** Range lost, to be told before `deliver`. */
  readonly gap: UnknownRange | null;
  /** Events to deliver, in order. */
  readonly deliver: readonly StreamEvent[];
  /** Something before what was seen is missing: ask for it. */
  readonly hasHole: boolean;
}

const NOTHING: Outcome = { gap: null, deliver: [], hasHole: false };
const HOLE: Outcome = { gap: null, deliver: [], hasHole: true };

/** Position of one stream. */
export class StreamPosition {
  readonly sid: number;
  #at: Cursor | null;
  readonly #held = new Map<number, StreamEvent>();
  /** Highest seq of this epoch known to exist. */
  #known = 0;

  /**
   * @param sid stream
   * @param at where the application has come to; null = from now
   */
  constructor(sid: number, at: Cursor | null) {
    this.sid = sid;
    this.#at = at;
    this.#known = at?.seq ?? 0;
  }

  /** Highest contiguous position, null before the first answer to SUB. */
  get at(): Cursor | null {
    return this.#at;
  }

  /** Events held behind a hole. */
  get heldCount(): number {
    return this.#held.size;
  }

  /** Whether events are known to exist that have not been delivered. */
  get isBehind(): boolean {
    return this.#at !== null && this.#known > this.#at.seq;
  }

  /** A live or replayed event. */
  onEvent(event: StreamEvent): Outcome {
    const at = this.#at;
    if (at === null) return NOTHING;
    if (event.epoch !== at.epoch) return HOLE;
    if (event.seq <= at.seq) return NOTHING;
    this.#known = Math.max(this.#known, event.seq);
    if (event.seq !== at.seq + 1) {
      if (this.#held.size < Limits.heldEventsMax) this.#held.set(event.seq, event);
      return HOLE;
    }
    this.#at = { epoch: event.epoch, seq: event.seq, ts: event.ts };
    if (this.#held.size === 0) return { gap: null, deliver: [event], hasHole: false };
    return { gap: null, deliver: [event, ...this.#drain()], hasHole: this.#held.size > 0 };
  }

  /** A GAP: the only way, beside the answer to SUB, to get another epoch. */
  onGap(gap: GapFields): Outcome {
    const at = this.#at;
    const isVoid = gapVoidsCache(gap.reason) || (at !== null && gap.epoch !== at.epoch);
    if (isVoid) return this.#restart(gap);
    if (at !== null && gap.from > at.seq + 1) {
      this.#known = Math.max(this.#known, gap.to);
      return HOLE;
    }
    if (at !== null && gap.to <= at.seq) return NOTHING;
    const from = at === null ? gap.from : at.seq + 1;
    this.#at = { epoch: gap.epoch, seq: gap.to, ts: gap.ts };
    this.#known = Math.max(this.#known, gap.to);
    const deliver = this.#drain();
    return { gap: this.#range(gap, from, false), deliver, hasHole: this.#held.size > 0 };
  }

  /**
   * A HEAD, or an answer to SYNC.
   * @returns true when it is ahead of the position: repair if it still is after 500 ms
   */
  onHead(head: Cursor): boolean {
    const at = this.#at;
    if (at === null) return false;
    if (head.epoch !== at.epoch) return true;
    this.#known = Math.max(this.#known, head.seq);
    return head.seq > at.seq;
  }

  /**
   * Whether the position has reached a head seen earlier.
   * @param head as given to onHead
   */
  hasReached(head: Cursor): boolean {
    const at = this.#at;
    return at !== null && at.epoch === head.epoch && at.seq >= head.seq;
  }

  /**
   * The answer to SUB. For status 2 the GAP that follows moves the position. Within an epoch this never
   * moves a position that is there: a second connection may have delivered more already, and a head
   * beyond it is a hole like any other.
   * @returns the range that is void when the epoch is another one
   */
  onSub(result: SubResult): UnknownRange | null {
    const { status, epoch, seq, ts, head } = result;
    if (status === SubStatus.GAP) return null;
    const at = this.#at;
    if (at !== null && at.epoch === epoch) {
      this.#known = Math.max(this.#known, seq, head);
      return null;
    }
    this.#held.clear();
    this.#at = { epoch, seq, ts };
    this.#known = Math.max(seq, head);
    if (at === null) return null;
    return { sid: this.sid, epoch, from: 1, to: seq, reason: GapReason.EPOCH, isVoid: true };
  }

  /** The connection is gone: what was held will be replayed. */
  onDisconnect(): void {
    this.#held.clear();
  }

  #restart(gap: GapFields): Outcome {
    this.#held.clear();
    this.#at = { epoch: gap.epoch, seq: gap.to, ts: gap.ts };
    this.#known = gap.to;
    return { gap: this.#range(gap, gap.from, true), deliver: [], hasHole: false };
  }

  #range(gap: GapFields, from: number, isVoid: boolean): UnknownRange {
    const { epoch, to, reason } = gap;
    return { sid: this.sid, epoch, from, to, reason, isVoid };
  }

  /** Held events that follow the position now; the older ones are dropped. */
  #drain(): StreamEvent[] {
    const out: StreamEvent[] = [];
    let at = this.#at as Cursor;
    for (;;) {
      const event = this.#held.get(at.seq + 1);
      if (event === undefined) break;
      this.#held.delete(event.seq);
      at = { epoch: event.epoch, seq: event.seq, ts: event.ts };
      out.push(event);
    }
    this.#at = at;
    for (const seq of this.#held.keys()) if (seq <= at.seq) this.#held.delete(seq);
    return out;
  }
}
