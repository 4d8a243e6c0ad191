/**
 * Builders of the client's frames as arrays, ready for encodeFrame. Element order is protocol.md 2.4.
 * Pure functions; run anywhere.
 */
import { Op } from './ops.ts';
import type { Frame, SubEntry, WireValue } from './types.ts';

/**
 * IDENTIFY.
 * @param rid request id, u32 of at least 1
 * @param m token, proof of a key-bound token or null, client name (at most 64 bytes), caps, session to resume
 */
export function identifyFrame(
  rid: number,
  m: {
    readonly token: string;
    readonly proof?: string | null;
    readonly client: string;
    readonly caps?: number;
    readonly resume?: { readonly session: string; readonly key: string } | null;
  },
): Frame {
  const resume = m.resume ? [m.resume.session, m.resume.key] : null;
  return [Op.IDENTIFY, rid, m.token, m.proof ?? null, m.client, m.caps ?? 0, resume];
}

/** TIME. @param rid request id */
export function timeFrame(rid: number): Frame {
  return [Op.TIME, rid];
}

/**
 * REAUTH with a new token of the same user and login.
 * @param rid request id
 * @param token access token
 */
export function reauthFrame(rid: number, token: string): Frame {
  return [Op.REAUTH, rid, token];
}

/**
 * SUB, for the first time or to repair a hole.
 * @param rid request id
 * @param entries 1 to 100, each stream once
 */
export function subFrame(rid: number, entries: readonly SubEntry[]): Frame {
  const list = entries.map(({ sid, cursor }) =>
    cursor === null ? [sid] : [sid, cursor.epoch, cursor.seq, cursor.ts],
  );
  return [Op.SUB, rid, list];
}

/**
 * UNSUB.
 * @param rid request id
 * @param sids streams
 */
export function unsubFrame(rid: number, sids: readonly number[]): Frame {
  return [Op.UNSUB, rid, sids];
}

/**
 * APPEND.
 * @param rid request id
 * @param sid stream
 * @param nonce 1-36 of `[A-Za-z0-9_-]`, one per intention of the user
 * @param kind 1-7
 * @param body elements of the kind
 */
export function appendFrame(
  rid: number,
  sid: number,
  nonce: string,
  kind: number,
  body: readonly WireValue[],
): Frame {
  return [Op.APPEND, rid, sid, nonce, kind, ...body];
}

/**
 * HISTORY around an anchor.
 * @param rid request id
 * @param sid stream
 * @param anchor seq, 0 = head
 * @param before events with seq <= anchor
 * @param after events with seq > anchor; before + after at most 200
 */
export function historyFrame(
  rid: number,
  sid: number,
  anchor: number,
  before: number,
  after: number,
): Frame {
  return [Op.HISTORY, rid, sid, anchor, before, after];
}

/**
 * SYNC: which of these streams have moved.
 * @param rid request id
 * @param entries positions of the client
 */
export function syncFrame(
  rid: number,
  entries: readonly { readonly sid: number; readonly epoch: number; readonly seq: number }[],
): Frame {
  return [Op.SYNC, rid, entries.map(({ sid, epoch, seq }) => [sid, epoch, seq])];
}

/**
 * MARK: what was read.
 * @param rid request id
 * @param sid stream
 * @param seq newest event read
 */
export function markFrame(rid: number, sid: number, seq: number): Frame {
  return [Op.MARK, rid, sid, seq];
}

/**
 * GUILD.
 * @param rid request id
 * @param gid guild
 */
export function guildFrame(rid: number, gid: number): Frame {
  return [Op.GUILD, rid, gid];
}
