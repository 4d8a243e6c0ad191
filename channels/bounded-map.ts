/**
 * A map with a bound: the entry used longest ago leaves when a new one does not fit. Plain data,
 * used by actors of shard threads for caches; nothing here may be the only copy of a fact.
 */

/** Bounded cache, least recently used entry out first; `evicted` counts them. */
export class BoundedMap<K, V> {
  readonly #max: number;
  readonly #entries = new Map<K, V>();
  #evicted = 0;

  /** @param max most entries, at least 1 */
  constructor(max: number) {
    if (!Number.isInteger(max) || max < 1)
      throw new RangeError(`bound: got ${max}, wanted 1 or more`);
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  get evicted(): number {
    return this.#evicted;
  }

  /**
   * The value, which becomes the newest. While the map is not half full nothing is about to leave, and
   * the order is left alone: moving an entry is dear on a path that every message takes.
   */
  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined || this.#entries.size * 2 <= this.#max) return value;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** The value, its age untouched. */
  peek(key: K): V | undefined {
    return this.#entries.get(key);
  }

  set(key: K, value: V): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#max) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        this.#evicted += 1;
        break;
      }
    }
    this.#entries.set(key, value);
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  keys(): IterableIterator<K> {
    return this.#entries.keys();
  }
}
