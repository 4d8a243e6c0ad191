/**
 * The wire values of protocol.md 2.3 and an own msgpack reader and writer for them.
 * Written from the page alone: it shares no line with gateway/ or client/, so that a fault in their
 * codec cannot hide itself. Runs in the test process; must never import product code.
 */

export type WireValue = null | boolean | number | string | readonly WireValue[];
export type WireFrame = readonly WireValue[];

/** Opcodes of protocol.md 2.4 that the tests use. */
export const OP = {
  hello: 1,
  identify: 2,
  ok: 4,
  err: 5,
  ping: 6,
  time: 7,
  reauth: 8,
  authExpiring: 9,
  reconnect: 10,
  batch: 12,
  ev: 16,
  head: 17,
  gap: 18,
  subend: 25,
  sub: 32,
  unsub: 33,
  append: 34,
  history: 35,
  sync: 36,
  guild: 43,
} as const;

const U32_LIMIT = 2 ** 32;

/** Encodes one value with the tokens of rule E2; integers above 2^32-1 as uint64. */
export function encodeMsgpack(value: WireValue): Buffer {
  const parts: Buffer[] = [];
  writeValue(value, parts);
  return Buffer.concat(parts);
}

function writeValue(value: WireValue, parts: Buffer[]): void {
  if (value === null) parts.push(Buffer.of(0xc0));
  else if (typeof value === 'boolean') parts.push(Buffer.of(value ? 0xc3 : 0xc2));
  else if (typeof value === 'number') parts.push(numberToken(value));
  else if (typeof value === 'string') writeString(value, parts);
  else {
    parts.push(header(value.length, 0x90, 15, 0xdc));
    for (const item of value) writeValue(item, parts);
  }
}

function writeString(value: string, parts: Buffer[]): void {
  const bytes = Buffer.from(value, 'utf8');
  if (bytes.length >= 32 && bytes.length < 256) parts.push(Buffer.of(0xd9, bytes.length));
  else parts.push(header(bytes.length, 0xa0, 31, 0xda));
  parts.push(bytes);
}

function header(length: number, fix: number, fixMax: number, token16: number): Buffer {
  if (length <= fixMax) return Buffer.of(fix | length);
  if (length > 0xffff) throw new RangeError(`encode: length ${length}, at most 65535`);
  return Buffer.of(token16, length >> 8, length & 255);
}

function numberToken(value: number): Buffer {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return doubleToken(value);
  if (value >= 0) return unsignedToken(value);
  if (value >= -32) return Buffer.of(value & 255);
  if (value >= -128) return Buffer.of(0xd0, value & 255);
  if (value >= -(2 ** 31)) {
    const bytes = Buffer.alloc(5);
    bytes[0] = 0xd2;
    bytes.writeInt32BE(value, 1);
    return bytes;
  }
  return doubleToken(value);
}

function doubleToken(value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = 0xcb;
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function unsignedToken(value: number): Buffer {
  if (value < 128) return Buffer.of(value);
  if (value < 256) return Buffer.of(0xcc, value);
  if (value < 65536) return Buffer.of(0xcd, value >> 8, value & 255);
  const bytes = Buffer.alloc(value < U32_LIMIT ? 5 : 9);
  if (value < U32_LIMIT) {
    bytes[0] = 0xce;
    bytes.writeUInt32BE(value, 1);
  } else {
    bytes[0] = 0xcf;
    bytes.writeBigUInt64BE(BigInt(value), 1);
  }
  return bytes;
}

/** Decodes exactly one value; throws RangeError on a token that rule E2 does not name. */
export function decodeMsgpack(bytes: Buffer): WireValue {
  const reader = new MsgpackReader(bytes);
  const value = reader.value();
  if (reader.at !== bytes.length) {
    throw new RangeError(`decode: ${bytes.length - reader.at} bytes after the value`);
  }
  return value;
}

/** A cursor over msgpack bytes; `at` is public because raw slices of elements are needed. */
export class MsgpackReader {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  value(): WireValue {
    const token = this.#byte();
    if (token < 0x80) return token;
    if (token >= 0xe0) return token - 256;
    if (token >= 0x90 && token <= 0x9f) return this.#items(token & 15);
    if (token >= 0xa0 && token <= 0xbf) return this.#string(token & 31);
    return this.#long(token);
  }

  /** Reads an array header and returns its length. */
  arrayHeader(): number {
    const token = this.#byte();
    if (token >= 0x90 && token <= 0x9f) return token & 15;
    if (token === 0xdc) return this.#uint(2);
    throw new RangeError(`decode: token ${token.toString(16)}, wanted an array`);
  }

  #long(token: number): WireValue {
    switch (token) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xcb:
        return this.#bytes.readDoubleBE(this.#take(8));
      case 0xcc:
        return this.#uint(1);
      case 0xcd:
        return this.#uint(2);
      case 0xce:
        return this.#uint(4);
      case 0xcf:
        return safe(this.#bytes.readBigUInt64BE(this.#take(8)));
      case 0xd0:
        return this.#bytes.readInt8(this.#take(1));
      case 0xd1:
        return this.#bytes.readInt16BE(this.#take(2));
      case 0xd2:
        return this.#bytes.readInt32BE(this.#take(4));
      case 0xd9:
        return this.#string(this.#uint(1));
      case 0xda:
        return this.#string(this.#uint(2));
      case 0xdc:
        return this.#items(this.#uint(2));
      default:
        throw new RangeError(`decode: forbidden token ${token.toString(16)} at ${this.at - 1}`);
    }
  }

  #items(length: number): WireValue[] {
    const items: WireValue[] = [];
    for (let i = 0; i < length; i += 1) items.push(this.value());
    return items;
  }

  #string(length: number): string {
    const from = this.#take(length);
    const slice = this.#bytes.subarray(from, from + length);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(slice);
  }

  #byte(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  #uint(length: number): number {
    return this.#bytes.readUIntBE(this.#take(length), length);
  }

  #take(length: number): number {
    const from = this.at;
    if (from + length > this.#bytes.length) throw new RangeError('decode: truncated');
    this.at = from + length;
    return from;
  }
}

function safe(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`decode: ${value} is beyond 2^53-1`);
  return number;
}

/** The raw bytes of each frame inside a msgpack BATCH `[12, [frame, ...]]`. */
export function batchSlices(bytes: Buffer): Buffer[] {
  const reader = new MsgpackReader(bytes);
  reader.arrayHeader();
  reader.value();
  const length = reader.arrayHeader();
  const slices: Buffer[] = [];
  for (let i = 0; i < length; i += 1) {
    const from = reader.at;
    reader.value();
    slices.push(bytes.subarray(from, reader.at));
  }
  return slices;
}

/** `value` as a number; throws with `what` where it is not one. */
export function asNumber(value: WireValue | undefined, what: string): number {
  if (typeof value === 'number') return value;
  throw new TypeError(`${what}: got ${JSON.stringify(value)}, wanted a number`);
}

/** `value` as an array; throws with `what` where it is not one. */
export function asArray(value: WireValue | undefined, what: string): WireFrame {
  if (Array.isArray(value)) return value;
  throw new TypeError(`${what}: got ${JSON.stringify(value)}, wanted an array`);
}
