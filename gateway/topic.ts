/**
 * One stream as a gateway thread sees it: how far it was received, what is gathered but not published
 * yet, what is held behind a hole, and who is subscribed through which slice. Pure state apart from
 * the `Publish` function it is given. Owned by fan-out.ts; never talks to actors, clocks or sockets
 * except through a Subscriber's `join` and `leave`.
 *
 * Invariant: for a slice, `seq` is the last event that its native subscribers have been given. A
 * socket joins only when everything received has been published to its slice, so what it was written
 * before the join and what it gets after it follow each other without a gap or a repeat (P6).
 */
import type { Cursor, FanOutP, StreamP } from '../channels/index.ts';
import type { MonitorId, Ref } from '../runtime/index.ts';
import type { Encoding } from './protocol/index.ts';
import { transcodeToJson } from './protocol/index.ts';

/** Most native subscribers of one slice: one uninterruptible publish (gateway.md 5, rule 7). */
export const SLICE_SUBSCRIBERS_MAX = 2000;
/** Most bytes held behind a hole before it is given up. */
export const HELD_BYTES_MAX = 4 * 1024 * 1024;

/** `Subscription.voidBy`: the client's own UNSUB. */
export const UNSUBSCRIBED = -1;

/** `app.publish`: native fan-out of one frame to one native topic. */
export type Publish = (topic: Uint8Array, frame: Uint8Array, isBinary: boolean) => void;

/** What fan-out needs of a connection. All methods are harmless on a closed one. */
export interface Subscriber {
  readonly uid: number;
  readonly encoding: Encoding;
  /** False from the moment that the connection is closing. */
  readonly isReady: boolean;
  readonly isLagging: boolean;
  /** Chunks asked for and not arrived, weighted. Owned by replay.ts. */
  pulls: number;
  /** Subscriptions that want a chunk and wait for the backlog to shrink. Owned by replay.ts. */
  parked: number;
  /** In no order. Owned by fan-out.ts. */
  subscriptions: Subscription[];
  backlogBytes(): number;
  send(message: Uint8Array): void;
  join(topic: Uint8Array): void;
  leave(topic: Uint8Array): void;
}

/** pending: `subscribe` is asked; catchUp: chunks are pulled; live: in a native topic. */
export type SubscriptionState = 'pending' | 'catchUp' | 'live' | 'ended';

/** One stream on one connection. Plain data; fan-out.ts and replay.ts change it. */
export class Subscription implements Cursor {
  readonly subscriber: Subscriber;
  readonly topic: Topic;
  state: SubscriptionState = 'pending';
  /** Position while not live. */
  epoch = 0;
  seq = 0;
  ts = 0;
  /** Of the pull on its way, else 0. */
  token = 0;
  askedAtMs = 0;
  pullWeight = 0;
  /** Believed to be at the head: its next pull brings next to nothing. */
  isAtHead = false;
  isQueued = false;
  isParked = false;
  /** Lag mode: what the ring cannot serve becomes GAP reason 7. */
  isRingOnly = false;
  /**
   * What ended it while `subscribe` was asked: UNSUBSCRIBED, or the code of a SUBEND; else 0. It stays
   * in its place until the answer is there, so that a later SUB of the stream comes after it.
   */
  voidBy = 0;
  slice: Slice | null = null;
  /** Requests that wait for this subscription to be live or ended. */
  waiters: (() => void)[] | null = null;

  constructor(subscriber: Subscriber, topic: Topic) {
    this.subscriber = subscriber;
    this.topic = topic;
  }

  moveTo(at: Cursor): void {
    this.epoch = at.epoch;
    this.seq = at.seq;
    this.ts = at.ts;
  }

  /** Lets the requests go on that waited for the state. */
  settle(): void {
    const waiters = this.waiters;
    this.waiters = null;
    if (waiters !== null) for (const wake of waiters) wake();
  }
}

/** One native topic: at most SLICE_SUBSCRIBERS_MAX sockets of one encoding. */
export interface Slice {
  readonly name: Uint8Array;
  readonly encoding: Encoding;
  /** 0 is published in the turn of the flush, later ones in turns of their own. */
  readonly index: number;
  count: number;
  /** Frames of this encoding that are due in a later turn. */
  queue: readonly Uint8Array[];
  /** Position of the sockets in this slice. */
  seq: number;
  ts: number;
}

