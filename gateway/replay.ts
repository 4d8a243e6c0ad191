/**
 * Paces replay: which subscription may ask for its next chunk. At most 64 pulls of the thread and 2 of a
 * connection are on their way, and none for a socket whose backlog is above a quarter of the soft limit,
 * so a replay never makes a reader look slow (protocol.md 2.17 item 8) and queues at most 2 chunks (128
 * KiB of the 4 MiB that 2.7 allows) behind that. A pull by somebody who was at the head brings next to
 * nothing and counts an eighth: a client that comes back with 500 quiet streams is live in 32 rounds. Owned by fan-out.ts.
 *
 * Bounds: one place in the queue per subscription (500 per connection). Policy: wait. A SUB that needs
 * many pulls does not begin while all are taken (replay-queue.ts). A pull without an answer for
 * PULL_TIMEOUT_MS is asked again under a new token (counter pullTimeouts). A pull that nobody waits for
 * any more keeps its place until it is answered, or SUB and UNSUB in turns would heap up reads of the
 * log behind those of everybody else (H20; counter pullsAbandoned).
 */
import type { Clock } from '../runtime/index.ts';
import type { GatewayMetrics } from './metrics.ts';
import { ReplayQueue } from './replay-queue.ts';
import { BACKLOG_SOFT_BYTES } from './socket-limits.ts';
import type { Subscriber, Subscription } from './topic.ts';

/** A pull that may bring a full chunk of 64 KiB, and one that brings what came in a round trip. */
const FULL = 8;
const LIGHT = 1;
/** In units of LIGHT. */
const PULLS_PER_CONNECTION_MAX = 2 * FULL;
/** Pulls on their way per thread (protocol.md 2.14, K), in units of LIGHT. */
export const PULLS_MAX = 64 * FULL;
const PULL_BACKLOG_BYTES_MAX = BACKLOG_SOFT_BYTES / 4;
const PULL_TIMEOUT_MS = 5000;
const COMPACT_AT = 1024;

/** A pull on its way whose subscription has ended. */
interface Abandoned {
  readonly subscriber: Subscriber;
  readonly weight: number;
  readonly askedAtMs: number;
}

export interface ReplayOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'setTimeout' | 'clearTimeout'>;
  /** Pulls on their way per thread, in units of LIGHT; PULLS_MAX in production. */
  readonly concurrency: number;
  readonly metrics: GatewayMetrics;
  /** Sends the pull; the chunk names `token`. */
  readonly ask: (subscription: Subscription, token: number) => void;
  /** Tokens are one number space with the repairs of fan-out.ts. */
  readonly nextToken: () => number;
}

