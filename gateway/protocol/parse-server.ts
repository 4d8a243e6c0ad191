/**
 * Reads a decoded frame of a server, and the results of OK by request. Extra elements are ignored,
 * missing ones count as nil; null means "not what this version understands". Pure; runs anywhere.
 */
import { eventOfFrame } from './event.ts';
import { isU32, isU53 } from './limits.ts';
import { Op } from './ops.ts';
import { parseReceipt, parseUnread } from './parse-notices.ts';
import { parsePresence, parseTyping, parseWindow } from './parse-presence.ts';
import { parseVoice } from './parse-voice.ts';
import type {
  AppendResult,
  Frame,
  GuildChannel,
  GuildResult,
  HelloLimits,
  HistoryResult,
  IdentifyResult,
  ServerFrame,
  StreamEvent,
  SubResult,
  SyncResult,
  WireValue,
} from './types.ts';

type Values = readonly WireValue[];
type MaybeValue = WireValue | undefined;

/**
 * Reads a frame of the server.
 * @param frame decoded with depth 8
 * @returns the frame; null for an unknown opcode (ignore it) or wrong element types
 */
export function parseServerFrame(frame: Frame | Values): ServerFrame | null {
  switch (frame[0]) {
    case Op.EV: {
      const event = eventOfFrame(frame);
      return event === null ? null : { op: Op.EV, event };
    }
    case Op.BATCH:
      return parseBatch(frame[1]);
    case Op.PING:
      return isU53(frame[1]) ? { op: Op.PING, ts: frame[1] } : null;
    case Op.OK:
      return isU32(frame[1]) ? { op: Op.OK, rid: frame[1], result: frame.slice(2) } : null;
    case Op.ERR:
      return parseErr(frame);
    case Op.HELLO:
      return parseHello(frame);
    case Op.AUTH_EXPIRING:
      return isU53(frame[1]) ? { op: Op.AUTH_EXPIRING, msLeft: frame[1] } : null;
    case Op.RECONNECT:
      return parseReconnect(frame);
    case Op.HEAD:
      return parseHead(frame);
    case Op.GAP:
      return parseGap(frame);
    case Op.UNREAD:
      return parseUnread(frame);
    case Op.TYPING:
      return parseTyping(frame);
    case Op.PRESENCE:
      return parsePresence(frame);
    case Op.MWIN:
      return parseWindow(frame);
    case Op.VOICE:
      return parseVoice(frame);
    case Op.RECEIPT:
      return parseReceipt(frame);
    case Op.SUBEND:
      return isU53(frame[1]) && isU53(frame[2])
        ? { op: Op.SUBEND, sid: frame[1], code: frame[2] }
        : null;
    default:
      return null;
  }
}

function isList(value: MaybeValue): value is Values {
  return Array.isArray(value);
}

/** All of them, or null when one is no u53. */
function numbers(values: Values): readonly number[] | null {
  return values.every(isU53) ? values : null;
}

/** Maps a list, null when it is none or one element does not fit. */
function mapList<T>(value: MaybeValue, read: (item: WireValue) => T | null): T[] | null {
  if (!isList(value)) return null;
  const out: T[] = [];
  for (const item of value) {
    const read1 = read(item);
    if (read1 === null) return null;
    out.push(read1);
  }
  return out;
}

function parseBatch(value: MaybeValue): ServerFrame | null {
  if (!isList(value)) return null;
  const frames: ServerFrame[] = [];
  for (const item of value) {
    if (!isList(item) || item[0] === Op.BATCH) continue;
    const frame = parseServerFrame(item);
    if (frame !== null) frames.push(frame);
  }
  return { op: Op.BATCH, frames };
}

function parseErr(frame: Values): ServerFrame | null {
  const [, rid, code, name, retryMs = null, info = null] = frame;
  if (!isU32(rid) || !isU53(code)) return null;
  return {
    op: Op.ERR,
    rid,
    code,
    name: typeof name === 'string' ? name : '',
    retryMs: isU53(retryMs) ? retryMs : null,
    info,
  };
}

function parseHello(frame: Values): ServerFrame | null {
  const [, ver, node, pingMs, deadlineMs, herdMs, challenge, list] = frame;
  if (!isU53(ver) || typeof node !== 'string' || typeof challenge !== 'string') return null;
  if (!isU53(pingMs) || !isU53(deadlineMs) || !isU53(herdMs)) return null;
  const limits = parseLimits(list);
  if (limits === null) return null;
  return { op: Op.HELLO, ver, node, pingMs, deadlineMs, herdMs, challenge, limits };
}

function parseLimits(value: MaybeValue): HelloLimits | null {
  const list = isList(value) ? numbers(value.slice(0, 7)) : null;
  if (list === null || list.length < 7) return null;
  return {
    maxFrameBytes: list[0] as number,
    maxStreams: list[1] as number,
    maxInflight: list[2] as number,
    maxContent: list[3] as number,
    dedupeMs: list[4] as number,
    replayMax: list[5] as number,
    batchMax: list[6] as number,
  };
}

