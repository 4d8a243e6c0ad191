/**
 * The raw frame log of a connection and how to read it: frames as they went over the wire, a BATCH taken apart into the frames and bytes
 * inside. Pure; connection.ts writes the log, the invariants and the cases read it.
 */
import { Op } from '../wire/codes.ts';
import { jsonElementsOf } from '../wire/json-form.ts';
import { elementsOf } from '../wire/msgpack.ts';
import type { Ended } from '../wire/socket.ts';
import type { Encoding, Frame, Wire } from '../wire/types.ts';

/** One message on the wire. */
export interface LogEntry {
  /** Monotonic milliseconds of this process. */
  readonly atMs: number;
  readonly dir: 'in' | 'out';
  readonly frame: Frame;
  /** The message as it was, UTF-8 in JSON. */
  readonly bytes: Buffer;
}

/** Everything that one connection saw. */
export interface ConnectionLog {
  /** Name of the client; its connections are told apart by their order. */
  readonly client: string;
  readonly uid: number;
  readonly encoding: Encoding;
  readonly entries: readonly LogEntry[];
  /** Bytes were sent that the log does not hold: what they were answered is nobody's rid. */
  readonly isTampered: boolean;
  /** How it ended, as far as it did. */
  readonly end: Ended | undefined;
}

/** A frame from the server on its own, taken out of its BATCH. */
export interface Received {
  readonly atMs: number;
  readonly frame: Frame;
  readonly bytes: Uint8Array;
}

/** An EV. */
export interface Event {
  readonly sid: number;
  readonly epoch: number;
  readonly seq: number;
  readonly ts: number;
  readonly kind: number;
  readonly actor: number;
  readonly body: readonly Wire[];
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

/** A GAP. */
export interface Gap {
  readonly sid: number;
  readonly reason: number;
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
  readonly ts: number;
}

/** A position in a stream. */
export interface Cursor {
  readonly epoch: number;
  readonly seq: number;
  readonly ts: number;
}

/** The frames of one message from the server. */
export function framesOf(entry: LogEntry, encoding: Encoding): Received[] {
  const { atMs, frame, bytes } = entry;
  if (frame[0] !== Op.BATCH) return [{ atMs, frame, bytes }];
  const inner = frame[1] as readonly Frame[];
  const slices =
    encoding === 'mp'
      ? elementsOf(elementsOf(bytes)[1]!)
      : jsonElementsOf(jsonElementsOf(bytes.toString('utf8'))[1]!).map((text) => Buffer.from(text));
  return inner.map((one, i) => ({ atMs, frame: one, bytes: slices[i]! }));
}

/** The fields of an EV frame. */
export function asEvent({ frame, atMs, bytes }: Received): Event {
  const [, sid, epoch, seq, ts, kind, actor, ...body] = frame;
  return { ...numbers({ sid, epoch, seq, ts, kind, actor }), body, atMs, bytes };
}

/** The fields of a GAP frame. */
export function asGap(frame: Frame): Gap {
  const [, sid, reason, epoch, from, to, ts] = frame;
  return numbers({ sid, reason, epoch, from, to, ts });
}

/** A message without its bytes, for a report. */
export function shown({ dir, frame }: LogEntry): string {
  const text = JSON.stringify(frame);
  const short = text.length > 300 ? `${text.slice(0, 300)}...` : text;
  return `${dir === 'in' ? '<' : '>'} ${frame[0] === Op.IDENTIFY ? '[2,... the token is left out]' : short}`;
}

/** Each field as a number; throws where the server sent something else. */
export function numbers<K extends string>(
  fields: Readonly<Record<K, Wire | undefined>>,
): Record<K, number> {
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'number')
      throw new TypeError(`frame: got ${JSON.stringify(value)} for ${name}, wanted a number`);
  }
  return fields as Record<K, number>;
}
