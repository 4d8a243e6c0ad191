/**
 * Reads the V_ requests of a client, and what a server answers and sends about voice (protocol.md 2.4, 2.15). `J` values
 * are measured, never parsed: that is the room's. Pure functions; run anywhere.
 */
import { isNonce, utf8Length } from './content.ts';
import type { ErrCode } from './err-codes.ts';
import { Err } from './err-codes.ts';
import { VoiceJoin, VoiceState } from './kinds.ts';
import { isU32, isU53, Limits } from './limits.ts';
import { Op } from './ops.ts';
import type { Frame, VoiceFrame, WireValue } from './types.ts';
import type {
  VoiceConsumerResult,
  VoiceJoinResult,
  VoiceMedia,
  VoiceParticipant,
  VoiceRequest,
  VoiceSyncResult,
  VoiceTransportResult,
} from './types-voice.ts';

type Values = readonly WireValue[];
type MaybeValue = WireValue | undefined;

/** Of V_JOIN: versions of end-to-end encryption. */
const U8_MAX = 255;
const JOIN_BITS = bitsOf(VoiceJoin);
const STATE_BITS = bitsOf(VoiceState);
/** Of V_PRODUCE: begins paused. */
const PRODUCE_BITS = 1;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

function bitsOf(bits: Readonly<Record<string, number>>): number {
  return Object.values(bits).reduce((all, bit) => all | bit, 0);
}

/** `[48, rid, sid, J rtp_caps, flags, e2e, J dtls?]`. */
export function parseVJoin(rid: number, frame: Frame): VoiceRequest | ErrCode {
  const [, , sid, rtpCaps, flags, e2e, dtls = null] = frame;
  if (!isU53(sid) || typeof rtpCaps !== 'string') return Err.BAD_ARGS;
  if (!isFlags(flags, JOIN_BITS) || !isU53(e2e) || e2e > U8_MAX) return Err.BAD_ARGS;
  const join = { op: Op.V_JOIN, rid, sid, rtpCaps, flags, e2e } as const;
  if (dtls === null) return longJ(rtpCaps) || join;
  if (typeof dtls !== 'string') return Err.BAD_ARGS;
  return longJ(rtpCaps) || longJ(dtls) || { ...join, dtls };
}

/** `[49, rid, vsid]`. */
export function parseVLeave(rid: number, [, , vsid]: Frame): VoiceRequest | ErrCode {
  return isU53(vsid) ? { op: Op.V_LEAVE, rid, vsid } : Err.BAD_ARGS;
}

/** `[50, rid, vsid, dir]`. */
export function parseVTransport(rid: number, [, , vsid, dir]: Frame): VoiceRequest | ErrCode {
  if (!isU53(vsid) || (dir !== 1 && dir !== 2)) return Err.BAD_ARGS;
  return { op: Op.V_TRANSPORT, rid, vsid, dir };
}

/** `[51, rid, vsid, tid, J dtls]`. */
export function parseVConnect(rid: number, [, , vsid, tid, dtls]: Frame): VoiceRequest | ErrCode {
  if (!isU53(vsid) || !isU53(tid) || typeof dtls !== 'string') return Err.BAD_ARGS;
  return longJ(dtls) || { op: Op.V_CONNECT, rid, vsid, tid, dtls };
}

/** `[52, rid, vsid, tid, cnonce, media, J rtp, flags]`. */
export function parseVProduce(rid: number, frame: Frame): VoiceRequest | ErrCode {
  const [, , vsid, tid, cnonce, media, rtp, flags = 0] = frame;
  if (!isU53(vsid) || !isU53(tid) || !isNonce(cnonce) || !isMedia(media)) return Err.BAD_ARGS;
  if (typeof rtp !== 'string' || !isFlags(flags, PRODUCE_BITS)) return Err.BAD_ARGS;
  return longJ(rtp) || { op: Op.V_PRODUCE, rid, vsid, tid, cnonce, media, rtp, flags };
}

