/** A set that counts: how many times each member is in it. Data only. */
import type { AnyRef } from '../types.ts';

export class Bag {
  readonly #times = new Map<AnyRef, number>();

  get isEmpty(): boolean {
    return this.#times.size === 0;
  }

  add(ref: AnyRef): void {
    this.#times.set(ref, (this.#times.get(ref) ?? 0) + 1);
  }

  /** Takes one time out; false when it was not in. */
  remove(ref: AnyRef): boolean {
    const times = this.#times.get(ref);
    if (times === undefined) return false;
    if (times === 1) this.#times.delete(ref);
    else this.#times.set(ref, times - 1);
    return true;
  }

  has(ref: AnyRef): boolean {
    return this.#times.has(ref);
  }

  /** Takes every time out; how many there were. */
  removeAll(ref: AnyRef): number {
    const times = this.#times.get(ref) ?? 0;
    this.#times.delete(ref);
    return times;
  }

  /** Each member as often as it is in, in the order of its first coming. */
  *[Symbol.iterator](): Generator<AnyRef> {
    for (const [ref, times] of this.#times) for (let i = 0; i < times; i++) yield ref;
  }
}
