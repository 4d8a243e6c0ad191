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

/**
 * By (uid, nonce): an append that is being decided (`O`, never forgotten), or what was committed. Two
 * generations: the older one is dropped as a whole, which costs no deletion per nonce.
 */
export class NonceTable<O extends { readonly decided: boolean }> {
  #young = new Map<string, O | CommittedNonce>();
  #old = new Map<string, O | CommittedNonce>();
  #open = 0;

  /** Appends that are being decided. */
  get open(): number {
    return this.#open;
  }

  find(key: string): O | CommittedNonce | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  /** An append with a key that is not here begins to be decided. */
  begin(key: string, item: O): void {
    this.#open += 1;
    this.#put(key, item);
  }

  /** An append that began was committed. It must say `decided` from now on. */
  commit(key: string, committed: CommittedNonce): void {
    this.#open -= 1;
    this.#put(key, committed);
  }

  /** Something else committed this nonce; an append that is being decided keeps its place. */
  learn(key: string, committed: CommittedNonce): void {
    if (this.find(key) === undefined) this.#put(key, committed);
  }

  /** An append that began was refused. */
  forget(key: string): void {
    this.#open -= 1;
    this.#young.delete(key);
    this.#old.delete(key);
  }

  /** Appends that are being decided, the oldest of each generation first. */
  openItems(): O[] {
    const items: O[] = [];
    for (const generation of [this.#old, this.#young]) {
      for (const value of generation.values()) if (!value.decided) items.push(value as O);
    }
    return items;
  }

  /** The log is another one: what was committed is forgotten. */
  clearCommitted(): void {
    for (const generation of [this.#old, this.#young]) {
      for (const [key, value] of generation) if (value.decided) generation.delete(key);
    }
  }

  #put(key: string, value: O | CommittedNonce): void {
    if (this.#young.size >= NONCES_MIN + this.#open) this.#turn();
    this.#young.set(key, value);
  }

  #turn(): void {
    const dropped = this.#old;
    this.#old = this.#young;
    this.#young = new Map();
    for (const [key, value] of dropped) if (!value.decided) this.#young.set(key, value);
  }
}
