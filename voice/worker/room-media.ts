/**
 * The media side of one room in one epoch: one router, or one per worker with pipes between them. Voice thread.
 *
 * `home` is where new transports go. A room gets another leg when its worker is full, or when it is to move; a producer is piped
 * to a leg when the first transport there consumes it. A leg without transports that is not home is closed. When any of its workers
 * dies the whole RoomMedia is lost: half a room would need clients that mend half their connections.
 */
import type { Id } from '../../channels/index.ts';
import { assert, type Ms } from '../../runtime/index.ts';
import { clientCaps } from './caps.ts';
import {
  type ConsumerHandle,
  ProducerHandle,
  type RoomInside,
  TransportHandle,
} from './handles.ts';
import { Leg } from './leg.ts';
import type { EndReason, LiveWorker, Tenant } from './live-worker.ts';
import { openNodePipe } from './node-pipe.ts';
import { expectedPps, loadOf, placeTransport, predictPps } from './placement.ts';
import { attempt, DONE, done, failed, GONE } from './result.ts';
import { RoomObservers } from './room-observers.ts';
import { RoomQuality } from './room-quality.ts';
import type { SampledRoom, Sampler } from './sampler.ts';
import { openFeed, openTap } from './sidecar-links.ts';
import type {
  Endpoint,
  FeedOptions,
  MediaFeed,
  MediaProducer,
  MediaResult,
  MediaTap,
  MediaTransport,
  NodePipe,
  NodePipeOptions,
  OpenRoom,
  RoomFigures,
  RoomMedia,
  RtpCapabilities,
  TransportOptions,
} from './types.ts';

/** Two transports for each of 1,000 people: far above any room that is usable. */
const TRANSPORTS_MAX = 2_000;
/** How long a client may be silent on ICE before its transport counts as disconnected (RFC 7675, 5.1). */
const CONSENT_S = 30;

/** What a room needs of its pool. */
export interface PoolInside {
  readonly sampler: Sampler;
  /**
   * Workers that may carry new media besides those of `except`, the emptiest first.
   * @param orSpare the spare, if there is no other
   */
  others(except: ReadonlySet<LiveWorker>, orSpare: boolean): LiveWorker[];
  /** The room's load changed: `refresh` is called soon. */
  changed(room: RoomMediaOne): void;
  closed(room: RoomMediaOne): void;
  lost(room: RoomMediaOne): void;
  count(
    what:
      | 'relocations'
      | 'pipes'
      | 'rejected'
      | 'refused'
      | 'transportsMade'
      | 'transportsConnected'
      | 'producersMade'
      | 'consumersMade'
      | 'advices',
  ): void;
}

/** What a room is made of, besides its first leg. */
export interface RoomParts {
  readonly options: OpenRoom;
  readonly pool: PoolInside;
}

export class RoomMediaOne implements RoomMedia, RoomInside, Tenant, SampledRoom {
  readonly key: Id;
  #caps: RtpCapabilities = {};
  #closed = false;
  #home: Leg | null = null;
  #consumers = 0;
  /** Id of the dominant speaker, as the observer has it. */
  #elected = '';
  /** A home in the making; every transport that comes meanwhile waits for it. */
  #settling: Promise<MediaResult<null>> | null = null;
  readonly #legs = new Set<Leg>();
  /** Legs that are to be emptied. */
  readonly #leaving = new Set<Leg>();
  readonly #transports = new Set<TransportHandle>();
  readonly #producers = new Map<string, ProducerHandle>();
  readonly #observers: RoomObservers<ProducerHandle>;
  readonly #quality: RoomQuality;
  readonly #events: OpenRoom['events'];
  readonly #pool: PoolInside;
  readonly #people: number;

