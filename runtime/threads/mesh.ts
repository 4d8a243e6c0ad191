/**
 * The threads of a node as main sees them: which are up, the ports between each two of them, and who
 * is told when one dies. Runs on main only. Full mesh: each new thread gets a fresh channel to every
 * other one, so nothing of its predecessor can come through.
 */
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import { rt } from '../core/thread.ts';
import type { Router } from './router.ts';
import { consumedView, pulseOf, setWatched } from './shared.ts';
import { ThreadSnapshots } from './thread-snapshots.ts';
import type { NodeFailure, SharedMemory, ThreadFlags, Topology, ToWorker } from './types.ts';

/** Strikes after which an entity that hangs its thread is left down. */
const STRIKES = 2;

export class Mesh {
  readonly topology: Topology;
  readonly shared: SharedMemory;
  /** Flags that every thread of the node has. */
  readonly flags: ThreadFlags;
  readonly #router: Router;
  readonly #fatal: (failure: NodeFailure) => void;
  readonly #workers = new Map<number, Worker>();
  readonly #incarnations = new Map<number, number>();
  /** Interned names of each thread, for the watchdog's numbers. */
  readonly #names = new Map<number, Map<number, string>>();
  readonly #strikes = new Map<string, { type: string; key: number; count: number }>();
  /** Of the entities of all threads. */
  readonly snapshots = new ThreadSnapshots();
  #failed = false;

  constructor(
    topology: Topology,
    shared: SharedMemory,
    router: Router,
    fatal: (failure: NodeFailure) => void,
    flags: ThreadFlags,
  ) {
    this.topology = topology;
    this.shared = shared;
    this.flags = flags;
    this.#router = router;
    this.#fatal = fatal;
  }

  /** Tells the owner of the node, once, that it cannot go on. */
  fail(failure: NodeFailure): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#fatal(failure);
  }

  nextIncarnation(thread: number): number {
    const next = (this.#incarnations.get(thread) ?? 0) + 1;
    this.#incarnations.set(thread, next);
    return next;
  }

  incarnation(thread: number): number {
    return this.#incarnations.get(thread) ?? 0;
  }

  isUp(thread: number): boolean {
    return thread === 0 || this.#workers.has(thread);
  }

  /** A new thread: channels between it and all that are up. */
  attach(thread: number, worker: Worker): void {
    this.#join(thread, worker, 0);
    for (const [other] of this.#workers) this.#join(thread, worker, other);
    this.#workers.set(thread, worker);
  }

  #join(thread: number, worker: Worker, other: number): void {
    consumedView(this.shared, thread, other)[0] = 0;
    consumedView(this.shared, other, thread)[0] = 0;
    const { port1, port2 } = new MessageChannel();
    connect(worker, other, port1);
    const peer = this.#workers.get(other);
    if (peer === undefined) this.#router.connect(thread, port2);
    else connect(peer, thread, port2);
  }

  /** A thread is dead: everybody else drops what still comes from it and fails what waits for it. */
  detach(thread: number): void {
    if (!this.#workers.delete(thread)) return;
    setWatched(pulseOf(this.shared, thread), false);
    this.#router.disconnect(thread);
    const message: ToWorker = { kind: 'disconnect', thread };
    for (const peer of this.#workers.values()) peer.postMessage(message);
  }

  /**
   * Tears the lane between two threads: each takes the other for dead, what was under way is lost. The returned function makes
   * it anew, unless one of them has been replaced meanwhile. undefined: one of them is down.
   */
  part(a: number, b: number): (() => void) | undefined {
    if (!this.isUp(a) || !this.isUp(b)) return undefined;
    const lives = (): string => `${this.incarnation(a)} ${this.incarnation(b)}`;
    const before = lives();
    this.#tellGone(a, b);
    this.#tellGone(b, a);
    return () => {
      if (lives() !== before || !this.isUp(a) || !this.isUp(b)) return;
      const worker = this.#workers.get(a === 0 ? b : a);
      if (worker !== undefined) this.#join(a === 0 ? b : a, worker, a === 0 ? a : b);
    };
  }

  #tellGone(to: number, thread: number): void {
    if (to === 0) this.#router.disconnect(thread);
    else this.post(to, { kind: 'disconnect', thread });
  }

  post(thread: number, message: ToWorker): void {
    this.#workers.get(thread)?.postMessage(message);
  }

  threadsUp(): readonly number[] {
    return [...this.#workers.keys()];
  }

  learnName(thread: number, number: number, name: string): void {
    let names = this.#names.get(thread);
    if (names === undefined) {
      names = new Map();
      this.#names.set(thread, names);
    }
    names.set(number, name);
  }

  nameOf(thread: number, number: number): string {
    return this.#names.get(thread)?.get(number) ?? '';
  }

  slotName(thread: number): string {
    return this.topology.slots[thread]?.name ?? rt.slot;
  }

  /** An entity hung its thread. True when it will be left down from now on. */
  strike(type: string, key: number): boolean {
    const id = `${type}:${key}`;
    const entry = this.#strikes.get(id) ?? { type, key, count: 0 };
    entry.count++;
    this.#strikes.set(id, entry);
    return entry.count >= STRIKES;
  }

  blocked(): readonly { readonly type: string; readonly key: number }[] {
    return [...this.#strikes.values()]
      .filter(({ count }) => count >= STRIKES)
      .map(({ type, key }) => ({ type, key }));
  }
}

function connect(worker: Worker, thread: number, port: MessagePort): void {
  const message: ToWorker = { kind: 'connect', thread, port };
  worker.postMessage(message, [port]);
}
