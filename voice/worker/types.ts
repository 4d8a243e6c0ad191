/**
 * The contract between a room and the media workers (mediasoup processes). Types only. Everything here lives on the voice thread
 * that hosts the room; nothing crosses a thread.
 *
 * Handles, not ids: a room keeps its own small numbers (tid, pid, cid) and maps them to the handles below. Closing cascades and is
 * not called back: a transport closes its producers and consumers, a producer its consumers (on every worker). `close()` may be
 * repeated; any other call on a closed handle answers `gone`. No call throws and no promise rejects.
 */
import type {
  DtlsParameters,
  IceCandidate,
  IceParameters,
  RtpCapabilities,
  RtpParameters,
  SrtpParameters,
} from 'mediasoup/types';
import type { Id } from '../../channels/index.ts';
import type { Ms } from '../../runtime/index.ts';
import type { Advice } from '../quality.ts';
import type { Media } from '../types.ts';

export type {
  DtlsParameters,
  IceCandidate,
  IceParameters,
  RtpCapabilities,
  RtpParameters,
  SrtpParameters,
} from 'mediasoup/types';

export type MediaErr =
  /** The worker refuses the value (603 voice_rejected); `message` is for logs, never for the wire. */
  | 'rejected'
  /** The handle is closed, or its worker died (601 voice_gone). */
  | 'gone'
  /** No worker: still starting, all slots out, or the bound of rooms or transports is reached (502 with retryMs). */
  | 'unavailable';

export type MediaResult<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly code: MediaErr;
      readonly message: string;
      readonly retryMs?: Ms;
    };

/** All media workers of one voice thread. Made by `createMediaPool`; in standby (no process, mediasoup not loaded) until the first `open`. */
export interface MediaPool {
  /**
   * The media side of a room on the least loaded worker. Starts the workers when they are in standby (about 0.2 s); after the death
   * of a worker the warm spare answers at once. One RoomMedia is one epoch: after `died` call `open` again.
   */
  open(options: OpenRoom): Promise<MediaResult<RoomMedia>>;
  /** What is there now; memory only, cheap. */
  status(): PoolStatus;
  /** Asks every room of a worker to go elsewhere (`mustRelocate`), resolves when it has none or after `withinMs`. A slot that does not exist: `gone`. */
  drain(slot: number, withinMs: Ms): Promise<MediaResult<null>>;
  /** Ends all workers; every open RoomMedia hears `died('closed')`. */
  close(): Promise<void>;
}

export interface OpenRoom {
  /** The voice channel; a second open RoomMedia of the same key is allowed (make before break over an epoch). */
  readonly key: Id;
  /** People expected soon, at least 1: the first guess of the load. */
  readonly people: number;
  /** bit/s per speaker, the ceiling of quality advice. */
  readonly bitrate: number;
  /** Music: stereo, no DTX, advice touches the bitrate only. */
  readonly music: boolean;
  readonly events: RoomMediaEvents;
}

/** Told by a RoomMedia, on the voice thread, outside any actor's turn: only pass it on to the room's mailbox. Must not throw. */
export interface RoomMediaEvents {
  /**
   * Everything of this RoomMedia is gone and every handle closed; once, and nothing after it. `killed`: its process ended.
   * `hung`: it did not answer for 2 s and was killed. `closed`: the pool was closed. The room opens again and begins a new epoch.
   */
  died(reason: 'killed' | 'hung' | 'closed'): void;
  transport(transport: MediaTransport, state: TransportState): void;
  /** The first packet of a producer has come. Once per producer. */
  live(producer: MediaProducer): void;
  /** With `observe(true)`: who is heard, loudest first, at most 16 and at most 4 times per second; an empty list when all fell silent. */
  levels(levels: readonly Level[]): void;
  /** With `observe(true)`: the dominant speaker changed. */
  dominant(producer: MediaProducer): void;
  /** What the encoder behind this send transport should do from now on (VOICE_QUALITY to its owner). */
  advice(transport: MediaTransport, advice: QualityAdvice): void;
  /** A producer sends more than four times what the channel allows, for 4 s: the room closes it. */
  excess(producer: MediaProducer, bitsPerSecond: number): void;
  /** The room should `relocate()` now: its worker is to be emptied (`drain`) or overloaded (`load`). What it does not move is lost at the end of a drain. */
  mustRelocate(reason: 'drain' | 'load'): void;
  /** After `relocate()`: nothing is left on the old worker. */
  relocated(): void;
}

/** ICE and DTLS as one: `disconnected` may come back by itself or by restartIce, `failed` and `closed` do not. */
export type TransportState =
  | 'new'
  | 'connecting'
  | 'connected'
  | 'disconnected'
  | 'failed'
  | 'closed';

export interface Level {
  readonly producer: MediaProducer;
  /** dBov, -127 (silence) to 0. */
  readonly dbov: number;
}

/** What an encoder should do from now on; as in VOICE_QUALITY. */
export type QualityAdvice = Advice;

