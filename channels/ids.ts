/**
 * Entity ids: one number space of u53 for users, guilds, channels and roles. 41 bits of milliseconds
 * since 2025-01-01, then 6 bits of allocator slot, then a 6-bit counter (architecture.md, "Identity
 * and order"). One allocator per thread; it must never be shared by two threads with one slot.
 */
import type { Clock } from '../runtime/index.ts';
import type { Id, Ms } from './types.ts';

/** 2025-01-01T00:00:00Z. */
export const ID_EPOCH_MS: Ms = Date.UTC(2025, 0, 1);

const SLOTS = 64;
const PER_MS = 64;
const LOW = SLOTS * PER_MS;
const MS_MAX = 2 ** 41;

/** Milliseconds since 1970 in which an id was made. */
export function idTime(id: Id): Ms {
  return ID_EPOCH_MS + Math.floor(id / LOW);
}

/** A number as 16 decimal digits, so that keys order bytewise as the numbers do. */
export function pad(n: number): string {
  if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`pad: got ${n}, wanted 0 to 2^53-1`);
  return String(n).padStart(16, '0');
}

/** The number of one part of a key made by `pad`. */
export function unpad(part: string): number {
  return Number.parseInt(part, 10);
}

/**
 * Makes ids that rise and never repeat within one slot. When the clock stands still, steps back or 64
 * ids are made in one millisecond, the allocator runs ahead of the clock instead of waiting, so `next`
 * never blocks. Documents of new entities are written with `expect: 'absent'`: a repeat after a clock
 * step over a restart is refused there, and the caller takes the next id.
 */
export class IdAllocator {
  readonly #clock: Clock;
  readonly #slot: number;
  #ms = 0;
  #counter = 0;

  /** @param slot 0 to 63, unique among the threads of all nodes that write one store */
  constructor(slot: number, clock: Clock) {
    if (!Number.isInteger(slot) || slot < 0 || slot >= SLOTS) {
      throw new RangeError(`id allocator slot: got ${slot}, wanted 0 to ${SLOTS - 1}`);
    }
    this.#slot = slot;
    this.#clock = clock;
  }

  /** The next id, above every id that this allocator gave before. */
  next(): Id {
    const now = Math.floor(this.#clock.now()) - ID_EPOCH_MS;
    if (now > this.#ms) {
      this.#ms = now;
      this.#counter = 0;
    } else if (this.#counter >= PER_MS) {
      this.#ms += 1;
      this.#counter = 0;
    }
    if (this.#ms >= MS_MAX) throw new RangeError('id allocator: the clock is past the year 2094');
    const id = this.#ms * LOW + this.#slot * PER_MS + this.#counter;
    this.#counter += 1;
    return id;
  }
}
