/**
 * The head of a request, copied out of uWebSockets.js while it is readable (until the handler
 * returns or awaits), with the checks that its parser leaves to us (gateway.md P22). Gateway threads.
 */
import { normalizeAddress } from '../address.ts';
import type { UwsRequest, UwsResponse } from './uws-types.ts';

export interface RequestHead {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly ip: string;
  readonly hasBody: boolean;
  /** Declared length; undefined for chunked bodies and for none. */
  readonly contentLength: number | undefined;
  /** Two fields that must agree do not, or something else that another parser could read differently. */
  readonly bad: boolean;
}

/** Fields that may come once only: two of them are two opinions on where or who the request is. */
const SINGLE = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'content-type',
  'authorization',
  'origin',
]);
const DOT_SEGMENT = /(^|\/)(\.|%2e){1,2}(\/|$)/i;
const BEYOND_LATIN_1 = /[\u0100-\uffff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are refused
const BAD_TARGET = /[\u0000-\u0020\u007f\\#]/;

/** Reads everything at once. Call it first in the handler. */
export function readHead(res: UwsResponse, req: UwsRequest): RequestHead {
  const path = req.getUrl();
  const query = req.getQuery() ?? '';
  const headers: [string, string][] = [];
  const once = new Map<string, string>();
  let bad = BAD_TARGET.test(path) || BAD_TARGET.test(query) || DOT_SEGMENT.test(path);
  req.forEach((key, value) => {
    // A value that is not Latin-1 cannot be in a fetch Headers; none that we read may have one.
    if (!BEYOND_LATIN_1.test(value)) headers.push([key, value]);
    if (!SINGLE.has(key)) return;
    if (once.has(key)) bad = true;
    once.set(key, value);
  });
  const length = once.get('content-length');
  const encoding = once.get('transfer-encoding');
  if (length !== undefined && (encoding !== undefined || !/^\d{1,15}$/.test(length))) bad = true;
  if (encoding !== undefined && encoding.toLowerCase() !== 'chunked') bad = true;
  return {
    method: req.getCaseSensitiveMethod(),
    target: query === '' ? path : `${path}?${query}`,
    headers,
    ip: normalizeAddress(res.getRemoteAddress()),
    hasBody: encoding !== undefined || (length !== undefined && Number(length) > 0),
    contentLength: length === undefined ? undefined : Number(length),
    bad,
  };
}
