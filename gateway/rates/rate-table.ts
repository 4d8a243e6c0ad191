/**
 * Rate limits and connection counts of the whole process in one SharedArrayBuffer, used by every
 * gateway thread without locks. Owns the layout of that buffer. Never blocks, never grows, and never
 * lets a client choose which slots its keys share (keyed hash).
 *
 * Layout in 64-bit words: header (seed, counters), then `bucketSlots` pairs (tag, TAT), then
 * `counterSlots` words (40-bit hash, 24-bit count).
 *
 * Buckets are GCRA: a slot holds the theoretical arrival time in whole us, as two halves of 32 bits. It
 * is reckoned as a number. A compare-and-swap of the low half changes it (in between, the time cannot
 * have moved by a multiple of 2^32 us, 71 minutes, so the low half tells of any change); when the high
 * half is to change too, one of both at once, which takes BigInts. A slot whose TAT has passed is a full bucket, so it means the same as no slot: it is taken
 * over by any key without being cleared. The tag of a slot is one half of the key's hash (32 bits, 0 =
 * never used), the other half gives the place. Races between threads (two threads insert one key, or
 * take over one slot) end in a token charged to the wrong bucket or not at all, never in a wrong
 * refusal that lasts.
 *
 * Policies at the bound: no reusable bucket among the probed ones = the bucket that would be free
 * soonest is given up (counter `evicted`): its owner gets a full bucket, nobody is refused for being
 * new. No free counter slot = admitted without being counted (counter `uncounted`).
 *
 * A gateway thread's death is the process's death, and the buffer goes with it: nothing to clean up.
 */
import type { Clock, Rng } from '../../runtime/index.ts';
import { type HashHalves, type HashKey, KeyedHash } from './keyed-hash.ts';
import {
  CONNECTION_LIMITS,
  COUNT_LIMITS,
  type CountLimit,
  RATE_LIMITS,
  type RateLimit,
} from './limits.ts';

export interface RateTableOptions {
  /** Monotonic time that is comparable between threads: a step of the wall clock changes nothing. */
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Times every rate, burst and count: 1 (default) or `TRUSTED_FACTOR`. */
  readonly factor?: number;
}

export interface RateTableSizes {
  /** Power of two; default 65,536 (1 MiB). */
  readonly bucketSlots?: number;
  /** Power of two; default 32,768 (256 KiB): more addresses than the process has descriptors. */
  readonly counterSlots?: number;
}

export interface RateTableStats {
  readonly denied: number;
  readonly evicted: number;
  readonly refusedClaims: number;
  readonly uncounted: number;
}

/** What is left of a bucket, for RateLimit headers. */
export interface Allowance {
  readonly limit: number;
  readonly remaining: number;
  /** Seconds until the bucket is full again. */
  readonly resetS: number;
}

const HEADER_WORDS = 8;
const SEED = 0;
const SIZES = 1;
const DENIED = 2;
const EVICTED = 3;
const REFUSED_CLAIMS = 4;
const UNCOUNTED = 5;
/** Slots looked at per key. With a keyed hash and a table at most half full, 32 in a row are never busy. */
const PROBES = 32;
const US_PER_S = 1e6;
const US_PER_MS = 1000;
const COUNT_BITS = 24n;
const COUNT_MASK = (1n << COUNT_BITS) - 1n;
const CAS_ATTEMPTS_MAX = 64;

const TWO_32 = 2 ** 32;

/** Two words and their halves, to make one from the other. */
const bits = makeBits();

function makeBits(): { readonly half: Int32Array; readonly word: BigInt64Array } {
  const buffer = new ArrayBuffer(16);
  return { half: new Int32Array(buffer), word: new BigInt64Array(buffer) };
}

function powerOfTwo(value: number, what: string): number {
  if (
    !Number.isInteger(value) ||
    value < PROBES ||
    value > 2 ** 24 ||
    (value & (value - 1)) !== 0
  ) {
    throw new RangeError(
      `create a rate table: ${what} is ${value}, wanted a power of two, 32 to 2^24`,
    );
  }
  return value;
}

