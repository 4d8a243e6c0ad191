/**
 * Which appends of one stream are traced, from their arrival to their answer, so that the commit that writes them, maybe much
 * later, is a span of their trace. Made by the first traced append and dropped with the last: streams without one hold null.
 *
 * Bound: the appends that are open (`appendQueueMax`).
 */
import { currentTrace, type Span, sharedSpan, type TraceContext } from '../runtime/index.ts';
import type { Commit, LogEvent } from './types.ts';

export class AppendTraces {
  readonly #traces = new Map<object, TraceContext>();

  get size(): number {
    return this.#traces.size;
  }

  /** An append that arrives; its handler runs under its trace. */
  note(item: object): void {
    const trace = currentTrace();
    if (trace !== null) this.#traces.set(item, trace);
  }

  /** The append is answered. */
  forget(item: object): void {
    this.#traces.delete(item);
  }

  /** The span of a commit of these appends; null when none is traced. */
  span(items: readonly object[]): Span | null {
    const traces: TraceContext[] = [];
    for (const item of items) {
      const trace = this.#traces.get(item);
      if (trace !== undefined) traces.push(trace);
    }
    return sharedSpan('log append', traces);
  }
}

/** The commit is made, or not. */
export function endCommit(span: Span, commit: Commit, isMade: boolean): void {
  const { events, sid } = commit;
  span.set('driftway.sid', sid).set('driftway.events', events.length);
  const first = events[0] as LogEvent;
  if (isMade)
    span.set('driftway.seq', first.seq).set('driftway.seq_last', first.seq + events.length - 1);
  span.end(isMade ? '' : 'not committed');
}
