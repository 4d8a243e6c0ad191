/**
 * Reads the records of a batch (wire.ts) one by one into fields, so that a record costs no object
 * beyond its payload. Learns names and shapes as the lane defines them. Trusts the writer: our own
 * threads write batches; what does not add up is a bug and an assertion.
 */
import { assert } from '../assert.ts';
import type { Ms } from '../clock.ts';
import type { Via } from '../core/thread.ts';
import type { Key } from '../types.ts';
import { decodeRare } from './codec.ts';
import * as wire from './wire.ts';

/** V8 keeps typed arrays up to this size on its own heap: no ArrayBuffer to make and to free. */
const ON_HEAP_BYTES = 64;
/**
 * Payloads up to here share slabs, as with Buffer.from: an ArrayBuffer for each costs three times as
 * much as the copy. Who keeps a payload keeps its slab.
 */
const SLAB_PAYLOAD_BYTES = 1024;
const SLAB_BYTES = 8192;
const NOTHING = Buffer.from(new ArrayBuffer(0));

export class BatchReader {
  // The record last read by `next`. CAST and CALL:
  kind = 0;
  via: Via = 0;
  key: Key = 0;
  op = '';
  /** 0 for a CAST; the call for CALL and REPLY. */
  from = 0;
  deadline: Ms = 0;
  ok = false;
  /** Argument or value; the first field of a signal. TRACED: b, c, d are trace id, span id, [messages from the root, time of sending]. */
  a: unknown = undefined;
  b: unknown = undefined;
  c: unknown = undefined;
  d: unknown = undefined;

  /** Two views of the batch: the one has the native string functions, the other the right `slice`. */
  #buf = NOTHING;
  #bytes: Uint8Array = NOTHING;
  #view: DataView = new DataView(NOTHING.buffer, 0, 0);
  #at = 0;
  #left = 0;
  #slab = NOTHING.buffer;
  #slabAt = 0;
  #definitions = 0;
  readonly #names: string[] = [];
  readonly #shapes: (readonly string[])[] = [];

  /** Begins a batch. The bytes must stay as they are until `next` has returned false. */
  open(batch: Uint8Array): void {
    const { buffer, byteOffset, byteLength } = batch;
    this.#buf = Buffer.from(buffer, byteOffset, byteLength) as Buffer<ArrayBuffer>;
    this.#bytes = new Uint8Array(buffer, byteOffset, byteLength);
    this.#view = new DataView(buffer, byteOffset, byteLength);
    this.#left = this.#view.getUint32(0, true);
    this.#definitions = this.#view.getUint32(4, true);
    this.#at = this.#definitions;
    while (this.#at < byteLength) this.#define();
    assert(this.#at === byteLength, 'a batch ends with its definitions');
    this.#at = wire.HEADER_BYTES;
  }

  /** Reads the next record into the fields; false at the end of the batch. */
  next(): boolean {
    if (this.#left === 0) {
      assert(this.#at === this.#definitions, 'the records of a batch fill it');
      this.a = undefined;
      this.#buf = NOTHING;
      this.#bytes = NOTHING;
      return false;
    }
    this.#left--;
    const kind = this.#bytes[this.#at++] as number;
    this.kind = kind;
    if (kind === wire.CAST) {
      this.from = 0;
      this.deadline = 0;
      this.#message();
    } else if (kind === wire.CALL) {
      this.from = this.#double();
      this.deadline = this.#double();
      this.#message();
    } else if (kind === wire.REPLY) {
      this.from = this.#double();
      this.ok = this.#bytes[this.#at++] === 1;
      this.a = this.value();
    } else if (kind === wire.TRACED) {
      this.b = this.value();
      this.c = this.value();
      this.d = this.value();
      this.from = this.value() as number;
      this.deadline = this.value() as Ms;
      this.#message();
    } else {
      this.a = this.value();
      this.b = this.value();
      this.c = this.value();
      this.d = this.value();
    }
    return true;
  }

  #message(): void {
    const via = this.#u16();
    this.via = via === wire.NAME_REF ? 0 : this.#name(via);
    this.op = this.#name(this.#u16());
    this.key = this.value() as Key;
    this.a = this.value();
  }

  #name(number: number): string {
    if (number === wire.NAME_EMPTY) return '';
    if (number === wire.NAME_INLINE) return this.value() as string;
    const name = this.#names[number - wire.NAME_FIRST];
    assert(name !== undefined, 'a name is defined before it is used');
    return name;
  }

  #define(): void {
    const what = this.#bytes[this.#at++];
    if (what === wire.DEFINE_NAME) this.#names.push(this.value() as string);
    else {
      assert(what === wire.DEFINE_SHAPE, 'a definition is a name or a shape');
      this.#shapes.push(this.value() as string[]);
    }
  }

