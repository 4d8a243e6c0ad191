/**
 * Builders of what a server says about who is there: TYPING, PRESENCE, MWIN, the OKs of MWIN_OPEN and
 * MEMBERS (protocol.md 2.4, 2.9). Pure functions; run on any thread.
 */
import { utf8Length } from './content.ts';
import { Limits } from './limits.ts';
import { Op } from './ops.ts';
import type { Frame, WireValue } from './types.ts';
import type { MemberResult } from './types-presence.ts';

/** Numbers, brackets and quotes of a member in JSON, without names and roles. */
const MEMBER_BYTES = 64;
const ROLE_BYTES = 17;
/** A character in JSON takes two bytes at most for each of its UTF-8 bytes: `"` and `\`. */
const ESCAPE_FACTOR = 2;

/**
 * TYPING.
 * @param sid stream
 * @param uids who is typing, at most 8
 * @param total how many are
 */
export function typingFrame(sid: number, uids: readonly number[], total: number): Frame {
  return [Op.TYPING, sid, uids, total];
}

/**
 * PRESENCE of a scope.
 * @param gid guild, 0 = friends and DM partners
 * @param ver rises by one per frame of the scope
 * @param entries uid, status, activity; the last one only where there is one
 */
export function presenceFrame(
  gid: number,
  ver: number,
  entries: readonly (readonly [uid: number, status: number, activity?: string])[],
): Frame {
  return [Op.PRESENCE, gid, ver, entries as readonly WireValue[]];
}

/**
 * MWIN: a leaf of the list of all members, whole.
 * @param gid guild
 * @param leaf its number
 * @param ver rises by one per frame of the leaf
 * @param entries uid, name, top role, status; none: the leaf is gone
 */
export function windowFrame(
  gid: number,
  leaf: number,
  ver: number,
  entries: readonly WindowEntry[],
): Frame {
  return [Op.MWIN, gid, 0, leaf, ver, entries];
}

/** `[uid, name, top_role, status]`. */
export type WindowEntry = readonly [uid: number, name: string, topRole: number, status: number];

/**
 * OK of MWIN_OPEN.
 * @param rid request id
 * @param m version and groups of the list, and the leaves that are open now, in list order
 */
export function okWindowFrame(
  rid: number,
  m: {
    readonly ver: number;
    readonly groups: readonly (readonly [role: number, count: number])[];
    readonly leaves: readonly {
      readonly leaf: number;
      readonly ver: number;
      readonly index: number;
      readonly entries: readonly WindowEntry[];
    }[];
  },
): Frame {
  const leaves = m.leaves.map(({ leaf, ver, index, entries }) => [leaf, ver, index, entries]);
  return [Op.OK, rid, m.ver, m.groups, leaves];
}

/**
 * OK of MEMBERS: fewer members than given rather than a frame over 128 KiB.
 * @param rid request id
 * @param members found ones, in order
 */
export function okMembersFrame(rid: number, members: readonly MemberResult[]): Frame {
  const list: WireValue[] = [];
  let left = Limits.outboundFrameBytesMax - MEMBER_BYTES;
  for (const { uid, name, nick, topRole, roles, status } of members) {
    const text = utf8Length(name) + utf8Length(nick ?? '');
    left -= MEMBER_BYTES + text * ESCAPE_FACTOR + roles.length * ROLE_BYTES;
    if (left < 0) break;
    list.push([uid, name, nick, topRole, roles, status]);
  }
  return [Op.OK, rid, list];
}