/** The media side of one room in one epoch: one router, or several on several workers with pipes between them, which nobody sees. */
export interface RoomMedia {
  readonly key: Id;
  readonly closed: boolean;
  /** What clients load into their device: opus with NACK, mid and audio level, nothing else. Frozen; the same for all rooms. */
  readonly routerCaps: RtpCapabilities;
  /** Parallel calls are sent to the worker together. At most 2,000 open per room, then `unavailable`. */
  createTransport(options: TransportOptions): Promise<MediaResult<MediaTransport>>;
  /** Level and dominant speaker on or off. Off at first; on in rooms of 3 and more (in pairs it costs 8 % of the worker). */
  observe(on: boolean): Promise<MediaResult<null>>;
  /** The channel's settings changed. */
  configure(settings: { readonly bitrate: number; readonly music: boolean }): void;
  /** What a receiver itself reports (percent of samples concealed, loss 0 to 1): joins the sampled figures. */
  report(transport: MediaTransport, report: { readonly loss: number }): void;
  /**
   * Make before break: from the answer on new transports are made on another worker, while all that exists stays, and everybody
   * hears everybody across. The room has its members make new transports and closes the old ones; the last one ends the move.
   */
  relocate(): Promise<MediaResult<null>>;
  /** A producer's packets as plain RTP to a process on this machine (recording, mix). Never through Node. */
  tap(producer: MediaProducer, to: Endpoint): Promise<MediaResult<MediaTap>>;
  /** Plain RTP from a process on this machine as a producer (playback, mix). */
  feed(options: FeedOptions): Promise<MediaResult<MediaFeed>>;
  /** Toward the same room on another node. */
  openNodePipe(options: NodePipeOptions): Promise<MediaResult<NodePipe>>;
  figures(): RoomFigures;
  /** Closes all handles; no event follows. */
  close(): void;
}

/** As in V_TRANSPORT, seen from the client: `send` carries producers, `receive` consumers. */
export type Direction = 'send' | 'receive' | 'both';

export interface TransportOptions {
  readonly direction: Direction;
  /** Whose it is (a vsid): the same for both of a membership. Opaque. */
  readonly owner: number;
}

export interface TransportParams {
  readonly id: string;
  readonly iceParameters: IceParameters;
  readonly iceCandidates: readonly IceCandidate[];
  readonly dtlsParameters: DtlsParameters;
}

export interface MediaTransport {
  readonly direction: Direction;
  readonly owner: number;
  readonly state: TransportState;
  readonly closed: boolean;
  /** What the client makes its end from; JSON as it is. */
  readonly params: TransportParams;
  /** Once; a repeat is `rejected`. */
  connect(dtls: DtlsParameters): Promise<MediaResult<null>>;
  restartIce(): Promise<MediaResult<IceParameters>>;
  /** Not on `receive`. Feedback and header extensions beyond `routerCaps` are dropped from `rtp`. */
  produce(options: ProduceOptions): Promise<MediaResult<MediaProducer>>;
  /** Not on `send`. Any producer of the room, on whatever worker it is. With NACK both ways. */
  consume(options: ConsumeOptions): Promise<MediaResult<MediaConsumer>>;
  close(): void;
}

export interface ProduceOptions {
  readonly media: Media;
  /** Checked by the room's schema: one opus codec, one encoding. */
  readonly rtp: RtpParameters;
  readonly paused: boolean;
}

export interface MediaProducer {
  readonly media: Media;
  readonly owner: number;
  readonly closed: boolean;
  readonly paused: boolean;
  /** Whether a packet has come. */
  readonly live: boolean;
  /** In the worker: a paused producer is forwarded to nobody, whatever the client does. */
  setPaused(paused: boolean): Promise<MediaResult<null>>;
  close(): void;
}

export interface ConsumeOptions {
  readonly producer: MediaProducer;
  readonly caps: RtpCapabilities;
  /** Normally true: the client resumes when its side is built. */
  readonly paused: boolean;
}

export interface MediaConsumer {
  readonly producer: MediaProducer;
  readonly owner: number;
  readonly closed: boolean;
  readonly paused: boolean;
  /** JSON for the client: `{id, producerId, kind, rtpParameters}`; mediasoup-client needs the ids. */
  readonly params: {
    readonly id: string;
    readonly producerId: string;
    readonly kind: 'audio' | 'video';
    readonly rtpParameters: RtpParameters;
  };
  setPaused(paused: boolean): Promise<MediaResult<null>>;
  close(): void;
}

export interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

export interface MediaTap {
  readonly closed: boolean;
  /** Where the packets come from: the receiver drops all others. */
  readonly from: Endpoint;
  readonly ssrc: number;
  readonly payloadType: number;
  /** Header extension id of the audio level, 0 for none. */
  readonly levelExtension: number;
  close(): void;
}

export interface FeedOptions {
  readonly owner: number;
  readonly ssrc: number;
  /** Where the packets will come from: those of others are dropped. */
  readonly from: Endpoint;
}

