/**
 * The handles that a room holds: transports, producers and consumers of one RoomMedia, over mediasoup's objects. Voice thread.
 *
 * Who closes whom: a transport its producers and consumers, a producer its consumers and whatever else ends with it (taps). The
 * worker does the same on its side, so only the outermost handle asks it. `dropped` is the end without asking: the worker is gone.
 */
import type { Producer, WebRtcTransport } from 'mediasoup/types';
import { lossOf } from '../quality.ts';
import { MEDIA_AUDIO, type Media } from '../types.ts';
import { trimmed } from './caps.ts';
import { type LeanConsumer, LeanConsumers } from './lean-consumer.ts';
import type { Leg } from './leg.ts';
import { attempt, DONE, done, failed, GONE } from './result.ts';
import type {
  ConsumeOptions,
  Direction,
  DtlsParameters,
  IceParameters,
  MediaConsumer,
  MediaProducer,
  MediaResult,
  MediaTransport,
  ProduceOptions,
  TransportOptions,
  TransportParams,
  TransportState,
} from './types.ts';

/** What handles need of their room. */
export interface RoomInside {
  readonly closed: boolean;
  /** Id under which a producer can be consumed on a leg; pipes it there first where needed. */
  sourceOn(producer: ProducerHandle, leg: Leg): Promise<MediaResult<string>>;
  transportChanged(transport: TransportHandle): void;
  /** For the first time. */
  transportConnected(): void;
  transportClosed(transport: TransportHandle): void;
  producerMade(producer: ProducerHandle): void;
  producerLive(producer: ProducerHandle): void;
  producerClosed(producer: ProducerHandle): void;
  consumerMade(consumer: ConsumerHandle): void;
  consumerClosed(consumer: ConsumerHandle): void;
  /** Something was paused or resumed. */
  loadChanged(): void;
  rejected(): void;
}

export class TransportHandle implements MediaTransport {
  readonly direction: Direction;
  readonly owner: number;
  readonly params: TransportParams;
  readonly leg: Leg;
  readonly producers = new Set<ProducerHandle>();
  readonly consumers = new Set<ConsumerHandle>();
  #closed = false;
  #connecting = false;
  #wasConnected = false;
  #state: TransportState = 'new';
  readonly #transport: WebRtcTransport;
  readonly #lean: LeanConsumers;
  readonly #room: RoomInside;

  constructor(room: RoomInside, leg: Leg, transport: WebRtcTransport, options: TransportOptions) {
    this.#room = room;
    this.leg = leg;
    this.#transport = transport;
    this.#lean = new LeanConsumers(transport);
    this.direction = options.direction;
    this.owner = options.owner;
    const { id, iceParameters, iceCandidates, dtlsParameters } = transport;
    this.params = { id, iceParameters, iceCandidates, dtlsParameters };
    transport.on('icestatechange', () => this.#changed());
    transport.on('dtlsstatechange', () => this.#changed());
  }

  get closed(): boolean {
    return this.#closed || this.leg.closed;
  }
  get state(): TransportState {
    return this.closed ? 'closed' : this.#state;
  }

  async connect(dtlsParameters: DtlsParameters): Promise<MediaResult<null>> {
    if (this.#connecting) return this.#refused('connected already');
    this.#connecting = true;
    const answer = await this.#ask(() => this.#transport.connect({ dtlsParameters }));
    // What the worker refused may be sent again, corrected.
    if (!answer.ok) this.#connecting = false;
    return answer.ok ? DONE : answer;
  }

  restartIce(): Promise<MediaResult<IceParameters>> {
    return this.#ask(() => this.#transport.restartIce());
  }

  async produce({ media, rtp, paused }: ProduceOptions): Promise<MediaResult<MediaProducer>> {
    if (this.direction === 'receive') return this.#refused('a transport to receive');
    const made = await this.#ask(() =>
      this.#transport.produce({
        kind: media === MEDIA_AUDIO ? 'audio' : 'video',
        rtpParameters: trimmed(rtp),
        paused,
      }),
    );
    if (!made.ok) return made;
    const producer = new ProducerHandle(this.#room, made.value, media, this.owner, this.leg, this);
    this.producers.add(producer);
    this.#room.producerMade(producer);
    return done(producer);
  }

  async consume({ producer, caps, paused }: ConsumeOptions): Promise<MediaResult<MediaConsumer>> {
    if (this.direction === 'send') return this.#refused('a transport to send');
    if (!(producer instanceof ProducerHandle)) return GONE;
    const source = await this.#room.sourceOn(producer, this.leg);
    if (!source.ok) return source;
    const made = await this.#ask(() => this.#lean.consume(source.value, caps, paused));
    if (!made.ok) return made;
    if (made.value === undefined) return GONE;
    if (producer.closed) {
      made.value.close();
      return GONE;
    }
    const consumer = new ConsumerHandle(this.#room, made.value, producer, this);
    this.consumers.add(consumer);
    producer.consumers.add(consumer);
    this.#room.consumerMade(consumer);
    return done(consumer);
  }

  close(): void {
    if (this.#closed) return;
    this.#transport.close();
    this.dropped();
  }

  dropped(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const producer of this.producers) producer.dropped();
    for (const consumer of this.consumers) consumer.dropped();
    this.#room.transportClosed(this);
  }

  /** Asks the worker about one producer, or the `n`-th consumer; null when there is nothing to say. */
  sample(n: number): Promise<Sample | null> {
    const producers = [...this.producers].filter(isFlowing);
    const consumers = [...this.consumers].filter(isFlowing);
    // Where there are both, by turns.
    const isUplink = consumers.length === 0 || (producers.length > 0 && n % 2 === 0);
    const live = isUplink ? producers : consumers;
    const turn = producers.length > 0 && consumers.length > 0 ? n >> 1 : n;
    const chosen = live[turn % Math.max(1, live.length)];
    return chosen === undefined ? Promise.resolve(null) : chosen.sample();
  }

  async #ask<T>(request: () => Promise<T>): Promise<MediaResult<T>> {
    const answer = await attempt(request, () => this.closed);
    if (answer.ok && this.closed) return GONE;
    if (!answer.ok && answer.code === 'rejected') this.#room.rejected();
    return answer;
  }

  #refused(message: string): MediaResult<never> {
    if (this.closed) return GONE;
    this.#room.rejected();
    return failed('rejected', message);
  }

