/**
 * Writes the records of a lane into the bytes of a batch (wire.ts), each at once when it is sent. The
 * tables of names and shapes only grow, and a definition leaves with the next batch whatever becomes
 * of the record that caused it, so both sides of the lane always agree.
 */
import { assert } from '../assert.ts';
import type { Ms } from '../clock.ts';
import type { Via } from '../core/thread.ts';
import type { TraceContext } from '../core/trace-context.ts';
import type { From, Key } from '../types.ts';
import { encodeRare } from './codec.ts';
import { type Shape, Shapes } from './shapes.ts';
import * as wire from './wire.ts';

const FIRST_BYTES = 16_384;
/** A larger buffer is given back once its batch has left. */
const KEEP_BYTES = 262_144;
/** A batch cannot grow beyond it: the record that would is refused. */
const BATCH_BYTES_MAX = 2 ** 30;
/** Room for any value without bytes of its own. */
const ROOM = 16;
/** Up to here a loop beats the native copy (strings and bytes, measured). */
const LOOP_MAX = 32;

export class BatchWriter {
  #buf = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #view = viewOf(this.#buf);
  #size = FIRST_BYTES;
  #pos = wire.HEADER_BYTES;
  /** Where the record being written begins; 0 between records. */
  #start = 0;
  #depth = 0;
  #records = 0;
  readonly #names = new Map<string, number>();
  readonly #shapes = new Shapes((shape) => this.#newShapes.push(shape));
  #newNames: string[] = [];
  #newShapes: Shape[] = [];

  /** Records in the batch so far. */
  get records(): number {
    return this.#records;
  }

  /** Bytes of the batch so far, without its definitions. */
  get bytes(): number {
    return this.#pos;
  }

  // -------------------------------------------------------------- records

  /**
   * Begins a record. Then one of the methods that write its fields, then `commit`; or, when that has
   * thrown because a value is not data, `undo`.
   */
  begin(kind: number): void {
    assert(this.#start === 0, 'nothing is sent while a record is being written');
    if (this.#pos + 2 * ROOM > this.#size) this.#grow(2 * ROOM);
    this.#start = this.#pos;
    this.#buf[this.#pos++] = kind;
  }

  cast(via: Via, key: Key, op: string, arg: unknown): void {
    if (via === 0) this.#u16(wire.NAME_REF);
    else this.#name(via);
    this.#name(op);
    this.value(key);
    this.value(arg);
  }

  call(via: Via, key: Key, op: string, arg: unknown, from: From, deadline: Ms): void {
    this.#double(from);
    this.#double(deadline);
    this.cast(via, key, op, arg);
  }

  /** A call with its trace; `from` 0: a cast. */
  traced(
    trace: TraceContext,
    sentMs: Ms,
    via: Via,
    key: Key,
    op: string,
    arg: unknown,
    from: From | 0,
    deadline: Ms,
  ): void {
    this.value(trace.traceId);
    this.value(trace.spanId);
    this.value([trace.hops, sentMs]);
    this.value(from);
    this.value(deadline);
    this.cast(via, key, op, arg);
  }

  reply(from: From, ok: boolean, value: unknown): void {
    this.#double(from);
    this.#buf[this.#pos++] = ok ? 1 : 0;
    this.value(value);
  }

  /** Any other kind: four fields, undefined where the kind has less. */
  signal(a: unknown, b: unknown, c: unknown, d: unknown): void {
    this.value(a);
    this.value(b);
    this.value(c);
    this.value(d);
  }

  commit(): void {
    this.#start = 0;
    this.#records++;
  }

  /** Takes back the record that could not be written. */
  undo(): void {
    this.#pos = this.#start;
    this.#start = 0;
    this.#depth = 0;
  }

  // -------------------------------------------------------------- the batch

  /** Ends the batch. The bytes are valid until the next record. */
  take(): Buffer {
    const definitions = this.#pos;
    for (const name of this.#newNames) {
      this.#tag(wire.DEFINE_NAME);
      this.value(name);
    }
    for (const { keys } of this.#newShapes) {
      this.#tag(wire.DEFINE_SHAPE);
      this.value(keys);
    }
    if (this.#newNames.length > 0) this.#newNames = [];
    if (this.#newShapes.length > 0) this.#newShapes = [];
    this.#view.setUint32(0, this.#records, true);
    this.#view.setUint32(4, definitions, true);
    const batch = this.#buf.subarray(0, this.#pos);
    this.#pos = wire.HEADER_BYTES;
    this.#records = 0;
    if (this.#size > KEEP_BYTES) this.#use(Buffer.allocUnsafeSlow(FIRST_BYTES));
    return batch;
  }

  #grow(bytes: number): void {
    const want = this.#pos + bytes;
    if (want > BATCH_BYTES_MAX) {
      throw new RangeError(`send: got a batch of ${want} bytes, want ${BATCH_BYTES_MAX} at most`);
    }
    const old = this.#buf;
    this.#use(Buffer.allocUnsafeSlow(Math.max(want, this.#size * 2)));
    old.copy(this.#buf, 0, 0, this.#pos);
  }

  #use(buf: Buffer<ArrayBuffer>): void {
    this.#buf = buf;
    this.#view = viewOf(buf);
    this.#size = buf.byteLength;
  }

  // -------------------------------------------------------------- values

  /** Writes one value. Public for the tests of the codec. */
  value(value: unknown): void {
    if (this.#pos + ROOM > this.#size) this.#grow(ROOM);
    switch (typeof value) {
      case 'number':
        this.#number(value);
        break;
      case 'string':
        this.#string(value);
        break;
      case 'boolean':
        this.#buf[this.#pos++] = value ? wire.TRUE : wire.FALSE;
        break;
      case 'object':
        if (value === null) this.#buf[this.#pos++] = wire.NULL;
        else this.#object(value);
        break;
      case 'undefined':
      case 'function':
        this.#buf[this.#pos++] = wire.UNDEFINED;
        break;
      default:
        this.#rare(value);
    }
  }

  #number(value: number): void {
    const int = value | 0;
    if (int !== value || (int === 0 && Object.is(value, -0))) {
      this.#buf[this.#pos++] = wire.DOUBLE;
      this.#double(value);
    } else if (int >= 0 && int < 128) this.#buf[this.#pos++] = int;
    else {
      this.#buf[this.#pos] = wire.INT32;
      this.#view.setInt32(this.#pos + 1, int, true);
      this.#pos += 5;
    }
  }

  #string(value: string): void {
    const { length } = value;
    if (length > LOOP_MAX) {
      this.#longString(value);
      return;
    }
    this.#room(length);
    const buf = this.#buf;
    const at = this.#pos + 2;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) {
        this.#longString(value);
        return;
      }
      buf[at + i] = code;
    }
    buf[at - 2] = wire.ASCII8;
    buf[at - 1] = length;
    this.#pos = at + length;
  }

  #longString(value: string): void {
    const { length } = value;
    this.#room(length * 3);
    const at = this.#pos + 5;
    let bytes = this.#buf.write(value, at, length * 3, 'utf8');
    let tag = bytes === length ? wire.ASCII32 : wire.UTF8;
    if (tag === wire.UTF8 && !value.isWellFormed()) {
      bytes = this.#buf.write(value, at, length * 2, 'utf16le');
      tag = wire.UTF16;
    }
    this.#tagged(tag, bytes);
    this.#pos += bytes;
  }

