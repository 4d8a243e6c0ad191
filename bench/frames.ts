/**
 * The cheapest WebSocket and msgpack that a load client can do with: frames are built once and
 * patched in place, received frames are counted by their first bytes without an object per frame.
 * Runs in the load process; knows the wire (protocol.md 2.3, 2.4) and nothing of the server.
 */

/** Opcodes of protocol.md 2.4. */
export const OP_HELLO = 1;
export const OP_OK = 4;
export const OP_ERR = 5;
export const OP_BATCH = 12;
export const OP_EV = 16;

/** Bytes of the content that the bench sends: 12 digits of time, then filler. */
export const CONTENT_BYTES = 80;
export const STAMP_DIGITS = 12;

/** Receives what the parser finds; both calls are synchronous and must not keep `bytes`. */
export interface FrameSink {
  /** A data message whose first bytes are known; `end` is 0 while its end has not arrived. */
  message(op: number, bytes: Buffer, start: number, end: number, events: number): void;
  /** A WebSocket ping. */
  ping(): void;
  /** A close frame. */
  closed(code: number): void;
}

/** Longest prefix that the parser must see to classify a frame: header 10, array header 3, op 1, batch header 3. */
const PREFIX_MAX = 17;

/** Incremental parser of server frames (unmasked, unfragmented). Keeps at most a prefix between reads. */
export class FrameParser {
  /** Whole frames only: the message callback always gets an `end`. For the set-up phase. */
  whole = true;
  #skip = 0;
  #rest: Buffer | undefined;

  feed(chunk: Buffer, length: number, sink: FrameSink): void {
    let bytes = chunk;
    let end = length;
    let at = 0;
    if (this.#rest !== undefined) {
      bytes = Buffer.concat([this.#rest, chunk.subarray(0, length)]);
      end = bytes.length;
      this.#rest = undefined;
    }
    if (this.#skip > 0) {
      at = Math.min(this.#skip, end);
      this.#skip -= at;
    }
    while (at < end) {
      const next = this.#one(bytes, at, end, sink);
      if (next < 0) {
        this.#rest = Buffer.from(bytes.subarray(at, end));
        return;
      }
      if (next > end) this.#skip = next - end;
      at = next;
    }
  }

  /** Position after the frame at `at` (maybe beyond `end`), or -1 when more bytes are needed. */
  #one(bytes: Buffer, at: number, end: number, sink: FrameSink): number {
    if (end - at < 2) return -1;
    let length = bytes[at + 1]! & 127;
    let start = at + 2;
    if (length === 126) {
      if (end - at < 4) return -1;
      length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
      start = at + 4;
    } else if (length === 127) {
      if (end - at < 10) return -1;
      length = bytes.readUInt32BE(at + 6);
      start = at + 10;
    }
    const next = start + length;
    const opcode = bytes[at]! & 15;
    const complete = next <= end;
    if (!complete && (this.whole || opcode >= 8 || end - at < PREFIX_MAX)) return -1;
    if (opcode === 2) this.#message(bytes, start, complete ? next : 0, sink);
    else if (opcode === 9) sink.ping();
    else if (opcode === 8)
      sink.closed(length >= 2 ? (bytes[start]! << 8) | bytes[start + 1]! : 1005);
    return next;
  }

  #message(bytes: Buffer, start: number, end: number, sink: FrameSink): void {
    const body = start + headerBytes(bytes[start]!);
    const op = bytes[body]!;
    let events = 0;
    if (op === OP_EV) events = 1;
    else if (op === OP_BATCH) {
      const token = bytes[body + 1]!;
      events = token === 0xdc ? (bytes[body + 2]! << 8) | bytes[body + 3]! : token & 15;
    }
    sink.message(op, bytes, start, end, events);
  }
}

function headerBytes(token: number): number {
  return token === 0xdc ? 3 : 1;
}

/** A client frame around a payload, masked with the key 0: the payload stays readable and patchable. */
export function clientFrame(payload: Buffer, opcode = 2): Buffer {
  const long = payload.length > 125;
  const frame = Buffer.alloc((long ? 8 : 6) + payload.length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (long ? 126 : payload.length);
  if (long) frame.writeUInt16BE(payload.length, 2);
  payload.copy(frame, long ? 8 : 6);
  return frame;
}

const str = (text: string): Buffer => {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length < 32) return Buffer.concat([Buffer.of(0xa0 | bytes.length), bytes]);
  if (bytes.length < 256) return Buffer.concat([Buffer.of(0xd9, bytes.length), bytes]);
  return Buffer.concat([Buffer.of(0xda, bytes.length >> 8, bytes.length & 255), bytes]);
};

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = 0xcf;
  bytes.writeBigUInt64BE(BigInt(value), 1);
  return bytes;
}

