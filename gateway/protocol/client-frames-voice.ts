/**
 * Builders of a client's voice frames: V_JOIN to V_E2E (protocol.md 2.4, 2.15). Pure functions; run anywhere.
 */
import { Op } from './ops.ts';
import type { Frame } from './types.ts';

/**
 * V_JOIN: into a voice channel. Again by the same session: the same membership, its media begins anew.
 * @param rid request id
 * @param sid voice channel
 * @param rtpCaps what the device can receive, JSON text
 * @param flags VoiceJoin bits
 * @param e2e highest version of end-to-end encryption, 0 for none
 * @param dtls the client's DTLS parameters for the transports of a bundled answer, JSON text
 */
export function vJoinFrame(
  rid: number,
  sid: number,
  rtpCaps: string,
  flags: number,
  e2e: number,
  dtls?: string,
): Frame {
  const more = dtls === undefined ? [] : [dtls];
  return [Op.V_JOIN, rid, sid, rtpCaps, flags, e2e, ...more];
}

/**
 * V_LEAVE.
 * @param rid request id
 * @param vsid membership
 */
export function vLeaveFrame(rid: number, vsid: number): Frame {
  return [Op.V_LEAVE, rid, vsid];
}

/**
 * V_TRANSPORT: what a transport is made from.
 * @param rid request id
 * @param vsid membership
 * @param dir 1 to send, 2 to receive
 */
export function vTransportFrame(rid: number, vsid: number, dir: 1 | 2): Frame {
  return [Op.V_TRANSPORT, rid, vsid, dir];
}

/**
 * V_CONNECT: the client's side of a transport.
 * @param rid request id
 * @param vsid membership
 * @param tid transport
 * @param dtls DTLS parameters, JSON text
 */
export function vConnectFrame(rid: number, vsid: number, tid: number, dtls: string): Frame {
  return [Op.V_CONNECT, rid, vsid, tid, dtls];
}

/**
 * V_PRODUCE: what the client sends.
 * @param rid request id
 * @param vsid membership
 * @param tid transport to send
 * @param cnonce one per intention; a repeat gives the same pid
 * @param media 1 audio, 2 video, 3 screen
 * @param rtp RTP parameters, JSON text
 * @param flags bit 0: begins paused
 */
export function vProduceFrame(
  rid: number,
  vsid: number,
  tid: number,
  cnonce: string,
  media: number,
  rtp: string,
  flags: number,
): Frame {
  return [Op.V_PRODUCE, rid, vsid, tid, cnonce, media, rtp, flags];
}

/**
 * V_CONSUME: what somebody else sends; comes paused.
 * @param rid request id
 * @param vsid membership
 * @param tid transport to receive
 * @param pid producer
 */
export function vConsumeFrame(rid: number, vsid: number, tid: number, pid: number): Frame {
  return [Op.V_CONSUME, rid, vsid, tid, pid];
}

/**
 * V_PAUSE, or go on.
 * @param rid request id
 * @param vsid membership
 * @param id own producer or consumer
 * @param paused false: go on
 */
export function vPauseFrame(rid: number, vsid: number, id: number, paused: boolean): Frame {
  return [Op.V_PAUSE, rid, vsid, id, paused];
}

/**
 * V_CLOSE.
 * @param rid request id
 * @param vsid membership
 * @param id own transport, producer or consumer
 */
export function vCloseFrame(rid: number, vsid: number, id: number): Frame {
  return [Op.V_CLOSE, rid, vsid, id];
}

/**
 * V_STATE: what others see.
 * @param rid request id
 * @param vsid membership
 * @param mute does not speak
 * @param deaf does not hear
 * @param flags VoiceState bits; null: as before
 */
export function vStateFrame(
  rid: number,
  vsid: number,
  mute: boolean,
  deaf: boolean,
  flags: number | null = null,
): Frame {
  return flags === null
    ? [Op.V_STATE, rid, vsid, mute, deaf]
    : [Op.V_STATE, rid, vsid, mute, deaf, flags];
}

/**
 * V_ICE: new ICE parameters for a transport that lost its way.
 * @param rid request id
 * @param vsid membership
 * @param tid transport
 */
export function vIceFrame(rid: number, vsid: number, tid: number): Frame {
  return [Op.V_ICE, rid, vsid, tid];
}

/**
 * V_SYNC: after a reconnect or a skipped `ver`: who is there, what of the own is gone.
 * @param rid request id
 * @param vsid membership
 * @param tids own transports
 * @param pids own producers
 * @param cids own consumers
 */
export function vSyncFrame(
  rid: number,
  vsid: number,
  tids: readonly number[],
  pids: readonly number[],
  cids: readonly number[],
): Frame {
  return [Op.V_SYNC, rid, vsid, tids, pids, cids];
}

/**
 * V_E2E: key material, relayed unread.
 * @param rid request id
 * @param vsid membership
 * @param to user, or null for everybody in the room
 * @param type the clients' own
 * @param data base64
 */
export function vE2eFrame(
  rid: number,
  vsid: number,
  to: number | null,
  type: number,
  data: string,
): Frame {
  return [Op.V_E2E, rid, vsid, to, type, data];
}
