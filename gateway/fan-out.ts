/**
 * Streams of one gateway thread: topics, subscriptions, and what happens when the shards' messages
 * arrive in an unexpected order. Implements the content of FanOutP; fan-out-actor.ts is its mailbox.
 * Runs on gateway threads; every method is synchronous. Never waits, and never lets one topic's
 * failure reach another (`guarded`).
 *
 * The procedure (brief and protocol.md 2.7): interest is registered by `subscribe`, told by `attached`;
 * then each publish is taken in order. A socket is brought to the head by pulled chunks and joins in
 * the synchronous step that handles a chunk with `atHead`, when all that was received is published.
 */
import type { Chunk, Cursor, FanOutP, Id } from '../channels/index.ts';
import type { Clock, Ref } from '../runtime/index.ts';
import { writeChunk } from './chunk-frames.ts';
import { Ephemeral } from './ephemeral.ts';
import type { GatewayMetrics } from './metrics.ts';
import {
  Err,
  encodeFrame,
  GapReason,
  gapFrame,
  headFrame,
  readEventHead,
  subEndFrame,
} from './protocol/index.ts';
import { Publisher } from './publisher.ts';
import { Replay } from './replay.ts';
import type { Shedding } from './shedding.ts';
import { type Publish, type Subscriber, Subscription, Topic } from './topic.ts';
import type { GatewayLog, Upstream } from './types.ts';

/**
 * A hole that is not repaired in this time becomes GAP reason 8: `tick` looks each 500 ms, and 2 s is
 * the most (protocol.md 2.7, shard duty).
 */
const HOLE_MAX_MS = 1500;
const ATTACH_RETRY_MS = 1000;

export interface FanOutOptions {
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly log: GatewayLog;
  readonly upstream: Upstream;
  readonly publish: Publish;
  readonly shedding: Shedding;
  /** See ReplayOptions.concurrency. */
  readonly replayConcurrency: number;
  /** End of the present turn (a microtask) and the next turn (setImmediate). */
  readonly defer: (fn: () => void) => void;
  readonly nextTurn: (fn: () => void) => void;
}

type Message<K extends keyof FanOutP> = Parameters<FanOutP[K]>[0];

export class FanOut {
  readonly replay: Replay;
  readonly ephemeral: Ephemeral;
  readonly #options: FanOutOptions;
  readonly #topics = new Map<Id, Topic>();
  readonly #owners = new Map<number, Topic>();
  readonly #repairs = new Map<number, Topic>();
  readonly #publisher: Publisher;
  #stalled: Subscription[] = [];
  #lastToken = 0;