export class Replay {
  /** SUBs that wait until a replay can begin. */
  readonly admission: ReplayQueue;
  readonly #options: ReplayOptions;
  readonly #asked = new Map<number, Subscription>();
  readonly #abandoned = new Map<number, Abandoned>();
  #queue: Subscription[] = [];
  #queueAt = 0;
  #load = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
    const { clock, metrics } = options;
    this.admission = new ReplayQueue({ clock, metrics, free: () => this.#free });
  }

  /** Subscriptions that have a place in the queue, the cancelled ones included. */
  get waiting(): number {
    return this.#queue.length - this.#queueAt;
  }

  get asked(): number {
    return this.#asked.size;
  }

  /** The subscription wants its next chunk, now or when its turn comes. Idempotent. */
  want(subscription: Subscription): void {
    if (subscription.token !== 0 || subscription.isQueued || subscription.isParked) return;
    const { subscriber } = subscription;
    if (!mayPull(subscriber)) {
      subscription.isParked = true;
      subscriber.parked += 1;
    } else if (this.#load >= this.#options.concurrency) {
      subscription.isQueued = true;
      this.#queue.push(subscription);
    } else {
      this.#ask(subscription);
    }
    this.#measure();
  }

  /** The subscription of a chunk that has arrived; undefined when the token is stale. */
  take(token: number): Subscription | undefined {
    const subscription = this.#asked.get(token);
    if (subscription !== undefined) this.#release(subscription);
    else this.#forget(token);
    return subscription;
  }

  /** The subscription wants nothing any more. What is on its way will be stale, and keeps its place. */
  cancel(subscription: Subscription): void {
    subscription.isQueued = false;
    if (subscription.isParked) {
      subscription.isParked = false;
      subscription.subscriber.parked -= 1;
    }
    const { askedAtMs, pullWeight: weight, subscriber, token } = subscription;
    if (token === 0) return;
    subscription.token = 0;
    this.#asked.delete(token);
    this.#abandoned.set(token, { subscriber, weight, askedAtMs });
    this.#options.metrics.pullsAbandoned += 1;
    this.#measure();
  }

  /** The backlog of a socket has shrunk, or a place of it is free. */
  resume(subscriber: Subscriber): void {
    if (subscriber.parked === 0 || !mayPull(subscriber)) return;
    for (const subscription of subscriber.subscriptions) {
      if (!subscription.isParked) continue;
      subscription.isParked = false;
      subscriber.parked -= 1;
      this.want(subscription);
      if (subscription.isParked) return;
    }
  }

  /** Full pulls that nobody waits for. */
  get #free(): number {
    if (this.waiting > 0) return 0;
    return Math.floor((this.#options.concurrency - this.#load) / FULL);
  }

  /** Twice per second: asks again for what was not answered. */
  sweep(): void {
    this.admission.admit(Number.POSITIVE_INFINITY);
    const lateMs = this.#options.clock.monotonic() - PULL_TIMEOUT_MS;
    for (const [token, { askedAtMs }] of this.#abandoned) {
      if (askedAtMs <= lateMs) this.#forget(token);
    }
    for (const subscription of [...this.#asked.values()]) {
      if (subscription.askedAtMs > lateMs) continue;
      this.#options.metrics.pullTimeouts += 1;
      this.again(subscription);
    }
  }

  /** Forgets the pull on its way and asks anew (the owner of the stream has changed). */
  again(subscription: Subscription): void {
    if (subscription.token === 0) return;
    this.#release(subscription);
    this.want(subscription);
  }

  #ask(subscription: Subscription): void {
    const token = this.#options.nextToken();
    subscription.token = token;
    subscription.askedAtMs = this.#options.clock.monotonic();
    subscription.pullWeight = subscription.isAtHead ? LIGHT : FULL;
    subscription.isAtHead = false;
    subscription.subscriber.pulls += subscription.pullWeight;
    this.#load += subscription.pullWeight;
    this.#asked.set(token, subscription);
    this.#options.ask(subscription, token);
  }

  #release(subscription: Subscription): void {
    this.#asked.delete(subscription.token);
    subscription.token = 0;
    this.#returnPlace(subscription.subscriber, subscription.pullWeight);
  }

  /** An abandoned pull was answered, or will not be. */
  #forget(token: number): void {
    const abandoned = this.#abandoned.get(token);
    if (abandoned === undefined) return;
    this.#abandoned.delete(token);
    this.#returnPlace(abandoned.subscriber, abandoned.weight);
    this.resume(abandoned.subscriber);
  }

  #returnPlace(subscriber: Subscriber, weight: number): void {
    subscriber.pulls -= weight;
    this.#load -= weight;
    this.#next();
    this.#measure();
    this.admission.admit(1);
  }

  #next(): void {
    while (this.#load < this.#options.concurrency && this.#queueAt < this.#queue.length) {
      const subscription = this.#queue[this.#queueAt] as Subscription;
      this.#queueAt += 1;
      if (!subscription.isQueued) continue;
      subscription.isQueued = false;
      this.want(subscription);
    }
    if (this.#queueAt === this.#queue.length) this.#queue = [];
    else if (this.#queueAt >= COMPACT_AT) this.#queue = this.#queue.slice(this.#queueAt);
    else return;
    this.#queueAt = 0;
  }

  #measure(): void {
    this.#options.metrics.replaysNow = this.#asked.size + this.#abandoned.size;
    this.#options.metrics.replaysWaitingNow = this.waiting;
  }
}

function mayPull(subscriber: Subscriber): boolean {
  return (
    subscriber.isReady &&
    !subscriber.isLagging &&
    subscriber.pulls < PULLS_PER_CONNECTION_MAX &&
    subscriber.backlogBytes() < PULL_BACKLOG_BYTES_MAX
  );
}