/** `[53, rid, vsid, tid, pid]`. */
export function parseVConsume(rid: number, [, , vsid, tid, pid]: Frame): VoiceRequest | ErrCode {
  if (!isU53(vsid) || !isU53(tid) || !isU53(pid)) return Err.BAD_ARGS;
  return { op: Op.V_CONSUME, rid, vsid, tid, pid };
}

/** `[54, rid, vsid, id, paused]`. */
export function parseVPause(rid: number, [, , vsid, id, paused]: Frame): VoiceRequest | ErrCode {
  if (!isU53(vsid) || !isU53(id) || typeof paused !== 'boolean') return Err.BAD_ARGS;
  return { op: Op.V_PAUSE, rid, vsid, id, paused };
}

/** `[55, rid, vsid, id]`. */
export function parseVClose(rid: number, [, , vsid, id]: Frame): VoiceRequest | ErrCode {
  return isU53(vsid) && isU53(id) ? { op: Op.V_CLOSE, rid, vsid, id } : Err.BAD_ARGS;
}

/** `[56, rid, vsid, mute, deaf, flags?]`. */
export function parseVState(rid: number, frame: Frame): VoiceRequest | ErrCode {
  const [, , vsid, mute, deaf, flags = null] = frame;
  if (!isU53(vsid) || typeof mute !== 'boolean' || typeof deaf !== 'boolean') return Err.BAD_ARGS;
  if (flags !== null && !isFlags(flags, STATE_BITS)) return Err.BAD_ARGS;
  return { op: Op.V_STATE, rid, vsid, mute, deaf, flags };
}

/** `[57, rid, vsid, tid]`. */
export function parseVIce(rid: number, [, , vsid, tid]: Frame): VoiceRequest | ErrCode {
  return isU53(vsid) && isU53(tid) ? { op: Op.V_ICE, rid, vsid, tid } : Err.BAD_ARGS;
}

/** `[58, rid, vsid, [tid], [pid], [cid]]`. */
export function parseVSync(rid: number, frame: Frame): VoiceRequest | ErrCode {
  const [, , vsid, tids, pids, cids] = frame;
  if (!isU53(vsid) || !isIds(tids) || !isIds(pids) || !isIds(cids)) return Err.BAD_ARGS;
  return { op: Op.V_SYNC, rid, vsid, tids, pids, cids };
}

/** `[60, rid, vsid, to?, type, base64]`. */
export function parseVE2e(rid: number, frame: Frame): VoiceRequest | ErrCode {
  const [, , vsid, to = null, type, data] = frame;
  if (!isU53(vsid) || (to !== null && !isU53(to))) return Err.BAD_ARGS;
  if (!isU53(type) || type > U8_MAX || typeof data !== 'string') return Err.BAD_ARGS;
  if (data.length > Limits.voiceRelayBytesMax) return Err.TOO_LARGE;
  return BASE64.test(data) ? { op: Op.V_E2E, rid, vsid, to, type, data } : Err.BAD_ARGS;
}

function isFlags(value: MaybeValue, bits: number): value is number {
  return isU32(value) && (value & ~bits) === 0;
}

function isMedia(value: MaybeValue): value is VoiceMedia {
  return value === 1 || value === 2 || value === 3;
}

function isIds(value: MaybeValue): value is readonly number[] {
  return Array.isArray(value) && value.length <= Limits.voiceIdsMax && value.every(isU53);
}

/** 0, or the code for a `J` that is too long. A character has at most three bytes per UTF-16 unit. */
function longJ(json: string): 0 | ErrCode {
  const max = Limits.jsonBytesMax;
  if (json.length > max) return Err.TOO_LARGE;
  return json.length * 3 > max && utf8Length(json) > max ? Err.TOO_LARGE : 0;
}

// ---------------------------------------------------------------- of the server

/** `[23, vsid, ver, kind, ...body]`; null when an element has the wrong type. */
export function parseVoice([, vsid, ver, kind, ...body]: Values): VoiceFrame | null {
  if (!isU53(vsid) || !isU53(ver) || !isU53(kind)) return null;
  return { op: Op.VOICE, vsid, ver, kind, body };
}