type PublishMessage = Parameters<FanOutP['publish']>[0];

const NO_FRAMES: readonly Uint8Array[] = [];

/** attaching: no position yet; live: the owner publishes to us; lost: the owner is down. */
export type TopicState = 'attaching' | 'live' | 'lost';

export class Topic {
  readonly sid: number;
  state: TopicState = 'attaching';
  owner: Ref<StreamP> | 0 = 0;
  monitor: MonitorId | 0 = 0;
  epoch = 0;
  /** Position of the last event received in order. */
  seq = 0;
  ts = 0;
  /** Subscriptions in any state. */
  readonly subscriptions = new Set<Subscription>();
  readonly slices: Slice[] = [];
  /** Of the pull that repairs a hole, else 0. */
  token = 0;
  /** Since when a hole is known, -1 = none. */
  holeSinceMs = -1;
  /** Head that the owner has told of; above `seq` there is a hole. */
  headSeq = 0;
  headTs = 0;
  /** When to ask the owner again while it is lost. */
  attachAtMs = 0;
  /** Listed for the next flush. */
  isDirty = false;
  #pending: readonly Uint8Array[] = NO_FRAMES;
  /** `#pending` is an array of this topic's own, not that of a message. */
  #own: Uint8Array[] | null = null;
  #held: PublishMessage[] = [];
  #heldBytes = 0;
  #joined = 0;
  /** Position behind the last frame that left `#pending`. */
  #flushedSeq = 0;
  #flushedTs = 0;

  constructor(sid: number) {
    this.sid = sid;
  }

  /** Sockets in native topics. */
  get joined(): number {
    return this.#joined;
  }

  get hasHole(): boolean {
    return this.#held.length > 0 || this.headSeq > this.seq;
  }

  get isHeldFull(): boolean {
    return this.#heldBytes > HELD_BYTES_MAX;
  }

  /** Whether this thread has received exactly what the owner has published up to `at`. */
  isLevel(at: Cursor): boolean {
    return this.state !== 'attaching' && at.epoch === this.epoch && at.seq === this.seq;
  }

  /** First seq behind the hole and the ts to name with it. */
  get holeEnd(): { readonly to: number; readonly first: PublishMessage | undefined } {
    const first = this.#held[0];
    return { to: first === undefined ? this.headSeq : first.seq - 1, first };
  }

  /** Forgets everything gathered and held: the position is `at`. Only while nobody is joined. */
  reset(at: Cursor): void {
    this.epoch = at.epoch;
    this.#moveTo(at);
    this.headSeq = at.seq;
    this.headTs = at.ts;
    this.holeSinceMs = -1;
    this.#forget();
    this.#held = [];
    this.#heldBytes = 0;
  }

  /**
   * Takes live events of the present epoch. `hole`: they are kept until the events before them are
   * here. `old`: all of them were received before.
   */
  accept(message: PublishMessage): 'taken' | 'old' | 'hole' {
    const last = message.seq + message.frames.length - 1;
    if (last <= this.seq) return 'old';
    if (message.seq > this.seq + 1) {
      this.#held.push(message);
      for (const frame of message.frames) this.#heldBytes += frame.length;
      if (last > this.headSeq) this.#headTo(last, message.ts);
      return 'hole';
    }
    if (this.#joined > 0) this.#gather(message.frames, this.seq + 1 - message.seq);
    this.seq = last;
    this.ts = message.ts;
    if (last > this.headSeq) this.#headTo(last, message.ts);
    return 'taken';
  }

  /** Events `seq + 1 ..` that repair a hole (or a GAP frame in their place); the position becomes `at`. */
  repair(frames: readonly Uint8Array[], at: Cursor): void {
    if (this.#joined > 0) this.#gather(frames, 0);
    this.#moveTo(at);
    if (at.seq > this.headSeq) this.#headTo(at.seq, at.ts);
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const message of held) this.accept(message);
  }

  /** A frame that has no seq (HEAD), behind everything received so far. */
  enqueue(frame: Uint8Array): void {
    if (this.#joined > 0) this.#gather([frame], 0);
  }

  /** As a rule one message comes per flush: its array is used as it is. */
  #gather(frames: readonly Uint8Array[], skip: number): void {
    if (this.#pending.length === 0 && skip === 0) {
      this.#pending = frames;
      return;
    }
    this.#own ??= [...this.#pending];
    for (let i = skip; i < frames.length; i += 1) this.#own.push(frames[i] as Uint8Array);
    this.#pending = this.#own;
  }

  #forget(): void {
    this.#pending = NO_FRAMES;
    this.#own = null;
  }