  #changed(): void {
    const { iceState, dtlsState } = this.#transport;
    const state = stateOf(iceState, dtlsState);
    if (this.closed || state === this.#state) return;
    this.#state = state;
    if (state === 'connected' && !this.#wasConnected) {
      this.#wasConnected = true;
      this.#room.transportConnected();
    }
    this.#room.transportChanged(this);
  }
}

function isFlowing({ live, paused }: ProducerHandle | ConsumerHandle): boolean {
  return live && !paused;
}

function stateOf(
  ice: WebRtcTransport['iceState'],
  dtls: WebRtcTransport['dtlsState'],
): TransportState {
  if (dtls === 'failed' || dtls === 'closed') return dtls;
  if (ice === 'disconnected' || ice === 'closed') return 'disconnected';
  if (ice === 'new') return 'new';
  return dtls === 'connected' ? 'connected' : 'connecting';
}

/** What happened since the last sample of the same handle. */
export interface Sample {
  /** Of a producer, else of a consumer. */
  readonly isUplink: boolean;
  readonly packets: number;
  /** Share of the packets that were lost or asked for again. */
  readonly loss: number;
  /** bit/s now; of producers only. */
  readonly bitrate: number;
}

/** The worker's counters, which only grow, as differences. */
class Counters {
  #packets = 0;
  #lost = 0;
  #asked = 0;