  constructor({ options, pool }: RoomParts) {
    this.key = options.key;
    this.#events = options.events;
    this.#pool = pool;
    this.#people = options.people;
    this.#quality = new RoomQuality(options, (transport, advice) => {
      this.#pool.count('advices');
      this.#events.advice(transport, advice);
    });
    this.#observers = new RoomObservers<ProducerHandle>({
      home: () => this.#here(),
      producers: () => this.#producers.values(),
      sourceOn: (producer, leg) => this.sourceOn(producer, leg),
      levels: (levels) => this.#levels(levels),
      dominant: (id) => {
        this.#elected = id;
        this.#tellDominant();
      },
    });
  }

  /** Its first leg; once, before anything else. */
  async settle(live: LiveWorker): Promise<MediaResult<null>> {
    const leg = await Leg.open(live, this, expectedPps(this.#people));
    if (!leg.ok) return leg;
    this.#legs.add(leg.value);
    this.#home = leg.value;
    this.#caps = clientCaps(leg.value.router.rtpCapabilities);
    return DONE;
  }

  get routerCaps(): RtpCapabilities {
    return this.#caps;
  }
  get closed(): boolean {
    return this.#closed;
  }
  get ceilingBitrate(): number {
    return this.#quality.settings.bitrate;
  }
  get predictedPps(): number {
    let pps = 0;
    for (const leg of this.#legs) pps += leg.pps;
    return pps;
  }

  async createTransport(options: TransportOptions): Promise<MediaResult<MediaTransport>> {
    if (this.#closed) return GONE;
    if (this.#transports.size >= TRANSPORTS_MAX) {
      this.#pool.count('refused');
      return failed('unavailable', 'too many transports', 5_000);
    }
    await this.#spread();
    if (this.#closed) return GONE;
    const leg = this.#here();
    leg.attached += 1;
    const made = await attempt(
      () =>
        leg.router.createWebRtcTransport({
          webRtcServer: leg.live.server,
          enableUdp: true,
          enableTcp: true,
          preferUdp: true,
          iceConsentTimeout: CONSENT_S,
        }),
      () => this.#closed || leg.closed,
    );
    if (!made.ok) {
      this.#detached(leg);
      return made;
    }
    if (this.#closed) return GONE;
    const transport = new TransportHandle(this, leg, made.value, options);
    this.#transports.add(transport);
    leg.live.transports += 1;
    this.#quality.add(transport);
    this.#pool.sampler.add(transport, this);
    this.#pool.count('transportsMade');
    return done(transport);
  }

  observe(on: boolean): Promise<MediaResult<null>> {
    return this.#closed ? Promise.resolve(GONE) : this.#observers.set(on);
  }

  configure(settings: { readonly bitrate: number; readonly music: boolean }): void {
    if (!this.#closed) this.#quality.configure(settings);
  }

  report(transport: MediaTransport, { loss }: { readonly loss: number }): void {
    if (transport instanceof TransportHandle && this.#transports.has(transport))
      this.#pool.sampler.report(transport, loss);
  }

  async relocate(): Promise<MediaResult<null>> {
    if (this.#settling !== null) await this.#settling;
    if (this.#closed) return GONE;
    const leaving = [...this.#legs].filter((leg) => !this.#leaving.has(leg));
    const taken = new Set([...this.#legs].map(({ live }) => live));
    const [target] = this.#pool.others(taken, true);
    if (target === undefined) return failed('unavailable', 'no other worker', 1_000);
    const moved = await this.#moveHome(target);
    if (!moved.ok) return moved;
    for (const leg of leaving) this.#leaving.add(leg);
    for (const leg of leaving) this.#closeIfEmpty(leg);
    return DONE;
  }

  async tap(producer: MediaProducer, to: Endpoint): Promise<MediaResult<MediaTap>> {
    if (this.#closed || !(producer instanceof ProducerHandle)) return GONE;
    return openTap(producer, to, this.#caps);
  }

  async feed(options: FeedOptions): Promise<MediaResult<MediaFeed>> {
    if (this.#closed) return GONE;
    const leg = this.#here();
    return this.#attach(leg, (onClose) => openFeed(this, leg, options, onClose));
  }

  async openNodePipe({ ip }: NodePipeOptions): Promise<MediaResult<NodePipe>> {
    if (this.#closed) return GONE;
    const leg = this.#here();
    return this.#attach(leg, (onClose) => openNodePipe(this, leg, ip, onClose));
  }

  figures(): RoomFigures {
    const home = this.#home;
    const legs = [...this.#legs].sort((a, b) => Number(b === home) - Number(a === home));
    return {
      slots: legs.map(({ live }) => live.slot),
      transports: this.#transports.size,
      producers: this.#producers.size,
      consumers: this.#consumers,
      predictedPps: this.predictedPps,
    };
  }

  close(): void {
    if (this.#closed) return;
    for (const leg of this.#legs) leg.close();
    this.#drop();
    this.#pool.closed(this);
  }

  lost(reason: EndReason): void {
    if (this.#closed) return;
    for (const leg of this.#legs) leg.close();
    this.#drop();
    this.#pool.lost(this);
    this.#events.died(reason);
  }

  mustRelocate(reason: 'drain' | 'load'): void {
    const isMoving = reason === 'load' && this.#leaving.size > 0;
    if (!this.#closed && !isMoving) this.#events.mustRelocate(reason);
  }

  async sourceOn(producer: ProducerHandle, leg: Leg): Promise<MediaResult<string>> {
    if (producer.closed || leg.closed) return GONE;
    if (producer.leg === leg) return done(producer.id);
    const known = producer.pipes.get(leg);
    if (known !== undefined) return known;
    const piping = this.#pipe(producer, leg).then((answer) => {
      if (!answer.ok) producer.pipes.delete(leg);
      return answer;
    });
    producer.pipes.set(leg, piping);
    return piping;
  }

  transportChanged(transport: TransportHandle): void {
    this.#events.transport(transport, transport.state);
  }

  transportConnected(): void {
    this.#pool.count('transportsConnected');
  }

  transportClosed(transport: TransportHandle): void {
    this.#transports.delete(transport);
    transport.leg.live.transports -= 1;
    this.#quality.remove(transport);
    this.#pool.sampler.remove(transport);
    this.#detached(transport.leg);
  }

  producerMade(producer: ProducerHandle): void {
    this.#producers.set(producer.id, producer);
    producer.leg.live.producers += 1;
    this.#pool.count('producersMade');
    void this.#observers.add(producer);
    this.loadChanged();
  }

  producerLive(producer: ProducerHandle): void {
    this.#events.live(producer);
    if (producer.id === this.#elected) this.#tellDominant();
  }

  producerClosed(producer: ProducerHandle): void {
    this.#producers.delete(producer.id);
    producer.leg.live.producers -= 1;
    this.loadChanged();
  }

  consumerMade(consumer: ConsumerHandle): void {
    this.#consumers += 1;
    consumer.transport.leg.live.consumers += 1;
    this.#pool.count('consumersMade');
    this.loadChanged();
  }

  consumerClosed(consumer: ConsumerHandle): void {
    this.#consumers -= 1;
    consumer.transport.leg.live.consumers -= 1;
    this.loadChanged();
  }

  rejected(): void {
    this.#pool.count('rejected');
  }

  sampled(transport: TransportHandle, loss: number, at: Ms, isUplink: boolean): void {
    this.#quality.sample(transport, loss, at, isUplink);
  }

  excess(transport: TransportHandle, bitsPerSecond: number): void {
    for (const producer of transport.producers) this.#events.excess(producer, bitsPerSecond);
  }

  loadChanged(): void {
    this.#pool.changed(this);
  }

  /** Works its load out anew. Costs a look at every producer and consumer. */
  refresh(): void {
    if (this.#closed) return;
    const { talkers } = this.#observers;
    for (const leg of this.#legs) {
      const flow = { producers: this.#audibleOn(leg), consumers: 0, talkers };
      for (const transport of this.#transports)
        if (transport.leg === leg)
          for (const { paused, producer } of transport.consumers)
            if (!paused && !producer.paused) flow.consumers += 1;
      // People who are still on their way count as they were announced.
      const isFilling = leg === this.#home && this.#transports.size < 2 * this.#people;
      leg.setLoad(Math.max(predictPps(flow), isFilling ? expectedPps(this.#people) : 0));
    }
  }

  #audibleOn(leg: Leg): number {
    let audible = 0;
    for (const producer of this.#producers.values())
      if (!producer.paused && (producer.leg === leg || producer.pipes.has(leg))) audible += 1;
    return audible;
  }

  #here(): Leg {
    assert(this.#home !== null, 'a room is settled before it is given out');
    return this.#home;
  }

  /** Another home for what comes, if this one is full and another worker is much emptier. */
  async #spread(): Promise<void> {
    if (this.#settling !== null) await this.#settling;
    const home = this.#home?.live;
    if (this.#closed || home === undefined || loadOf(home) < 1) return;
    const own = [...this.#legs].filter((leg) => !this.#leaving.has(leg)).map(({ live }) => live);
    const others = this.#pool.others(new Set([...this.#legs].map(({ live }) => live)), false);
    const target = placeTransport(home, [...own, ...others]);
    if (target !== home && this.#settling === null) await this.#moveHome(target);
  }

  #moveHome(live: LiveWorker): Promise<MediaResult<null>> {
    const moving = this.#openHome(live).finally(() => {
      this.#settling = null;
    });
    this.#settling = moving;
    return moving;
  }

  async #openHome(live: LiveWorker): Promise<MediaResult<null>> {
    const known = [...this.#legs].find((leg) => leg.live === live && !this.#leaving.has(leg));
    const leg = known === undefined ? await Leg.open(live, this, 0) : done(known);
    if (!leg.ok) return leg;
    if (this.#closed) {
      leg.value.close();
      return GONE;
    }
    this.#legs.add(leg.value);
    this.#home = leg.value;
    await this.#observers.sync();
    return this.#closed ? GONE : DONE;
  }

  async #pipe(producer: ProducerHandle, leg: Leg): Promise<MediaResult<string>> {
    const made = await attempt(
      () =>
        producer.leg.router.pipeToRouter({
          producerId: producer.id,
          router: leg.router,
          enableRtx: true,
          enableSctp: false,
        }),
      () => producer.closed || leg.closed,
    );
    if (!made.ok) return made;
    if (producer.closed || leg.closed) return GONE;
    this.#pool.count('pipes');
    return done(producer.id);
  }

  async #attach<T>(
    leg: Leg,
    open: (onClose: () => void) => Promise<MediaResult<T>>,
  ): Promise<MediaResult<T>> {
    leg.attached += 1;
    const made = await open(() => this.#detached(leg));
    if (!made.ok) this.#detached(leg);
    return made;
  }

  #detached(leg: Leg): void {
    leg.attached -= 1;
    this.#closeIfEmpty(leg);
  }

  #closeIfEmpty(leg: Leg): void {
    if (this.#closed || leg.attached > 0 || leg === this.#home || !this.#legs.delete(leg)) return;
    for (const producer of this.#producers.values()) producer.pipes.delete(leg);
    leg.close();
    if (!this.#leaving.delete(leg) || this.#leaving.size > 0) return;
    this.#pool.count('relocations');
    this.#events.relocated();
  }

  /** mediasoup elects the first producer before it has sent anything. */
  #tellDominant(): void {
    const producer = this.#producers.get(this.#elected);
    if (producer?.live === true) this.#events.dominant(producer);
  }

  #levels(levels: readonly (readonly [producerId: string, dbov: number])[]): void {
    const known = levels.flatMap(([id, dbov]) => {
      const producer = this.#producers.get(id);
      return producer === undefined ? [] : [{ producer, dbov }];
    });
    this.#events.levels(known);
  }

  /** Everything ends without asking the workers: their routers are closed, or they are gone. */
  #drop(): void {
    this.#closed = true;
    for (const transport of this.#transports) transport.dropped();
    for (const producer of this.#producers.values()) producer.dropped();
    this.#transports.clear();
    this.#producers.clear();
    this.#legs.clear();
    this.#leaving.clear();
    void this.#observers.set(false);
  }
}
