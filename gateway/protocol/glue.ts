/**
 * Puts encoded frames together without encoding them again: BATCH and the OK of HISTORY, in both
 * encodings; and turns msgpack frames into their JSON twins. Runs on any thread.
 */

import { ProtocolError } from './errors.ts';
import { encodeJson } from './json.ts';
import { Limits } from './limits.ts';
import { decodeMp } from './mp-decode.ts';
import { encodeMp } from './mp-encode.ts';
import { Op } from './ops.ts';
import type { Encoding } from './types.ts';

const OUTBOUND = { depthMax: Limits.outboundDepthMax, valuesMax: 65_535 } as const;
const utf8 = new TextEncoder();
const COMMA = 0x2c;
const JSON_END = utf8.encode(']]');
/** `92 0c dc xx xx` or `[12,[` and `]]`: more than any BATCH needs around its frames. */
const BATCH_OVERHEAD_BYTES = 8;

/**
 * JSON twin of an encoded msgpack frame.
 * @param frame msgpack bytes made by this folder
 * @returns UTF-8 bytes of the same array as JSON text
 * @throws ProtocolError DRIFT_PROTOCOL_BAD_EVENT when the bytes are no frame
 */
export function transcodeToJson(frame: Uint8Array): Uint8Array {
  const decoded = decodeMp(frame, OUTBOUND);
  if (!decoded.ok) {
    throw new ProtocolError('DRIFT_PROTOCOL_BAD_EVENT', `Transcode a frame: got ${decoded.why}`);
  }
  return encodeJson(decoded.frame);
}

/**
 * One BATCH of already encoded frames (EV, HEAD, GAP). The caller keeps the bounds; see packBatches.
 * @param frames encoded frames, all in `encoding`
 * @param encoding of the frames and of the result
 * @returns `[12, [frame, ...]]`
 */
export function glueBatch(frames: readonly Uint8Array[], encoding: Encoding): Uint8Array {
  return glue('[12', [Op.BATCH], frames, encoding);
}

/**
 * Puts frames into as few messages as the bounds allow: at most 200 frames and 64 KiB in each. A frame
 * that is alone in its message goes without a BATCH around it.
 * @param frames encoded frames in order, all in `encoding`
 * @param encoding of the frames and of the result
 * @param eventsMax frames per message, default 200
 * @param bytesMax bytes per message, default 64 KiB
 * @returns messages in order
 */
export function packBatches(
  frames: readonly Uint8Array[],
  encoding: Encoding,
  eventsMax: number = Limits.batchEventsMax,
  bytesMax: number = Limits.batchBytesMax,
): Uint8Array[] {
  const messages: Uint8Array[] = [];
  let from = 0;
  let size = BATCH_OVERHEAD_BYTES;
  for (let i = 0; i <= frames.length; i += 1) {
    const cost = (frames[i]?.length ?? 0) + 1;
    const isFull = i - from >= eventsMax || size + cost > bytesMax;
    if (i > from && (i === frames.length || isFull)) {
      const only = i - from === 1 ? frames[from] : undefined;
      messages.push(only ?? glueBatch(frames.slice(from, i), encoding));
      from = i;
      size = BATCH_OVERHEAD_BYTES;
    }
    size += cost;
  }
  return messages;
}

/**
 * The OK of HISTORY around already encoded events.
 * @param rid request id
 * @param at epoch, oldest seq retained and head of the stream
 * @param frames encoded EV frames, ascending, all in `encoding`
 * @param encoding of the frames and of the result
 * @returns `[4, rid, epoch, first, head, [event, ...]]`
 */
export function glueHistoryOk(
  rid: number,
  at: { readonly epoch: number; readonly first: number; readonly head: number },
  frames: readonly Uint8Array[],
  encoding: Encoding,
): Uint8Array {
  const head = [Op.OK, rid, at.epoch, at.first, at.head];
  return glue(`[${head.join(',')}`, head, frames, encoding);
}

/**
 * Which of the events of a HISTORY answer fit into one frame: the run around the anchor, both sides
 * growing in turn.
 * @param frames encoded events, ascending and contiguous
 * @param split number of events with seq <= anchor (those are before the split)
 * @param bytesMax bound of the whole reply, default 128 KiB
 * @returns the events to send, all of them when they fit
 */
export function fitHistory(
  frames: readonly Uint8Array[],
  split: number,
  bytesMax: number = Limits.outboundFrameBytesMax,
): readonly Uint8Array[] {
  let left = bytesMax - 64;
  let from = split;
  let to = split;
  let isGrowing = true;
  while (isGrowing) {
    isGrowing = false;
    const before = frames[from - 1];
    if (before !== undefined && before.length < left) {
      left -= before.length + 1;
      from -= 1;
      isGrowing = true;
    }
    const after = frames[to];
    if (after !== undefined && after.length < left) {
      left -= after.length + 1;
      to += 1;
      isGrowing = true;
    }
  }
  return from === 0 && to === frames.length ? frames : frames.slice(from, to);
}

/** `[...head, [frames]]`. `text` is the JSON text of the head without its closing bracket. */
function glue(
  text: string,
  head: readonly number[],
  frames: readonly Uint8Array[],
  encoding: Encoding,
): Uint8Array {
  if (encoding === 'json') return glueJson(text, frames);
  // The head is encoded with an empty array as last element: its header byte is replaced.
  const start = encodeMp([...head, []]);
  const count = frames.length;
  const header = count < 16 ? [0x90 | count] : [0xdc, count >> 8, count & 0xff];
  let size = start.length - 1 + header.length;
  for (const frame of frames) size += frame.length;
  const out = new Uint8Array(size);
  out.set(start);
  out.set(header, start.length - 1);
  let at = start.length - 1 + header.length;
  for (const frame of frames) {
    out.set(frame, at);
    at += frame.length;
  }
  return out;
}

function glueJson(text: string, frames: readonly Uint8Array[]): Uint8Array {
  const start = utf8.encode(`${text},[`);
  let size = start.length + JSON_END.length + Math.max(0, frames.length - 1);
  for (const frame of frames) size += frame.length;
  const out = new Uint8Array(size);
  out.set(start);
  let at = start.length;
  for (const [index, frame] of frames.entries()) {
    if (index > 0) out[at++] = COMMA;
    out.set(frame, at);
    at += frame.length;
  }
  out.set(JSON_END, at);
  return out;
}
