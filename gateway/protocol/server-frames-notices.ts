/**
 * Builders of UNREAD and RECEIPT, and the cheap look at an event that tells whether anybody may be
 * mentioned in it. Pure functions; run on any thread.
 */
import { encodeMp } from './mp-encode.ts';
import { Op } from './ops.ts';
import type { Frame, UnreadEntry } from './types.ts';

/**
 * Entries of one UNREAD. The longest one takes 52 bytes as JSON, so this many stay under 16 KiB, the
 * bound of a broadcast frame, in both encodings.
 */
const UNREAD_ENTRIES_MAX = 300;
/** Array header of `[16, sid, epoch, seq, ts, kind, actor, content, reply, flags]`: flags or more are there. */
const HEADER_WITH_FLAGS = 0x9a;
const LESS_THAN = 0x3c;
const AT_SIGN = 0x40;

/**
 * UNREAD: streams whose head has moved. At most 300 entries; see encodeUnread.
 * @param moved sid, seq and ts of each head
 */
export function unreadFrame(moved: readonly UnreadEntry[]): Frame {
  return [Op.UNREAD, moved.map(({ sid, seq, ts }) => [sid, seq, ts])];
}

/**
 * Encodes UNREAD for a broadcast: as few frames as its bound of 16 KiB allows, in msgpack.
 * @param moved sid, seq and ts of each head
 * @returns fresh bytes per frame; none for no entries
 */
export function encodeUnread(moved: readonly UnreadEntry[]): readonly Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < moved.length; at += UNREAD_ENTRIES_MAX) {
    frames.push(encodeMp(unreadFrame(moved.slice(at, at + UNREAD_ENTRIES_MAX))));
  }
  return frames;
}

/**
 * RECEIPT: how far members of a small channel have read.
 * @param sid stream
 * @param markers user and marker, at most 16
 */
export function receiptFrame(
  sid: number,
  markers: readonly (readonly [uid: number, seq: number])[],
): Frame {
  return [Op.RECEIPT, sid, markers];
}

/**
 * Encodes RECEIPT for a broadcast, in msgpack.
 * @param sid stream
 * @param markers user and marker, at most 16
 * @returns fresh bytes
 */
export function encodeReceipt(
  sid: number,
  markers: readonly (readonly [uid: number, seq: number])[],
): Uint8Array {
  return encodeMp(receiptFrame(sid, markers));
}

/**
 * Whether an event may mention somebody: `<@` somewhere in it, or flags. One search of the bytes, nothing
 * is decoded.
 * @param frame msgpack bytes of an EV of kind 1
 * @returns false only when it surely mentions nobody
 */
export function mayMention(frame: Uint8Array): boolean {
  if ((frame[0] as number) >= HEADER_WITH_FLAGS) return true;
  for (let at = frame.indexOf(LESS_THAN); at >= 0; at = frame.indexOf(LESS_THAN, at + 1)) {
    if (frame[at + 1] === AT_SIGN) return true;
  }
  return false;
}
