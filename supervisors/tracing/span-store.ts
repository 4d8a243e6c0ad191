/**
 * Owns the newest spans of the node, for the question where a message went. Main thread; plain data.
 *
 * Bound: 10,000 spans (about 8 MB), the oldest go first; an answer has at most 500.
 */
import type { SpanRecord } from '../../runtime/index.ts';

const SPANS_MAX = 10_000;
const ANSWER_MAX = 500;

export class SpanStore {
  readonly #spansMax: number;
  #spans: SpanRecord[] = [];
  #next = 0;

  constructor(spansMax: number = SPANS_MAX) {
    this.#spansMax = spansMax;
  }

  get size(): number {
    return this.#spans.length;
  }

  add(spans: readonly SpanRecord[]): void {
    for (const span of spans) {
      this.#spans[this.#next] = span;
      this.#next = (this.#next + 1) % this.#spansMax;
    }
  }

  /**
   * Spans of the traces that message (sid, seq) is part of: those that name it, and what else is in their traces. In order of
   * their starts. O(spans).
   */
  ofMessage(sid: number, seq: number): readonly SpanRecord[] {
    const traces = new Set<string>();
    for (const span of this.#spans) {
      if (!isOf(span, sid, seq)) continue;
      traces.add(span.traceId);
      for (const link of span.links) traces.add(link.traceId);
    }
    return this.#spans
      .filter(({ traceId }) => traces.has(traceId))
      .sort((a, b) => a.startMs - b.startMs)
      .slice(0, ANSWER_MAX);
  }
}

/** The span names the message, by itself or in a range. */
export function isOf({ attributes }: SpanRecord, sid: number, seq: number): boolean {
  const first = attributes['driftway.seq'];
  if (attributes['driftway.sid'] !== sid || typeof first !== 'number') return false;
  const last = attributes['driftway.seq_last'] ?? first;
  return first <= seq && seq <= Number(last);
}
