/**
 * Owns the use of OpenTelemetry's OTLP/HTTP exporter: our spans in its form. Imported on demand only, since it has weight. Main
 * thread.
 */
import {
  type Attributes,
  type HrTime,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import type { SpanRecord } from '../../runtime/index.ts';
import type { SendSpans } from './exporter.ts';

const KINDS = {
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const;

type Exported = Parameters<OTLPTraceExporter['export']>[0][number];

export interface OtlpOptions {
  readonly serviceName: string;
  readonly version: string;
  readonly nodeName: string;
  /** What a monotonic time of this machine is in ms since 1970. */
  readonly toWall: (ms: number) => number;
}

/** Resource: ours, and on top what OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say. */
export function createOtlpSender(options: OtlpOptions): SendSpans {
  const { nodeName, serviceName, toWall, version } = options;
  const exporter = new OTLPTraceExporter();
  const own = {
    'service.name': serviceName,
    'service.version': version,
    'service.instance.id': nodeName,
  };
  const resource = resourceFromAttributes(own).merge(detectResources({ detectors: [envDetector] }));
  const scope = { name: 'driftway', version };
  const exported = (span: SpanRecord): Exported => ({
    name: span.name,
    kind: KINDS[span.kind],
    spanContext: () => contextOf(span.traceId, span.spanId),
    ...(span.parentId === '' ? {} : { parentSpanContext: contextOf(span.traceId, span.parentId) }),
    startTime: hrTime(toWall(span.startMs)),
    endTime: hrTime(toWall(span.endMs)),
    duration: hrTime(span.endMs - span.startMs),
    ended: true,
    status:
      span.error === ''
        ? { code: SpanStatusCode.UNSET }
        : { code: SpanStatusCode.ERROR, message: span.error },
    attributes: { 'thread.name': span.thread, ...span.attributes } satisfies Attributes,
    links: span.links.map(({ spanId, traceId }) => ({ context: contextOf(traceId, spanId) })),
    events: [],
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  });
  return (spans) =>
    new Promise((resolve) => {
      exporter.export(spans.map(exported), ({ code }) => resolve(code === 0));
    });
}

function contextOf(traceId: string, spanId: string) {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
