/**
 * The committed state of one stream: identity, head, ring and targets known. Pure data of
 * one stream actor: it changes only by what the log has confirmed, so refusing a commit needs no
 * undo here.
 */
import { BoundedMap } from './bounded-map.ts';
import type { Batch, BatchItem, Target } from './stream-batch.ts';
import { StreamBytes } from './stream-bytes.ts';
import type { Extent } from './stream-cursor.ts';
import { Ring } from './stream-ring.ts';
import type { Id, LogEvent, Ms, OpenedLog, Rewrite, RingEvent, Seq } from './types.ts';

/** Targets below the ring that are kept. A guess: edits mostly hit what is in the ring. */
const TARGETS_MAX = 64;
const NONE: Target = { event: undefined, edits: [] };

export class StreamState implements Extent {
  readonly sid: Id;
  /** Memory of what is appended here. */
  readonly bytes = new StreamBytes();
  #epoch: number;
  #first: Seq;
  #head: Seq;
  #headTs: Ms;
  #fence: number;
  #ring: Ring;
  readonly #targets = new BoundedMap<Seq, Target>(TARGETS_MAX);
  /** Seqs rewritten since a read of old events began; see `beginRead`. */
  readonly #reads = new Set<Map<Seq, Rewrite>>();

  constructor(opened: OpenedLog) {
    this.sid = opened.sid;
    this.#epoch = opened.epoch;
    this.#first = opened.first;
    this.#head = opened.head;
    this.#headTs = opened.headTs;
    this.#fence = opened.fence;
    this.#ring = new Ring(opened.head, opened.headTs);
  }

  get epoch(): number {
    return this.#epoch;
  }
  get first(): Seq {
    return this.#first;
  }
  get head(): Seq {
    return this.#head;
  }
  get headTs(): Ms {
    return this.#headTs;
  }
  get fence(): number {
    return this.#fence;
  }
  get ring(): Ring {
    return this.#ring;
  }

  /** A copy that stays as it is while the stream moves on. */
  extent(): Extent {
    const { epoch, first, head, headTs } = this;
    return { epoch, first, head, headTs };
  }

  /** Takes what the log says now; forgets what may have been changed behind this owner. */
  reopen(opened: OpenedLog): void {
    this.#epoch = opened.epoch;
    this.#first = opened.first;
    this.#head = opened.head;
    this.#headTs = opened.headTs;
    this.#fence = opened.fence;
    this.#ring = new Ring(opened.head, opened.headTs);
    this.#targets.clear();
  }

  /** The message at a seq, or undefined when it must be read from the log first. */
  target(seq: Seq): Target | undefined {
    if (seq > this.head || seq < this.first) return NONE;
    const event = this.#ring.get(seq);
    // Every edit of a message is younger than it: a message in the ring has all its edits there.
    if (event !== undefined) return { event, edits: this.#editsInRing(seq) };
    return this.#targets.get(seq);
  }

  /** Keeps a target read from the log, as changed by commits since `beginRead`. */
  learnTarget(seq: Seq, target: Target): void {
    this.#targets.set(seq, target);
  }

  /**
   * Begins a read of old events from the log whose result will be kept here. Rewrites committed
   * meanwhile are collected in the map given back; `endRead` ends it.
   */
  beginRead(): Map<Seq, Rewrite> {
    const changed = new Map<Seq, Rewrite>();
    this.#reads.add(changed);
    return changed;
  }

  endRead(changed: Map<Seq, Rewrite>): void {
    this.#reads.delete(changed);
  }

  /** The log has confirmed the batch. */
  apply(batch: Batch<BatchItem>): void {
    for (const event of batch.events) this.#ring.push(event);
    this.#head = batch.head;
    this.#headTs = batch.headTs;
    for (const rewrite of batch.rewrites) {
      this.#ring.rewrite(rewrite);
      // Targets below the ring are read again after a change: rare, and nothing stale can stay.
      this.#targets.delete(rewrite.seq);
      for (const changed of this.#reads) changed.set(rewrite.seq, rewrite);
    }
  }

  #editsInRing(target: Seq): readonly RingEvent[] {
    return this.#ring.editsOf(target).map((seq) => this.#ring.get(seq) as RingEvent);
  }
}

/** Events read from the log, as changed by commits since the read began. */
export function withRewrites(
  events: readonly LogEvent[],
  changed: ReadonlyMap<Seq, Rewrite>,
): readonly LogEvent[] {
  if (changed.size === 0) return events;
  return events.map((event) => {
    const rewrite = changed.get(event.seq);
    if (rewrite === undefined) return event;
    return { ...event, kind: rewrite.kind, frame: rewrite.frame };
  });
}
