/**
 * Builds one commit of a stream: numbers the appends, encodes each event once, and adds the rewrites
 * that edits and deletes cause (protocol.md 2.17 item 3). Pure: it reads the committed state and
 * changes nothing, so a refused commit is undone by forgetting it.
 */

import type { StreamBytes } from './stream-bytes.ts';
import {
  type Draft,
  editedBody,
  KIND_DELETE,
  KIND_EDIT,
  KIND_MESSAGE,
  KIND_REDACTED,
} from './stream-rules.ts';
import type {
  Commit,
  EventCodec,
  EventFields,
  Id,
  LogEvent,
  Ms,
  Rewrite,
  RingEvent,
  Seq,
} from './types.ts';

/** What a commit needs to know of one append. */
export interface BatchItem {
  readonly uid: Id;
  readonly nonce: string;
  readonly draft: Draft;
  readonly digest: Uint8Array;
}

/** A message that an append refers to. */
export interface Target {
  /** undefined when there is no such event. */
  readonly event: RingEvent | undefined;
  /** Its edits (kind 2) that are not redacted. */
  readonly edits: readonly RingEvent[];
}

/** Where a batch starts: the committed state of the stream. */
export interface BatchBase {
  readonly sid: Id;
  readonly epoch: number;
  readonly head: Seq;
  readonly headTs: Ms;
  readonly fence: number;
  /** Memory for the frames. */
  readonly bytes: StreamBytes;
}

export interface BatchOptions {
  readonly batchEventsMax: number;
  readonly batchBytesMax: number;
}

const NONE: readonly never[] = [];

/** One commit under construction, and then the commit itself. */
export class Batch<I extends BatchItem> implements Commit {
  readonly sid: Id;
  readonly epoch: number;
  readonly fence: number;
  /** Head that the batch follows. */
  readonly after: Seq;
  #items: I[] | undefined;
  #events: LogEvent[] | undefined;
  readonly #codec: EventCodec;
  readonly #now: Ms;
  readonly #options: BatchOptions;
  readonly #memory: StreamBytes;
  #rewrites: Rewrite[] | undefined;
  #touched: Set<Seq> | undefined;
  #refers = false;
  #headTs: Ms;
  #bytes = 0;

  constructor(base: BatchBase, codec: EventCodec, now: Ms, options: BatchOptions) {
    this.sid = base.sid;
    this.epoch = base.epoch;
    this.fence = base.fence;
    this.after = base.head;
    this.#headTs = base.headTs;
    this.#memory = base.bytes;
    this.#codec = codec;
    this.#now = Math.floor(now);
    this.#options = options;
  }

  get items(): readonly I[] {
    return this.#items ?? NONE;
  }

  /** events[i] is made of items[i]. */
  get events(): readonly LogEvent[] {
    return this.#events ?? NONE;
  }

  get rewrites(): readonly Rewrite[] {
    return this.#rewrites ?? NONE;
  }

  get full(): boolean {
    const { batchEventsMax, batchBytesMax } = this.#options;
    return this.events.length >= batchEventsMax || this.#bytes >= batchBytesMax;
  }

  /** Some of its events refer to messages (kinds 2 to 6). */
  get refers(): boolean {
    return this.#refers;
  }

  get head(): Seq {
    return this.after + this.events.length;
  }

  /** ts of the event at `head`. */
  get headTs(): Ms {
    return this.#headTs;
  }

  /** An edit or delete of this message is in the batch: what refers to it must wait for the next one. */
  touches(target: Seq): boolean {
    return this.#touched?.has(target) ?? false;
  }

  /** Adds an append that was judged and may be committed. `target` is needed for kinds 2 to 6. */
  add(item: I, target: Target | undefined): void {
    const { draft } = item;
    const event = this.#encode(item);
    // Most batches have one event: arrays that fit it, since the first `push` makes room for 17.
    if (this.#items === undefined || this.#events === undefined) {
      this.#items = [item];
      this.#events = [event];
    } else {
      this.#items.push(item);
      this.#events.push(event);
    }
    this.#bytes += event.frame.byteLength;
    if (target?.event === undefined) return;
    this.#refers = true;
    if (draft.kind === KIND_EDIT) {
      this.#rewriteEdited(target.event, String(draft.body[1]), event.ts);
    } else if (draft.kind === KIND_DELETE) {
      this.#redact(target.event);
    } else {
      return;
    }
    this.#touched ??= new Set();
    this.#touched.add(draft.target);
    for (const edit of target.edits) this.#redact(edit);
  }

  #encode(item: I): LogEvent {
    const seq = this.head + 1;
    // Strictly rising inside a stream: with that, (seq, ts) tells a rewritten log from its
    // predecessor even when the clock stands still or steps back (protocol.md 6, point 4).
    const ts = Math.max(this.#now, this.#headTs + 1);
    this.#headTs = ts;
    const { kind, body, target, emoji } = item.draft;
    const { uid: actor, nonce, digest } = item;
    const frame = this.#frameOf({ seq, ts, kind, actor, body });
    return { seq, ts, kind, actor, target, emoji, nonce, digest, frame };
  }

  #frameOf(event: EventFields): Uint8Array {
    return this.#memory.keep(this.#codec.encodeEvent(this.sid, this.epoch, event));
  }

  #rewriteEdited(message: RingEvent, content: string, editedAt: Ms): void {
    const { seq, ts, actor } = message;
    const body = editedBody(this.#codec.decodeEvent(message.frame).body, content);
    const frame = this.#frameOf({ seq, ts, kind: KIND_MESSAGE, actor, body });
    this.#rewrite({ seq, kind: KIND_MESSAGE, frame, editedAt });
  }

  #redact(event: RingEvent): void {
    const { seq, ts, actor } = event;
    const frame = this.#frameOf({ seq, ts, kind: KIND_REDACTED, actor, body: [] });
    this.#rewrite({ seq, kind: KIND_REDACTED, frame, editedAt: 0 });
  }

  #rewrite(rewrite: Rewrite): void {
    this.#rewrites ??= [];
    this.#rewrites.push(rewrite);
    this.#bytes += rewrite.frame.byteLength;
  }
}
