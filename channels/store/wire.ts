/**
 * How changes and their outcomes cross to the store thread. All commits that are sent at once are one
 * block of bytes, since each object, string and number box costs the encoding, the decoding and the
 * garbage collection of both threads; both are of one build, so the form is nobody else's business.
 * Pure but for one scratch block per thread; any thread.
 */
import type { Commit, LogEvent, Rewrite } from '../types.ts';
import type { Change, Outcome } from './types.ts';

/** Anything but a commit: rare, so it crosses as it is. */
type Other = Exclude<Change, { readonly op: 'commit' }>;

/**
 * The block, then the changes that are no commits. In the block, for each change: the number of its
 * events, or -1 for the next of the others; then rewrites, sid, fence, after; for each event ts, kind,
 * actor, target, the lengths of emoji, nonce, digest and frame, and these; for each rewrite seq, kind,
 * editedAt, the length of the frame, and it. Numbers are float64, which holds every u53.
 */
export type WireChanges = readonly [Uint8Array, ...Other[]];

/** The head where a commit was carried out, else the outcome as it is. */
export type WireOutcomes = readonly (number | Outcome)[];

const OTHER = -1;
const COMMIT_NUMBERS = 5;
const EVENT_NUMBERS = 8;
const REWRITE_NUMBERS = 4;
const NO_REWRITES: readonly Rewrite[] = [];
const SCRATCH_BYTES = 64 * 1024;

// Filled and copied out in one call; what is larger than it gets a block of its own.
const scratch = Buffer.alloc(SCRATCH_BYTES);

/** Changes for the lane. They must be checked. */
export function packChanges(changes: readonly Change[]): WireChanges {
  let bytesMax = 0;
  for (const change of changes) {
    bytesMax += bytesMaxOf(change);
  }
  const writer = new WireWriter(bytesMax > SCRATCH_BYTES ? Buffer.alloc(bytesMax) : scratch);
  const others: Other[] = [];
  for (const change of changes) {
    if (change.op === 'commit') {
      writer.commit(change.commit);
    } else {
      writer.number(OTHER);
      others.push(change);
    }
  }
  return [writer.copy(), ...others];
}

/** At most how many bytes a change takes in the block. */
function bytesMaxOf(change: Change): number {
  if (change.op !== 'commit') {
    return 8;
  }
  let sum = COMMIT_NUMBERS * 8;
  for (const { emoji, nonce, digest, frame } of change.commit.events) {
    // UTF-8 takes at most three bytes for each unit of a string.
    sum += EVENT_NUMBERS * 8 + (emoji.length + nonce.length) * 3 + digest.length + frame.length;
  }
  for (const { frame } of change.commit.rewrites) {
    sum += REWRITE_NUMBERS * 8 + frame.length;
  }
  return sum;
}

class WireWriter {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  number(value: number): void {
    this.#view.setFloat64(this.#at, value);
    this.#at += 8;
  }

  commit({ sid, fence, after, events, rewrites }: Commit): void {
    this.number(events.length);
    this.number(rewrites.length);
    this.number(sid);
    this.number(fence);
    this.number(after);
    for (const event of events) {
      this.#event(event);
    }
    for (const { seq, kind, editedAt, frame } of rewrites) {
      this.number(seq);
      this.number(kind);
      this.number(editedAt);
      this.number(frame.length);
      this.#block(frame);
    }
  }

  /** What was written, as bytes of its own. */
  copy(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#at));
  }

  #event({ ts, kind, actor, target, emoji, nonce, digest, frame }: LogEvent): void {
    this.number(ts);
    this.number(kind);
    this.number(actor);
    this.number(target);
    const lengthsAt = this.#at;
    this.#at += 4 * 8;
    const emojiBytes = this.#text(emoji);
    const nonceBytes = this.#text(nonce);
    this.#block(digest);
    this.#block(frame);
    this.#view.setFloat64(lengthsAt, emojiBytes);
    this.#view.setFloat64(lengthsAt + 8, nonceBytes);
    this.#view.setFloat64(lengthsAt + 16, digest.length);
    this.#view.setFloat64(lengthsAt + 24, frame.length);
  }

  #text(text: string): number {
    const written = text === '' ? 0 : this.#bytes.write(text, this.#at);
    this.#at += written;
    return written;
  }

  #block(block: Uint8Array): void {
    this.#bytes.set(block, this.#at);
    this.#at += block.length;
  }
}

/** The changes again; digests and frames are views of the block that arrived. */
export function unpackChanges(wire: WireChanges): readonly Change[] {
  const reader = new WireReader(wire[0]);
  const changes: Change[] = [];
  let other = 1;
  while (!reader.done) {
    const events = reader.number();
    if (events === OTHER) {
      changes.push(wire[other] as Other);
      other += 1;
    } else {
      changes.push({ op: 'commit', commit: reader.commit(events) });
    }
  }
  return changes;
}

class WireReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;

  constructor({ buffer, byteOffset, length }: Uint8Array) {
    this.#bytes = Buffer.from(buffer, byteOffset, length);
    this.#view = new DataView(buffer, byteOffset, length);
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  number(): number {
    const value = this.#view.getFloat64(this.#at);
    this.#at += 8;
    return value;
  }

  commit(eventCount: number): Commit {
    const rewriteCount = this.number();
    const sid = this.number();
    const fence = this.number();
    const after = this.number();
    // Arrays that fit the common commit: the first `push` would make room for 17.
    const events = eventCount === 0 ? [] : [this.#event(after + 1)];
    for (let i = 2; i <= eventCount; i += 1) {
      events.push(this.#event(after + i));
    }
    return { sid, fence, after, events, rewrites: this.#rewrites(rewriteCount) };
  }

  #rewrites(count: number): readonly Rewrite[] {
    if (count === 0) {
      return NO_REWRITES;
    }
    const rewrites: Rewrite[] = [];
    for (let i = 0; i < count; i += 1) {
      rewrites.push(this.#rewrite());
    }
    return rewrites;
  }

  #event(seq: number): LogEvent {
    const ts = this.number();
    const kind = this.number();
    const actor = this.number();
    const target = this.number();
    const emojiBytes = this.number();
    const nonceBytes = this.number();
    const digestBytes = this.number();
    const frameBytes = this.number();
    const emoji = this.#text(emojiBytes);
    const nonce = this.#text(nonceBytes);
    const digest = this.#block(digestBytes);
    const frame = this.#block(frameBytes);
    return { seq, ts, kind, actor, target, emoji, nonce, digest, frame };
  }

  #rewrite(): Rewrite {
    const seq = this.number();
    const kind = this.number();
    const editedAt = this.number();
    return { seq, kind, editedAt, frame: this.#block(this.number()) };
  }

  #text(length: number): string {
    const from = this.#at;
    this.#at += length;
    return length === 0 ? '' : this.#bytes.toString('utf8', from, this.#at);
  }

  #block(length: number): Uint8Array {
    const from = this.#at;
    this.#at += length;
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + from, length);
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
