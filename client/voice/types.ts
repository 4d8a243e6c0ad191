/**
 * What the parts of the voice client tell each other: the connection below, the media engine beside, the audio output above. Types
 * only; the session is tested with fakes of all three.
 */
import type { Frame, VoiceFrame, VoiceTransportResult } from '../../gateway/protocol/index.ts';
import type { Reply } from '../connection.ts';
import type { Unlisten } from '../emitter.ts';

/** JSON text, passed on as it is. */
export type JsonText = string;

/** Media 1 of protocol.md 2.15. */
export const MEDIA_AUDIO = 1;

/** The connection that carries control. It heals by itself; voice only hears of it. */
export interface VoicePort {
  request(build: (rid: number) => Frame): Promise<Reply>;
  onVoice(listener: (frame: VoiceFrame) => void): Unlisten;
  /** Identified on a new connection. */
  onOnline(listener: () => void): Unlisten;
  isOnline(): boolean;
}

/** A transport of the server: `params` holds id, iceParameters, iceCandidates, dtlsParameters. */
export type TransportOffer = VoiceTransportResult;

/** A consumer of the server, paused until the client has built its side. */
export interface ConsumerOffer {
  readonly pid: number;
  readonly cid: number;
  readonly media: number;
  readonly rtp: JsonText;
}

/** State of a connection to the media server, as RTCPeerConnection names it. */
export type TransportState =
  | 'new'
  | 'connecting'
  | 'connected'
  | 'disconnected'
  | 'failed'
  | 'closed';

/** How the encoder works. */
export interface EncoderSettings {
  /** bit/s */
  readonly maxBitrate: number;
  /** Nothing is sent in silence. */
  readonly dtx: boolean;
  /** Each packet carries a coarse copy of the one before. */
  readonly fec: boolean;
  readonly stereo: boolean;
}

/** What a transport asks of the session. They reject when the server refuses. */
export interface SendWire {
  connect(dtls: JsonText): Promise<void>;
  /** Resolves with the server's pid. */
  produce(rtp: JsonText): Promise<number>;
}

/** One direction of media. */
export interface MediaTransport {
  onState(listener: (state: TransportState) => void): void;
  restartIce(ice: JsonText): Promise<void>;
  /** Connectivity checks on the way in use; null where nothing is known of them. */
  checks(): Promise<{ readonly sent: number; readonly answered: number } | null>;
  close(): void;
}

/** The microphone on its way out. */
export interface SentTrack {
  readonly pid: number;
  setPaused(isPaused: boolean): void;
  replace(track: MediaStreamTrack): Promise<void>;
  /** Without a new negotiation. */
  tune(maxBitrate: number): Promise<void>;
  stats(): Promise<RTCStatsReport>;
}

export interface SendTransport extends MediaTransport {
  produce(track: MediaStreamTrack, encoder: EncoderSettings): Promise<SentTrack>;
}

/** Somebody's voice on its way in. */
export interface ReceivedTrack {
  readonly track: MediaStreamTrack;
  /** Resolves with the first packet; never, if none comes. */
  readonly started: Promise<void>;
  /** 0 to 1, of the last packet; null when none has come. */
  level(): number | null;
  stats(): Promise<RTCStatsReport>;
  close(): void;
}

export interface ReceiveTransport extends MediaTransport {
  consume(offer: ConsumerOffer, uid: number): Promise<ReceivedTrack>;
}

/** WebRTC, as the session sees it (mediasoup-engine.ts; fakes in tests). */
export interface MediaEngine {
  /** Learns what the server can do. Resolves with what this device can receive of it. */
  load(routerCaps: JsonText): Promise<JsonText>;
  send(offer: TransportOffer, iceServers: JsonText, wire: SendWire): SendTransport;
  receive(
    offer: TransportOffer,
    iceServers: JsonText,
    wire: Pick<SendWire, 'connect'>,
  ): ReceiveTransport;
}

/** Where voices are played (audio-output.ts; fakes in tests). */
export interface VoiceOutput {
  /** A second voice of a person takes the place of the first as soon as it has started: the same words on another way. */
  add(uid: number, cid: number, voice: Pick<ReceivedTrack, 'track' | 'started'>): void;
  remove(cid: number): void;
  setDeaf(isDeaf: boolean): void;
  /** Users whose voice makes the others quieter now. */
  setPriority(uids: ReadonlySet<number>): void;
}

/** Type of V_E2E messages that carry our keys; others are somebody else's protocol. */
export const E2E_KEYS = 1;

/** Keys of end-to-end encryption, as the session drives them (e2ee.ts; noted in tests). */
export interface KeyExchange {
  /** @param send passes a message to one user or (null) to all; resolves with whether the server did */
  start(send: (to: number | null, data: string) => Promise<boolean>): void;
  /** In the room, or back on a connection: messages may have been missed. */
  joined(uids: readonly number[]): void;
  /** Everybody in the room by now. */
  people(uids: readonly number[]): void;
  receive(from: number, data: string): void;
}
