/**
 * Where a message went, told from the spans of its trace: accepted, stored, fanned out to how many sockets on how many threads,
 * the slowest at what time. Pure.
 */
import type { SpanRecord } from '../../runtime/index.ts';
import { isOf } from './span-store.ts';

/** One step on the way. Times of day in ms since 1970, fractional. */
export interface Step {
  readonly thread: string;
  readonly at: number;
  /** Ms since the message was accepted. */
  readonly afterMs: number;
  readonly tookMs: number;
}

export interface MessagePath {
  readonly sid: number;
  readonly seq: number;
  readonly traceId: string;
  /** The request: from its arrival to its answer. null: another server's, or not kept any more. */
  readonly accepted: (Step & { readonly request: string }) | null;
  /** The stream's actor: when it took the message, and how long that waited in lanes and mailboxes. */
  readonly ordered: (Step & { readonly waitedMs: number }) | null;
  /** Until the log has confirmed it; with the store's transaction, where that is known. */
  readonly stored:
    | (Step & { readonly transactionMs: number | null; readonly together: number | null })
    | null;
  /** One for each thread with sockets that are subscribed: when its frames were handed to them. */
  readonly fannedOut: readonly (Step & { readonly sockets: number })[];
  readonly sockets: number;
  readonly threads: number;
  /** The last of them. */
  readonly slowest: { readonly thread: string; readonly afterMs: number } | null;
  readonly spans: readonly {
    readonly name: string;
    readonly thread: string;
    readonly spanId: string;
    readonly parentId: string;
    readonly afterMs: number;
    readonly tookMs: number;
    readonly error: string;
  }[];
}

/** `toWall`: what a monotonic time of this machine is in ms since 1970. undefined: none of the spans is of the message. */
export function messagePath(
  spans: readonly SpanRecord[],
  { sid, seq }: { readonly sid: number; readonly seq: number },
  toWall: (ms: number) => number,
): MessagePath | undefined {
  const own = spans.filter((span) => isOf(span, sid, seq));
  const some = own[0];
  if (some === undefined) return undefined;
  const request = own.find(({ kind }) => kind === 'server') ?? rootOf(spans, own);
  const traceId = request?.traceId ?? some.traceId;
  const startMs = request?.startMs ?? Math.min(...own.map((span) => span.startMs));
  const step = (span: SpanRecord, untilMs = span.endMs): Step => ({
    thread: span.thread,
    at: toWall(untilMs),
    afterMs: round(untilMs - startMs),
    tookMs: round(span.endMs - span.startMs),
  });
  const appended = spans.find((span) => span.traceId === traceId && isAppend(span));
  const fannedOut = own
    .filter(({ name }) => name === 'fan-out')
    .map((span) => ({ ...step(span), sockets: numberOf(span, 'driftway.sockets') ?? 0 }))
    .sort((a, b) => a.afterMs - b.afterMs);
  const slowest = fannedOut.at(-1);
  return {
    sid,
    seq,
    traceId,
    accepted: request === undefined ? null : { ...step(request, startMs), request: request.name },
    ordered:
      appended === undefined
        ? null
        : {
            ...step(appended, appended.startMs),
            waitedMs: round(numberOf(appended, 'driftway.waited_ms') ?? 0),
          },
    stored: storedStep(spans, own, step),
    fannedOut,
    sockets: fannedOut.reduce((sum, each) => sum + each.sockets, 0),
    threads: new Set(fannedOut.map(({ thread }) => thread)).size,
    slowest: slowest === undefined ? null : { thread: slowest.thread, afterMs: slowest.afterMs },
    spans: spans.map((span) => ({
      name: span.name,
      thread: span.thread,
      spanId: span.spanId,
      parentId: span.parentId,
      afterMs: round(span.startMs - startMs),
      tookMs: round(span.endMs - span.startMs),
      error: span.error,
    })),
  };
}

function isAppend({ name }: SpanRecord): boolean {
  return name === 'stream append' || name === 'stream emit';
}

/** The request of a trace whose own span does not name the message: HTTP. */
function rootOf(spans: readonly SpanRecord[], own: readonly SpanRecord[]): SpanRecord | undefined {
  const traces = new Set(own.map(({ traceId }) => traceId));
  return spans.find(({ kind, traceId }) => kind === 'server' && traces.has(traceId));
}

function storedStep(
  spans: readonly SpanRecord[],
  own: readonly SpanRecord[],
  step: (span: SpanRecord) => Step,
): MessagePath['stored'] {
  const append = own.find(({ name }) => name === 'log append');
  if (append === undefined) return null;
  const inTrace = spans.filter(({ traceId }) => traceId === append.traceId);
  const commit = inTrace.find(
    ({ endMs, name, startMs }) =>
      name === 'log commit' && startMs >= append.startMs && endMs <= append.endMs,
  );
  return {
    ...step(append),
    transactionMs:
      commit === undefined ? null : (numberOf(commit, 'driftway.transaction_ms') ?? null),
    together: commit === undefined ? null : (numberOf(commit, 'driftway.group_changes') ?? null),
  };
}

function numberOf({ attributes }: SpanRecord, key: string): number | undefined {
  const value = attributes[key];
  return typeof value === 'number' ? value : undefined;
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
