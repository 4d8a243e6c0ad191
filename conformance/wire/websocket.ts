/**
 * WebSocket framing (RFC 6455), below any library: frames as bytes with each bit in the caller's hand, and a reader that holds the other
 * side to the rules (who masks, no reserved bits, control frames whole and short). Pure state; socket.ts owns the TCP connection.
 */
import { randomBytes } from 'node:crypto';
import { WireError } from './wire-error.ts';

/** Opcodes of RFC 6455. */
export const Ws = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** One frame, as asked for. */
export interface OutgoingFrame {
  readonly opcode: number;
  readonly payload: Uint8Array;
  /** Default true. */
  readonly fin?: boolean;
  /** Three bits, default 0. */
  readonly rsv?: number;
  /** Default true, as the RFC wants of a client. */
  readonly masked?: boolean;
}

/** What came from the other side: a whole message or a control frame. */
export interface Incoming {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Past this the other side is broken: protocol.md 2.13 allows 128 KiB from the server. */
const MESSAGE_BYTES_MAX = 1 << 20;

/** The bytes of a frame. */
export function buildFrame({
  opcode,
  payload,
  fin = true,
  rsv = 0,
  masked = true,
}: OutgoingFrame): Buffer {
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const head = Buffer.concat([Buffer.of(first), lengthBytes(payload.length, masked ? 0x80 : 0)]);
  if (!masked) return Buffer.concat([head, payload]);
  const key = randomBytes(4);
  const body = Buffer.from(payload);
  for (let i = 0; i < body.length; i += 1) body[i] = body[i]! ^ key[i & 3]!;
  return Buffer.concat([head, key, body]);
}

function lengthBytes(length: number, maskBit: number): Buffer {
  if (length < 126) return Buffer.of(maskBit | length);
  if (length < 0x10000) return Buffer.of(maskBit | 126, length >> 8, length & 255);
  const out = Buffer.alloc(9);
  out[0] = maskBit | 127;
  out.writeBigUInt64BE(BigInt(length), 1);
  return out;
}

/** Reads frames out of the bytes of the other side. */
export class FrameReader {
  readonly #from: 'server' | 'client';
  #pending: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #opcode = 0;

  /** @param from who writes: a server never masks, a client always does */
  constructor(from: 'server' | 'client' = 'server') {
    this.#from = from;
  }

  /** What is complete with these bytes; throws WireError where the RFC is broken. */
  feed(chunk: Buffer): Incoming[] {
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const out: Incoming[] = [];
    for (;;) {
      const frame = parseHead(bytes);
      if (frame === undefined || bytes.length < frame.start + frame.length) break;
      const payload = unmasked(frame, bytes.subarray(frame.start, frame.start + frame.length));
      bytes = bytes.subarray(frame.start + frame.length);
      const whole = this.#take(frame, payload);
      if (whole !== undefined) out.push(whole);
    }
    this.#pending = bytes;
    return out;
  }

  #take({ opcode, fin, key }: Head, payload: Buffer): Incoming | undefined {
    if ((key === undefined) === (this.#from === 'client'))
      throw new WireError(
        `websocket: a ${this.#from} ${key === undefined ? 'without' : 'with'} mask`,
      );
    if (opcode >= Ws.close) {
      if (!fin || payload.length > 125)
        throw new WireError('websocket: a long or split control frame');
      return { opcode, payload };
    }
    if ((opcode === Ws.continuation) !== this.#parts.length > 0)
      throw new WireError(`websocket: opcode ${opcode} out of place`);
    if (opcode !== Ws.continuation) this.#opcode = opcode;
    if (fin && this.#parts.length === 0) return { opcode, payload };
    this.#parts.push(payload);
    if (!fin) return undefined;
    const whole = { opcode: this.#opcode, payload: Buffer.concat(this.#parts) };
    this.#parts = [];
    return whole;
  }
}

interface Head {
  readonly fin: boolean;
  readonly opcode: number;
  readonly key: Buffer | undefined;
  /** Offset and size of the payload. */
  readonly start: number;
  readonly length: number;
}

/** The head of the frame at the front of `bytes`; undefined while it is incomplete. */
function parseHead(bytes: Buffer): Head | undefined {
  if (bytes.length < 2) return undefined;
  const [first, second] = [bytes[0]!, bytes[1]!];
  if ((first & 0x70) !== 0) throw new WireError('websocket: a reserved bit is set');
  const opcode = first & 15;
  if ((opcode > 2 && opcode < 8) || opcode > 10) throw new WireError(`websocket: opcode ${opcode}`);
  const short = second & 127;
  const keyAt = short < 126 ? 2 : short === 126 ? 4 : 10;
  const start = (second & 0x80) === 0 ? keyAt : keyAt + 4;
  if (bytes.length < start) return undefined;
  const key = start === keyAt ? undefined : bytes.subarray(keyAt, start);
  const length =
    short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (length > MESSAGE_BYTES_MAX) throw new WireError(`websocket: a frame of ${length} bytes`);
  return { fin: (first & 0x80) !== 0, opcode, key, start, length };
}

function unmasked({ key }: Head, payload: Buffer): Buffer {
  if (key === undefined) return payload;
  return Buffer.from(payload.map((byte, i) => byte ^ key[i & 3]!));
}
