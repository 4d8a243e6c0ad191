/**
 * Builders of the server's frames as arrays, ready for encodeFrame. Element order is protocol.md 2.4.
 * Pure functions; run on any thread.
 */
import { closeName } from './close-codes.ts';
import { errName } from './err-codes.ts';
import { Op } from './ops.ts';
import type {
  AppendResult,
  Cursor,
  Frame,
  GapFields,
  GuildResult,
  HelloFields,
  IdentifyResult,
  SubResult,
  SyncResult,
  WireValue,
} from './types.ts';

/**
 * HELLO, the first frame on every connection.
 * @param hello version, node, times in ms, challenge (22 base64url characters), limits
 */
export function helloFrame(hello: HelloFields): Frame {
  const { ver, node, pingMs, deadlineMs, herdMs, challenge, limits } = hello;
  const { maxFrameBytes, maxStreams, maxInflight, maxContent, dedupeMs, replayMax, batchMax } =
    limits;
  const list = [maxFrameBytes, maxStreams, maxInflight, maxContent, dedupeMs, replayMax, batchMax];
  return [Op.HELLO, ver, node, pingMs, deadlineMs, herdMs, challenge, list];
}

/**
 * OK with any result. For HISTORY use glueHistoryOk.
 * @param rid request id
 * @param result elements after the rid
 */
export function okFrame(rid: number, ...result: WireValue[]): Frame {
  return [Op.OK, rid, ...result];
}

/**
 * OK of IDENTIFY.
 * @param rid request id
 * @param r session, resume key and the rest of protocol.md 2.4
 */
export function okIdentifyFrame(rid: number, r: IdentifyResult): Frame {
  const guilds = r.guilds.map((guild) => [guild.gid, guild.name, guild.large]);
  const { session, resumeKey, connNo, uid, userSid, expMs, durability, caps, now } = r;
  return [
    Op.OK,
    rid,
    session,
    resumeKey,
    connNo,
    uid,
    userSid,
    expMs,
    durability,
    caps,
    now,
    guilds,
  ];
}

/**
 * OK of SUB.
 * @param rid request id
 * @param entries one per entry of the request, in its order; all numbers 0 for status 3
 */
export function okSubFrame(rid: number, entries: readonly SubResult[]): Frame {
  return [Op.OK, rid, entries.map((e) => [e.sid, e.status, e.epoch, e.seq, e.ts, e.first, e.head])];
}

/**
 * OK of APPEND.
 * @param rid request id
 * @param r epoch, seq, ts and whether it is a repeat
 */
export function okAppendFrame(rid: number, r: AppendResult): Frame {
  return [Op.OK, rid, r.epoch, r.seq, r.ts, r.duplicate];
}

/**
 * OK of SYNC.
 * @param rid request id
 * @param entries streams whose position differs from the client's
 */
export function okSyncFrame(rid: number, entries: readonly SyncResult[]): Frame {
  return [Op.OK, rid, entries.map((e) => [e.sid, e.epoch, e.seq, e.ts])];
}

/**
 * The bits of `perms` that protocol.md defines, which an owner has all of. Ours beyond them are the server's to judge, and shown by
 * the roles that hold them.
 */
const PERMS_SHOWN = 0x3ff;

/**
 * OK of GUILD.
 * @param rid request id
 * @param guild channels that this user may see, roles with the everyone role first, view streams
 */
export function okGuildFrame(rid: number, guild: GuildResult): Frame {
  const channels = guild.channels.map((c) => [
    c.sid,
    c.type,
    c.name,
    c.perms & PERMS_SHOWN,
    c.epoch,
    c.seq,
    c.ts,
    c.marker,
  ]);
  return [Op.OK, rid, guild.aclVer, channels, guild.roles, guild.viewSids, guild.large];
}

/**
 * ERR of a request.
 * @param rid request id, 0 = not tied to a request
 * @param code ERR code
 * @param retryMs the same request may be sent again after this; leave out when not
 * @param info anything more for a developer, never a secret
 */
export function errFrame(rid: number, code: number, retryMs?: number, info?: WireValue): Frame {
  const frame: [number, ...WireValue[]] = [Op.ERR, rid, code, errName(code)];
  if (retryMs !== undefined || info !== undefined) frame.push(retryMs ?? null);
  if (info !== undefined) frame.push(info);
  return frame;
}

/**
 * ERR with rid 0 that precedes a close (protocol.md 2.17 item 10).
 * @param code close code
 */
export function closeErrFrame(code: number): Frame {
  return [Op.ERR, 0, code, closeName(code)];
}

/**
 * PING, never answered.
 * @param ts server time in ms since 1970
 */
export function pingFrame(ts: number): Frame {
  return [Op.PING, ts];
}

/**
 * AUTH_EXPIRING.
 * @param msLeft until the access token expires
 */
export function authExpiringFrame(msLeft: number): Frame {
  return [Op.AUTH_EXPIRING, msLeft];
}

/**
 * RECONNECT at a drain.
 * @param minMs start of the window
 * @param maxMs end of the window
 * @param url other server, or null
 * @param reason ASCII word
 */
export function reconnectFrame(
  minMs: number,
  maxMs: number,
  url: string | null,
  reason: string,
): Frame {
  return [Op.RECONNECT, minMs, maxMs, url, reason];
}

/**
 * HEAD of a stream.
 * @param sid stream id
 * @param at its head
 */
export function headFrame(sid: number, at: Cursor): Frame {
  return [Op.HEAD, sid, at.epoch, at.seq, at.ts];
}

/**
 * GAP in a stream.
 * @param gap range that will not be delivered, and the position after it
 */
export function gapFrame(gap: GapFields): Frame {
  return [Op.GAP, gap.sid, gap.reason, gap.epoch, gap.from, gap.to, gap.ts];
}

/**
 * SUBEND: the server ended a subscription.
 * @param sid stream id
 * @param code ERR code, 301 when the right to view is gone
 */
export function subEndFrame(sid: number, code: number): Frame {
  return [Op.SUBEND, sid, code];
}
