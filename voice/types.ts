/**
 * The contract of voice: what a gateway thread asks of a room, what a room tells gateway threads, and what a room asks of the media
 * workers. Types only. A room is the entity 'room' of a voice channel and lives on a `voice-<i>` thread; the ops are those of
 * protocol.md 2.15. A value that protocol.md calls `J` stays a string on gateway threads: the room parses it with its own schema.
 */
import type { Id, VoiceAct as ModerationAct, Ms } from '../channels/index.ts';
import type { Ref } from '../runtime/index.ts';

export type { VoiceAct as ModerationAct, VoiceSettings } from '../channels/index.ts';

/** Membership of one session in one room; unique in the life of a node. */
export type Vsid = number;
/** Ids of transports, producers and consumers: small numbers, unique in their room's life. */
export type TransportId = number;
export type ProducerId = number;
export type ConsumerId = number;

/** JSON text from a client, at most 24 KiB; never parsed on a gateway thread. */
export type JsonText = string;

export const MEDIA_AUDIO = 1;
export const MEDIA_VIDEO = 2;
export const MEDIA_SCREEN = 3;
export type Media = typeof MEDIA_AUDIO | typeof MEDIA_VIDEO | typeof MEDIA_SCREEN;

/** Bits of V_JOIN's flags; others are refused. */
export const JOIN_MUTED = 1;
export const JOIN_DEAF = 2;
/** Both transports, and consumers of everybody who talks, come with the answer (fewer round trips). */
export const JOIN_BUNDLED = 4;
/** Listener only: no transport to send. */
export const JOIN_LISTEN = 8;
/** With JOIN_BUNDLED: one transport for both directions, and consumers that do not begin paused. */
export const JOIN_COMPACT = 16;

/** Bit of V_PRODUCE's flags; others are refused: the producer begins paused. */
export const PRODUCE_PAUSED = 1;

/** Bits of a participant's flags. */
export const PART_MUTED = 1;
export const PART_DEAF = 2;
export const PART_SERVER_MUTED = 4;
export const PART_SERVER_DEAF = 8;
export const PART_PRIORITY = 16;
export const PART_SPEAKER = 32;
export const PART_HAND = 64;
export const PART_RECORDING = 128;

/** As in V_JOIN's answer and V_SYNC's: `[uid, flags, [[pid, media, paused], ...]]`. */
export type Participant = readonly [
  uid: Id,
  flags: number,
  producers: readonly (readonly [pid: ProducerId, media: Media, paused: boolean])[],
];

/** Kinds of VOICE (op 23); 12 and up go beyond protocol.md and are ignored by clients that do not know them. */
export const VOICE_JOINED = 1;
export const VOICE_LEFT = 2;
export const VOICE_STATE = 3;
export const VOICE_PRODUCER = 4;
export const VOICE_PRODUCER_CLOSED = 5;
export const VOICE_SPEAKING = 6;
export const VOICE_PRODUCER_PAUSED = 7;
export const VOICE_MOVED = 8;
export const VOICE_ENDED = 9;
export const VOICE_E2E = 10;
/** `[n]`: the media worker is another one; what was negotiated is gone, the membership is not: new transports. */
export const VOICE_EPOCH = 11;
/** `[pid, cid, media, J rtp]`: a consumer that was made for the receiver (bundled joins), paused. */
export const VOICE_CONSUMER = 12;
/** `[cid]`. */
export const VOICE_CONSUMER_CLOSED = 13;
/** `[{maxBitrate, ptime, dtx, fec}]` as JSON text: what the receiver's encoder should do. */
export const VOICE_QUALITY = 14;
/** `[on, uid]`. */
export const VOICE_RECORDING = 15;
/** `[uid]`, 0 for nobody: the dominant speaker. */
export const VOICE_DOMINANT = 16;
/** `[]`: make new transports while the old ones go on, produce there again, then V_CLOSE the old ones (planned move). */
export const VOICE_RELOCATE = 17;
/** `[file, uid]`: what is played into the room, '' when it is over; while it is, the roster has user 0. */
export const VOICE_PLAYBACK = 18;
/** `[epoch, [tid, J], [pid, ...], [[pid, cid, media, J], ...]]`: media of the new epoch, made without a request (JOIN_COMPACT with DTLS). */
export const VOICE_RENEWED = 19;

/** VOICE 9 `[reason]`. */
export type EndReason =
  | 'channel_deleted'
  /** By a moderator. */
  | 'disconnected'
  /** The right to be here is gone. */
  | 'forbidden'
  | 'e2e_required'
  /** The same user joined from another session. */
  | 'replaced'
  /** The connection did not come back in time. */
  | 'expired'
  /** The server stops. */
  | 'moving'
  | 'failed';

/** The level of a speaker in kind 6: 0 fell silent, 127 the loudest; 64 where only the client says that it speaks. */
export const LEVEL_MAX = 127;

export type VoiceErr =
  | 'not_found'
  | 'forbidden'
  | 'invalid'
  /** 601: no such vsid, or the room, its worker or its transport is gone: join again. */
  | 'voice_gone'
  /** 602. */
  | 'voice_full'
  /** 603: a `J` value that the schema or the media worker refuses, or an op out of order. */
  | 'voice_rejected'
  /** 604. */
  | 'e2e_required'
  /** 502 with retryMs: no media worker now, or still preparing. */
  | 'unavailable';

export type VoiceResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: VoiceErr; readonly retryMs?: Ms };

