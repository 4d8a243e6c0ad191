/**
 * Owns the way of finished spans from one thread to the main thread, and the sampling ratio of the thread. One actor on every
 * thread; it sleeps until the runtime has a span, then sends what there is twice a second.
 *
 * Bound: spans wait in the runtime (4,096, the newest are dropped and counted); 256 go in one message.
 */
import {
  at,
  type ChildSpec,
  child,
  defineActor,
  name,
  onSpans,
  type SpanRecord,
  spanCount,
  takeSpans,
  tracing,
} from '../../runtime/index.ts';
import type { TraceSettings } from './settings.ts';

export const SPAN_COURIER = 'span-courier';
export const TRACE_COLLECTOR = 'trace-collector';

const SEND_MS = 500;
const SPANS_PER_MESSAGE = 256;

/** Takes the spans of all threads. */
export interface TraceCollectorP {
  spans(m: { readonly spans: readonly SpanRecord[] }): void;
  /** Everything sent before has been taken. */
  sync(): null;
}

/** What the sampling of a thread can be set to. */
export type Sampling = Pick<TraceSettings, 'isOn' | 'ratio' | 'followsParent'>;

export interface SpanCourierP {
  sample(sampling: Sampling): null;
  /** To itself: sends what there is. */
  send(): void;
  /** The same, answered when it has left. */
  flush(): null;
}

/** What a thread does with the sampling; only gateways begin traces. */
type Apply = (sampling: Sampling) => void;

interface CourierArg {
  readonly sampling: Sampling;
  readonly apply: Apply;
}

const SpanCourier = defineActor<SpanCourierP, Apply, CourierArg>({
  name: SPAN_COURIER,
  init(ctx, { apply, sampling }) {
    // For terminate at a stop: the last spans still go.
    ctx.trapExit(true);
    apply(sampling);
    onSpans(ctx.wrap(() => ctx.timer('send', SEND_MS, 'send')));
    return apply;
  },
  handle: {
    sample(apply, sampling) {
      apply(sampling);
      return null;
    },
    send: (_s, _arg, ctx) => send((spans) => ctx.cast(COLLECTOR, 'spans', { spans })),
    flush(_s, _arg, ctx) {
      send((spans) => ctx.cast(COLLECTOR, 'spans', { spans }));
      return null;
    },
  },
  terminate() {
    onSpans(null);
  },
});

const COLLECTOR = at<TraceCollectorP>('main', TRACE_COLLECTOR);

function send(cast: (spans: readonly SpanRecord[]) => void): void {
  while (spanCount() > 0) cast(takeSpans(SPANS_PER_MESSAGE));
}

/** Child for every thread. */
export function spanCourier(sampling: Sampling, apply: Apply = () => undefined): ChildSpec {
  return child(
    SPAN_COURIER,
    SpanCourier,
    { sampling, apply },
    {
      name: name<SpanCourierP>(SPAN_COURIER),
      restart: 'permanent',
    },
  );
}

/** Counters of the thread for /metrics. */
export function tracingCounters(): {
  readonly spansWaiting: number;
  readonly spansDropped: number;
} {
  return { spansWaiting: spanCount(), spansDropped: tracing.dropped };
}
