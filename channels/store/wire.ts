/**
 * How changes and their outcomes cross to the store thread: one flat array for all that is sent at
 * once, and one block of bytes for all of their digests and frames. Small and flat, because each
 * object and each block of bytes costs the encoding, the decoding and the garbage collection of both
 * threads. Pure; any thread.
 */
import type { Commit, LogEvent, Rewrite } from '../types.ts';
import type { Change, Outcome } from './types.ts';

/** Anything but a commit: rare, so it crosses as it is. */
type Other = Exclude<Change, { readonly op: 'commit' }>;

/**
 * The bytes, then for each change either an object that is the change, or the fields of a commit:
 * events, rewrites, sid, fence, after; for each event ts, kind, actor, target, emoji, nonce, length
 * of the digest, length of the frame; for each rewrite seq, kind, editedAt, length of the frame.
 */
export type WireChanges = readonly [Uint8Array, ...(number | string | Other)[]];

/** The head where a commit was carried out, else the outcome as it is. */
export type WireOutcomes = readonly (number | Outcome)[];

/** Changes for the lane. They must be checked. */
export function packChanges(changes: readonly Change[]): WireChanges {
  const bytes = new Uint8Array(changes.reduce((sum, change) => sum + bytesIn(change), 0));
  const fields: [Uint8Array, ...(number | string | Other)[]] = [bytes];
  let at = 0;
  const put = (block: Uint8Array): void => {
    bytes.set(block, at);
    at += block.length;
  };
  for (const change of changes) {
    if (change.op !== 'commit') {
      fields.push(change);
      continue;
    }
    const { sid, fence, after, events, rewrites } = change.commit;
    fields.push(events.length, rewrites.length, sid, fence, after);
    for (const { ts, kind, actor, target, emoji, nonce, digest, frame } of events) {
      fields.push(ts, kind, actor, target, emoji, nonce, digest.length, frame.length);
      put(digest);
      put(frame);
    }
    for (const { seq, kind, editedAt, frame } of rewrites) {
      fields.push(seq, kind, editedAt, frame.length);
      put(frame);
    }
  }
  return fields;
}

function bytesIn(change: Change): number {
  if (change.op !== 'commit') {
    return 0;
  }
  let sum = 0;
  for (const { digest, frame } of change.commit.events) {
    sum += digest.length + frame.length;
  }
  for (const { frame } of change.commit.rewrites) {
    sum += frame.length;
  }
  return sum;
}

/** The changes again; digests and frames are views of the one block that arrived. */
export function unpackChanges(wire: WireChanges): readonly Change[] {
  const reader = new WireReader(wire);
  const changes: Change[] = [];
  while (!reader.done) {
    changes.push(reader.change());
  }
  return changes;
}

class WireReader {
  readonly #fields: WireChanges;
  readonly #bytes: Uint8Array;
  #field = 1;
  #byte = 0;

  constructor(fields: WireChanges) {
    this.#fields = fields;
    this.#bytes = fields[0];
  }

  get done(): boolean {
    return this.#field >= this.#fields.length;
  }

  change(): Change {
    const first = this.#next();
    return typeof first === 'object'
      ? (first as Other)
      : { op: 'commit', commit: this.#commit(first as number) };
  }

  #commit(eventCount: number): Commit {
    const rewriteCount = this.#number();
    const sid = this.#number();
    const fence = this.#number();
    const after = this.#number();
    const events: LogEvent[] = [];
    for (let i = 1; i <= eventCount; i += 1) {
      events.push(this.#event(after + i));
    }
    const rewrites: Rewrite[] = [];
    for (let i = 0; i < rewriteCount; i += 1) {
      rewrites.push(this.#rewrite());
    }
    return { sid, fence, after, events, rewrites };
  }

  #event(seq: number): LogEvent {
    const ts = this.#number();
    const kind = this.#number();
    const actor = this.#number();
    const target = this.#number();
    const emoji = this.#next() as string;
    const nonce = this.#next() as string;
    const digestLength = this.#number();
    const frameLength = this.#number();
    const digest = this.#block(digestLength);
    const frame = this.#block(frameLength);
    return { seq, ts, kind, actor, target, emoji, nonce, digest, frame };
  }

  #rewrite(): Rewrite {
    const seq = this.#number();
    const kind = this.#number();
    const editedAt = this.#number();
    return { seq, kind, editedAt, frame: this.#block(this.#number()) };
  }

  #block(length: number): Uint8Array {
    const from = this.#byte;
    this.#byte += length;
    return this.#bytes.subarray(from, this.#byte);
  }

  #number(): number {
    return this.#next() as number;
  }

  #next(): number | string | Uint8Array | Other | undefined {
    const value = this.#fields[this.#field];
    this.#field += 1;
    return value;
  }
}

/** Outcomes for the lane, in the order of the changes. */
export function packOutcomes(outcomes: readonly Outcome[]): WireOutcomes {
  return outcomes.map((outcome) => {
    if (outcome.status !== 'done' || outcome.value === null) {
      return outcome;
    }
    return 'ok' in outcome.value && outcome.value.ok && 'head' in outcome.value
      ? outcome.value.head
      : outcome;
  });
}

export function unpackOutcomes(wire: WireOutcomes): readonly Outcome[] {
  return wire.map((outcome) =>
    typeof outcome === 'number' ? { status: 'done', value: { ok: true, head: outcome } } : outcome,
  );
}
