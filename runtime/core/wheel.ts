/**
 * Timer wheel of one thread: 1024 slots of 10 ms. Holds call deadlines and actor timers as intrusive
 * lists; one timeout of the clock is armed for the next slot that holds anything, so neither a call
 * nor an actor timer costs a timer of its own. Never early; up to one slot late.
 */
import type { Clock, Ms, TimerHandle } from '../clock.ts';

export const GRAIN_MS = 10;
const SLOTS = 1024;
/** `bucket` of a node outside the wheel, and of one that is about to fire in this expiry. */
const NONE = -1;
const DUE = -2;

/** Something with a due time. `bucket` is negative while it is not in a wheel. */
export abstract class WheelNode {
  prev: WheelNode | null = null;
  next: WheelNode | null = null;
  dueTick = 0;
  bucket = NONE;
  /** Called once, after the node has left the wheel. Must not throw. */
  abstract fire(): void;
}

export class Wheel {
  readonly #clock: () => Clock;
  readonly #buckets: (WheelNode | null)[] = new Array(SLOTS).fill(null);
  #count = 0;
  #lastTick = 0;
  #armedTick = Number.POSITIVE_INFINITY;
  #timer: TimerHandle | undefined;
  /** While nodes fire, what they add does not arm: something earlier may be in the wheel. */
  #firing = false;
  readonly #onTimer = () => this.#expire();

  /** The clock is asked for at each use: tests exchange it. */
  constructor(clock: () => Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#count;
  }

  /** Fires `node` once monotonic time has reached `dueMs`. */
  add(node: WheelNode, dueMs: Ms, nowMs: Ms): void {
    if (node.bucket !== NONE) this.remove(node);
    if (this.#count === 0) this.#lastTick = Math.floor(nowMs / GRAIN_MS);
    const tick = Math.max(Math.ceil(dueMs / GRAIN_MS), this.#lastTick + 1);
    const bucket = tick % SLOTS;
    const head = this.#buckets[bucket] as WheelNode | null;
    node.dueTick = tick;
    node.bucket = bucket;
    node.prev = null;
    node.next = head;
    if (head !== null) head.prev = node;
    this.#buckets[bucket] = node;
    if (this.#count++ === 0) this.#timer?.ref?.();
    if (!this.#firing && tick < this.#armedTick) this.#arm(tick, nowMs);
  }

  remove(node: WheelNode): void {
    if (node.bucket < 0) {
      node.bucket = NONE;
      return;
    }
    if (node.prev === null) this.#buckets[node.bucket] = node.next;
    else node.prev.next = node.next;
    if (node.next !== null) node.next.prev = node.prev;
    node.prev = null;
    node.next = null;
    node.bucket = NONE;
    // The timer stays armed (calls come and go), but an empty wheel keeps no thread from running out.
    if (--this.#count === 0) this.#timer?.unref?.();
  }

  /** Tests exchange the clock: what was armed on the old one is armed on the new one. */
  changeClock(change: () => void): void {
    this.#disarm();
    change();
    const nowMs = this.#clock().monotonic();
    if (this.#count === 0) return;
    this.#lastTick = Math.min(this.#lastTick, Math.floor(nowMs / GRAIN_MS));
    this.#armNext(nowMs);
  }

  /** Forgets everything without firing; the thread may end. */
  clear(): void {
    for (let i = 0; i < SLOTS; i++) {
      let node = this.#buckets[i] as WheelNode | null;
      while (node !== null) {
        const next: WheelNode | null = node.next;
        this.remove(node);
        node = next;
      }
    }
    this.#disarm();
  }

  #arm(tick: number, nowMs: Ms): void {
    this.#disarm();
    this.#armedTick = tick;
    this.#timer = this.#clock().setTimeout(
      this.#onTimer,
      Math.max(1, Math.ceil(tick * GRAIN_MS - nowMs)),
    );
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock().clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#armedTick = Number.POSITIVE_INFINITY;
  }

  #expire(): void {
    this.#timer = undefined;
    this.#armedTick = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock().monotonic();
    const nowTick = Math.floor(nowMs / GRAIN_MS);
    const first = Math.max(this.#lastTick + 1, nowTick - SLOTS + 1);
    this.#lastTick = Math.max(nowTick, this.#lastTick);
    const due: WheelNode[] = [];
    for (let tick = first; tick <= nowTick; tick++) this.#collect(tick % SLOTS, nowTick, due);
    due.sort((a, b) => a.dueTick - b.dueTick);
    // A node fired earlier may have removed or moved a later one: only what is still DUE fires.
    this.#firing = true;
    for (const node of due) {
      if (node.bucket !== DUE) continue;
      node.bucket = NONE;
      node.fire();
    }
    this.#firing = false;
    if (this.#count > 0) this.#armNext(nowMs);
  }

  #collect(bucket: number, nowTick: number, due: WheelNode[]): void {
    let node = this.#buckets[bucket] as WheelNode | null;
    while (node !== null) {
      const next: WheelNode | null = node.next;
      if (node.dueTick <= nowTick) {
        this.remove(node);
        node.bucket = DUE;
        due.push(node);
      }
      node = next;
    }
  }

  #armNext(nowMs: Ms): void {
    for (let tick = this.#lastTick + 1; tick <= this.#lastTick + SLOTS; tick++) {
      if (this.#buckets[tick % SLOTS] !== null) {
        this.#arm(tick, nowMs);
        return;
      }
    }
  }
}