/** Where events of a membership go: the actor of the gateway thread that has the session's connection. */
export interface VoiceOutP {
  /** One event for some memberships of this gateway thread, in the room's order. */
  voice(m: {
    readonly vsids: readonly Vsid[];
    readonly ver: number;
    readonly kind: number;
    readonly body: readonly unknown[];
  }): void;
}

export interface JoinRequest {
  readonly uid: Id;
  readonly session: string;
  readonly gateway: Ref<VoiceOutP>;
  /** Number of the session's connection: rises with each resume. */
  readonly connNo: number;
  readonly rtpCaps: JsonText;
  readonly flags: number;
  /** Highest version of end-to-end encryption that the client knows, 0 for none. */
  readonly e2e: number;
  /** With JOIN_BUNDLED: the client's DTLS parameters for the transports of the answer, which need no V_CONNECT then. */
  readonly dtls?: JsonText;
}

/** What a transport is made from, as JSON text: id, iceParameters, iceCandidates, dtlsParameters. */
export interface TransportOffer {
  readonly tid: TransportId;
  readonly params: JsonText;
}

export interface ConsumerOffer {
  readonly pid: ProducerId;
  readonly cid: ConsumerId;
  readonly media: Media;
  readonly rtp: JsonText;
}

export interface Joined {
  readonly vsid: Vsid;
  /** This life of the room, to be monitored: with it ends the membership. */
  readonly room: Ref<unknown>;
  readonly ver: number;
  readonly epoch: number;
  readonly routerCaps: JsonText;
  readonly iceServers: JsonText;
  readonly participants: readonly Participant[];
  readonly e2e: number;
  /** With JOIN_BUNDLED only; written behind the elements of protocol.md. */
  readonly bundle?: {
    readonly send: TransportOffer | null;
    readonly receive: TransportOffer;
    readonly consumers: readonly ConsumerOffer[];
  };
}

/** What is played into a room. */
export interface RoomPlaying {
  /** null: nothing. */
  readonly now: { readonly file: string; readonly by: Id } | null;
  /** Names of the library, at most 500, in their order. */
  readonly files: readonly string[];
}

/** One op of a member: the session must be the one that joined. */
export interface Member {
  readonly vsid: Vsid;
  readonly session: string;
}

/**
 * The entity 'room', key = sid of the voice channel. Any thread may call. tid, pid and cid are of one number space; ids of
 * before the present epoch, and of anybody else, are 'voice_gone'.
 */
export interface RoomP {
  /** Again by the same session: the same vsid, its media begins anew, the mute and deaf bits are not looked at. */
  join(m: JoinRequest): VoiceResult<Joined>;
  leave(m: Member): VoiceResult<null>;
  transport(m: Member & { readonly dir: 1 | 2 }): VoiceResult<TransportOffer>;
  connect(m: Member & { readonly tid: TransportId; readonly dtls: JsonText }): VoiceResult<null>;
  /** A repeat of `cnonce` answers the same pid. */
  produce(
    m: Member & {
      readonly tid: TransportId;
      readonly cnonce: string;
      readonly media: Media;
      readonly rtp: JsonText;
      readonly flags: number;
    },
  ): VoiceResult<{ readonly pid: ProducerId }>;
  consume(
    m: Member & { readonly tid: TransportId; readonly pid: ProducerId },
  ): VoiceResult<ConsumerOffer>;
  pause(m: Member & { readonly id: number; readonly paused: boolean }): VoiceResult<null>;
  /** A transport, producer or consumer of one's own. */
  close(m: Member & { readonly id: number }): VoiceResult<null>;
  /** `hand`: asks to speak in a stage. `talk`: the key or the voice gate of the client is open. Absent: as before. */
  state(
    m: Member & {
      readonly mute: boolean;
      readonly deaf: boolean;
      readonly hand?: boolean;
      readonly talk?: boolean;
    },
  ): VoiceResult<null>;
  ice(m: Member & { readonly tid: TransportId }): VoiceResult<{ readonly ice: JsonText }>;
  sync(
    m: Member & {
      /** The present gateway of the session: a resumed one may be on another thread. */
      readonly gateway: Ref<VoiceOutP>;
      readonly connNo: number;
      readonly tids: readonly TransportId[];
      readonly pids: readonly ProducerId[];
      readonly cids: readonly ConsumerId[];
    },
  ): VoiceResult<{
    readonly room: Ref<unknown>;
    readonly ver: number;
    readonly participants: readonly Participant[];
    readonly lostTids: readonly TransportId[];
    readonly lostPids: readonly ProducerId[];
    readonly lostCids: readonly ConsumerId[];
  }>;
  e2e(
    m: Member & { readonly to: Id | null; readonly type: number; readonly data: string },
  ): VoiceResult<null>;
  /** Media stays for 60 s after the connection went (protocol.md 2.15). That of an older connection changes nothing. */
  connectionLost(m: Member & { readonly connNo: number }): void;
  /** Moderation: the right (move others, manage) is checked here. */
  moderate(m: {
    readonly by: Id;
    readonly target: Id;
    readonly act: ModerationAct;
  }): VoiceResult<null>;
  /** What is played, for those who may view the channel, and what could be, for those who may play. */
  playback(m: { readonly uid: Id }): VoiceResult<RoomPlaying>;
  /** Who is there, for those who may view the channel. */
  roster(m: { readonly uid: Id }): VoiceResult<readonly Participant[]>;
}
