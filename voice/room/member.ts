/**
 * One membership: a session's place in a room with what it has in the media worker, and its ops in the order in which they
 * came. Plain data of the room actor; only the room's parts change it.
 */
import type { Id } from '../../channels/index.ts';
import type { Ref } from '../../runtime/index.ts';
import {
  type ConsumerId,
  type JsonText,
  type Media,
  PART_DEAF,
  PART_HAND,
  PART_MUTED,
  PART_PRIORITY,
  PART_SERVER_DEAF,
  PART_SERVER_MUTED,
  PART_SPEAKER,
  type Participant,
  type ProducerId,
  type TransportId,
  type VoiceOutP,
  type VoiceSettings,
  type Vsid,
} from '../types.ts';
import type {
  Direction,
  MediaConsumer,
  MediaProducer,
  MediaTransport,
  RtpCapabilities,
} from '../worker/types.ts';
import { isSpeaker, NO_SANCTION, type Sanction, type Voice } from './policy.ts';
import { RelayBucket } from './relay.ts';

export interface Transport {
  readonly tid: TransportId;
  readonly handle: MediaTransport;
}

export interface Producer {
  readonly pid: ProducerId;
  readonly tid: TransportId;
  readonly owner: Member;
  readonly cnonce: string;
  /** As the client said it, where the next epoch will not ask again. */
  readonly rtp?: JsonText;
  readonly handle: MediaProducer;
  /** By its owner's V_PAUSE: what the roster shows. */
  isPaused: boolean;
  /** What the media worker was told. */
  isSilenced: boolean;
}

export interface Consumer {
  readonly cid: ConsumerId;
  readonly tid: TransportId;
  readonly producer: Producer;
  readonly handle: MediaConsumer;
  /** By the client; it begins so, but for a compact join. */
  isPaused: boolean;
  /** What the media worker was told. */
  isSilenced: boolean;
  /** Number of the choice at which it was last forwarded: who goes first when too many are kept. */
  forwardedAt: number;
}

export interface MemberFacts {
  readonly vsid: Vsid;
  readonly uid: Id;
  readonly session: string;
  readonly gateway: Ref<VoiceOutP>;
  readonly connNo: number;
  readonly perms: number;
  readonly caps: RtpCapabilities;
  readonly isMuted: boolean;
  readonly isDeaf: boolean;
  readonly e2e: number;
}

export class Member implements Voice {
  readonly vsid: Vsid;
  readonly uid: Id;
  readonly session: string;
  gateway: Ref<VoiceOutP>;
  connNo: number;
  perms: number;
  sanction: Sanction = NO_SANCTION;
  caps: RtpCapabilities;
  isMuted: boolean;
  isDeaf: boolean;
  /** Its consumers are made and told by the room. */
  isBundled = false;
  /** Its consumers do not begin paused. */
  isCompact = false;
  /** Of a compact join: what a new epoch needs to make its media without being asked. */
  dtls: JsonText | undefined;
  /** What it sent when the last epoch ended. */
  sent: readonly Producer[] = [];
  /** Highest version of end-to-end encryption that the client knows. */
  e2e: number;
  hasHandUp = false;
  isTalking = false;
  /** Without a connection: media goes on, events go nowhere. */
  isLost = false;
  /** Left or was ended: what still runs for it is undone. */
  isGone = false;
  readonly transports = new Map<TransportId, Transport>();
  readonly producers = new Map<ProducerId, Producer>();
  readonly consumers = new Map<ConsumerId, Consumer>();
  /** Consumers that are being made: `tid pid`. */
  readonly consuming = new Set<string>();
  readonly cnonces = new Map<string, ProducerId>();
  readonly relay = new RelayBucket();
  #tail: Promise<unknown> = Promise.resolve();
  #queued = 0;

  constructor(facts: MemberFacts) {
    this.vsid = facts.vsid;
    this.uid = facts.uid;
    this.session = facts.session;
    this.gateway = facts.gateway;
    this.connNo = facts.connNo;
    this.perms = facts.perms;
    this.caps = facts.caps;
    this.isMuted = facts.isMuted;
    this.isDeaf = facts.isDeaf;
    this.e2e = facts.e2e;
  }

  /** Hears nothing now. */
  get isDeafened(): boolean {
    return this.isDeaf || this.sanction.deaf;
  }

  /** As others see it; being a speaker means something in a stage only. */
  flags(mode: VoiceSettings['mode']): number {
    return (
      (this.isMuted ? PART_MUTED : 0) |
      (this.isDeaf ? PART_DEAF : 0) |
      (this.sanction.muted ? PART_SERVER_MUTED : 0) |
      (this.sanction.deaf ? PART_SERVER_DEAF : 0) |
      (this.sanction.priority ? PART_PRIORITY : 0) |
      (mode === 'stage' && isSpeaker(this) ? PART_SPEAKER : 0) |
      (this.hasHandUp ? PART_HAND : 0)
    );
  }

  /** The newest transport of a direction: an older one is about to be closed by the client. */
  transport(direction: Direction): Transport | undefined {
    return this.transportsOf(direction).at(-1);
  }

  /** Oldest first. */
  transportsOf(direction: Direction): Transport[] {
    return [...this.transports.values()].filter(
      ({ handle }) => handle.direction === direction || handle.direction === 'both',
    );
  }

  producerOf(media: Media): Producer | undefined {
    return [...this.producers.values()].find(({ handle }) => handle.media === media);
  }

  /** On a transport. */
  consumerOf(pid: ProducerId, tid: TransportId): Consumer | undefined {
    for (const consumer of this.consumers.values()) {
      if (consumer.producer.pid === pid && consumer.tid === tid) return consumer;
    }
    return undefined;
  }

  /** Ops that wait or run. */
  get queued(): number {
    return this.#queued;
  }

  /** One op at a time, in the order of the calls. */
  inOrder<T>(work: () => Promise<T>): Promise<T> {
    this.#queued += 1;
    const result = this.#tail.then(work);
    const ended = (): void => {
      this.#queued -= 1;
    };
    this.#tail = result.then(ended, ended);
    return result;
  }
}

/** As in V_JOIN's answer. */
export function participantOf(member: Member, flags: number): Participant {
  const producers = [...member.producers.values()].map(
    ({ pid, handle, isPaused }) => [pid, handle.media, isPaused] as const,
  );
  return [member.uid, flags, producers];
}
