/**
 * The committed state of one stream: identity, head, ring, nonces and targets known. Pure data of
 * one stream actor: it changes only by what the log has confirmed, so refusing a commit needs no
 * undo here.
 */
import { BoundedMap } from './bounded-map.ts';
import type { Batch, BatchBase, BatchItem, Target } from './stream-batch.ts';
import type { Extent } from './stream-cursor.ts';
import { NonceTable, nonceKey } from './stream-nonces.ts';
import { Ring } from './stream-ring.ts';
import type { Id, LogEvent, OpenedLog, Rewrite, Seq } from './types.ts';

/** Targets below the ring that are kept. A guess: edits mostly hit what is in the ring. */
const TARGETS_MAX = 64;
const NONE: Target = { event: undefined, edits: [] };

export class StreamState implements Extent {
  readonly sid: Id;
  readonly nonces = new NonceTable();
  #opened: OpenedLog;
  #ring: Ring;
  readonly #targets = new BoundedMap<Seq, Target>(TARGETS_MAX);
  /** Seqs rewritten since a read of old events began; see `beginRead`. */
  readonly #reads = new Set<Map<Seq, Rewrite>>();

  constructor(opened: OpenedLog) {
    this.sid = opened.sid;
    this.#opened = opened;
    this.#ring = new Ring(opened.head, opened.headTs);
  }

  get epoch(): number {
    return this.#opened.epoch;
  }
  get first(): Seq {
    return this.#opened.first;
  }
  get head(): Seq {
    return this.#opened.head;
  }
  get headTs(): number {
    return this.#opened.headTs;
  }
  get fence(): number {
    return this.#opened.fence;
  }
  get ring(): Ring {
    return this.#ring;
  }

  /** A copy that stays as it is while the stream moves on. */
  extent(): Extent {
    const { epoch, first, head, headTs } = this.#opened;
    return { epoch, first, head, headTs };
  }

  base(): BatchBase {
    const { sid, epoch, head, headTs } = this.#opened;
    return { sid, epoch, head, headTs };
  }

  /** Takes what the log says now; forgets what may have been changed behind this owner. */
  reopen(opened: OpenedLog): void {
    if (opened.epoch !== this.epoch) this.nonces.clear();
    this.#opened = opened;
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
    for (const [i, event] of batch.events.entries()) {
      this.#ring.push(event);
      const item = batch.items[i] as BatchItem;
      const { seq, ts, digest } = event;
      if (item.nonce !== '') this.nonces.add(nonceKey(item.uid, item.nonce), { seq, ts, digest });
    }
    const last = batch.events.at(-1) as LogEvent;
    this.#opened = { ...this.#opened, head: last.seq, headTs: last.ts };
    for (const rewrite of batch.rewrites) {
      this.#ring.rewrite(rewrite);
      // Targets below the ring are read again after a change: rare, and nothing stale can stay.
      this.#targets.delete(rewrite.seq);
      for (const changed of this.#reads) changed.set(rewrite.seq, rewrite);
    }
  }

  #editsInRing(target: Seq): readonly LogEvent[] {
    return this.#ring.editsOf(target).map((seq) => this.#ring.get(seq) as LogEvent);
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
