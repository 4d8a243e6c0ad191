/**
 * Home of an entity: a stable hash of its key over the slots of its type's group. Pure; the same on
 * every thread.
 */

/** Index in [0, slots) of the home of `key`, a whole number in [0, 2^53). */
export function homeIndex(key: number, slots: number): number {
  // Keys are times and counters: their low bits alone would spread badly. Finalizer of MurmurHash3.
  let h = ((key % 0x1_0000_0000) >>> 0) ^ Math.imul(Math.floor(key / 0x1_0000_0000), 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) % slots;
}
