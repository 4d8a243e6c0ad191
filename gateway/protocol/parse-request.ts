/**
 * Reads a decoded frame of a client into a typed request, or says which ERR answers it
 * (protocol.md 2.4, 2.12, 2.17 items 7, 11 to 13, 21). Knows no session: what is legal when, rates and
 * rights are the gateway's. Pure functions; run on gateway threads.
 */
import { isNonce } from './content.ts';
import type { ErrCode } from './err-codes.ts';
import { Err } from './err-codes.ts';
import { isU32, isU53, Limits } from './limits.ts';
import { Op } from './ops.ts';
import { fits, parseAppendBody } from './parse-append.ts';
import { parseMark } from './parse-notices.ts';
import {
  parseMembers,
  parseStatus,
  parseType,
  parseWindowClose,
  parseWindowOpen,
} from './parse-presence.ts';
import {
  parseVClose,
  parseVConnect,
  parseVConsume,
  parseVE2e,
  parseVIce,
  parseVJoin,
  parseVLeave,
  parseVPause,
  parseVProduce,
  parseVState,
  parseVSync,
  parseVTransport,
} from './parse-voice.ts';
import type { Frame, ParsedRequest, Request, SubEntry, WireValue } from './types.ts';

/**
 * The rid of a frame: element 1 where it is a u32 of at least 1, else 0. TYPE has none.
 * @param frame decoded frame
 */
export function ridOf(frame: readonly WireValue[]): number {
  const rid = frame[0] === Op.TYPE ? 0 : frame[1];
  return isU32(rid) && rid > 0 ? rid : 0;
}

/**
 * Checks the arguments of a client's frame.
 * @param frame decoded frame of a client
 * @returns the request; or rid (0 when the frame has no valid one) and code 101 bad_args, 103 unknown
 *   op (the server's own ops and those of later versions included), 110 or 111
 */
export function parseRequest(frame: Frame): ParsedRequest {
  const rid = ridOf(frame);
  if (frame[0] === Op.TYPE) return typeRequest(frame);
  const parse = PARSERS.get(frame[0]);
  if (parse === undefined) return { ok: false, rid, code: Err.UNKNOWN_OP };
  const outcome = rid === 0 ? Err.BAD_ARGS : parse(rid, frame);
  if (typeof outcome === 'number') return { ok: false, rid, code: outcome };
  return { ok: true, request: outcome };
}

function typeRequest(frame: Frame): ParsedRequest {
  const request = parseType(frame);
  if (typeof request === 'number') return { ok: false, rid: 0, code: request };
  return { ok: true, request };
}

/** Index of the first body element of APPEND. */
const APPEND_BODY_AT = 5;

type Parser = (rid: number, frame: Frame) => Request | ErrCode;

const PARSERS: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [Op.IDENTIFY, parseIdentify],
  [Op.TIME, (rid) => ({ op: Op.TIME, rid })],
  [Op.REAUTH, parseReauth],
  [Op.SUB, parseSub],
  [Op.UNSUB, parseUnsub],
  [Op.APPEND, parseAppend],
  [Op.HISTORY, parseHistory],
  [Op.SYNC, parseSync],
  [Op.MARK, parseMark],
  [Op.STATUS, parseStatus],
  [Op.MWIN_OPEN, parseWindowOpen],
  [Op.MWIN_CLOSE, parseWindowClose],
  [Op.MEMBERS, parseMembers],
  [Op.V_JOIN, parseVJoin],
  [Op.V_LEAVE, parseVLeave],
  [Op.V_TRANSPORT, parseVTransport],
  [Op.V_CONNECT, parseVConnect],
  [Op.V_PRODUCE, parseVProduce],
  [Op.V_CONSUME, parseVConsume],
  [Op.V_PAUSE, parseVPause],
  [Op.V_CLOSE, parseVClose],
  [Op.V_STATE, parseVState],
  [Op.V_ICE, parseVIce],
  [Op.V_SYNC, parseVSync],
  [Op.V_E2E, parseVE2e],
  [Op.GUILD, (rid, [, , gid]) => (isU53(gid) ? { op: Op.GUILD, rid, gid } : Err.BAD_ARGS)],
]);

/** 0 when a token and a proof have the right form. */
function judgeToken(token: WireValue | undefined, proof: WireValue): ErrCode | 0 {
  if (typeof token !== 'string') return Err.BAD_ARGS;
  if (proof !== null && typeof proof !== 'string') return Err.BAD_ARGS;
  if (!fits(token, Limits.tokenBytesMax)) return Err.TOO_LARGE;
  return proof === null || fits(proof, Limits.stringBytesMax) ? 0 : Err.TOO_LARGE;
}