/** IDENTIFY with rid 1. */
export function identifyFrame(token: string): Buffer {
  const head = Buffer.of(0x97, 2, 1);
  const tail = Buffer.of(0, 0xc0);
  return clientFrame(Buffer.concat([head, str(token), Buffer.of(0xc0), str('bench 1'), tail]));
}

/** SUB of one stream from now on, with rid 2. */
export function subscribeFrame(sid: number): Buffer {
  return clientFrame(Buffer.concat([Buffer.of(0x93, 32, 2, 0x91, 0x91), u64(sid)]));
}

/** A message to send over and over: `stamp` patches its time, rid and nonce. */
export interface SendTemplate {
  readonly frame: Buffer;
  stamp(number: number, timeUs: number): void;
}

/** APPEND of a message to `sid`. `number` becomes the rid and, with the prefix, the nonce. */
export function appendTemplate(sid: number, noncePrefix: string): SendTemplate {
  const nonceDigits = 10;
  const nonce = `${noncePrefix}-${'0'.repeat(nonceDigits)}`;
  const payload = Buffer.concat([
    Buffer.of(0x96, 34, 0xce, 0, 0, 0, 0),
    u64(sid),
    str(nonce),
    Buffer.of(1),
    str('.'.repeat(CONTENT_BYTES)),
  ]);
  const frame = clientFrame(payload);
  const base = frame.length - payload.length;
  const nonceEnd = base + 7 + 9 + 1 + nonce.length;
  const stampEnd = frame.length - CONTENT_BYTES + STAMP_DIGITS;
  return {
    frame,
    stamp: (number, timeUs) => {
      frame.writeUInt32BE(number, base + 3);
      writeDigits(frame, nonceEnd, nonceDigits, number);
      writeDigits(frame, stampEnd, STAMP_DIGITS, timeUs);
    },
  };
}

/** For the bare server: a message of `bytes` bytes that looks like an EV and ends with the content. */
export function echoTemplate(bytes: number): SendTemplate {
  const payload = Buffer.alloc(Math.max(bytes, CONTENT_BYTES + 2), '.');
  payload[0] = 0x98;
  payload[1] = OP_EV;
  const frame = clientFrame(payload);
  const stampEnd = frame.length - CONTENT_BYTES + STAMP_DIGITS;
  return { frame, stamp: (_, timeUs) => writeDigits(frame, stampEnd, STAMP_DIGITS, timeUs) };
}

function writeDigits(target: Buffer, end: number, digits: number, value: number): void {
  let rest = value;
  for (let i = 1; i <= digits; i += 1) {
    const next = Math.floor(rest / 10);
    target[end - i] = 48 + (rest - next * 10);
    rest = next;
  }
}

/** The time inside an EV whose payload ends at `end`, in microseconds. */
export function readStamp(bytes: Buffer, end: number): number {
  let value = 0;
  const from = end - CONTENT_BYTES;
  for (let i = 0; i < STAMP_DIGITS; i += 1) value = value * 10 + (bytes[from + i]! - 48);
  return value;
}
