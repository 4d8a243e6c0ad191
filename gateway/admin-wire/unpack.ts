/**
 * Reads the values of the admin socket from msgpack, strictly: maps with text keys, no bytes, no extensions, valid UTF-8, no
 * value twice under a key, nothing behind the value; depth and number of values bounded, counts checked before anything is
 * allocated. A fault is a value. Synchronous, any thread.
 */

/** Why bytes are no frame. */
export type FrameFault =
  | 'empty'
  | 'truncated'
  | 'trailing'
  | 'token'
  | 'utf8'
  | 'key'
  | 'depth'
  | 'values'
  | 'not_array'
  | 'opcode'
  | 'json';

/** Bounds of one reading. */
export interface Bounds {
  readonly depthMax: number;
  readonly valuesMax: number;
}

class Fault extends Error {
  readonly why: FrameFault;

  constructor(why: FrameFault) {
    super(why);
    this.why = why;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

class Unpacker {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #depthLeft: number;
  #valuesLeft: number;

  constructor(bytes: Uint8Array, { depthMax, valuesMax }: Bounds) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#depthLeft = depthMax;
    this.#valuesLeft = valuesMax;
  }

  whole(): unknown {
    if (this.#bytes.length === 0) throw new Fault('empty');
    const value = this.#read();
    if (this.#at !== this.#bytes.length) throw new Fault('trailing');
    return value;
  }

  #need(count: number): void {
    if (this.#bytes.length - this.#at < count) throw new Fault('truncated');
  }

  #uint(size: 1 | 2 | 4): number {
    this.#need(size);
    const at = this.#at;
    this.#at += size;
    if (size === 1) return this.#view.getUint8(at);
    return size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #read(): unknown {
    if (this.#valuesLeft === 0) throw new Fault('values');
    this.#valuesLeft -= 1;
    const token = this.#uint(1);
    if (token < 0x80) return token;
    if (token >= 0xe0) return token - 0x100;
    if (token < 0x90) return this.#map(token & 0x0f);
    if (token < 0xa0) return this.#array(token & 0x0f);
    if (token < 0xc0) return this.#string(token & 0x1f);
    return this.#long(token);
  }

  #long(token: number): unknown {
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
        return this.#uint(1);
      case 0xcd:
        return this.#uint(2);
      case 0xce:
        return this.#uint(4);
      case 0xcf:
        return this.#uint64();
      case 0xd0:
        return (this.#uint(1) << 24) >> 24;
      case 0xd1:
        return (this.#uint(2) << 16) >> 16;
      case 0xd2:
        return this.#uint(4) | 0;
      case 0xd9:
        return this.#string(this.#uint(1));
      case 0xda:
        return this.#string(this.#uint(2));
      case 0xdb:
        return this.#string(this.#uint(4));
      case 0xdc:
        return this.#array(this.#uint(2));
      case 0xdd:
        return this.#array(this.#uint(4));
      case 0xde:
        return this.#map(this.#uint(2));
      case 0xdf:
        return this.#map(this.#uint(4));
      default:
        throw new Fault('token');
    }
  }

  #float(): number {
    this.#need(8);
    const value = this.#view.getFloat64(this.#at);
    this.#at += 8;
    if (!Number.isFinite(value)) throw new Fault('token');
    return value;
  }

  #uint64(): number {
    const value = this.#uint(4) * 0x1_0000_0000 + this.#uint(4);
    if (!Number.isSafeInteger(value)) throw new Fault('token');
    return value;
  }

  #string(length: number): string {
    this.#need(length);
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    try {
      return utf8.decode(bytes);
    } catch {
      throw new Fault('utf8');
    }
  }

  #enter(count: number): void {
    if (this.#depthLeft === 0) throw new Fault('depth');
    if (count > this.#valuesLeft) throw new Fault('values');
    this.#need(count);
    this.#depthLeft -= 1;
  }

  #array(count: number): unknown[] {
    this.#enter(count);
    const items = new Array<unknown>(count);
    for (let i = 0; i < count; i += 1) items[i] = this.#read();
    this.#depthLeft += 1;
    return items;
  }

  #map(count: number): Record<string, unknown> {
    this.#enter(count);
    const map: Record<string, unknown> = {};
    for (let i = 0; i < count; i += 1) {
      const key = this.#read();
      if (typeof key !== 'string' || key === '__proto__') throw new Fault('key');
      if (Object.hasOwn(map, key)) throw new Fault('key');
      map[key] = this.#read();
    }
    this.#depthLeft += 1;
    return map;
  }
}

/** The one value in `bytes`, or why there is none. Never throws. */
export function unpack(
  bytes: Uint8Array,
  bounds: Bounds,
):
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly why: FrameFault } {
  try {
    return { ok: true, value: new Unpacker(bytes, bounds).whole() };
  } catch (error) {
    if (error instanceof Fault) return { ok: false, why: error.why };
    throw error;
  }
}