function parseIdentify(rid: number, frame: Frame): Request | ErrCode {
  const [, , token, proof = null, client, caps, resume = null] = frame;
  const code = judgeToken(token, proof);
  if (code !== 0) return code;
  if (typeof client !== 'string' || !isU32(caps)) return Err.BAD_ARGS;
  if (!fits(client, Limits.nameBytesMax)) return Err.TOO_LARGE;
  const base = { op: Op.IDENTIFY, rid, token: token as string, proof: proof as string | null };
  if (resume === null) return { ...base, client, caps, resume: null };
  if (!Array.isArray(resume)) return Err.BAD_ARGS;
  const [session, key] = resume as readonly WireValue[];
  if (typeof session !== 'string' || typeof key !== 'string') return Err.BAD_ARGS;
  if (!fits(session, Limits.nameBytesMax) || !fits(key, Limits.nameBytesMax)) return Err.TOO_LARGE;
  return { ...base, client, caps, resume: { session, key } };
}

function parseReauth(rid: number, frame: Frame): Request | ErrCode {
  const [, , token, proof = null] = frame;
  const code = judgeToken(token, proof);
  if (code !== 0) return code;
  return { op: Op.REAUTH, rid, token: token as string, proof: proof as string | null };
}

function parseSub(rid: number, frame: Frame): Request | ErrCode {
  const list = frame[2];
  if (!Array.isArray(list)) return Err.BAD_ARGS;
  if (list.length === 0 || list.length > Limits.subEntriesMax) return Err.BAD_ARGS;
  const entries: SubEntry[] = [];
  const seen = new Set<number>();
  for (const item of list as readonly WireValue[]) {
    const entry = parseSubEntry(item);
    if (entry === null || seen.has(entry.sid)) return Err.BAD_ARGS;
    seen.add(entry.sid);
    entries.push(entry);
  }
  return { op: Op.SUB, rid, entries };
}

function parseSubEntry(item: WireValue): SubEntry | null {
  if (!Array.isArray(item)) return null;
  const [sid, epoch = null, seq = null, ts = null] = item as readonly WireValue[];
  if (!isU53(sid)) return null;
  if (epoch === null && seq === null && ts === null) return { sid, cursor: null };
  if (!isU32(epoch) || !isU53(seq)) return null;
  // With seq 0 (start of the stream) ts is ignored, so it may be missing.
  if (seq === 0 && ts === null) return { sid, cursor: { epoch, seq, ts: 0 } };
  return isU53(ts) ? { sid, cursor: { epoch, seq, ts } } : null;
}

function parseUnsub(rid: number, frame: Frame): Request | ErrCode {
  const list = frame[2];
  if (!Array.isArray(list) || !list.every(isU53)) return Err.BAD_ARGS;
  return { op: Op.UNSUB, rid, sids: list };
}

function parseAppend(rid: number, frame: Frame): Request | ErrCode {
  const sid = frame[2];
  const nonce = frame[3];
  const kind = frame[4];
  if (!isU53(sid) || !isNonce(nonce) || !isU53(kind)) return Err.BAD_ARGS;
  const parsed = parseAppendBody(kind, frame, APPEND_BODY_AT);
  return parsed.ok ? { op: Op.APPEND, rid, sid, nonce, kind, body: parsed.body } : parsed.code;
}

function parseHistory(rid: number, frame: Frame): Request | ErrCode {
  const [, , sid, anchor, before, after] = frame;
  if (!isU53(sid) || !isU53(anchor) || !isU53(before) || !isU53(after)) return Err.BAD_ARGS;
  if (before + after > Limits.historyEventsMax) return Err.BAD_ARGS;
  return { op: Op.HISTORY, rid, sid, anchor, before, after };
}

function parseSync(rid: number, frame: Frame): Request | ErrCode {
  const list = frame[2];
  if (!Array.isArray(list)) return Err.BAD_ARGS;
  const entries: { sid: number; epoch: number; seq: number }[] = [];
  for (const item of list as readonly WireValue[]) {
    if (!Array.isArray(item)) return Err.BAD_ARGS;
    const [sid, epoch, seq] = item as readonly WireValue[];
    if (!isU53(sid) || !isU32(epoch) || !isU53(seq)) return Err.BAD_ARGS;
    entries.push({ sid, epoch, seq });
  }
  return { op: Op.SYNC, rid, entries };
}