  noteHead(at: Cursor): void {
    if (at.seq > this.headSeq) this.#headTo(at.seq, at.ts);
  }

  #headTo(seq: number, ts: number): void {
    this.headSeq = seq;
    this.headTs = ts;
  }

  #moveTo(at: Cursor): void {
    this.seq = at.seq;
    this.ts = at.ts;
  }

  /**
   * Publishes what is gathered: to the first slice of each encoding now, the others get it queued.
   * @returns frames times sockets published now; see `queuedSlice` for what is not
   */
  flush(publish: Publish): number {
    this.isDirty = false;
    const frames = this.#pending;
    this.#flushedSeq = this.seq;
    this.#flushedTs = this.ts;
    if (frames.length === 0) return 0;
    this.#forget();
    let json: Uint8Array[] | undefined;
    let deliveries = 0;
    for (const slice of this.slices) {
      if (slice.count === 0) continue;
      if (slice.encoding === 'json') json ??= frames.map(transcodeToJson);
      const encoded = slice.encoding === 'json' ? (json as Uint8Array[]) : frames;
      slice.queue = slice.queue.length === 0 ? encoded : [...slice.queue, ...encoded];
      if (slice.index === 0) deliveries += this.drainSlice(slice, publish);
    }
    return deliveries;
  }

  /** Publishes what is queued for one slice. Its position is then all that was flushed. */
  drainSlice(slice: Slice, publish: Publish): number {
    const { queue, name } = slice;
    const isBinary = slice.encoding === 'mp';
    slice.queue = NO_FRAMES;
    slice.seq = this.#flushedSeq;
    slice.ts = this.#flushedTs;
    for (const frame of queue) publish(name, frame, isBinary);
    return queue.length * slice.count;
  }

  /** Publishes everything, the later slices too. Before a join and before the epoch changes. */
  flushAll(publish: Publish): number {
    let deliveries = this.flush(publish);
    for (const slice of this.slices) {
      if (slice.queue.length > 0) deliveries += this.drainSlice(slice, publish);
    }
    return deliveries;
  }

  /** The slice with queued frames that is due next, if any. */
  queuedSlice(): Slice | undefined {
    for (const slice of this.slices) if (slice.queue.length > 0) return slice;
    return undefined;
  }

  /** Puts a socket into a native topic. Everything received must have been published: flush first. */
  join(subscription: Subscription, publish: Publish): void {
    const slice = this.#openSlice(subscription.subscriber.encoding);
    this.drainSlice(slice, publish);
    slice.count += 1;
    this.#joined += 1;
    subscription.slice = slice;
    subscription.state = 'live';
    subscription.subscriber.join(slice.name);
  }

  /** Takes a socket out of its native topic; the subscription's position is what it was given. */
  leave(subscription: Subscription): void {
    const { slice } = subscription;
    if (slice === null) return;
    subscription.slice = null;
    subscription.moveTo({ epoch: this.epoch, seq: slice.seq, ts: slice.ts });
    slice.count -= 1;
    this.#joined -= 1;
    if (slice.count === 0) slice.queue = NO_FRAMES;
    if (this.#joined === 0) this.#forget();
    subscription.subscriber.leave(slice.name);
  }

  #openSlice(encoding: Encoding): Slice {
    let index = 0;
    for (const slice of this.slices) {
      if (slice.encoding !== encoding) continue;
      if (slice.count < SLICE_SUBSCRIBERS_MAX) return slice;
      index += 1;
    }
    const suffix = index === 0 ? '' : `.${index}`;
    const name = Buffer.from(`1${encoding === 'mp' ? 'm' : 'j'}${this.sid}${suffix}`, 'latin1');
    const slice = { name, encoding, index, count: 0, queue: NO_FRAMES, seq: this.seq, ts: this.ts };
    this.slices.push(slice);
    return slice;
  }
}
