/**
 * Builds one commit of a stream: numbers the appends, encodes each event once, and adds the rewrites
 * that edits and deletes cause (protocol.md 2.17 item 3). Pure: it reads the committed state and
 * changes nothing, so a refused commit is undone by forgetting it.
 */
import {
  type Draft,
  editedBody,
  KIND_DELETE,
  KIND_EDIT,
  KIND_MESSAGE,
  KIND_REDACTED,
} from './stream-rules.ts';
import type { EventCodec, Id, LogEvent, Ms, Rewrite, Seq } from './types.ts';

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
  readonly event: LogEvent | undefined;
  /** Its edits (kind 2) that are not redacted. */
  readonly edits: readonly LogEvent[];
}

/** Where a batch starts. */
export interface BatchBase {
  readonly sid: Id;
  readonly epoch: number;
  readonly head: Seq;
  readonly headTs: Ms;
}

export interface BatchOptions {
  readonly eventsMax: number;
  readonly bytesMax: number;
}

/** One commit under construction. */
export class Batch<I extends BatchItem> {
  readonly base: BatchBase;
  readonly items: I[] = [];
  readonly events: LogEvent[] = [];
  readonly rewrites: Rewrite[] = [];
  readonly #codec: EventCodec;
  readonly #now: Ms;
  readonly #options: BatchOptions;
  readonly #touched = new Set<Seq>();
  #bytes = 0;

  constructor(base: BatchBase, codec: EventCodec, now: Ms, options: BatchOptions) {
    this.base = base;
    this.#codec = codec;
    this.#now = Math.floor(now);
    this.#options = options;
  }

  get full(): boolean {
    return this.events.length >= this.#options.eventsMax || this.#bytes >= this.#options.bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get head(): Seq {
    return this.base.head + this.events.length;
  }

  /** An edit or delete of this message is in the batch: what refers to it must wait for the next one. */
  touches(target: Seq): boolean {
    return this.#touched.has(target);
  }

  /** Adds an append that was judged and may be committed. `target` is needed for kinds 2 and 3. */
  add(item: I, target: Target | undefined): void {
    const { draft } = item;
    const event = this.#encode(item);
    this.items.push(item);
    this.events.push(event);
    this.#bytes += event.frame.byteLength;
    if (target?.event === undefined) return;
    if (draft.kind === KIND_EDIT) {
      this.#rewriteEdited(target.event, String(draft.body[1]), event.ts);
    } else if (draft.kind === KIND_DELETE) {
      this.#redact(target.event);
    } else {
      return;
    }
    this.#touched.add(draft.target);
    for (const edit of target.edits) this.#redact(edit);
  }

  #encode(item: I): LogEvent {
    const { sid, epoch } = this.base;
    const seq = this.head + 1;
    // Strictly rising inside a stream: with that, (seq, ts) tells a rewritten log from its
    // predecessor even when the clock stands still or steps back (protocol.md 6, point 4).
    const lastTs = this.events.at(-1)?.ts ?? this.base.headTs;
    const ts = Math.max(this.#now, lastTs + 1);
    const { kind, body, target, emoji } = item.draft;
    const frame = this.#codec.encodeEvent(sid, epoch, { seq, ts, kind, actor: item.uid, body });
    const { nonce, digest } = item;
    return { seq, ts, kind, actor: item.uid, target, emoji, nonce, digest, frame };
  }

  #rewriteEdited(message: LogEvent, content: string, editedAt: Ms): void {
    const { seq, ts, actor } = message;
    const body = editedBody(this.#codec.decodeEvent(message.frame).body, content);
    const fields = { seq, ts, kind: KIND_MESSAGE, actor, body };
    const frame = this.#codec.encodeEvent(this.base.sid, this.base.epoch, fields);
    this.#rewrite({ seq, kind: KIND_MESSAGE, frame, editedAt });
  }

  #redact(event: LogEvent): void {
    const { seq, ts, actor } = event;
    const fields = { seq, ts, kind: KIND_REDACTED, actor, body: [] };
    const frame = this.#codec.encodeEvent(this.base.sid, this.base.epoch, fields);
    this.#rewrite({ seq, kind: KIND_REDACTED, frame, editedAt: 0 });
  }

  #rewrite(rewrite: Rewrite): void {
    this.rewrites.push(rewrite);
    this.#bytes += rewrite.frame.byteLength;
  }
}
