/**
 * The header `traceparent` (W3C Trace Context, version 00): read and written. Pure.
 */

/** What a caller says of the trace that its request belongs to. */
export interface RemoteParent {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly parentId: string;
  readonly isSampled: boolean;
}

/** Later versions may be longer, and begin as version 00 does. */
const HEADER = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const LENGTH_MAX = 256;
const SAMPLED = 1;

/** undefined for a header that is absent or not valid: it counts as absent then. */
export function parseTraceparent(header: string): RemoteParent | undefined {
  if (header.length < 55 || header.length > LENGTH_MAX) return undefined;
  const found = HEADER.exec(header);
  if (found === null) return undefined;
  const [, version, traceId = '', parentId = '', flags = '', rest] = found;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined;
  return { traceId, parentId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

/** The header for a span. */
export function formatTraceparent(traceId: string, spanId: string, isSampled: boolean): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
}
