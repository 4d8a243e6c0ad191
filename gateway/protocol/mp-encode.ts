/**
 * The msgpack encoder: shortest integers up to 32 bits, float64 beyond, shortest string and array
 * headers, undefined as nil; the epoch of EV, HEAD and GAP always as `ce` + 4 bytes (protocol.md 2.17
 * item 4). The same frame always gives the same bytes. Synchronous; one growing buffer per thread.
 * Runs on any thread and in browsers.
 */
import { Limits } from './limits.ts';
import { Op } from './ops.ts';
import type { AppendResult, WireValue } from './types.ts';

/** Strings up to this many characters are written in JavaScript while they are ASCII (README, Decisions). */
const SHORT_STRING_CHARS = 40;
const BUFFER_BYTES = 16 * 1024;

const utf8 = new TextEncoder();
let buffer = new Uint8Array(BUFFER_BYTES);
let view = new DataView(buffer.buffer);
let at = 0;
/** Views of the front of `buffer` by length: made once each. */
let views: Uint8Array[] = [];

/**
 * Encodes one frame.
 * @param frame opcode and elements; numbers are safe integers
 * @returns fresh bytes, owned by the caller
 * @throws RangeError for a number that is no safe integer, a string over 65,535 bytes or an array over
 *   65,535 elements
 */
export function encodeMp(frame: readonly (WireValue | undefined)[]): Uint8Array {
  at = 0;
  const epochAt = epochIndex(frame[0]);
  putArrayHeader(frame.length);
  for (let i = 0; i < frame.length; i += 1) {
    if (i === epochAt) putEpoch(frame[i] as number);
    else put(frame[i]);
  }
  const out = buffer.slice(0, at);
  if (buffer.length > Limits.outboundFrameBytesMax) resize(BUFFER_BYTES);
  return out;
}

/**
 * Encodes the event frame `[16, sid, epoch, seq, ts, kind, actor, ...body]`.
 * @param sid stream id, u53
 * @param epoch u32
 * @param seq u53
 * @param ts ms since 1970
 * @param kind event kind
 * @param actor user id, u53
 * @param body elements in order
 * @param count elements of body to write
 * @returns fresh bytes, owned by the caller
 */
export function encodeEv(
  sid: number,
  epoch: number,
  seq: number,
  ts: number,
  kind: number,
  actor: number,
  body: readonly WireValue[],
  count: number,
): Uint8Array {
  at = 0;
  putArrayHeader(7 + count);
  putNumber(Op.EV);
  putNumber(sid);
  putEpoch(epoch);
  putNumber(seq);
  putNumber(ts);
  putNumber(kind);
  putNumber(actor);
  for (let i = 0; i < count; i += 1) put(body[i]);
  return buffer.slice(0, at);
}

/**
 * Encodes the OK of an APPEND, `[4, rid, epoch, seq, ts, duplicate]`, for a send that copies at once.
 * @param rid request id
 * @param r epoch, seq, ts and whether it is a repeat
 * @returns bytes that belong to this file: valid until anything else is encoded on this thread
 */
export function encodeMpOkAppend(rid: number, r: AppendResult): Uint8Array {
  at = 0;
  putArrayHeader(6);
  putNumber(Op.OK);
  putNumber(rid);
  putNumber(r.epoch);
  putNumber(r.seq);
  putNumber(r.ts);
  putByte(r.duplicate ? 0xc3 : 0xc2);
  const length = at;
  let out = views[length];
  if (out === undefined) {
    out = buffer.subarray(0, length);
    views[length] = out;
  }
  return out;
}

function epochIndex(op: WireValue | undefined): number {
  if (op === Op.EV || op === Op.HEAD) return 2;
  return op === Op.GAP ? 3 : -1;
}

function resize(size: number): void {
  const next = new Uint8Array(size);
  next.set(buffer.subarray(0, Math.min(at, size)));
  buffer = next;
  views = [];
  view = new DataView(next.buffer);
}

function need(count: number): void {
  if (buffer.length - at < count) resize(Math.max(buffer.length * 2, at + count));
}

