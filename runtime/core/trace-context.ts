/**
 * What a message and an actor hold of a trace: data only, so that cells and mailboxes can name it. trace.ts works with it.
 */
import type { Ms } from '../clock.ts';

/** The span of a message that is being handled, as its actor knows it. */
export interface OpenSpan {
  readonly context: TraceContext;
  /** `error`: a short reason without content. */
  end(error?: string): void;
}

/** The span under which code runs, as messages carry it. */
export class TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  /** Messages from the root to here. */
  readonly hops: number;
  /** When a context that came over a lane was sent; 0 for one of this thread. */
  readonly sentMs: Ms;
  /** Messages sent under it so far. */
  sent = 0;

  constructor(traceId: string, spanId: string, hops: number, sentMs: Ms = 0) {
    this.traceId = traceId;
    this.spanId = spanId;
    this.hops = hops;
    this.sentMs = sentMs;
  }
}

/** What a traced message has in the mailbox beside its record. */
export class TraceMark {
  readonly traceId: string;
  readonly parentId: string;
  readonly hops: number;
  readonly sentMs: Ms;

  constructor(traceId: string, parentId: string, hops: number, sentMs: Ms) {
    this.traceId = traceId;
    this.parentId = parentId;
    this.hops = hops;
    this.sentMs = sentMs;
  }
}

/** For a report: the trace or the request that the message of an actor belongs to. */
export function traceOf(cell: { readonly trace: OpenSpan | null }): { readonly trace?: string } {
  return cell.trace === null ? {} : { trace: cell.trace.context.traceId };
}
