/**
 * Builders of what a server says about voice: VOICE and the OKs of V_JOIN, V_TRANSPORT, V_CONSUME and V_SYNC (protocol.md
 * 2.4, 2.15). Pure functions; run on gateway threads.
 */
import { Op } from './ops.ts';
import type { Frame, WireValue } from './types.ts';

/** Somebody in a room: `[uid, flags, [[pid, media, paused], ...]]`. */
export type ParticipantElement = readonly [
  uid: number,
  flags: number,
  producers: readonly (readonly [pid: number, media: number, paused: boolean])[],
];

/** A transport: `[tid, J]`. */
interface Offer {
  readonly tid: number;
  readonly params: string;
}

/**
 * VOICE.
 * @param vsid membership of the receiver
 * @param ver rises by one per change of the roster
 * @param kind VoiceKind
 * @param body elements of the kind
 */
export function voiceFrame(
  vsid: number,
  ver: number,
  kind: number,
  body: readonly WireValue[],
): Frame {
  return [Op.VOICE, vsid, ver, kind, ...body];
}

/**
 * OK of V_JOIN; without a bundle it ends behind the epoch.
 * @param rid request id
 * @param m the membership, the room, and with VoiceJoin.BUNDLED the transports and consumers
 */
export function okVJoinFrame(
  rid: number,
  m: {
    readonly vsid: number;
    readonly ver: number;
    readonly routerCaps: string;
    readonly iceServers: string;
    readonly participants: readonly ParticipantElement[];
    readonly e2e: number;
    readonly epoch: number;
    readonly bundle?:
      | {
          readonly send: Offer | null;
          readonly receive: Offer;
          readonly consumers: readonly {
            readonly pid: number;
            readonly cid: number;
            readonly media: number;
            readonly rtp: string;
          }[];
        }
      | undefined;
  },
): Frame {
  const { bundle, e2e, epoch, iceServers, participants, routerCaps, ver, vsid } = m;
  const base = [Op.OK, rid, vsid, ver, routerCaps, iceServers, participants, e2e, epoch] as const;
  if (bundle === undefined) return base;
  const { consumers, receive, send } = bundle;
  return [
    ...base,
    send === null ? null : [send.tid, send.params],
    [receive.tid, receive.params],
    consumers.map(({ cid, media, pid, rtp }) => [pid, cid, media, rtp]),
  ];
}

/**
 * OK of V_SYNC.
 * @param rid request id
 * @param m everybody who is there, and what of the client's own is gone
 */
export function okVSyncFrame(
  rid: number,
  m: {
    readonly ver: number;
    readonly participants: readonly ParticipantElement[];
    readonly lostTids: readonly number[];
    readonly lostPids: readonly number[];
    readonly lostCids: readonly number[];
  },
): Frame {
  return [Op.OK, rid, m.ver, m.participants, m.lostTids, m.lostPids, m.lostCids];
}