function put(value: WireValue | undefined): void {
  if (typeof value === 'string') putString(value);
  else if (typeof value === 'number') putNumber(value);
  else if (value === null || value === undefined) putByte(0xc0);
  else if (typeof value === 'boolean') putByte(value ? 0xc3 : 0xc2);
  else {
    putArrayHeader(value.length);
    for (let i = 0; i < value.length; i += 1) put(value[i]);
  }
}

function putByte(byte: number): void {
  need(1);
  buffer[at++] = byte;
}

function putEpoch(epoch: number): void {
  if (!Number.isInteger(epoch) || epoch < 0 || epoch > 0xffff_ffff) {
    throw new RangeError(`Cannot encode an epoch: got ${epoch}, wanted a u32`);
  }
  need(5);
  buffer[at] = 0xce;
  view.setUint32(at + 1, epoch);
  at += 5;
}

function putNumber(value: number): void {
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`Cannot encode a number: got ${value}, wanted a safe integer`);
  }
  need(9);
  if (value < 0) {
    putNegative(value);
  } else if (value < 0x80) {
    buffer[at++] = value;
  } else if (value < 0x100) {
    buffer[at++] = 0xcc;
    buffer[at++] = value;
  } else if (value < 0x1_0000) {
    buffer[at] = 0xcd;
    view.setUint16(at + 1, value);
    at += 3;
  } else if (value < 0x1_0000_0000) {
    buffer[at] = 0xce;
    view.setUint32(at + 1, value);
    at += 5;
  } else {
    putFloat64(value);
  }
}

function putNegative(value: number): void {
  if (value >= -0x20) {
    buffer[at++] = value + 0x100;
  } else if (value >= -0x80) {
    buffer[at++] = 0xd0;
    buffer[at++] = value + 0x100;
  } else if (value >= -0x8000) {
    buffer[at] = 0xd1;
    view.setInt16(at + 1, value);
    at += 3;
  } else if (value >= -0x8000_0000) {
    buffer[at] = 0xd2;
    view.setInt32(at + 1, value);
    at += 5;
  } else {
    putFloat64(value);
  }
}

function putFloat64(value: number): void {
  buffer[at] = 0xcb;
  view.setFloat64(at + 1, value);
  at += 9;
}

function putArrayHeader(count: number): void {
  if (count > 0xffff)
    throw new RangeError(`Cannot encode an array: got ${count} elements, wanted at most 65535`);
  need(3);
  if (count < 16) {
    buffer[at++] = 0x90 | count;
  } else {
    buffer[at] = 0xdc;
    view.setUint16(at + 1, count);
    at += 3;
  }
}

function putString(text: string): void {
  const length = text.length;
  need(3 + length * 3);
  if (length <= SHORT_STRING_CHARS && putAscii(text, length)) return;
  const guess = headerBytes(length);
  const { written } = utf8.encodeInto(text, buffer.subarray(at + guess));
  const header = headerBytes(written);
  if (header !== guess) buffer.copyWithin(at + header, at + guess, at + guess + written);
  putStringHeader(written);
  at += written;
}

function headerBytes(length: number): number {
  if (length < 32) return 1;
  return length < 256 ? 2 : 3;
}

function putStringHeader(length: number): void {
  if (length < 32) {
    buffer[at++] = 0xa0 | length;
  } else if (length < 0x100) {
    buffer[at++] = 0xd9;
    buffer[at++] = length;
  } else if (length < 0x1_0000) {
    buffer[at] = 0xda;
    view.setUint16(at + 1, length);
    at += 3;
  } else {
    throw new RangeError(`Cannot encode a string: got ${length} bytes, wanted at most 65535`);
  }
}

function putAscii(text: string, length: number): boolean {
  const start = at;
  putStringHeader(length);
  // Locals: a module variable would be written back for every character.
  const target = buffer;
  const base = at;
  for (let i = 0; i < length; i += 1) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) {
      at = start;
      return false;
    }
    target[base + i] = code;
  }
  at = base + length;
  return true;
}