/**
 * Result of V_JOIN.
 * @param result elements after the rid
 * @returns null when an element has the wrong type
 */
export function parseVJoinResult(result: Values): VoiceJoinResult | null {
  const [vsid, ver, routerCaps, iceServers, people, e2e, epoch = 0] = result;
  const participants = mapList(people, participant);
  if (!isU53(vsid) || !isU53(ver) || !isU53(e2e) || !isU53(epoch)) return null;
  if (typeof routerCaps !== 'string' || typeof iceServers !== 'string') return null;
  if (participants === null) return null;
  const bundle = parseBundle(result.slice(7));
  if (bundle === undefined) return null;
  return { vsid, ver, routerCaps, iceServers, participants, e2e, epoch, bundle };
}

/** null: none; undefined: not what this version understands. */
function parseBundle(elements: Values): VoiceJoinResult['bundle'] | undefined {
  const [send = null, receive = null, list = null] = elements;
  if (receive === null) return null;
  const consumers = mapList(list, (item) => {
    const [pid, cid, media, rtp] = item;
    if (!isU53(pid) || !isU53(cid) || !isU53(media) || typeof rtp !== 'string') return null;
    return { pid, cid, media, rtp };
  });
  const into = Array.isArray(receive) ? parseVTransportResult(receive) : null;
  const out = Array.isArray(send) ? parseVTransportResult(send) : null;
  if (into === null || consumers === null || (send !== null && out === null)) return undefined;
  return { send: out, receive: into, consumers };
}

function participant([uid, flags, list]: Values): VoiceParticipant | null {
  const producers = mapList(list, ([pid, media, paused]) => {
    return isU53(pid) && isU53(media) ? { pid, media, paused: paused === true } : null;
  });
  return isU53(uid) && isU53(flags) && producers !== null ? { uid, flags, producers } : null;
}

/**
 * Result of V_TRANSPORT.
 * @param result elements after the rid
 * @returns null when an element has the wrong type
 */
export function parseVTransportResult([tid, params]: Values): VoiceTransportResult | null {
  return isU53(tid) && typeof params === 'string' ? { tid, params } : null;
}

/**
 * Result of V_PRODUCE.
 * @param result elements after the rid
 * @returns the pid; null when it is no number
 */
export function parseVProduceResult([pid]: Values): number | null {
  return isU53(pid) ? pid : null;
}

/**
 * Result of V_CONSUME.
 * @param result elements after the rid
 * @returns null when an element has the wrong type
 */
export function parseVConsumeResult([cid, media, rtp]: Values): VoiceConsumerResult | null {
  if (!isU53(cid) || !isU53(media) || typeof rtp !== 'string') return null;
  return { cid, media, rtp };
}

/**
 * Result of V_ICE.
 * @param result elements after the rid
 * @returns new ICE parameters as JSON text; null when it is none
 */
export function parseVIceResult([ice]: Values): string | null {
  return typeof ice === 'string' ? ice : null;
}

/**
 * Result of V_SYNC.
 * @param result elements after the rid
 * @returns null when an element has the wrong type
 */
export function parseVSyncResult(result: Values): VoiceSyncResult | null {
  const [ver, people, lostTids, lostPids, lostCids] = result;
  const participants = mapList(people, participant);
  if (!isU53(ver) || participants === null) return null;
  if (!isNumbers(lostTids) || !isNumbers(lostPids) || !isNumbers(lostCids)) return null;
  return { ver, participants, lostTids, lostPids, lostCids };
}

function isNumbers(value: MaybeValue): value is readonly number[] {
  return Array.isArray(value) && value.every(isU53);
}

/** Maps a list of lists, null when it is none or one element does not fit. */
function mapList<T>(value: MaybeValue, read: (item: Values) => T | null): T[] | null {
  if (!Array.isArray(value)) return null;
  const out: T[] = [];
  for (const item of value as Values) {
    const one = Array.isArray(item) ? read(item as Values) : null;
    if (one === null) return null;
    out.push(one);
  }
  return out;
}