export interface MediaFeed {
  readonly closed: boolean;
  readonly producer: MediaProducer;
  /** Where the process sends to. */
  readonly to: Endpoint;
  readonly payloadType: number;
  close(): void;
}

/** One node's end of a pipe to the same room on another node; what the two ends tell each other goes over the cluster's bus. */
export interface NodePipe {
  readonly closed: boolean;
  /** For the other end. SRTP keys: only over a bus that is encrypted. */
  readonly offer: NodePipeEnd;
  connect(other: NodePipeEnd): Promise<MediaResult<null>>;
  /** What the other end needs to `receive` this producer; one per producer. */
  send(producer: MediaProducer): Promise<MediaResult<PipedProducer>>;
  /** A producer of the other node, here; its pauses and its end come by `setPaused` and `close` from that node's room. */
  receive(piped: PipedProducer, owner: number): Promise<MediaResult<MediaProducer>>;
  close(): void;
}

export interface NodePipeOptions {
  /** Local address that the other node reaches. */
  readonly ip: string;
}

export interface NodePipeEnd {
  readonly ip: string;
  readonly port: number;
  readonly srtp: SrtpParameters;
}

export interface PipedProducer {
  readonly id: string;
  readonly media: Media;
  readonly paused: boolean;
  readonly rtp: RtpParameters;
}

export interface RoomFigures {
  /** Slots of its workers, the one for new transports first. */
  readonly slots: readonly number[];
  readonly transports: number;
  readonly producers: number;
  readonly consumers: number;
  /** Packets/s in and out by the present guess of talkers. */
  readonly predictedPps: number;
}

/** `standby`: no room for 10 min (or none yet). `starting`: the first workers come up. `down`: no slot is left. */
export type PoolState = 'standby' | 'starting' | 'ok' | 'degraded' | 'down' | 'closed';

export interface PoolStatus {
  readonly state: PoolState;
  /** Why it is degraded or down; no addresses, no paths. */
  readonly detail?: string;
  readonly rooms: number;
  readonly workers: readonly WorkerStatus[];
  readonly counters: PoolCounters;
}

export interface WorkerStatus {
  /** Port = base port + slot. */
  readonly slot: number;
  readonly role: 'active' | 'spare';
  /** `out`: 5 deaths in 60 s; comes back after a minute. `draining`: takes no new rooms. */
  readonly state: 'starting' | 'up' | 'draining' | 'waiting' | 'out';
  readonly pid: number | null;
  /** The one that it listens on, UDP and TCP; null while not up. */
  readonly port: number | null;
  /** Share of one core, moving average of about 5 s. */
  readonly cpu: number;
  readonly rssBytes: number;
  readonly rooms: number;
  readonly transports: number;
  readonly producers: number;
  readonly consumers: number;
  readonly predictedPps: number;
  /** Datagrams that the kernel dropped since the worker started, its socket's buffer being full. */
  readonly udpDrops: number;
  readonly deaths: number;
  readonly upSinceMs: Ms | null;
}

/** Since the start of the pool. */
export interface PoolCounters {
  readonly started: number;
  /** Ended by themselves or by a signal. */
  readonly died: number;
  /** Killed since they did not answer. */
  readonly hung: number;
  readonly bindFailures: number;
  readonly slotsOut: number;
  readonly roomsOpened: number;
  readonly roomsLost: number;
  readonly relocations: number;
  readonly pipes: number;
  readonly refused: number;
  readonly rejected: number;
  readonly transportsMade: number;
  /** Reached `connected` for the first time. */
  readonly transportsConnected: number;
  readonly producersMade: number;
  readonly consumersMade: number;
  readonly advices: number;
  /** Packets in and out, as the sampler has seen them: every transport is counted, some seconds late. */
  readonly packets: number;
}

/** What the pool tells the log and the metrics; never a client's values. */
export interface PoolEvent {
  readonly level: 'info' | 'warn' | 'error';
  readonly what:
    | 'worker_up'
    | 'worker_died'
    | 'worker_hung'
    | 'worker_start_failed'
    | 'slot_out'
    | 'slot_back'
    | 'standby'
    | 'worker_log';
  readonly slot: number;
  readonly detail?: string;
}

export interface ListenOptions {
  /** HOST: where the workers listen. */
  readonly host: string;
  /** Slot i listens on basePort + i, UDP and TCP; `workers` + 1 ports in all. 0 (tests): any free ones. */
  readonly basePort: number;
  /** Address or host name that clients are told instead of `host`. */
  readonly announcedIpv4?: string;
  readonly announcedIpv6?: string;
}

export interface MediaPoolOptions {
  /** The media worker's binary (native/media-worker), asked at each leave of standby. */
  readonly binary: () => Promise<
    { readonly ok: true; readonly path: string } | { readonly ok: false; readonly message: string }
  >;
  /** Workers that carry rooms, at least 1; one spare comes on top. */
  readonly workers: number;
  readonly listen: ListenOptions;
  /** 10 min: after the last room closed, all workers end. */
  readonly idleMs?: Ms;
  readonly onEvent?: (event: PoolEvent) => void;
}
