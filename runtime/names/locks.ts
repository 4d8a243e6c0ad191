/**
 * Locks by key: one holder at a time, those who wait served in order. Given back when the holder is done,
 * whatever way, and inside the death of a holder; a waiter that dies leaves the queue. One set per registry.
 */
import { type Cell, type Holding, hold, unhold } from '../core/cell.ts';
import { ActorError } from '../errors.ts';
import type { Key } from '../types.ts';

/** The claims on each locked key; the first one holds the lock. */
export class Locks {
  readonly #queues = new Map<Key, Set<Claim>>();

  /** Runs `fn` in the caller while it alone has the lock of `key`. */
  async run<T>(owner: Cell, key: Key, fn: () => T | Promise<T>): Promise<T> {
    const claim = new Claim(this, key, owner);
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = new Set();
      this.#queues.set(key, queue);
    }
    queue.add(claim);
    hold(owner, claim);
    if (queue.size > 1) await claim.turn();
    // It may have died between the grant and this line: the lock is with the next one already.
    if (claim.over) throw new ActorError('noproc', `lock ${key}`);
    try {
      return await fn();
    } finally {
      unhold(owner, claim);
      this.leave(claim);
    }
  }

  /** The claim ends; if it held the lock, the next one gets it. A second time: nothing. */
  leave(claim: Claim): void {
    const queue = this.#queues.get(claim.key);
    if (queue?.delete(claim) !== true) return;
    if (queue.size === 0) this.#queues.delete(claim.key);
    // Where a waiter has left, this is the holder: it has been told already.
    const [next] = queue;
    next?.grant();
  }

  /** The registry is gone: who waits learns of it. */
  close(): void {
    const queues = [...this.#queues.values()];
    this.#queues.clear();
    for (const queue of queues) for (const claim of queue) claim.fail();
  }
}

class Claim implements Holding {
  readonly key: Key;
  over = false;
  readonly #locks: Locks;
  readonly #owner: Cell;
  #grant: (() => void) | undefined;
  #fail: ((error: ActorError) => void) | undefined;

  constructor(locks: Locks, key: Key, owner: Cell) {
    this.#locks = locks;
    this.key = key;
    this.#owner = owner;
  }

  turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#grant = resolve;
      this.#fail = reject;
    });
  }

  grant(): void {
    this.#grant?.();
  }

  /** Rejects the wait; a holder goes on undisturbed. */
  fail(): void {
    unhold(this.#owner, this);
    this.#fail?.(new ActorError('noproc', `lock ${this.key}`));
  }

  ownerEnded(): void {
    this.over = true;
    this.#locks.leave(this);
    this.#fail?.(new ActorError('noproc', `lock ${this.key}`));
  }
}
