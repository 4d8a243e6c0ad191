/**
 * Builders of a client's frames about who is there: TYPE, STATUS, MWIN_OPEN, MWIN_CLOSE, MEMBERS
 * (protocol.md 2.4). Pure functions; run anywhere.
 */
import { Op } from './ops.ts';
import type { Frame } from './types.ts';

/**
 * TYPE: the user writes in a channel. Has no answer; at most once per 8 s and channel.
 * @param sid stream
 */
export function typeFrame(sid: number): Frame {
  return [Op.TYPE, sid];
}

/**
 * STATUS: what others see of the user.
 * @param rid request id
 * @param status 0 offline, 1 online, 2 idle, 3 do not disturb
 * @param activity at most 256 bytes, or null
 */
export function statusFrame(rid: number, status: number, activity: string | null): Frame {
  return [Op.STATUS, rid, status, activity];
}

/**
 * MWIN_OPEN: the leaves around a range of the list of all members.
 * @param rid request id
 * @param gid guild
 * @param from place of the first row
 * @param count rows
 */
export function windowOpenFrame(rid: number, gid: number, from: number, count: number): Frame {
  return [Op.MWIN_OPEN, rid, gid, 0, from, count];
}

/**
 * MWIN_CLOSE.
 * @param rid request id
 * @param gid guild
 */
export function windowCloseFrame(rid: number, gid: number): Frame {
  return [Op.MWIN_CLOSE, rid, gid, 0];
}

/**
 * MEMBERS, by uids or by the beginning of the shown name.
 * @param rid request id
 * @param gid guild
 * @param by uids (at most 100) or a prefix (1 to 32 characters)
 * @param limit at most 100
 */
export function membersFrame(
  rid: number,
  gid: number,
  by: { readonly uids: readonly number[] } | { readonly prefix: string },
  limit: number,
): Frame {
  return 'uids' in by
    ? [Op.MEMBERS, rid, gid, by.uids, null, limit]
    : [Op.MEMBERS, rid, gid, null, by.prefix, limit];
}
