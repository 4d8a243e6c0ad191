/**
 * Types of voice on the wire (protocol.md 2.4, 2.15): requests of a client and results. `J` values are
 * JSON text that nobody but the client and the room reads. Types only; runs nowhere.
 */
import type { Op } from './ops.ts';

/** A checked request about voice. vsid, tid, pid and cid are numbers that the server gave. */
export type VoiceRequest =
  | {
      readonly op: typeof Op.V_JOIN;
      readonly rid: number;
      readonly sid: number;
      readonly rtpCaps: string;
      /** VoiceJoin bits. */
      readonly flags: number;
      readonly e2e: number;
      /** With VoiceJoin.BUNDLED: of the client, for the transports of the answer. */
      readonly dtls?: string;
    }
  | VoiceMemberRequest;

/** A request within a membership. */
export type VoiceMemberRequest =
  | { readonly op: typeof Op.V_LEAVE; readonly rid: number; readonly vsid: number }
  | {
      readonly op: typeof Op.V_TRANSPORT;
      readonly rid: number;
      readonly vsid: number;
      /** 1 send, 2 receive. */
      readonly dir: 1 | 2;
    }
  | {
      readonly op: typeof Op.V_CONNECT;
      readonly rid: number;
      readonly vsid: number;
      readonly tid: number;
      readonly dtls: string;
    }
  | {
      readonly op: typeof Op.V_PRODUCE;
      readonly rid: number;
      readonly vsid: number;
      readonly tid: number;
      readonly cnonce: string;
      readonly media: VoiceMedia;
      readonly rtp: string;
      /** Bit 0: begins paused. */
      readonly flags: number;
    }
  | {
      readonly op: typeof Op.V_CONSUME;
      readonly rid: number;
      readonly vsid: number;
      readonly tid: number;
      readonly pid: number;
    }
  | {
      readonly op: typeof Op.V_PAUSE;
      readonly rid: number;
      readonly vsid: number;
      readonly id: number;
      readonly paused: boolean;
    }
  | {
      readonly op: typeof Op.V_CLOSE;
      readonly rid: number;
      readonly vsid: number;
      readonly id: number;
    }
  | {
      readonly op: typeof Op.V_STATE;
      readonly rid: number;
      readonly vsid: number;
      readonly mute: boolean;
      readonly deaf: boolean;
      /** VoiceState bits; null: as before. */
      readonly flags: number | null;
    }
  | {
      readonly op: typeof Op.V_ICE;
      readonly rid: number;
      readonly vsid: number;
      readonly tid: number;
    }
  | {
      readonly op: typeof Op.V_SYNC;
      readonly rid: number;
      readonly vsid: number;
      readonly tids: readonly number[];
      readonly pids: readonly number[];
      readonly cids: readonly number[];
    }
  | {
      readonly op: typeof Op.V_E2E;
      readonly rid: number;
      readonly vsid: number;
      /** null: everybody in the room. */
      readonly to: number | null;
      readonly type: number;
      readonly data: string;
    };

/** 1 audio, 2 video, 3 screen. */
export type VoiceMedia = 1 | 2 | 3;

/** Somebody in a room. */
export interface VoiceParticipant {
  readonly uid: number;
  /** VoicePart bits. */
  readonly flags: number;
  readonly producers: readonly {
    readonly pid: number;
    readonly media: number;
    readonly paused: boolean;
  }[];
}

/** What a transport is made from: tid and J. */
export interface VoiceTransportResult {
  readonly tid: number;
  readonly params: string;
}

/** A consumer that was made for the receiver, paused. */
export interface VoiceConsumerResult {
  readonly cid: number;
  readonly media: number;
  readonly rtp: string;
}

/** Result of V_JOIN. */
export interface VoiceJoinResult {
  readonly vsid: number;
  readonly ver: number;
  readonly routerCaps: string;
  readonly iceServers: string;
  readonly participants: readonly VoiceParticipant[];
  readonly e2e: number;
  readonly epoch: number;
  /** With VoiceJoin.BUNDLED only. */
  readonly bundle: {
    /** null for a listener. */
    readonly send: VoiceTransportResult | null;
    readonly receive: VoiceTransportResult;
    readonly consumers: readonly (VoiceConsumerResult & { readonly pid: number })[];
  } | null;
}

/** Result of V_SYNC: everybody who is there, and what of the client's own is gone. */
export interface VoiceSyncResult {
  readonly ver: number;
  readonly participants: readonly VoiceParticipant[];
  readonly lostTids: readonly number[];
  readonly lostPids: readonly number[];
  readonly lostCids: readonly number[];
}