  /** @param isOutbound `packets` were sent and the lost ones are among them, else they came and the lost ones did not */
  advance(
    packets: number,
    lost: number,
    asked: number,
    isOutbound: boolean,
  ): Pick<Sample, 'packets' | 'loss'> {
    const passed = Math.max(0, packets - this.#packets);
    const lostNow = Math.max(0, lost - this.#lost);
    const arrived = isOutbound ? Math.max(0, passed - lostNow) : passed;
    const loss = lossOf(arrived, lostNow, asked - this.#asked);
    this.#packets = packets;
    this.#lost = lost;
    this.#asked = asked;
    return { packets: passed, loss };
  }
}

export class ProducerHandle implements MediaProducer {
  readonly media: Media;
  readonly owner: number;
  readonly leg: Leg;
  /** Null for what comes from a process or another node. */
  readonly transport: TransportHandle | null;
  readonly consumers = new Set<ConsumerHandle>();
  /** Where it can be consumed besides its own leg. */
  readonly pipes = new Map<Leg, Promise<MediaResult<string>>>();
  /** What ends with it. */
  readonly attachments = new Set<() => void>();
  #live = false;
  #closed = false;
  readonly #producer: Producer;
  readonly #counters = new Counters();
  readonly #room: RoomInside;

  constructor(
    room: RoomInside,
    producer: Producer,
    media: Media,
    owner: number,
    leg: Leg,
    transport: TransportHandle | null,
  ) {
    this.#room = room;
    this.#producer = producer;
    this.media = media;
    this.owner = owner;
    this.leg = leg;
    this.transport = transport;
    // The worker says the first score at the first packet.
    producer.once('score', () => {
      this.#live = true;
      if (!this.closed) room.producerLive(this);
    });
  }

  get id(): string {
    return this.#producer.id;
  }
  get rtpParameters(): Producer['rtpParameters'] {
    return this.#producer.rtpParameters;
  }
  get closed(): boolean {
    return this.#closed || this.leg.closed;
  }
  get paused(): boolean {
    return this.#producer.paused;
  }
  get live(): boolean {
    return this.#live;
  }

  setPaused(paused: boolean): Promise<MediaResult<null>> {
    return pauseOf(this, this.#producer, this.#room, paused);
  }

  async sample(): Promise<Sample | null> {
    const stats = await attempt(
      () => this.#producer.getStats(),
      () => this.closed,
    );
    const first = stats.ok ? stats.value[0] : undefined;
    if (first === undefined) return null;
    const { packetCount, packetsLost, nackPacketCount, bitrate } = first;
    const passed = this.#counters.advance(packetCount, packetsLost, nackPacketCount, false);
    return { ...passed, isUplink: true, bitrate };
  }

  close(): void {
    if (this.#closed) return;
    this.#producer.close();
    this.dropped();
  }

  dropped(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.transport?.producers.delete(this);
    for (const consumer of this.consumers) consumer.dropped();
    for (const end of this.attachments) end();
    this.attachments.clear();
    this.#room.producerClosed(this);
  }
}

export class ConsumerHandle implements MediaConsumer {
  readonly producer: ProducerHandle;
  readonly owner: number;
  readonly transport: TransportHandle;
  readonly params: MediaConsumer['params'];
  #closed = false;
  readonly #consumer: LeanConsumer;
  readonly #counters = new Counters();
  readonly #room: RoomInside;

  constructor(
    room: RoomInside,
    consumer: LeanConsumer,
    producer: ProducerHandle,
    transport: TransportHandle,
  ) {
    this.#room = room;
    this.#consumer = consumer;
    this.producer = producer;
    this.transport = transport;
    this.owner = transport.owner;
    const { id, producerId, kind, rtpParameters } = consumer;
    this.params = { id, producerId, kind, rtpParameters };
  }

  get closed(): boolean {
    return this.#closed || this.transport.closed;
  }
  get paused(): boolean {
    return this.#consumer.paused;
  }
  get live(): boolean {
    return this.producer.live;
  }

  setPaused(paused: boolean): Promise<MediaResult<null>> {
    return pauseOf(this, this.#consumer, this.#room, paused);
  }

  async sample(): Promise<Sample | null> {
    const stats = await attempt(
      () => this.#consumer.getStats(),
      () => this.closed,
    );
    const out = stats.ok ? stats.value.find(({ type }) => type === 'outbound-rtp') : undefined;
    if (out === undefined) return null;
    const { packetCount, packetsLost, nackPacketCount } = out;
    const passed = this.#counters.advance(packetCount, packetsLost, nackPacketCount, true);
    return { ...passed, isUplink: false, bitrate: 0 };
  }

  close(): void {
    if (this.#closed) return;
    this.#consumer.close();
    this.dropped();
  }

  dropped(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.transport.consumers.delete(this);
    this.producer.consumers.delete(this);
    this.#room.consumerClosed(this);
  }
}

/** Silences a producer or consumer of the worker, or lets it go on. */
async function pauseOf(
  handle: { readonly closed: boolean },
  inside: { pause(): Promise<void>; resume(): Promise<void> },
  room: Pick<RoomInside, 'loadChanged'>,
  paused: boolean,
): Promise<MediaResult<null>> {
  const answer = await attempt(
    () => (paused ? inside.pause() : inside.resume()),
    () => handle.closed,
  );
  if (!answer.ok) return answer;
  room.loadChanged();
  return handle.closed ? GONE : DONE;
}
