/**
 * msgpack of the subset E2 (protocol.md 2.3), written from the byte tables of the page alone: a strict reader that refuses everything
 * the page forbids, a writer, and the cutting of an array into the bytes of its elements. Pure. It must never learn from the
 * product's own codec: that the two agree is what the suite shows.
 */
import type { Frame, Wire } from './types.ts';
import { WireError } from './wire-error.ts';

/** protocol.md 2.13: depth of a frame from the server, the frame itself being 1. */
const DEPTH_MAX = 8;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads exactly one frame; throws WireError. */
export function readMsgpack(bytes: Uint8Array): Frame {
  const reader = new Reader(bytes);
  const value = reader.value(1);
  if (reader.at !== bytes.length) throw new WireError(`msgpack: ${left(bytes, reader)} left over`);
  if (!Array.isArray(value)) throw new WireError('msgpack: the frame is no array');
  return value;
}

/** The bytes of each element of the array that starts at `from`. */
export function elementsOf(bytes: Uint8Array, from = 0): Uint8Array[] {
  const reader = new Reader(bytes, from);
  const count = reader.arrayHead();
  return Array.from({ length: count }, () => {
    const start = reader.at;
    reader.value(2);
    return bytes.subarray(start, reader.at);
  });
}

/** Writes one frame; integers in the shortest form, 64 bits as `cf`. */
export function writeMsgpack(frame: Frame): Buffer {
  const parts: Uint8Array[] = [];
  write(frame, parts);
  return Buffer.concat(parts);
}

function left(bytes: Uint8Array, reader: Reader): string {
  return `${bytes.length - reader.at} bytes`;
}

class Reader {
  at: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  value(depth: number): Wire {
    const token = this.#u(1);
    if (token <= 0x7f) return token;
    if (token >= 0xe0) return token - 256;
    if (token >= 0x90 && token <= 0x9f) return this.#array(token & 15, depth);
    if (token >= 0xa0 && token <= 0xbf) return this.#text(token & 31);
    switch (token) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xcb:
        return this.#float();
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#u(1 << (token - 0xcc));
      case 0xd0:
      case 0xd1:
      case 0xd2:
        return this.#i(1 << (token - 0xd0));
      case 0xcf:
        return safe(this.#view.getBigUint64(this.#take(8)));
      case 0xd3:
        return safe(this.#view.getBigInt64(this.#take(8)));
      case 0xd9:
        return this.#text(this.#u(1));
      case 0xda:
        return this.#text(this.#u(2));
      case 0xdc:
        return this.#array(this.#u(2), depth);
      default:
        throw new WireError(`msgpack: token ${token.toString(16)} is not allowed`);
    }
  }

  /** Number of elements; the reader then stands at the first. */
  arrayHead(): number {
    const token = this.#u(1);
    if (token >= 0x90 && token <= 0x9f) return token & 15;
    if (token === 0xdc) return this.#u(2);
    throw new WireError('msgpack: wanted an array');
  }

  #array(count: number, depth: number): Wire[] {
    if (depth > DEPTH_MAX) throw new WireError(`msgpack: deeper than ${DEPTH_MAX}`);
    if (count > this.#bytes.length - this.at) throw new WireError('msgpack: array past the end');
    return Array.from({ length: count }, () => this.value(depth + 1));
  }

  #text(length: number): string {
    const start = this.#take(length);
    try {
      return utf8.decode(this.#bytes.subarray(start, start + length));
    } catch (cause) {
      throw new WireError('msgpack: a string is not UTF-8', { cause });
    }
  }

  /** E3: a float is an integer in disguise or a bad frame. */
  #float(): number {
    const value = this.#view.getFloat64(this.#take(8));
    if (!Number.isSafeInteger(value) || Object.is(value, -0))
      throw new WireError(`msgpack: float ${value} is no integer`);
    return value;
  }

  #u(size: number): number {
    const start = this.#take(size);
    if (size === 1) return this.#view.getUint8(start);
    return size === 2 ? this.#view.getUint16(start) : this.#view.getUint32(start);
  }

  #i(size: number): number {
    const start = this.#take(size);
    if (size === 1) return this.#view.getInt8(start);
    return size === 2 ? this.#view.getInt16(start) : this.#view.getInt32(start);
  }

  /** Moves over `size` bytes and returns where they began. */
  #take(size: number): number {
    const start = this.at;
    if (start + size > this.#bytes.length) throw new WireError('msgpack: truncated');
    this.at = start + size;
    return start;
  }
}

function safe(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new WireError(`msgpack: ${value} is beyond 2^53-1`);
  return number;
}

function write(value: Wire, parts: Uint8Array[]): void {
  if (value === null) parts.push(Buffer.of(0xc0));
  else if (typeof value === 'boolean') parts.push(Buffer.of(value ? 0xc3 : 0xc2));
  else if (typeof value === 'number') parts.push(integer(value));
  else if (typeof value === 'string') text(value, parts);
  else {
    const { length } = value;
    parts.push(length < 16 ? Buffer.of(0x90 | length) : sized(0xdc, length, 2));
    for (const item of value) write(item, parts);
  }
}

function integer(value: number): Uint8Array {
  if (!Number.isSafeInteger(value))
    throw new RangeError(`msgpack: got ${value}, wanted an integer`);
  if (value >= 0) {
    if (value < 0x80) return Buffer.of(value);
    if (value < 0x100) return sized(0xcc, value, 1);
    if (value < 0x10000) return sized(0xcd, value, 2);
    if (value < 0x100000000) return sized(0xce, value, 4);
    const out = Buffer.alloc(9, 0xcf);
    out.writeBigUInt64BE(BigInt(value), 1);
    return out;
  }
  if (value >= -32) return Buffer.of(value & 0xff);
  const out = Buffer.alloc(9, 0xd3);
  out.writeBigInt64BE(BigInt(value), 1);
  return out;
}

function text(value: string, parts: Uint8Array[]): void {
  const bytes = Buffer.from(value, 'utf8');
  if (bytes.length < 32) parts.push(Buffer.of(0xa0 | bytes.length));
  else if (bytes.length < 0x100) parts.push(sized(0xd9, bytes.length, 1));
  else parts.push(sized(0xda, bytes.length, 2));
  parts.push(bytes);
}

/** A token and an unsigned integer of `size` bytes. */
function sized(token: number, value: number, size: number): Buffer {
  const out = Buffer.alloc(1 + size, token);
  out.writeUIntBE(value, 1, size);
  return out;
}
