/**
 * Event frames as stored and fanned out: encode, decode, read single fields and patch the epoch
 * without a full decode. Satisfies EventCodec of channels/types.ts structurally. Runs on any thread.
 */
import { ProtocolError } from './errors.ts';
import { isU32, isU53, Limits } from './limits.ts';
import { decodeMp } from './mp-decode.ts';
import { encodeEv } from './mp-encode.ts';
import { Op } from './ops.ts';
import type { EventFields, Frame, StreamEvent, WireValue } from './types.ts';

const OUTBOUND = { depthMax: Limits.outboundDepthMax, valuesMax: 65_535 } as const;

/**
 * A body without its trailing nil, 0 and empty arrays (protocol.md 2.17 item 19).
 * @param body elements in order
 * @returns the body itself when nothing is to be cut, else a shorter copy
 */
export function trimBody(body: readonly WireValue[]): readonly WireValue[] {
  const count = trimmedLength(body);
  return count === body.length ? body : body.slice(0, count);
}

function trimmedLength(body: readonly WireValue[]): number {
  let count = body.length;
  while (count > 0 && isBlank(body[count - 1])) count -= 1;
  return count;
}

function isBlank(value: WireValue | undefined): boolean {
  return value === null || value === 0 || (Array.isArray(value) && value.length === 0);
}

/**
 * Encodes an event as the EV frame. The same event always gives the same bytes.
 * @param sid stream id, u53
 * @param epoch u32, written as `ce` + 4 bytes
 * @param event fields; trailing nil, 0 and empty arrays of the body are left out
 * @returns msgpack bytes, owned by the caller
 * @throws RangeError for numbers that are no safe integers
 */
export function encodeEvent(sid: number, epoch: number, event: EventFields): Uint8Array {
  const { seq, ts, kind, actor, body } = event;
  return encodeEv(sid, epoch, seq, ts, kind, actor, body, trimmedLength(body));
}

/**
 * Decodes a stored EV frame.
 * @param bytes msgpack bytes of encodeEvent
 * @returns the event
 * @throws ProtocolError DRIFT_PROTOCOL_BAD_EVENT when the bytes are no event (a damaged store)
 */
export function decodeEvent(bytes: Uint8Array): StreamEvent {
  const decoded = decodeMp(bytes, OUTBOUND);
  const event = decoded.ok ? eventOfFrame(decoded.frame) : null;
  if (event === null) {
    const why = decoded.ok ? 'not an EV frame' : decoded.why;
    throw new ProtocolError('DRIFT_PROTOCOL_BAD_EVENT', `Decode a stored event: got ${why}`);
  }
  return event;
}

/**
 * Reads an EV array, opcode included, as HISTORY and BATCH carry it.
 * @param frame decoded array
 * @returns the event, or null when it is none
 */
export function eventOfFrame(frame: readonly WireValue[]): StreamEvent | null {
  const [op, sid, epoch, seq, ts, kind, actor] = frame;
  if (op !== Op.EV || !isU53(sid) || !isU32(epoch) || !isU53(seq)) return null;
  if (!isU53(ts) || !isU53(kind) || !isU53(actor)) return null;
  return { sid, epoch, seq, ts, kind, actor, body: frame.slice(7) };
}

/**
 * The EV array of an event, for the JSON encoding or for tests.
 * @param event the event
 * @returns `[16, sid, epoch, seq, ts, kind, actor, ...body]`
 */
export function eventFrame(event: StreamEvent): Frame {
  const { sid, epoch, seq, ts, kind, actor, body } = event;
  return [Op.EV, sid, epoch, seq, ts, kind, actor, ...trimBody(body)];
}

/** Fields at the front of an EV frame. */
export interface EventHead {
  readonly sid: number;
  readonly epoch: number;
  readonly seq: number;
  readonly ts: number;
  readonly kind: number;
  readonly actor: number;
}

/**
 * Reads the fields at the front of an EV frame without decoding its body. O(1).
 * @param bytes msgpack bytes of encodeEvent
 * @throws ProtocolError DRIFT_PROTOCOL_BAD_EVENT when the bytes do not start like an event
 */
