/**
 * Trace context and spans of this thread. `tracing.current` is the context of the code that runs now: it is set while a sampled
 * message is handled and null otherwise, so that whatever is sent meanwhile carries it on (mailbox marks within a thread, the
 * record TRACED over lanes). An unsampled message allocates nothing and takes no slot: it pays one comparison with null where it
 * is sent and one where it is taken. Finished spans wait here, bounded, for whoever drains them. Knows no exporter.
 */
import type { Ms } from '../clock.ts';
import { rt } from './thread.ts';
import { type OpenSpan, TraceContext, TraceMark } from './trace-context.ts';

/** Of the messages sent under one span the first ones all carry the trace on, later ones at 32, 64, 128 ...: sampled by fan-out size. */
const CARRIED_ALL = 16;
/** Finished spans that wait to be drained; the newest are dropped beyond it. About a second at 1 % of 10,000 messages/s. */
const SPANS_MAX = 4096;
/** Messages behind one another that carry a trace on: ends actors that go on by messages to themselves. Ours need 12. */
const HOPS_MAX = 32;
const ATTRIBUTES_MAX = 32;

export type SpanKind = 'server' | 'producer' | 'consumer' | 'internal';
export type SpanValue = string | number | boolean;

/** Another trace that the work of a span was also for: appends that shared a commit. */
export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
}

/** A finished span: plain data, so that it may cross threads. Times are of the machine's monotonic clock. */
export interface SpanRecord {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits; parentId is '' for a root. */
  readonly spanId: string;
  readonly parentId: string;
  readonly name: string;
  readonly kind: SpanKind;
  /** Slot of the thread. */
  readonly thread: string;
  readonly startMs: Ms;
  readonly endMs: Ms;
  /** '' = it went well, else a short reason without content. */
  readonly error: string;
  readonly attributes: Readonly<Record<string, SpanValue>>;
  readonly links: readonly SpanLink[];
}

export const tracing = {
  /** Context of the code that runs now; null: nothing is traced. */
  current: null as TraceContext | null,
  /** Finished spans that were dropped at the bound. */
  dropped: 0,
};

/** The context of the code that runs now; null when it is not traced. Any thread. */
export function currentTrace(): TraceContext | null {
  return tracing.current;
}

/** Runs `fn` under a context, or under none. Synchronous: what runs after an await of `fn` is outside. */
export function withTrace<T>(context: TraceContext | null, fn: () => T): T {
  const outer = tracing.current;
  tracing.current = context;
  try {
    return fn();
  } finally {
    tracing.current = outer;
  }
}

/** The context that one more message under it takes along; null when it is one of too many. */
export function carried(): TraceContext | null {
  const context = tracing.current;
  if (context === null) return null;
  const sent = ++context.sent;
  if (context.hops >= HOPS_MAX) return null;
  return sent <= CARRIED_ALL || (sent & (sent - 1)) === 0 ? context : null;
}

/** The mark of a message that is being queued; null when it is not traced. */
export function markOf(): TraceMark | null {
  const context = carried();
  if (context === null) return null;
  const { traceId, spanId, hops, sentMs } = context;
  return new TraceMark(traceId, spanId, hops + 1, sentMs === 0 ? rt.clock.monotonic() : sentMs);
}

// ---------------------------------------------------------------- ids

const ID_BYTES = 4096;
let ids: Uint8Array = new Uint8Array(0);
let idsAt = 0;

/** Random hex of 8 or 16 bytes, never all zero (W3C Trace Context 3.2.2.3). */
export function newTraceId(bytes: 8 | 16): string {
  if (idsAt + bytes > ids.length) {
    ids = rt.rng.bytes(ID_BYTES);
    idsAt = 0;
  }
  const id = Buffer.from(ids.buffer, ids.byteOffset + idsAt, bytes).toString('hex');
  idsAt += bytes;
  return /[1-9a-f]/.test(id) ? id : `${id.slice(0, -1)}1`;
}

// ---------------------------------------------------------------- spans

export interface SpanOptions {
  readonly kind?: SpanKind;
  /** Monotonic; default now. */
  readonly startMs?: Ms;
  /** Messages from the root to it; default 0. */
  readonly hops?: number;
}

/** A span that is being made. Ends once; an unended one is never told. */
export class Span implements OpenSpan {
  readonly context: TraceContext;
  readonly parentId: string;
  /** A few words, the same for many spans: no ids. */
  name: string;
  readonly kind: SpanKind;
  readonly startMs: Ms;
  readonly #attributes: Record<string, SpanValue> = {};
  #count = 0;
  #links: SpanLink[] = [];
  #isEnded = false;