/** The shared memory of a rate table, made once per process (main thread) and handed to each gateway thread. */
export function createRateTableBuffer(rng: Rng, sizes: RateTableSizes = {}): SharedArrayBuffer {
  const buckets = powerOfTwo(sizes.bucketSlots ?? 65_536, 'bucketSlots');
  const counters = powerOfTwo(sizes.counterSlots ?? 32_768, 'counterSlots');
  const buffer = new SharedArrayBuffer((HEADER_WORDS + buckets * 2 + counters) * 8);
  const words = new BigInt64Array(buffer);
  words[SEED] = BigInt.asIntN(64, (BigInt(rng.u32()) << 32n) | BigInt(rng.u32()));
  words[SIZES] = (BigInt(buckets) << 32n) | BigInt(counters);
  return buffer;
}

/** One thread's view of the shared table. Any gateway thread; every method is synchronous and O(1). */
export class RateTable {
  readonly #words: BigInt64Array;
  /** The same memory in halves: word w is at 2 w (the tag, or the low half of a TAT) and 2 w + 1. */
  readonly #halfWords: Int32Array;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #factor: number;
  readonly #bucketMask: number;
  readonly #counterMask: number;
  readonly #counterBase: number;
  readonly #hash: KeyedHash;
  readonly #halves: HashHalves = { low: 0, high: 0 };
  /** By space, which is below 256. */
  readonly #refusals = new Uint32Array(256);

