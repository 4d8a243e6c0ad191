/**
 * Spans of the native fan-out: from the moment a traced publish was taken to the moment its frames were handed to the sockets
 * of this thread. One span per thread and publish, however many sockets: the size is an attribute. Owned by publisher.ts.
 *
 * Bound: publishes that were taken and not flushed, of at most 1,000 topics; beyond it they get no span.
 */
import { childSpan, type Span } from '../../runtime/index.ts';

/** What a span says of a topic. */
export interface TracedTopic {
  readonly sid: number;
  /** Position of the last event taken. */
  readonly seq: number;
  readonly joined: number;
  readonly slices: readonly { readonly seq: number; readonly count: number }[];
}

const TOPICS_MAX = 1000;

export class FanOutSpans {
  readonly #open = new Map<TracedTopic, Span[]>();

  /** A traced message has something for the topic. */
  begin(topic: TracedTopic): void {
    const present = this.#open.get(topic);
    if (present === undefined && this.#open.size >= TOPICS_MAX) return;
    const first = Math.min(...topic.slices.map(({ seq }) => seq)) + 1;
    const isEvent = first <= topic.seq;
    const span = childSpan(isEvent ? 'fan-out' : 'fan-out of a notice', { kind: 'producer' });
    if (span === null) return;
    span.set('driftway.sid', topic.sid);
    if (isEvent) span.set('driftway.seq', first).set('driftway.seq_last', topic.seq);
    if (present === undefined) this.#open.set(topic, [span]);
    else present.push(span);
  }

  get size(): number {
    return this.#open.size;
  }

  /** Everything that was taken has been published to all slices of the topic. */
  end(topic: TracedTopic): void {
    const spans = this.#open.get(topic);
    if (spans === undefined) return;
    this.#open.delete(topic);
    const slices = topic.slices.filter(({ count }) => count > 0).length;
    for (const span of spans) {
      span.set('driftway.sockets', topic.joined).set('driftway.slices', slices).end();
    }
  }
}