  constructor(traceId: string, parentId: string, name: string, options: SpanOptions = {}) {
    const spanId = isRequest(traceId) ? '' : newTraceId(8);
    this.context = new TraceContext(traceId, spanId, options.hops ?? 0);
    this.parentId = parentId;
    this.name = name;
    this.kind = options.kind ?? 'internal';
    this.startMs = options.startMs ?? rt.clock.monotonic();
  }

  /** No content, no tokens: ids, sizes, counts, codes. At most 32. */
  set(key: string, value: SpanValue): this {
    if (!Object.hasOwn(this.#attributes, key) && ++this.#count > ATTRIBUTES_MAX) return this;
    this.#attributes[key] = value;
    return this;
  }

  link(context: SpanLink): this {
    const { traceId, spanId } = context;
    if (this.#links.length < ATTRIBUTES_MAX) this.#links.push({ traceId, spanId });
    return this;
  }

  /** `error`: a short reason without content; '' = it went well. */
  end(error = '', endMs: Ms = rt.clock.monotonic()): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { traceId, spanId, sent } = this.context;
    if (sent > 0) this.set('driftway.messages', sent);
    const take = isRequest(traceId) ? tellRequest : finished;
    take({
      traceId,
      spanId,
      parentId: this.parentId,
      name: this.name,
      kind: this.kind,
      thread: rt.slot,
      startMs: this.startMs,
      endMs: Math.max(endMs, this.startMs),
      error,
      attributes: this.#attributes,
      links: this.#links,
    });
  }
}

/** A span under the present context; null when nothing is traced. */
export function childSpan(name: string, options?: SpanOptions): Span | null {
  const { current } = tracing;
  if (current === null) return null;
  const { traceId, spanId, hops } = current;
  return new Span(traceId, spanId, name, { ...options, hops });
}

/** A span of work that is done for several traces at once: of the first that is recorded, linked to the others. null for none. */
export function sharedSpan(name: string, traces: readonly TraceContext[]): Span | null {
  const first = traces.find(({ spanId }) => spanId !== '') ?? traces[0];
  if (first === undefined) return null;
  const { hops, spanId, traceId } = first;
  const span = new Span(traceId, spanId, name, { kind: 'producer', hops });
  for (const other of traces) if (other !== first && other.spanId !== '') span.link(other);
  return span;
}

// ---------------------------------------------------------------- requests

/** First character of a trace id that is the id of a request: such a context is carried as any other, its spans are not kept. */
const REQUEST = '@';

let requestListener: ((span: SpanRecord, requestId: string) => void) | null = null;

/** A context that takes the id of a request along, so that reports and log lines of every thread can name it. Records nothing. */
export function requestContext(id: string): TraceContext {
  return new TraceContext(REQUEST + id, '', 0);
}

/** The id of the request in a `trace` of a report; undefined when that is the id of a trace. */
export function requestIdOf(trace: string): string | undefined {
  return isRequest(trace) ? trace.slice(REQUEST.length) : undefined;
}

/** Calls `listen` for what this thread has handled on behalf of a request, one listener per thread; null: nobody wants to know. */
export function onRequestHandled(
  listen: ((span: SpanRecord, requestId: string) => void) | null,
): void {
  requestListener = listen;
}

function isRequest(traceId: string): boolean {
  return traceId.startsWith(REQUEST);
}

function tellRequest(span: SpanRecord): void {
  requestListener?.(span, span.traceId.slice(REQUEST.length));
}

// ---------------------------------------------------------------- finished spans

let spans: SpanRecord[] = [];
let listener: (() => void) | null = null;

function finished(span: SpanRecord): void {
  if (spans.length >= SPANS_MAX) {
    tracing.dropped++;
    return;
  }
  spans.push(span);
  if (spans.length === 1) listener?.();
}

/** Calls `listen` when the first span after a drain is there; one listener per thread. null: nobody drains. */
export function onSpans(listen: (() => void) | null): void {
  listener = listen;
  if (spans.length > 0) listen?.();
}

/** Takes up to `max` finished spans, oldest first. */
export function takeSpans(max: number = SPANS_MAX): SpanRecord[] {
  const taken = spans.length <= max ? spans : spans.slice(0, max);
  spans = spans.length <= max ? [] : spans.slice(max);
  return taken;
}

/** Spans that wait. */
export function spanCount(): number {
  return spans.length;
}