  constructor(options: FanOutOptions) {
    this.#options = options;
    const { clock, metrics, upstream } = options;
    const failed = (topic: Topic, error: unknown): void => this.#abandon(topic, error);
    this.#publisher = new Publisher({ ...options, failed });
    const mark = (topic: Topic): void => this.#publisher.mark(topic);
    this.ephemeral = new Ephemeral({ ...options, topics: this.#topics, mark });
    this.replay = new Replay({
      clock,
      metrics,
      concurrency: options.replayConcurrency,
      nextToken: () => this.#nextToken(),
      ask: (subscription, token) => {
        const { topic, subscriber, isRingOnly, epoch, seq, ts } = subscription;
        const after = { epoch, seq, ts };
        upstream.pull(topic.sid, { token, uid: subscriber.uid, after, ringOnly: isRingOnly });
      },
    });
  }

  // -------------------------------------------------------------- for the connections

  find(subscriber: Subscriber, sid: Id): Subscription | undefined {
    return subscriber.subscriptions.find((subscription) => subscription.topic.sid === sid);
  }

  get topics(): ReadonlyMap<Id, Topic> {
    return this.#topics;
  }

  hasTopic(sid: Id): boolean {
    return this.#topics.has(sid);
  }

  /** A new pending subscription. The caller asks the stream, then starts or removes it. */
  add(subscriber: Subscriber, sid: Id): Subscription {
    let topic = this.#topics.get(sid);
    if (topic === undefined) {
      topic = new Topic(sid);
      this.#topics.set(sid, topic);
    }
    const subscription = new Subscription(subscriber, topic);
    topic.subscriptions.add(subscription);
    // A fresh array per connection: the empty one is shared by all that have no subscription.
    if (subscriber.subscriptions.length === 0) subscriber.subscriptions = [subscription];
    else subscriber.subscriptions.push(subscription);
    this.#measure(1);
    return subscription;
  }

  /** Delivers from `at` on: pulls up to the head, then joins. */
  start(subscription: Subscription, at: Cursor, isRingOnly = false): void {
    if (subscription.state === 'ended') return;
    subscription.topic.leave(subscription);
    subscription.moveTo(at);
    subscription.isRingOnly = isRingOnly;
    subscription.state = 'catchUp';
    this.replay.want(subscription);
  }

  /** Takes a live subscription off its native topic; its position is what was published to it. */
  suspend(subscription: Subscription): void {
    if (subscription.state !== 'live') return;
    subscription.topic.leave(subscription);
    subscription.state = 'pending';
  }

  /** Ends a subscription (UNSUB, SUBEND, close). The last one of a topic ends the interest. */
  remove(subscription: Subscription): void {
    if (subscription.state === 'ended') return;
    const { topic, subscriber } = subscription;
    this.replay.cancel(subscription);
    subscription.topic.leave(subscription);
    subscription.state = 'ended';
    const list = subscriber.subscriptions;
    const at = list.indexOf(subscription);
    const last = list.pop();
    if (last !== undefined && last !== subscription && at >= 0) list[at] = last;
    topic.subscriptions.delete(subscription);
    this.#measure(-1);
    subscription.settle();
    if (topic.subscriptions.size === 0) this.#drop(topic);
  }

  /** SUBEND: flushed frames go before it, nothing of the stream comes behind it. */
  end(subscription: Subscription, code: number): void {
    const { subscriber, topic } = subscription;
    this.remove(subscription);
    subscriber.send(encodeFrame(subEndFrame(topic.sid, code), subscriber.encoding));
  }

  removeAll(subscriber: Subscriber): void {
    for (const subscription of [...subscriber.subscriptions]) this.remove(subscription);
  }

  /** Lag mode: off all native topics. */
  lag(subscriber: Subscriber): void {
    for (const subscription of subscriber.subscriptions) {
      if (subscription.state !== 'live') continue;
      subscription.topic.leave(subscription);
      this.start(subscription, subscription, true);
    }
  }

  // -------------------------------------------------------------- from the streams

  attached(m: Message<'attached'>): void {
    const topic = this.#topics.get(m.sid);
    if (topic === undefined) {
      this.#options.upstream.detach(m.sid);
      return;
    }
    this.#guarded(topic, () => {
      const wasLost = topic.state === 'lost';
      const isNewOwner = this.#own(topic, m.owner);
      topic.state = 'live';
      if (topic.joined === 0) topic.reset(m);
      else if (m.epoch !== topic.epoch) this.#renew(topic, GapReason.EPOCH, m);
      else if (m.seq < topic.seq) this.#renew(topic, GapReason.AHEAD, m);
      else this.#noteHead(topic, m);
      // A new SUB has met a new owner before its predecessor's end was heard of: tell it of the others.
      if (m.asks === true || (isNewOwner && !wasLost)) this.#attach(topic);
      if (isNewOwner) for (const s of [...topic.subscriptions]) this.replay.again(s);
    });
  }

  publish(m: Message<'publish'>): void {
    const { clock, metrics, upstream } = this.#options;
    const topic = this.#topics.get(m.sid);
    if (topic === undefined) {
      metrics.strayPublishes += 1;
      upstream.detach(m.sid);
      return;
    }
    metrics.publishes += 1;
    metrics.timings.arrived(topic.joined, clock.now() - m.ts);
    // Interest of an earlier topic record of this stream; `attached` comes behind it.
    if (topic.state === 'attaching') return;
    // Once per commit: guarded without a closure.
    try {
      this.#take(topic, m);
    } catch (error) {
      this.#abandon(topic, error);
    }
  }

