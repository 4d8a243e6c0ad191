/**
 * Memory for the frames and digests of one stream: many small blocks share one larger one, since each
 * block of its own costs an allocation, an object and a look of the garbage collector. What was given
 * out is never written again. Plain data of one stream actor.
 */

/** First and last size of a slab: a stream with little to say keeps little. Guesses. */
const SLAB_FIRST_BYTES = 256;
const SLAB_LAST_BYTES = 8192;
const NO_BYTES = new Uint8Array(0);

export class StreamBytes {
  #slab = NO_BYTES;
  #at = 0;
  #nextBytes = SLAB_FIRST_BYTES;

  /** Fresh bytes; what is large gets memory of its own. */
  reserve(length: number): Uint8Array {
    if (length * 4 > SLAB_LAST_BYTES) return new Uint8Array(length);
    if (this.#at + length > this.#slab.length) this.#grow(length);
    const from = this.#at;
    this.#at += length;
    return this.#slab.subarray(from, this.#at);
  }

  /** A copy. */
  keep(bytes: Uint8Array): Uint8Array {
    const kept = this.reserve(bytes.length);
    kept.set(bytes);
    return kept;
  }

  #grow(length: number): void {
    while (this.#nextBytes < length) this.#nextBytes *= 2;
    this.#slab = new Uint8Array(this.#nextBytes);
    this.#at = 0;
    this.#nextBytes = Math.min(this.#nextBytes * 2, SLAB_LAST_BYTES);
  }
}