  #object(value: object): void {
    const prototype = Object.getPrototypeOf(value) as unknown;
    if (prototype === Object.prototype) this.#plain(value as Record<string, unknown>);
    else if (Array.isArray(value)) this.#array(value);
    else if (value instanceof Uint8Array) this.#bytes(value);
    else if (prototype === null) this.#plain(value as Record<string, unknown>);
    else this.#rare(value);
  }

  #plain(object: Record<string, unknown>): void {
    this.#deeper();
    const shape = this.#shapes.of(object);
    if (shape === undefined) this.#pairs(object);
    else {
      this.#tag(wire.OBJECT);
      this.#u16(shape.number);
      const { keys } = shape;
      for (let i = 0; i < keys.length; i++) this.value(object[keys[i] as string]);
    }
    this.#depth--;
  }

  #pairs(object: Record<string, unknown>): void {
    const keys = Object.keys(object);
    this.#tagged(wire.PAIRS, keys.length);
    for (const key of keys) {
      this.value(key);
      this.value(object[key]);
    }
  }

  #array(array: readonly unknown[]): void {
    this.#deeper();
    const { length } = array;
    if (length > 255) this.#tagged(wire.ARRAY32, length);
    else {
      this.#tag(wire.ARRAY8);
      this.#buf[this.#pos++] = length;
    }
    for (let i = 0; i < length; i++) this.value(array[i]);
    this.#depth--;
  }

  #bytes(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#room(length);
    if (length > 255) this.#tagged(wire.BYTES32, length);
    else {
      this.#tag(wire.BYTES8);
      this.#buf[this.#pos++] = length;
    }
    const buf = this.#buf;
    const at = this.#pos;
    if (length > LOOP_MAX) buf.set(bytes, at);
    else for (let i = 0; i < length; i++) buf[at + i] = bytes[i] as number;
    this.#pos = at + length;
  }

  #rare(value: unknown): void {
    const bytes = encodeRare(value);
    this.#room(bytes.byteLength);
    this.#tagged(wire.RARE, bytes.byteLength);
    this.#buf.set(bytes, this.#pos);
    this.#pos += bytes.byteLength;
  }

  #deeper(): void {
    if (++this.#depth > wire.DEPTH_MAX) {
      throw new RangeError(`send: got a value nested deeper than ${wire.DEPTH_MAX}, or a circle`);
    }
  }

  // -------------------------------------------------------------- parts

  /** Number of a name; gives it one when it has none. */
  #name(name: string): void {
    if (name === '') {
      this.#u16(wire.NAME_EMPTY);
      return;
    }
    let number = this.#names.get(name);
    if (number === undefined) {
      if (this.#names.size >= wire.NAMES_MAX) {
        this.#u16(wire.NAME_INLINE);
        this.value(name);
        if (this.#pos + 2 * ROOM > this.#size) this.#grow(2 * ROOM);
        return;
      }
      number = wire.NAME_FIRST + this.#names.size;
      this.#names.set(name, number);
      this.#newNames.push(name);
    }
    this.#u16(number);
  }

  /** Room for `bytes` behind the tag and length of one value. */
  #room(bytes: number): void {
    if (this.#pos + bytes + ROOM > this.#size) this.#grow(bytes + ROOM);
  }

  #tag(tag: number): void {
    if (this.#pos + ROOM > this.#size) this.#grow(ROOM);
    this.#buf[this.#pos++] = tag;
  }

  #tagged(tag: number, size: number): void {
    this.#buf[this.#pos] = tag;
    this.#view.setUint32(this.#pos + 1, size, true);
    this.#pos += 5;
  }

  #double(value: number): void {
    this.#view.setFloat64(this.#pos, value, true);
    this.#pos += 8;
  }

  #u16(value: number): void {
    this.#buf[this.#pos] = value;
    this.#buf[this.#pos + 1] = value >>> 8;
    this.#pos += 2;
  }
}

function viewOf(buf: Buffer): DataView {
  return new DataView(buf.buffer, buf.byteOffset, buf.byteLength);
}