  #take(topic: Topic, m: Message<'publish'>): void {
    if (m.epoch !== topic.epoch) {
      this.#lose(topic);
      return;
    }
    const outcome = topic.accept(m);
    if (outcome === 'taken') this.#publisher.mark(topic);
    else if (outcome === 'hole') this.#repair(topic);
  }

  chunk(m: Chunk): void {
    this.#options.metrics.chunks += 1;
    const topic = this.#repairs.get(m.token);
    if (topic !== undefined) {
      this.#repairs.delete(m.token);
      topic.token = 0;
      this.#guarded(topic, () => this.#repairChunk(topic, m));
      return;
    }
    const subscription = this.replay.take(m.token);
    if (subscription === undefined || subscription.state !== 'catchUp') {
      this.#options.metrics.chunksStale += 1;
      return;
    }
    this.#guarded(subscription.topic, () => this.#catchUp(subscription, m));
    this.replay.resume(subscription.subscriber);
  }

  head(m: Message<'head'>): void {
    const topic = this.#topics.get(m.sid);
    if (topic === undefined || topic.state !== 'live') return;
    this.#guarded(topic, () => {
      if (m.epoch !== topic.epoch) {
        this.#lose(topic);
      } else if (m.seq > topic.seq) {
        this.#noteHead(topic, m);
      } else if (m.seq === topic.seq && topic.joined > 0) {
        topic.enqueue(encodeFrame(headFrame(m.sid, m), 'mp'));
        this.#publisher.mark(topic);
      }
    });
  }

  revoke(m: Message<'revoke'>): void {
    const topic = this.#topics.get(m.sid);
    if (topic === undefined) return;
    // What was committed before goes out before.
    this.#publisher.flushAll(topic);
    for (const subscription of [...topic.subscriptions]) {
      if (m.uid !== 0 && subscription.subscriber.uid !== m.uid) continue;
      // Asked but not answered: SUB itself answers with status 3 (subscriptions.ts).
      if (subscription.state === 'pending') subscription.voidBy = m.code;
      else this.end(subscription, m.code);
    }
  }

  /** A monitored owner has ended. */
  down(owner: Ref<unknown>): void {
    const topic = this.#owners.get(owner);
    if (topic !== undefined) this.#lose(topic);
  }

  /** The fan-out actor was started again: no stream knows us, all of them are asked anew. */
  rebind(): void {
    this.#owners.clear();
    for (const topic of this.#topics.values()) {
      topic.owner = 0;
      topic.monitor = 0;
      if (topic.state !== 'attaching') this.#lose(topic);
      else this.#attach(topic);
    }
  }

  // -------------------------------------------------------------- time

  /** About every 500 ms: lost owners, holes without repair, pulls without answer. */
  tick(): void {
    const nowMs = this.#options.clock.monotonic();
    for (const topic of this.#topics.values()) {
      if (topic.state === 'lost' && nowMs >= topic.attachAtMs) this.#askOwner(topic);
      if (topic.holeSinceMs >= 0 && nowMs - topic.holeSinceMs >= HOLE_MAX_MS) {
        this.#guarded(topic, () => this.#giveUpHole(topic));
      }
    }
    const stalled = this.#stalled;
    this.#stalled = [];
    for (const subscription of stalled) {
      if (subscription.state === 'catchUp') this.replay.want(subscription);
    }
    this.replay.sweep();
  }

  close(): void {
    this.#publisher.close();
  }

  // -------------------------------------------------------------- catching up

  #catchUp(subscription: Subscription, m: Chunk): void {
    const { topic, subscriber } = subscription;
    if (m.forbidden === true) {
      this.end(subscription, Err.FORBIDDEN_OR_ABSENT);
      return;
    }
    // It entered lag mode meanwhile: drop the chunk, the position stays, it is pulled again later.
    if (subscriber.isLagging) {
      this.replay.want(subscription);
      return;
    }
    if (m.atHead) this.#reconcile(topic, m.at);
    const isJoining = m.atHead && topic.isLevel(m.at);
    if (isJoining) this.#publisher.flushAll(topic);
    writeChunk(subscription, m.gap, m.frames);
    subscription.moveTo(m.at);
    if (!subscriber.isReady) return;
    if (isJoining) {
      this.#publisher.join(subscription);
      subscription.isRingOnly = false;
      subscription.settle();
    } else if (m.atHead) {
      this.#stalled.push(subscription);
    } else {
      this.replay.want(subscription);
    }
  }

  /** The owner's head is not where this thread believes it to be: something was missed. */
  #reconcile(topic: Topic, at: Cursor): void {
    if (topic.isLevel(at)) return;
    if (topic.state === 'attaching') this.#attach(topic);
    else if (topic.joined === 0) topic.reset(at);
    else if (at.epoch !== topic.epoch) this.#lose(topic);
    else this.#noteHead(topic, at);
  }

  // -------------------------------------------------------------- holes

  #noteHead(topic: Topic, at: Cursor): void {
    if (at.seq <= topic.seq) return;
    topic.noteHead(at);
    this.#repair(topic);
  }

  #repair(topic: Topic): void {
    const { clock, metrics, upstream } = this.#options;
    if (topic.joined === 0) {
      topic.reset({ epoch: topic.epoch, seq: topic.headSeq, ts: topic.headTs });
      return;
    }
    if (topic.holeSinceMs < 0) {
      topic.holeSinceMs = clock.monotonic();
      metrics.holes += 1;
    }
    if (topic.isHeldFull) {
      metrics.heldDropped += 1;
      this.#giveUpHole(topic);
      return;
    }
    if (topic.token !== 0) return;
    topic.token = this.#nextToken();
    this.#repairs.set(topic.token, topic);
    const after = { epoch: topic.epoch, seq: topic.seq, ts: topic.ts };
    upstream.pull(topic.sid, { token: topic.token, uid: 0, after });
  }

  #repairChunk(topic: Topic, m: Chunk): void {
    if (m.forbidden === true) return;
    if (m.epoch !== topic.epoch) {
      this.#renew(topic, m.gap?.reason ?? GapReason.EPOCH, { ...m.at, epoch: m.epoch });
      return;
    }
    const gap =
      m.gap === undefined ? [] : [encodeFrame(gapFrame({ sid: topic.sid, ...m.gap }), 'mp')];
    topic.repair([...gap, ...m.frames], m.at);
    this.#publisher.mark(topic);
    if (!topic.hasHole) topic.holeSinceMs = -1;
    else this.#repair(topic);
  }

  /** GAP reason 8: nobody can give us these events in time. */
  #giveUpHole(topic: Topic): void {
    const { to, first } = topic.holeEnd;
    this.#cancelRepair(topic);
    topic.holeSinceMs = -1;
    if (topic.joined === 0 || to <= topic.seq) return;
    this.#options.metrics.holesGivenUp += 1;
    // The ts of the last lost event is unknown; the event behind it moves the position on at once.
    const frame = first?.frames[0];
    const ts = frame === undefined ? topic.headTs : readEventHead(frame).ts;
    const { sid, epoch } = topic;
    const gap = { sid, reason: GapReason.LOST, epoch, from: topic.seq + 1, to, ts };
    topic.repair([encodeFrame(gapFrame(gap), 'mp')], { epoch, seq: to, ts });
    this.#publisher.mark(topic);
    if (topic.hasHole) this.#repair(topic);
  }

  /** The log is another one (or shorter): everything cached for the stream is void. */
  #renew(topic: Topic, reason: number, at: Cursor): void {
    this.#options.metrics.epochChanges += 1;
    this.#cancelRepair(topic);
    this.#publisher.flushAll(topic);
    topic.reset(at);
    const { epoch, seq, ts } = at;
    const gap = { sid: topic.sid, reason, epoch, from: 1, to: seq, ts };
    topic.enqueue(encodeFrame(gapFrame(gap), 'mp'));
    this.#publisher.flushAll(topic);
  }

  #cancelRepair(topic: Topic): void {
    if (topic.token === 0) return;
    this.#repairs.delete(topic.token);
    topic.token = 0;
  }

  // -------------------------------------------------------------- owners and ends

  /** Returns true when the owner is another one than before. */
  #own(topic: Topic, owner: Message<'attached'>['owner']): boolean {
    if (topic.owner === owner) return false;
    const isReplaced = topic.owner !== 0 || topic.state === 'lost';
    this.#disown(topic);
    topic.owner = owner;
    topic.monitor = this.#options.upstream.monitor(owner);
    this.#owners.set(owner, topic);
    return isReplaced;
  }

  #disown(topic: Topic): void {
    if (topic.monitor !== 0) this.#options.upstream.demonitor(topic.monitor);
    this.#owners.delete(topic.owner);
    topic.owner = 0;
    topic.monitor = 0;
  }

  #lose(topic: Topic): void {
    if (topic.state === 'lost') return;
    this.#options.metrics.ownersLost += 1;
    this.#disown(topic);
    this.#cancelRepair(topic);
    topic.state = 'lost';
    this.#askOwner(topic);
  }

  #askOwner(topic: Topic): void {
    topic.attachAtMs = this.#options.clock.monotonic() + ATTACH_RETRY_MS;
    this.#attach(topic);
  }

  #attach(topic: Topic): void {
    const uids = new Set<Id>();
    for (const { subscriber } of topic.subscriptions) uids.add(subscriber.uid);
    this.#options.upstream.attach(topic.sid, [...uids]);
  }

  #drop(topic: Topic): void {
    const wasAttached = topic.state !== 'attaching';
    this.#topics.delete(topic.sid);
    this.#cancelRepair(topic);
    this.#disown(topic);
    topic.holeSinceMs = -1;
    // While attaching, the answer to `subscribe` or `attached` finds no topic and detaches.
    if (wasAttached) this.#options.upstream.detach(topic.sid);
    this.#measure(0);
  }

  /** A failure in one topic (a damaged frame, a bug) ends that topic's subscriptions, nothing else. */
  #guarded(topic: Topic, step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#abandon(topic, error);
    }
  }

  #abandon(topic: Topic, error: unknown): void {
    this.#options.metrics.topicsAbandoned += 1;
    this.#options.log.error({ err: error, sid: topic.sid }, 'abandon a topic');
    for (const subscription of [...topic.subscriptions]) this.end(subscription, Err.INTERNAL);
  }

  #nextToken(): number {
    this.#lastToken += 1;
    return this.#lastToken;
  }

  #measure(delta: number): void {
    this.#options.metrics.topicsNow = this.#topics.size;
    this.#options.metrics.subscriptionsNow += delta;
  }
}