export function readEventHead(bytes: Uint8Array): EventHead {
  const sidAt = sidOffset(bytes);
  const epochAt = next(bytes, sidAt);
  const seqAt = next(bytes, epochAt);
  const tsAt = next(bytes, seqAt);
  const kindAt = next(bytes, tsAt);
  const actorAt = next(bytes, kindAt);
  return {
    sid: uintAt(bytes, sidAt),
    epoch: uintAt(bytes, epochAt),
    seq: uintAt(bytes, seqAt),
    ts: uintAt(bytes, tsAt),
    kind: uintAt(bytes, kindAt),
    actor: uintAt(bytes, actorAt),
  };
}

/**
 * The seq of an EV frame. O(1).
 * @param bytes msgpack bytes of encodeEvent
 * @throws ProtocolError DRIFT_PROTOCOL_BAD_EVENT when the bytes do not start like an event
 */
export function readSeq(bytes: Uint8Array): number {
  return uintAt(bytes, next(bytes, next(bytes, sidOffset(bytes))));
}

/**
 * The stream id of an EV frame. O(1).
 * @param bytes msgpack bytes of encodeEvent
 * @throws ProtocolError DRIFT_PROTOCOL_BAD_EVENT when the bytes do not start like an event
 */
export function readSid(bytes: Uint8Array): number {
  return uintAt(bytes, sidOffset(bytes));
}

/**
 * The epoch of an EV frame. O(1).
 * @param bytes msgpack bytes of encodeEvent
 * @throws ProtocolError DRIFT_PROTOCOL_BAD_EVENT when the bytes do not start like an event
 */
export function readEpoch(bytes: Uint8Array): number {
  return uintAt(bytes, epochOffset(bytes));
}

/**
 * An EV frame with another epoch.
 * @param bytes msgpack bytes of encodeEvent; not changed
 * @param epoch u32
 * @returns the same array when the epoch is that already, else a patched copy
 * @throws ProtocolError DRIFT_PROTOCOL_BAD_EVENT when the bytes do not start like an event
 */
export function withEpoch(bytes: Uint8Array, epoch: number): Uint8Array {
  if (!isU32(epoch)) throw new RangeError(`Cannot patch an epoch: got ${epoch}, wanted a u32`);
  const offset = epochOffset(bytes);
  if (uintAt(bytes, offset) === epoch) return bytes;
  const copy = bytes.slice();
  new DataView(copy.buffer, copy.byteOffset).setUint32(offset + 1, epoch);
  return copy;
}

function bad(what: string): never {
  throw new ProtocolError('DRIFT_PROTOCOL_BAD_EVENT', `Read a stored event: got ${what}`);
}

function sidOffset(bytes: Uint8Array): number {
  const header = bytes[0] as number;
  const opAt = header === 0xdc ? 3 : 1;
  const isArray = header === 0xdc || (header & 0xf0) === 0x90;
  if (!isArray || bytes[opAt] !== Op.EV) bad('something else than an EV frame');
  return opAt + 1;
}

function epochOffset(bytes: Uint8Array): number {
  const offset = next(bytes, sidOffset(bytes));
  if (bytes[offset] !== 0xce) bad('an epoch that is not in the patchable form');
  return offset;
}

/** Offset after the number at `offset`. */
function next(bytes: Uint8Array, offset: number): number {
  const token = bytes[offset] ?? 0xc1;
  if (token < 0x80) return offset + 1;
  if (token === 0xcc) return offset + 2;
  if (token === 0xcd) return offset + 3;
  if (token === 0xce) return offset + 5;
  if (token === 0xcb) return offset + 9;
  return bad('a field that is not in our encoding');
}

function uintAt(bytes: Uint8Array, offset: number): number {
  const token = bytes[offset] ?? 0xc1;
  if (token < 0x80) return token;
  if (next(bytes, offset) > bytes.length) bad('too few bytes');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (token === 0xcc) return view.getUint8(offset + 1);
  if (token === 0xcd) return view.getUint16(offset + 1);
  if (token === 0xce) return view.getUint32(offset + 1);
  return view.getFloat64(offset + 1);
}
