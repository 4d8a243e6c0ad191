/**
 * HalfSipHash-2-4 with a 64-bit result (Aumasson and Bernstein's SipHash in 32-bit words, as in the
 * reference `halfsiphash.c`), over the UTF-16 units of a key. A secret seed keeps clients from
 * choosing keys that fall into one neighbourhood of the rate table. Pure; runs on gateway threads.
 * Never use it where a collision would be a security hole: it is a table hash, not a digest.
 */

/** Keys of the rate table: numbers below 2^53, strings, or a pair of numbers. */
export type HashKey = number | string | readonly [number, number];

/** Two 32-bit halves of the last result; reused, so read them before the next call. */
export interface HashHalves {
  low: number;
  high: number;
}

const TWO_32 = 0x1_0000_0000;

export class KeyedHash {
  readonly #k0: number;
  readonly #k1: number;
  #v0 = 0;
  #v1 = 0;
  #v2 = 0;
  #v3 = 0;
  #words = 0;

  constructor(k0: number, k1: number) {
    this.#k0 = k0 | 0;
    this.#k1 = k1 | 0;
  }

  /** Hash of (space, key) into `out`. */
  into(out: HashHalves, space: number, key: HashKey): void {
    this.#v0 = this.#k0;
    this.#v1 = this.#k1 ^ 0xee;
    this.#v2 = 0x6c796765 ^ this.#k0;
    this.#v3 = 0x74656462 ^ this.#k1;
    this.#words = 0;
    if (typeof key === 'number') {
      this.#word(space);
      this.#number(key);
    } else if (typeof key === 'string') {
      this.#word(space | 0x100);
      this.#string(key);
    } else {
      this.#word(space | 0x200);
      this.#number(key[0]);
      this.#number(key[1]);
    }
    this.#word(this.#words << 24);
    this.#v2 ^= 0xee;
    this.#rounds(4);
    out.low = (this.#v1 ^ this.#v3) >>> 0;
    this.#v1 ^= 0xdd;
    this.#rounds(4);
    out.high = (this.#v1 ^ this.#v3) >>> 0;
  }

  #number(value: number): void {
    this.#word(value >>> 0);
    this.#word(Math.floor(value / TWO_32));
  }

  #string(text: string): void {
    const pairs = text.length & ~1;
    for (let i = 0; i < pairs; i += 2) {
      this.#word(text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16));
    }
    this.#word(pairs === text.length ? text.length : text.charCodeAt(pairs) | (text.length << 16));
  }

  #word(m: number): void {
    this.#words++;
    this.#v3 ^= m;
    this.#rounds(2);
    this.#v0 ^= m;
  }

  #rounds(n: number): void {
    let v0 = this.#v0;
    let v1 = this.#v1;
    let v2 = this.#v2;
    let v3 = this.#v3;
    for (let i = 0; i < n; i++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
  }
}
