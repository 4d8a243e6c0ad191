/**
 * Time and randomness of the SDK, injected everywhere; the one file of client/ that reads the real
 * ones. Works in browsers and in Node.
 */

/** Time as the SDK sees it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `fn` once after `ms`. The handle goes to clearTimeout. */
  setTimeout(fn: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** Randomness as the SDK sees it. */
export interface Rng {
  /** Uniform in [0, 1). */
  random(): number;
  /** `count` unpredictable bytes. */
  bytes(count: number): Uint8Array;
}

/** The real clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => globalThis.setTimeout(fn, ms),
  clearTimeout: (handle) => globalThis.clearTimeout(handle as number),
};

/** Randomness of the platform's crypto. */
export const systemRng: Rng = {
  random: () => (crypto.getRandomValues(new Uint32Array(1))[0] as number) / 0x1_0000_0000,
  bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
};

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';

/**
 * A fresh nonce for one intention of the user: 22 characters of `[A-Za-z0-9_-]`, 132 random bits.
 * @param rng source of randomness
 */
export function createNonce(rng: Rng): string {
  let nonce = '';
  for (const byte of rng.bytes(22)) nonce += ALPHABET[byte & 63];
  return nonce;
}
