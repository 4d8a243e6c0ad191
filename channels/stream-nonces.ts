/**
 * Nonces of one stream: those being decided, and those it committed lately with the digest that tells
 * a retry from a reused nonce. For what is committed only a cache: the log knows every nonce of the
 * window (protocol.md 2.8) and refuses a repeat in `commit`. Plain data of one stream actor.
 */
import { hash } from 'node:crypto';
import type { StreamBytes } from './stream-bytes.ts';
import type { Id, Ms, Seq, WireValue } from './types.ts';

/**
 * Committed nonces kept per stream: this many at least, twice as many at most. A guess: most retries
 * come within seconds; the log answers the others.
 */
const NONCES_MIN = 256;
const DIGEST_BYTES = 16;

/** protocol.md 2.8. */
const NONCE_FORM = /^[A-Za-z0-9_-]{1,36}$/;

export interface CommittedNonce {
  readonly decided: true;
  readonly seq: Seq;
  readonly ts: Ms;
  readonly digest: Uint8Array;
}

/** 16 bytes over (kind, body); equal exactly for the same content. */
export function digestOf(kind: number, body: readonly WireValue[], bytes: StreamBytes): Uint8Array {
  const sha256 = hash('sha256', JSON.stringify([kind, body]), 'binary');
  const digest = bytes.reserve(DIGEST_BYTES);
  for (let i = 0; i < DIGEST_BYTES; i += 1) digest[i] = sha256.charCodeAt(i);
  return digest;
}

export function sameDigest(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}

export function isNonce(nonce: string): boolean {
  return NONCE_FORM.test(nonce);
}

/** Key of (uid, nonce) inside one stream. */
export function nonceKey(uid: Id, nonce: string): string {
  return `${uid}:${nonce}`;
}

const FIRST_PLACES = 16;

/**
 * One generation. What is committed is numbers and bytes in arrays, and in the map its place in them: an
 * object each would live just long enough to be moved to the old generation of the collector.
 */
class Generation<O> {
  readonly #entries = new Map<string, O | number>();
  /** seq and ts by place. */
  #numbers = new Float64Array(FIRST_PLACES * 2);
  #digests = new Uint8Array(FIRST_PLACES * DIGEST_BYTES);
  #places = 0;

  get size(): number {
    return this.#entries.size;
  }

  find(key: string): O | CommittedNonce | undefined {
    const found = this.#entries.get(key);
    return typeof found === 'number' ? this.#committed(found) : found;
  }

  begin(key: string, item: O): void {
    this.#entries.set(key, item);
  }

  commit(key: string, { seq, ts, digest }: CommittedNonce): void {
    if (this.#places * 2 === this.#numbers.length) this.#grow();
    const place = this.#places;
    this.#places += 1;
    this.#numbers[place * 2] = seq;
    this.#numbers[place * 2 + 1] = ts;
    this.#digests.set(digest, place * DIGEST_BYTES);
    this.#entries.set(key, place);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Appends that are being decided, by key. */
  *open(): Generator<[string, O]> {
    for (const [key, value] of this.#entries) if (typeof value !== 'number') yield [key, value];
  }

  clearCommitted(): void {
    for (const [key, value] of this.#entries) {
      if (typeof value === 'number') this.#entries.delete(key);
    }
  }

  #committed(place: number): CommittedNonce {
    const at = place * DIGEST_BYTES;
    return {
      decided: true,
      seq: this.#numbers[place * 2] as Seq,
      ts: this.#numbers[place * 2 + 1] as Ms,
      digest: this.#digests.subarray(at, at + DIGEST_BYTES),
    };
  }

  #grow(): void {
    const [numbers, digests] = [this.#numbers, this.#digests];
    this.#numbers = new Float64Array(numbers.length * 2);
    this.#numbers.set(numbers);
    this.#digests = new Uint8Array(digests.length * 2);
    this.#digests.set(digests);
  }
}

/**
 * By (uid, nonce): an append that is being decided (`O`, never forgotten), or what was committed. Two
 * generations: the older one is dropped as a whole, which costs no deletion per nonce.
 */
export class NonceTable<O extends { readonly decided: boolean }> {
  #young = new Generation<O>();
  #old = new Generation<O>();
  #open = 0;

  /** Appends that are being decided. */
  get open(): number {
    return this.#open;
  }

  find(key: string): O | CommittedNonce | undefined {
    return this.#young.find(key) ?? this.#old.find(key);
  }

  /** An append with a key that is not here begins to be decided. */
  begin(key: string, item: O): void {
    this.#open += 1;
    this.#roomy().begin(key, item);
  }

  /** An append that began was committed. It must say `decided` from now on. */
  commit(key: string, committed: CommittedNonce): void {
    this.#open -= 1;
    this.#roomy().commit(key, committed);
  }

  /** Something else committed this nonce; an append that is being decided keeps its place. */
  learn(key: string, committed: CommittedNonce): void {
    if (this.find(key) === undefined) this.#roomy().commit(key, committed);
  }

  /** An append that began was refused. */
  forget(key: string): void {
    this.#open -= 1;
    this.#young.delete(key);
    this.#old.delete(key);
  }

  /** Appends that are being decided, the oldest of each generation first. */
  openItems(): O[] {
    const all = [...this.#old.open(), ...this.#young.open()];
    return all.map(([, item]) => item).filter((item) => !item.decided);
  }

  /** The log is another one: what was committed is forgotten. */
  clearCommitted(): void {
    this.#old.clearCommitted();
    this.#young.clearCommitted();
  }

  /** The young generation, a new one when it is full. */
  #roomy(): Generation<O> {
    if (this.#young.size < NONCES_MIN + this.#open) return this.#young;
    const dropped = this.#old;
    this.#old = this.#young;
    this.#young = new Generation();
    for (const [key, item] of dropped.open()) if (!item.decided) this.#young.begin(key, item);
    return this.#young;
  }
}
