/**
 * Writes the values of the admin socket as msgpack: what JSON has, shortest forms, floats as float64. What JSON cannot say is
 * written as JSON.stringify would have it (undefined fields are left out, NaN is nil), a bigint as decimal text, bytes as base64.
 * Synchronous, any thread.
 */

const utf8 = new TextEncoder();
const START_BYTES = 1024;

/** Grows while one frame is written; a fresh one each time, since frames are rare and of any size. */
class Packer {
  #bytes = new Uint8Array(START_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  take(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  put(value: unknown): void {
    if (value === null || value === undefined) this.#byte(0xc0);
    else if (value === true) this.#byte(0xc3);
    else if (value === false) this.#byte(0xc2);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'string') this.#string(value);
    else if (typeof value === 'bigint') this.#string(value.toString());
    else if (Array.isArray(value)) this.#array(value);
    else if (value instanceof Uint8Array) this.#string(Buffer.from(value).toString('base64'));
    else if (value instanceof Date) this.#string(value.toISOString());
    else if (typeof value === 'object') this.#map(value as Readonly<Record<string, unknown>>);
    else this.#byte(0xc0);
  }

  #room(more: number): void {
    const wanted = this.#at + more;
    if (wanted <= this.#bytes.length) return;
    let length = this.#bytes.length;
    while (length < wanted) length *= 2;
    const grown = new Uint8Array(length);
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  #byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  #sized(token: number, size: 1 | 2 | 4, value: number): void {
    this.#room(1 + size);
    this.#bytes[this.#at++] = token;
    if (size === 1) this.#view.setUint8(this.#at, value);
    else if (size === 2) this.#view.setUint16(this.#at, value);
    else this.#view.setUint32(this.#at, value);
    this.#at += size;
  }

  #number(value: number): void {
    if (!Number.isFinite(value)) this.#byte(0xc0);
    else if (!Number.isInteger(value) || Object.is(value, -0)) this.#float(value);
    else if (value >= 0) this.#unsigned(value);
    else if (value >= -0x20) this.#byte(value + 0x100);
    else if (value >= -0x80) this.#sized(0xd0, 1, value + 0x100);
    else if (value >= -0x8000) this.#sized(0xd1, 2, value + 0x1_0000);
    else if (value >= -0x8000_0000) this.#sized(0xd2, 4, value + 0x1_0000_0000);
    else this.#float(value);
  }

  #unsigned(value: number): void {
    if (value < 0x80) this.#byte(value);
    else if (value <= 0xff) this.#sized(0xcc, 1, value);
    else if (value <= 0xffff) this.#sized(0xcd, 2, value);
    else if (value <= 0xffff_ffff) this.#sized(0xce, 4, value);
    else this.#float(value);
  }

  #float(value: number): void {
    this.#room(9);
    this.#bytes[this.#at++] = 0xcb;
    this.#view.setFloat64(this.#at, value);
    this.#at += 8;
  }

  #string(value: string): void {
    // A lone surrogate becomes U+FFFD, as everywhere in the platform.
    const bytes = utf8.encode(value);
    const { length } = bytes;
    if (length < 0x20) this.#byte(0xa0 | length);
    else if (length <= 0xff) this.#sized(0xd9, 1, length);
    else if (length <= 0xffff) this.#sized(0xda, 2, length);
    else this.#sized(0xdb, 4, length);
    this.#room(length);
    this.#bytes.set(bytes, this.#at);
    this.#at += length;
  }

  #array(items: readonly unknown[]): void {
    const { length } = items;
    if (length < 0x10) this.#byte(0x90 | length);
    else if (length <= 0xffff) this.#sized(0xdc, 2, length);
    else this.#sized(0xdd, 4, length);
    for (const item of items) this.put(item);
  }

  #map(value: Readonly<Record<string, unknown>>): void {
    const entries = Object.entries(value).filter(
      ([, inner]) => inner !== undefined && typeof inner !== 'function',
    );
    const { length } = entries;
    if (length < 0x10) this.#byte(0x80 | length);
    else if (length <= 0xffff) this.#sized(0xde, 2, length);
    else this.#sized(0xdf, 4, length);
    for (const [key, inner] of entries) {
      this.#string(key);
      this.put(inner);
    }
  }
}

/** One value as msgpack; fresh bytes, owned by the caller. */
export function pack(value: unknown): Uint8Array {
  const packer = new Packer();
  packer.put(value);
  return packer.take();
}