  // -------------------------------------------------------------- values

  /** Reads one value. Public for the tests of the codec. */
  value(): unknown {
    const tag = this.#bytes[this.#at++] as number;
    if (tag < 128) return tag;
    switch (tag) {
      case wire.NULL:
        return null;
      case wire.UNDEFINED:
        return undefined;
      case wire.FALSE:
        return false;
      case wire.TRUE:
        return true;
      case wire.INT32:
        this.#at += 4;
        return this.#view.getInt32(this.#at - 4, true);
      case wire.DOUBLE:
        return this.#double();
      case wire.ASCII8:
        return this.#ascii(this.#bytes[this.#at++] as number);
      case wire.OBJECT:
        return this.#object();
      case wire.ARRAY8:
        return this.#array(this.#bytes[this.#at++] as number);
      case wire.BYTES8:
        return this.#payload(this.#bytes[this.#at++] as number);
      default:
        return this.#long(tag);
    }
  }

  /** Values with a length of four bytes. */
  #long(tag: number): unknown {
    const size = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    if (tag === wire.ARRAY32) return this.#array(size);
    if (tag === wire.PAIRS) return this.#pairs(size);
    if (tag === wire.BYTES32) return this.#payload(size);
    const from = this.#at;
    this.#at += size;
    if (tag === wire.ASCII32) return this.#buf.toString('latin1', from, this.#at);
    if (tag === wire.UTF8) return this.#buf.toString('utf8', from, this.#at);
    if (tag === wire.UTF16) return this.#buf.toString('utf16le', from, this.#at);
    assert(tag === wire.RARE, 'a value has a known tag');
    return decodeRare(this.#bytes.subarray(from, this.#at));
  }

  #ascii(length: number): string {
    const from = this.#at;
    this.#at += length;
    return length === 0 ? '' : this.#buf.toString('latin1', from, this.#at);
  }

  #object(): Record<string, unknown> {
    const keys = this.#shapes[this.#u16()];
    assert(keys !== undefined, 'a shape is defined before it is used');
    const object: Record<string, unknown> = {};
    for (let i = 0; i < keys.length; i++) object[keys[i] as string] = this.value();
    return object;
  }

  #pairs(count: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (let i = 0; i < count; i++) {
      const key = this.value() as string;
      // Assigning it would set the prototype.
      object[key === '__proto__' ? '__proto_' : key] = this.value();
    }
    return object;
  }

  #array(length: number): unknown[] {
    // Of its length from the start: an array that grows takes room for 17.
    const array = new Array<unknown>(length);
    for (let i = 0; i < length; i++) array[i] = this.value();
    return array;
  }

  #payload(length: number): Uint8Array {
    const from = this.#at;
    this.#at += length;
    const bytes = this.#bytes;
    if (length > SLAB_PAYLOAD_BYTES) return bytes.slice(from, this.#at);
    if (length > ON_HEAP_BYTES) return this.#slabbed(bytes.subarray(from, this.#at));
    const own = new Uint8Array(length);
    for (let i = 0; i < length; i++) own[i] = bytes[from + i] as number;
    return own;
  }

  #slabbed(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (this.#slabAt + length > this.#slab.byteLength) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES).buffer;
      this.#slabAt = 0;
    }
    const own = new Uint8Array(this.#slab, this.#slabAt, length);
    this.#slabAt += length;
    own.set(bytes);
    return own;
  }

  #double(): number {
    this.#at += 8;
    return this.#view.getFloat64(this.#at - 8, true);
  }

  #u16(): number {
    const at = this.#at;
    this.#at = at + 2;
    return (this.#bytes[at] as number) | ((this.#bytes[at + 1] as number) << 8);
  }
}
