/**
 * The strict msgpack decoder of protocol.md 2.3 (E1 to E6): one array, only the tokens of E2, numbers
 * that are integers, strict UTF-8, bounded depth and number of values, counts checked before anything
 * is allocated. It never throws; a bad frame is a value. Synchronous and re-entrant free: the state of
 * one decode lives in module variables. Runs on any thread and in browsers.
 */
import { Limits } from './limits.ts';
import type { BadFrameReason, Decoded, DecodeOptions, Frame, WireValue } from './types.ts';

/** ASCII strings up to this many bytes are decoded in JavaScript; TextDecoder costs more to call (README, Decisions). */
const SHORT_STRING_BYTES = 36;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const scratch = new DataView(new ArrayBuffer(8));

/** Scratch of readAscii: one array for each length. */
const charCodes = Array.from({ length: SHORT_STRING_BYTES + 1 }, (_, n) => new Array(n).fill(0));

const EMPTY: Uint8Array = new Uint8Array(0);

let bytes: Uint8Array = EMPTY;
let at = 0;
let end = 0;
let depthLeft = 0;
let valuesLeft = 0;
let fault: BadFrameReason | null = null;

/**
 * Decodes one msgpack frame.
 * @param input the bytes of one WebSocket message; not kept
 * @param options bounds; default those of inbound frames (depth 4, 2048 values)
 * @returns the frame, or why it is bad (close 4500). Never throws. O(length)
 */
export function decodeMp(input: Uint8Array, options?: DecodeOptions): Decoded {
  const frame = decodeArray(input, options);
  return typeof frame === 'string' ? { ok: false, why: frame } : { ok: true, frame };
}

function decodeArray(input: Uint8Array, options?: DecodeOptions): Frame | BadFrameReason {
  if (input.length === 0) return 'empty';
  bytes = input;
  at = 0;
  end = input.length;
  depthLeft = options?.depthMax ?? Limits.inboundDepthMax;
  valuesLeft = (options?.valuesMax ?? Limits.inboundValuesMax) + 1;
  fault = null;
  const value = read();
  bytes = EMPTY;
  if (fault !== null) return fault;
  if (at !== end) return 'trailing';
  if (!Array.isArray(value)) return 'not_array';
  return isFrame(value) ? value : 'opcode';
}

/**
 * Whether an array starts with an opcode: an integer 0-255.
 * @param value decoded array
 */
export function isFrame(value: readonly WireValue[]): value is Frame {
  const op = value[0];
  return typeof op === 'number' && op >= 0 && op <= 255;
}

function fail(why: BadFrameReason): null {
  fault ??= why;
  return null;
}

function read(): WireValue {
  if (at >= end) return fail('truncated');
  valuesLeft -= 1;
  if (valuesLeft < 0) return fail('values');
  const token = bytes[at++] as number;
  if (token < 0x80) return token;
  if (token >= 0xe0) return token - 0x100;
  if (token < 0x90) return fail('token');
  if (token < 0xa0) return readArray(token & 0x0f);
  if (token < 0xc0) return readString(token & 0x1f);
  return readLong(token);
}

function readLong(token: number): WireValue {
  switch (token) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xcb:
      return readFloat64();
    case 0xcc:
      return readUint(1);
    case 0xcd:
      return readUint(2);
    case 0xce:
      return readUint(4);
    case 0xcf:
      return readUint64();
    case 0xd0:
      return readInt(1, 0x80, 0x100);
    case 0xd1:
      return readInt(2, 0x8000, 0x1_0000);
    case 0xd2:
      return readInt(4, 0x8000_0000, 0x1_0000_0000);
    case 0xd9:
      return readSizedString(1);
    case 0xda:
      return readSizedString(2);
    case 0xdc:
      return readSizedArray();
    default:
      return fail('token');
  }
}

function readUint(size: number): number | null {
  if (end - at < size) return fail('truncated');
  let value = 0;
  for (let i = 0; i < size; i += 1) value = value * 256 + (bytes[at++] as number);
  return value;
}

function readInt(size: number, sign: number, range: number): number | null {
  const value = readUint(size);
  if (value === null) return null;
  return value >= sign ? value - range : value;
}

function readUint64(): number | null {
  const high = readUint(4);
  const low = readUint(4);
  if (high === null || low === null) return null;
  if (high > 0x1f_ffff) return fail('number');
  return high * 0x1_0000_0000 + low;
}

function readFloat64(): number | null {
  if (end - at < 8) return fail('truncated');
  for (let i = 0; i < 8; i += 1) scratch.setUint8(i, bytes[at++] as number);
  const value = scratch.getFloat64(0);
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return fail('number');
  return value;
}

function readSizedString(size: number): string | null {
  const length = readUint(size);
  return length === null ? null : readString(length);
}

function readString(length: number): string | null {
  if (end - at < length) return fail('truncated');
  if (length === 0) return '';
  const from = at;
  at += length;
  if (length <= SHORT_STRING_BYTES) {
    const text = readAscii(from, at);
    if (text !== null) return text;
  }
  try {
    return utf8.decode(bytes.subarray(from, at));
  } catch {
    return fail('utf8');
  }
}

/**
 * null when a byte is not ASCII. One call makes the string: one that grows makes an object for each
 * piece, and must be put together when it is first looked at.
 */
function readAscii(from: number, to: number): string | null {
  const source = bytes;
  const codes = charCodes[to - from] as number[];
  for (let i = from; i < to; i += 1) {
    const byte = source[i] as number;
    if (byte >= 0x80) return null;
    codes[i - from] = byte;
  }
  return String.fromCharCode(...codes);
}

function readSizedArray(): readonly WireValue[] | null {
  const count = readUint(2);
  return count === null ? null : readArray(count);
}

function readArray(count: number): readonly WireValue[] | null {
  if (depthLeft === 0) return fail('depth');
  if (count > end - at) return fail('truncated');
  if (count > valuesLeft) return fail('values');
  depthLeft -= 1;
  // As long as it will be: one that grows starts with room for 17. `count` is bounded by what is left.
  const items = new Array<WireValue>(count);
  for (let i = 0; i < count; i += 1) {
    items[i] = read();
    if (fault !== null) return null;
  }
  depthLeft += 1;
  return items;
}
