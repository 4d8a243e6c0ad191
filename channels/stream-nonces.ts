/**
 * Nonces that one stream committed lately, and the digest that tells a retry from a reused nonce.
 * Only a cache: the log knows every nonce of the window (protocol.md 2.8) and refuses a repeat in
 * `commit`. Plain data of one stream actor.
 */
import { hash } from 'node:crypto';
import { BoundedMap } from './bounded-map.ts';
import type { Id, Ms, Seq, WireValue } from './types.ts';

/** Cached nonces per stream. A guess: most retries come within seconds; the log answers the others. */
const NONCES_MAX = 512;

/** protocol.md 2.8. */
const NONCE_FORM = /^[A-Za-z0-9_-]{1,36}$/;

export interface CommittedNonce {
  readonly seq: Seq;
  readonly ts: Ms;
  readonly digest: Uint8Array;
}

/** 16 bytes over (kind, body); equal exactly for the same content. */
export function digestOf(kind: number, body: readonly WireValue[]): Uint8Array {
  return Buffer.from(hash('sha256', JSON.stringify([kind, body]), 'hex').slice(0, 32), 'hex');
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

export class NonceTable {
  readonly #table = new BoundedMap<string, CommittedNonce>(NONCES_MAX);

  find(key: string): CommittedNonce | undefined {
    return this.#table.peek(key);
  }

  add(key: string, committed: CommittedNonce): void {
    this.#table.set(key, committed);
  }

  clear(): void {
    this.#table.clear();
  }
}
