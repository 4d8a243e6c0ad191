/**
 * Publishes topics: which of them have something gathered, when all are flushed (gather.ts), and the
 * slices of great rooms in turns of their own. Owned by fan-out.ts; runs on gateway threads.
 *
 * Bound: what is gathered waits at most 10 ms; a topic is listed once per flush and once in the queue
 * of split topics; a slice with more than SLICE_FRAMES_MAX frames is published at once (slicesForced).
 */
import { type Clock, tracing } from '../runtime/index.ts';
import { Gather } from './gather.ts';
import type { GatewayMetrics } from './metrics.ts';
import { Limits } from './protocol/index.ts';
import type { Publish, Subscription, Topic } from './topic.ts';
import { FanOutSpans } from './trace/index.ts';

/** Frames that wait for a slice's turn: 10 ms at 100,000 a second. A guess. */
const SLICE_FRAMES_MAX = 1000;

export interface PublisherOptions {
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly publish: Publish;
  /** Publishing this topic has failed: the others go on. */
  readonly failed: (topic: Topic, error: unknown) => void;
  /** End of the present turn (a microtask) and the next turn (setImmediate). */
  readonly defer: (fn: () => void) => void;
  readonly nextTurn: (fn: () => void) => void;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #gather: Gather;
  readonly #publish: Publish;
  #dirty: Topic[] = [];
  #split: Topic[] = [];
  readonly #spans = new FanOutSpans();

  constructor(options: PublisherOptions) {
    this.#options = options;
    const { clock, defer, metrics, publish } = options;
    this.#gather = new Gather({ clock, defer, flush: () => this.flush() });
    this.#publish = (topic, frame, isBinary) => {
      metrics.publishedFrames += 1;
      metrics.publishedBytes += frame.length;
      if (frame.length >= Limits.broadcastFrameBytesMax) metrics.publishedOversize += 1;
      publish(topic, frame, isBinary);
    };
  }

  /** The topic has something to publish. */
  mark(topic: Topic): void {
    if (tracing.current !== null) this.#trace(topic);
    if (topic.isDirty || topic.joined === 0) return;
    topic.isDirty = true;
    this.#dirty.push(topic);
    if (this.#gather.mark()) this.#options.metrics.gathered += 1;
  }

  #trace(topic: Topic): void {
    if (topic.joined > 0) this.#spans.begin(topic);
  }

  #published(topic: Topic): void {
    if (this.#spans.size > 0 && topic.queuedSlice() === undefined) this.#spans.end(topic);
  }

  /** Publishes all topics that are marked. Returns the deliveries of this turn. */
  flush(): number {
    const { failed, metrics } = this.#options;
    const topics = this.#dirty;
    this.#dirty = [];
    let deliveries = 0;
    for (const topic of topics) {
      try {
        deliveries += topic.flush(this.#publish);
        const slice = topic.queuedSlice();
        if (slice === undefined) {
          this.#published(topic);
          continue;
        }
        if (slice.queue.length <= SLICE_FRAMES_MAX) {
          this.#publishLater(topic);
        } else {
          metrics.slicesForced += 1;
          deliveries += topic.flushAll(this.#publish);
          this.#published(topic);
        }
      } catch (error) {
        failed(topic, error);
      }
    }
    metrics.flushes += 1;
    metrics.deliveries += deliveries;
    return deliveries;
  }

  /** Publishes all of one topic now, its later slices too. */
  flushAll(topic: Topic): void {
    this.#options.metrics.deliveries += topic.flushAll(this.#publish);
    this.#published(topic);
  }

  /** Puts a subscription into its native topic; flushAll must have run in this turn. */
  join(subscription: Subscription): void {
    subscription.topic.join(subscription, this.#publish);
    this.#options.metrics.joins += 1;
  }

  close(): void {
    this.#gather.close();
  }

  /** One slice per turn, so that a great room cannot stall the others (gateway.md 5, rule 7). */
  #publishLater(topic: Topic): void {
    if (this.#split.includes(topic)) return;
    this.#split.push(topic);
    if (this.#split.length === 1) this.#options.nextTurn(() => this.#publishSlice());
  }

  #publishSlice(): void {
    const topic = this.#split.shift();
    if (topic === undefined) return;
    this.#options.metrics.sliceTurns += 1;
    const slice = topic.queuedSlice();
    if (slice !== undefined) {
      this.#options.metrics.deliveries += topic.drainSlice(slice, this.#publish);
    }
    if (topic.queuedSlice() !== undefined) this.#split.push(topic);
    else this.#published(topic);
    if (this.#split.length > 0) this.#options.nextTurn(() => this.#publishSlice());
  }
}
