/**
 * Reads TYPE, STATUS, MWIN_OPEN, MWIN_CLOSE and MEMBERS of a client, and what a server answers and sends
 * about who is there (protocol.md 2.4, 2.9). Pure functions; run anywhere.
 */
import { checkText } from './content.ts';
import type { ErrCode } from './err-codes.ts';
import { Err } from './err-codes.ts';
import { isU53 } from './limits.ts';
import { Op } from './ops.ts';
import { fits } from './parse-append.ts';
import type { Frame, WireValue } from './types.ts';
import type {
  MemberResult,
  OpenedLeaf,
  PresenceEntry,
  PresenceFrame,
  PresenceRequest,
  WindowResult,
  WindowRow,
} from './types-presence.ts';

type Values = readonly WireValue[];

/** The only member list: everybody. Others are reserved. */
const LIST_ALL = 0;
/** protocol.md 2.9 and 2.4. */
const MEMBERS_MAX = 100;
const PREFIX_CHARS_MAX = 32;
const PREFIX_BYTES_MAX = PREFIX_CHARS_MAX * 4;
const STATUS_MAX = 3;
/** The scope of friends and DM partners, in the place of a guild. */
const DM_PARTNERS = 0;

/** `[38, sid]`: the one request without a rid. */
export function parseType(frame: Frame): PresenceRequest | ErrCode {
  return isU53(frame[1]) ? { op: Op.TYPE, rid: 0, sid: frame[1] } : Err.BAD_ARGS;
}

/** `[39, rid, status, activity?]`. */
export function parseStatus(rid: number, frame: Frame): PresenceRequest | ErrCode {
  const [, , status, activity = null] = frame;
  if (!isU53(status) || status > STATUS_MAX) return Err.BAD_ARGS;
  if (activity !== null && typeof activity !== 'string') return Err.BAD_ARGS;
  const code = activity === null ? 0 : checkText(activity, undefined, true);
  if (code !== 0) return code;
  return { op: Op.STATUS, rid, status: status as 0 | 1 | 2 | 3, activity: activity || null };
}

/** `[40, rid, gid, list, from_index, count]`. */
export function parseWindowOpen(rid: number, frame: Frame): PresenceRequest | ErrCode {
  const [, , gid, list, from, count] = frame;
  if (!isU53(gid) || list !== LIST_ALL || !isU53(from) || !isU53(count)) return Err.BAD_ARGS;
  return { op: Op.MWIN_OPEN, rid, gid, from, count };
}

/** `[41, rid, gid, list]`. */
export function parseWindowClose(rid: number, frame: Frame): PresenceRequest | ErrCode {
  const [, , gid, list] = frame;
  return isU53(gid) && list === LIST_ALL ? { op: Op.MWIN_CLOSE, rid, gid } : Err.BAD_ARGS;
}

/** `[42, rid, gid, uids?, prefix?, limit]`: uids or prefix, one of them; only uids with gid 0. */
export function parseMembers(rid: number, frame: Frame): PresenceRequest | ErrCode {
  const [, , gid, uids = null, prefix = null, limit] = frame;
  if (!isU53(gid) || !isU53(limit)) return Err.BAD_ARGS;
  if ((uids === null) === (prefix === null)) return Err.BAD_ARGS;
  if (gid === DM_PARTNERS && uids === null) return Err.BAD_ARGS;
  const base = { op: Op.MEMBERS, rid, gid, limit: Math.min(limit, MEMBERS_MAX) };
  if (prefix !== null) {
    if (typeof prefix !== 'string' || prefix.length === 0) return Err.BAD_ARGS;
    const isLong = !fits(prefix, PREFIX_BYTES_MAX) || [...prefix].length > PREFIX_CHARS_MAX;
    return isLong ? Err.TOO_LARGE : { ...base, uids: null, prefix };
  }
  if (!Array.isArray(uids) || uids.length > MEMBERS_MAX || !uids.every(isU53)) return Err.BAD_ARGS;
  return { ...base, uids, prefix: null };
}

// ---------------------------------------------------------------- of the server

/**
 * Result of MWIN_OPEN.
 * @param result elements after the rid
 * @returns null when an element has the wrong type
 */
export function parseWindowResult(result: Values): WindowResult | null {
  const [ver, groupList, leafList] = result;
  const groups = mapList(groupList, (item) => {
    const [role, count] = item;
    return isU53(role) && isU53(count) ? ([role, count] as const) : null;
  });
  const leaves = mapList<OpenedLeaf>(leafList, ([leaf, leafVer, index, rows]) => {
    const entries = mapList(rows, windowRow);
    if (!isU53(leaf) || !isU53(leafVer) || !isU53(index) || entries === null) return null;
    return { leaf, ver: leafVer, index, entries };
  });
  return isU53(ver) && groups !== null && leaves !== null ? { ver, groups, leaves } : null;
}

/**
 * Result of MEMBERS.
 * @param result elements after the rid
 * @returns null when an element has the wrong type
 */
export function parseMembersResult(result: Values): readonly MemberResult[] | null {
  return mapList<MemberResult>(result[0], ([uid, name, nick = null, topRole, roles, status]) => {
    if (!isU53(uid) || typeof name !== 'string' || !isU53(topRole) || !isU53(status)) return null;
    if (!Array.isArray(roles) || !roles.every(isU53)) return null;
    return { uid, name, nick: typeof nick === 'string' ? nick : null, topRole, roles, status };
  });
}

/** `[20, sid, [uid, ...], total]`; null when an element has the wrong type. */
export function parseTyping([, sid, uids, total]: Values): PresenceFrame | null {
  if (!isU53(sid) || !isU53(total)) return null;
  if (!Array.isArray(uids) || !uids.every(isU53)) return null;
  return { op: Op.TYPING, sid, uids, total };
}

/** `[21, gid, ver, [[uid, status, activity?], ...]]`; null when an element has the wrong type. */
export function parsePresence([, gid, ver, list]: Values): PresenceFrame | null {
  const entries = mapList<PresenceEntry>(list, ([uid, status, activity = null]) => {
    if (!isU53(uid) || !isU53(status)) return null;
    return { uid, status, activity: typeof activity === 'string' ? activity : null };
  });
  if (!isU53(gid) || !isU53(ver) || entries === null) return null;
  return { op: Op.PRESENCE, gid, ver, entries };
}

/** `[22, gid, list, leaf, ver, entries]`; null when an element has the wrong type. */
export function parseWindow([, gid, list, leaf, ver, rows]: Values): PresenceFrame | null {
  const entries = mapList(rows, windowRow);
  if (!isU53(gid) || !isU53(list) || !isU53(leaf) || !isU53(ver) || entries === null) return null;
  return { op: Op.MWIN, gid, list, leaf, ver, entries };
}

function windowRow([uid, name, topRole, status]: Values): WindowRow | null {
  if (!isU53(uid) || typeof name !== 'string' || !isU53(topRole) || !isU53(status)) return null;
  return { uid, name, topRole, status };
}

/** Maps a list of lists, null when it is none or one element does not fit. */
function mapList<T>(value: WireValue | undefined, read: (item: Values) => T | null): T[] | null {
  if (!Array.isArray(value)) return null;
  const out: T[] = [];
  for (const item of value as Values) {
    const one = Array.isArray(item) ? read(item as Values) : null;
    if (one === null) return null;
    out.push(one);
  }
  return out;
}