  /** `buffer` comes from `createRateTableBuffer`. */
  constructor(buffer: SharedArrayBuffer, options: RateTableOptions) {
    const factor = options.factor ?? 1;
    if (!(factor >= 1)) throw new RangeError(`open a rate table: factor is ${factor}, wanted >= 1`);
    this.#words = new BigInt64Array(buffer);
    this.#halfWords = new Int32Array(buffer);
    this.#clock = options.clock;
    this.#factor = factor;
    const sizes = this.#words[SIZES] as bigint;
    const buckets = Number(sizes >> 32n);
    this.#bucketMask = buckets - 1;
    this.#counterMask = Number(sizes & 0xffff_ffffn) - 1;
    this.#counterBase = HEADER_WORDS + buckets * 2;
    const seed = BigInt.asUintN(64, this.#words[SEED] as bigint);
    this.#hash = new KeyedHash(Number(seed & 0xffff_ffffn), Number(seed >> 32n));
  }

  /**
   * Takes `cost` (default 1) tokens of the bucket (limit, key). 0 = taken; else nothing was taken and
   * the ms (>= 1) after which the same call would succeed if nobody else takes any. `nowMs` = the
   * monotonic clock, where the caller has just read it.
   */
  take(limit: RateLimit, key: HashKey, cost = 1, nowMs = this.#clock.monotonic()): number {
    const burst = limit.burst * this.#factor;
    if (!(cost > 0) || cost > burst) {
      throw new RangeError(
        `take from ${limit.name}: cost is ${cost}, wanted above 0 and at most ${burst}`,
      );
    }
    const intervalUs = US_PER_S / (limit.ratePerS * this.#factor);
    const costUs = Math.round(cost * intervalUs);
    const windowUs = Math.round(burst * intervalUs);
    const nowUs = Math.round(nowMs * US_PER_MS);
    this.#hash.into(this.#halves, limit.space, key);
    const tag = this.#halves.low | 0 || 1;
    const place = this.#halves.high;
    for (let attempt = 0; attempt < CAS_ATTEMPTS_MAX; attempt++) {
      const slot = this.#bucketSlot(tag, place, nowUs);
      const seenUs = this.#arrivalOf(slot);
      const nextUs = arrival(seenUs, nowUs, windowUs) + costUs;
      const overUs = nextUs - nowUs - windowUs;
      if (overUs > 0) {
        Atomics.add(this.#words, DENIED, 1n);
        this.noteRefusal(limit);
        return Math.ceil(overUs / US_PER_MS);
      }
      if (!this.#swapArrival(slot, seenUs, nextUs)) continue;
      // The slot was taken over by another key in between: charge again where our key is now.
      if (Atomics.load(this.#halfWords, slot * 2) === tag) return 0;
    }
    // 64 lost races in a row: other threads were served meanwhile. Admit rather than spin.
    return 0;
  }

  /** What the bucket (limit, key) holds now; takes nothing. */
  allowance(limit: RateLimit, key: HashKey): Allowance {
    const burst = limit.burst * this.#factor;
    const intervalUs = US_PER_S / (limit.ratePerS * this.#factor);
    const windowUs = Math.round(burst * intervalUs);
    const nowUs = Math.round(this.#clock.monotonic() * US_PER_MS);
    this.#hash.into(this.#halves, limit.space, key);
    const slot = this.#findBucket(this.#halves.low | 0 || 1, this.#halves.high);
    const usedUs = slot < 0 ? 0 : arrival(this.#arrivalOf(slot), nowUs, windowUs) - nowUs;
    return {
      limit: Math.floor(burst),
      remaining: Math.max(0, Math.floor(burst - usedUs / intervalUs + 1e-6)),
      resetS: Math.ceil(usedUs / US_PER_S),
    };
  }

  /** Counts one more of (limit, key) unless there are `max` already. `release` gives it back. */
  claim(limit: CountLimit, key: HashKey): boolean {
    const max = limit.max * this.#factor;
    const hash = this.#counterHash(limit.space, key);
    const words = this.#words;
    for (let attempt = 0; attempt < CAS_ATTEMPTS_MAX; attempt++) {
      const { own, free, sum } = this.#scanCounters(hash);
      if (sum >= max) {
        Atomics.add(words, REFUSED_CLAIMS, 1n);
        this.noteRefusal(limit);
        return false;
      }
      if (own >= 0) {
        const seen = Atomics.load(words, own);
        if (seen >> COUNT_BITS !== hash || (seen & COUNT_MASK) === COUNT_MASK) continue;
        if (Atomics.compareExchange(words, own, seen, seen + 1n) === seen) return true;
      } else if (free >= 0) {
        if (Atomics.compareExchange(words, free, 0n, (hash << COUNT_BITS) | 1n) === 0n) return true;
      } else break;
    }
    Atomics.add(words, UNCOUNTED, 1n);
    return true;
  }

  /** Gives back one successful `claim`. Without a counted claim it does nothing. */
  release(limit: CountLimit, key: HashKey): void {
    const hash = this.#counterHash(limit.space, key);
    for (let attempt = 0; attempt < CAS_ATTEMPTS_MAX; attempt++) {
      const { own } = this.#scanCounters(hash);
      if (own < 0) return;
      const seen = Atomics.load(this.#words, own);
      if (seen >> COUNT_BITS !== hash) continue;
      const next = (seen & COUNT_MASK) === 1n ? 0n : seen - 1n;
      if (Atomics.compareExchange(this.#words, own, seen, next) === seen) return;
    }
  }

  /** How many of (limit, key) are counted now. */
  count(limit: CountLimit, key: HashKey): number {
    return this.#scanCounters(this.#counterHash(limit.space, key)).sum;
  }

  /** Counters of the whole process since it started. */
  stats(): RateTableStats {
    const read = (index: number): number => Number(Atomics.load(this.#words, index));
    return {
      denied: read(DENIED),
      evicted: read(EVICTED),
      refusedClaims: read(REFUSED_CLAIMS),
      uncounted: read(UNCOUNTED),
    };
  }

  /** Counts a refusal by this thread; `take` and `claim` do it themselves, limits of a connection are noted here. */
  noteRefusal({ space }: Pick<RateLimit, 'space'>): void {
    const refusals = this.#refusals;
    refusals[space] = (refusals[space] as number) + 1;
  }

  /** Refusals by this thread since it started, by the name of the limit. */
  refusals(): Readonly<Record<string, number>> {
    const limits = [RATE_LIMITS, COUNT_LIMITS, CONNECTION_LIMITS].flatMap((table) =>
      Object.values<{ readonly name: string; readonly space: number }>(table),
    );
    return Object.fromEntries(
      limits.map(({ name, space }) => [name, this.#refusals[space] as number]),
    );
  }

  /** 39 bits, so that the shifted word stays positive; the position comes from the other half. */
  #counterHash(space: number, key: HashKey): bigint {
    this.#hash.into(this.#halves, space, key);
    return (BigInt(this.#halves.high & 0x7f) << 32n) | BigInt(this.#halves.low) || 1n;
  }

  #findBucket(tag: number, place: number): number {
    const halfWords = this.#halfWords;
    for (let i = 0; i < PROBES; i++) {
      const slot = HEADER_WORDS + ((place + i) & this.#bucketMask) * 2;
      if (halfWords[slot * 2] === tag) return slot;
    }
    return -1;
  }

  /** The slot of a key: found, or taken over from an expired one, or from the one that expires first. */
  #bucketSlot(tag: number, place: number, nowUs: number): number {
    for (let attempt = 0; attempt < CAS_ATTEMPTS_MAX; attempt++) {
      const found = this.#findBucket(tag, place);
      if (found >= 0) return found;
      const best = this.#soonest(place, nowUs);
      const bestUs = this.#arrivalOf(best);
      const owner = Atomics.load(this.#halfWords, best * 2);
      if (owner === tag) return best;
      if (bestUs > nowUs) {
        if (!this.#swapArrival(best, bestUs, 0)) continue;
        Atomics.add(this.#words, EVICTED, 1n);
      }
      if (Atomics.compareExchange(this.#halfWords, best * 2, owner, tag) === owner) return best;
    }
    return HEADER_WORDS + (place & this.#bucketMask) * 2;
  }

  /** Of the slots for `place` the first that has expired, else the one that expires first. */
  #soonest(place: number, nowUs: number): number {
    let best = HEADER_WORDS + (place & this.#bucketMask) * 2;
    let bestUs = this.#arrivalOf(best);
    for (let i = 1; i < PROBES && bestUs > nowUs; i++) {
      const slot = HEADER_WORDS + ((place + i) & this.#bucketMask) * 2;
      const tatUs = this.#arrivalOf(slot);
      if (tatUs < bestUs) {
        best = slot;
        bestUs = tatUs;
      }
    }
    return best;
  }

  #arrivalOf(slot: number): number {
    const low = (slot + 1) * 2;
    const halfWords = this.#halfWords;
    return (halfWords[low + 1] as number) * TWO_32 + ((halfWords[low] as number) >>> 0);
  }

  /** False when another thread was there first. */
  #swapArrival(slot: number, seenUs: number, nextUs: number): boolean {
    const seenHigh = Math.floor(seenUs / TWO_32);
    const nextHigh = Math.floor(nextUs / TWO_32);
    const seenLow = seenUs | 0;
    if (seenHigh === nextHigh) {
      const low = (slot + 1) * 2;
      return Atomics.compareExchange(this.#halfWords, low, seenLow, nextUs | 0) === seenLow;
    }
    bits.half[0] = seenLow;
    bits.half[1] = seenHigh;
    bits.half[2] = nextUs | 0;
    bits.half[3] = nextHigh;
    const seen = bits.word[0] as bigint;
    return Atomics.compareExchange(this.#words, slot + 1, seen, bits.word[1] as bigint) === seen;
  }

  #scanCounters(hash: bigint): { own: number; free: number; sum: number } {
    const start = Number(BigInt.asUintN(32, hash >> 7n));
    let own = -1;
    let free = -1;
    let sum = 0;
    for (let i = 0; i < PROBES; i++) {
      const slot = this.#counterBase + ((start + i) & this.#counterMask);
      const word = Atomics.load(this.#words, slot);
      if (word === 0n) {
        if (free < 0) free = slot;
      } else if (word >> COUNT_BITS === hash) {
        if (own < 0) own = slot;
        sum += Number(word & COUNT_MASK);
      }
    }
    return { own, free, sum };
  }
}

/** The arrival time to count from: not in the past, and (threads' clocks differ by us) not beyond the window. */
function arrival(tatUs: number, nowUs: number, windowUs: number): number {
  if (tatUs <= nowUs) return nowUs;
  return Math.min(tatUs, nowUs + windowUs);
}