function parseReconnect(frame: Values): ServerFrame | null {
  const [, minMs, maxMs, url = null, reason] = frame;
  if (!isU53(minMs) || !isU53(maxMs)) return null;
  return {
    op: Op.RECONNECT,
    minMs,
    maxMs,
    url: typeof url === 'string' ? url : null,
    reason: typeof reason === 'string' ? reason : '',
  };
}

function parseHead(frame: Values): ServerFrame | null {
  const [, sid, epoch, seq, ts] = frame;
  if (!isU53(sid) || !isU32(epoch) || !isU53(seq) || !isU53(ts)) return null;
  return { op: Op.HEAD, sid, epoch, seq, ts };
}

function parseGap(frame: Values): ServerFrame | null {
  const [, sid, reason, epoch, from, to, ts] = frame;
  if (!isU53(sid) || !isU53(reason) || !isU32(epoch)) return null;
  if (!isU53(from) || !isU53(to) || !isU53(ts)) return null;
  return { op: Op.GAP, sid, reason, epoch, from, to, ts };
}

/**
 * Result of IDENTIFY.
 * @param result elements after the rid
 * @returns null when an element has the wrong type
 */
export function parseIdentifyResult(result: Values): IdentifyResult | null {
  const [session, resumeKey] = result;
  if (typeof session !== 'string' || typeof resumeKey !== 'string') return null;
  const list = numbers(result.slice(2, 9));
  if (list === null || list.length < 7) return null;
  const guilds = mapList(result[9], (item) => {
    if (!isList(item)) return null;
    const [gid, name, large] = item;
    return isU53(gid) && typeof name === 'string' ? { gid, name, large: large === true } : null;
  });
  if (guilds === null) return null;
  return {
    session,
    resumeKey,
    connNo: list[0] as number,
    uid: list[1] as number,
    userSid: list[2] as number,
    expMs: list[3] as number,
    durability: list[4] as number,
    caps: list[5] as number,
    now: list[6] as number,
    guilds,
  };
}

/**
 * Result of SUB.
 * @param result elements after the rid
 * @returns null when an element has the wrong type
 */
export function parseSubResult(result: Values): readonly SubResult[] | null {
  return mapList(result[0], (item) => {
    const list = isList(item) ? numbers(item.slice(0, 7)) : null;
    if (list === null || list.length < 7) return null;
    return {
      sid: list[0] as number,
      status: list[1] as number,
      epoch: list[2] as number,
      seq: list[3] as number,
      ts: list[4] as number,
      first: list[5] as number,
      head: list[6] as number,
    };
  });
}

/**
 * Result of APPEND.
 * @param result elements after the rid
 * @returns null when an element has the wrong type
 */
export function parseAppendResult(result: Values): AppendResult | null {
  const [epoch, seq, ts, duplicate] = result;
  if (!isU32(epoch) || !isU53(seq) || !isU53(ts)) return null;
  return { epoch, seq, ts, duplicate: duplicate === true };
}

/**
 * Result of HISTORY.
 * @param result elements after the rid
 * @returns null when an element has the wrong type
 */
export function parseHistoryResult(result: Values): HistoryResult | null {
  const [epoch, first, head, list] = result;
  if (!isU32(epoch) || !isU53(first) || !isU53(head)) return null;
  const events = mapList<StreamEvent>(list, (item) => (isList(item) ? eventOfFrame(item) : null));
  return events === null ? null : { epoch, first, head, events };
}

/**
 * Result of SYNC.
 * @param result elements after the rid
 * @returns null when an element has the wrong type
 */
export function parseSyncResult(result: Values): readonly SyncResult[] | null {
  return mapList(result[0], (item) => {
    if (!isList(item)) return null;
    const [sid, epoch, seq, ts] = item;
    if (!isU53(sid) || !isU32(epoch) || !isU53(seq) || !isU53(ts)) return null;
    return { sid, epoch, seq, ts };
  });
}

/**
 * Result of GUILD.
 * @param result elements after the rid
 * @returns null when an element has the wrong type
 */
export function parseGuildResult(result: Values): GuildResult | null {
  const [aclVer, channelList, roleList, viewList, large] = result;
  const channels = mapList(channelList, parseGuildChannel);
  const roles = mapList(roleList, (item) => {
    if (!isList(item)) return null;
    const [id, name, color, position, perms] = item;
    if (!isU53(id) || typeof name !== 'string') return null;
    if (!isU53(color) || !isU53(position) || !isU53(perms)) return null;
    return [id, name, color, position, perms] as const;
  });
  const viewSids = mapList(viewList, (item) => (isU53(item) ? item : null));
  if (!isU53(aclVer) || channels === null || roles === null || viewSids === null) return null;
  return { aclVer, channels, roles, viewSids, large: large === true };
}

function parseGuildChannel(item: WireValue): GuildChannel | null {
  if (!isList(item)) return null;
  const [sid, type, name, perms, epoch, seq, ts, marker = 0] = item;
  if (!isU53(sid) || !isU53(type) || typeof name !== 'string' || !isU53(perms)) return null;
  if (!isU32(epoch) || !isU53(seq) || !isU53(ts) || !isU53(marker)) return null;
  return { sid, type, name, perms, epoch, seq, ts, marker };
}
