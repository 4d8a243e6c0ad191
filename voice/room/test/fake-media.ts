/**
 * Media workers that are none: the contract of voice/worker/types.ts in memory, with deaths, refusals and waiting by hand. Tests
 * only.
 */
import type {
  ConsumeOptions,
  Direction,
  MediaConsumer,
  MediaErr,
  MediaPool,
  MediaProducer,
  MediaResult,
  MediaTransport,
  OpenRoom,
  PoolStatus,
  ProduceOptions,
  RoomMedia,
  RtpParameters,
  TransportOptions,
  TransportState,
} from '../../worker/types.ts';

const GONE = { ok: false, code: 'gone', message: 'closed' } as const;
const DONE = { ok: true, value: null } as const;
const UNUSED = { ok: false, code: 'unavailable', message: 'not faked' } as const;

export class FakePool implements MediaPool {
  readonly rooms: FakeRoom[] = [];
  /** While set, `open` is refused. */
  refuses: MediaErr | undefined;
  state: PoolStatus['state'] = 'ok';
  #gate: Promise<void> | undefined;
  #release: (() => void) | undefined;

  /** The newest room media. */
  get room(): FakeRoom {
    const room = this.rooms.at(-1);
    if (room === undefined) throw new Error('no room was opened');
    return room;
  }

  /** From now on nothing is answered until `release`. */
  hold(): void {
    if (this.#gate !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    this.#release = resolve;
  }

  release(): void {
    this.#release?.();
    this.#gate = undefined;
  }

  async held(): Promise<void> {
    await this.#gate;
  }

  async open(options: OpenRoom): Promise<MediaResult<RoomMedia>> {
    await this.#gate;
    if (this.refuses) return { ok: false, code: this.refuses, message: 'refused', retryMs: 700 };
    const room = new FakeRoom(this, options);
    this.rooms.push(room);
    return { ok: true, value: room };
  }

  status(): PoolStatus {
    return {
      ...{ state: this.state, workers: [] },
      rooms: this.rooms.filter(({ closed }) => !closed).length,
      counters: {} as PoolStatus['counters'],
    };
  }

  async drain(): Promise<MediaResult<null>> {
    return DONE;
  }

  async close(): Promise<void> {
    for (const room of this.rooms) room.die('closed');
  }
}

export class FakeRoom implements RoomMedia {
  readonly pool: FakePool;
  readonly options: OpenRoom;
  readonly key: number;
  readonly routerCaps = { codecs: [], headerExtensions: [] };
  readonly transports: FakeTransport[] = [];
  closed = false;
  isObserved = false;
  relocations = 0;
  configured: unknown;
  /** The next value that a client gives is refused. */
  rejectsNext = false;

  constructor(pool: FakePool, options: OpenRoom) {
    this.pool = pool;
    this.options = options;
    this.key = options.key;
  }

  get producers(): FakeProducer[] {
    return this.transports.flatMap(({ producers }) => producers).filter(({ closed }) => !closed);
  }

  get consumers(): FakeConsumer[] {
    return this.transports.flatMap(({ consumers }) => consumers).filter(({ closed }) => !closed);
  }

  get openTransports(): FakeTransport[] {
    return this.transports.filter(({ closed }) => !closed);
  }

  die(reason: 'killed' | 'hung' | 'closed' = 'killed'): void {
    if (this.closed) return;
    this.close();
    this.options.events.died(reason);
  }

  async createTransport({
    direction,
    owner,
  }: TransportOptions): Promise<MediaResult<MediaTransport>> {
    await this.pool.held();
    if (this.closed) return GONE;
    const transport = new FakeTransport(this, direction, owner);
    this.transports.push(transport);
    return { ok: true, value: transport };
  }

  async observe(on: boolean): Promise<MediaResult<null>> {
    this.isObserved = on;
    return DONE;
  }

  configure(settings: unknown): void {
    this.configured = settings;
  }
  report(): void {}

  async relocate(): Promise<MediaResult<null>> {
    this.relocations += 1;
    return this.closed ? GONE : DONE;
  }
  async tap() {
    return UNUSED;
  }
  async feed() {
    return UNUSED;
  }
  async openNodePipe() {
    return UNUSED;
  }
  figures() {
    const { consumers, openTransports, producers } = this;
    return {
      ...{ slots: [0], transports: openTransports.length, predictedPps: 0 },
      ...{ producers: producers.length, consumers: consumers.length },
    };
  }

  close(): void {
    this.closed = true;
    for (const transport of this.transports) transport.close();
  }
}

let serial = 0;

export class FakeTransport implements MediaTransport {
  readonly room: FakeRoom;
  readonly direction: Direction;
  readonly owner: number;
  readonly params: MediaTransport['params'];
  readonly producers: FakeProducer[] = [];
  readonly consumers: FakeConsumer[] = [];
  state: TransportState = 'new';
  closed = false;
  /** Consumers of it wait for this. */
  slow: Promise<void> | undefined;

  constructor(room: FakeRoom, direction: Direction, owner: number) {
    this.room = room;
    this.direction = direction;
    this.owner = owner;
    serial += 1;
    this.params = { id: `transport-${serial}` } as MediaTransport['params'];
  }

  async connect(): Promise<MediaResult<null>> {
    await this.room.pool.held();
    if (this.closed) return GONE;
    if (this.state !== 'new') return { ok: false, code: 'rejected', message: 'again' };
    this.state = 'connected';
    return DONE;
  }

  async restartIce(): ReturnType<MediaTransport['restartIce']> {
    await this.room.pool.held();
    if (this.closed) return GONE;
    return { ok: true, value: { usernameFragment: 'u', password: 'p', iceLite: true } };
  }

  async produce({ media, paused }: ProduceOptions): Promise<MediaResult<MediaProducer>> {
    await this.room.pool.held();
    if (this.closed) return GONE;
    if (this.room.rejectsNext) {
      this.room.rejectsNext = false;
      return { ok: false, code: 'rejected', message: 'as asked' };
    }
    const producer = new FakeProducer(this, media, paused);
    this.producers.push(producer);
    return { ok: true, value: producer };
  }

  async consume({ producer, paused }: ConsumeOptions): Promise<MediaResult<MediaConsumer>> {
    await this.room.pool.held();
    await this.slow;
    if (this.closed || producer.closed) return GONE;
    const consumer = new FakeConsumer(this, producer as FakeProducer, paused);
    this.consumers.push(consumer);
    return { ok: true, value: consumer };
  }

  close(): void {
    this.closed = true;
    for (const producer of this.producers) producer.close();
    for (const consumer of this.consumers) consumer.close();
  }
}

export class FakeProducer implements MediaProducer {
  readonly transport: FakeTransport;
  readonly media: MediaProducer['media'];
  readonly owner: number;
  readonly live = true;
  closed = false;
  paused: boolean;

  constructor(transport: FakeTransport, media: MediaProducer['media'], paused: boolean) {
    this.transport = transport;
    this.media = media;
    this.owner = transport.owner;
    this.paused = paused;
  }

  async setPaused(paused: boolean): Promise<MediaResult<null>> {
    if (this.closed) return GONE;
    this.paused = paused;
    return DONE;
  }

  close(): void {
    this.closed = true;
    for (const consumer of this.transport.room.consumers) {
      if (consumer.producer === this) consumer.close();
    }
  }
}

export class FakeConsumer implements MediaConsumer {
  readonly producer: FakeProducer;
  readonly owner: number;
  readonly params: MediaConsumer['params'];
  closed = false;
  paused: boolean;

  constructor(transport: FakeTransport, producer: FakeProducer, paused: boolean) {
    this.producer = producer;
    this.owner = transport.owner;
    this.paused = paused;
    serial += 1;
    const rtpParameters = { codecs: [] } as RtpParameters;
    this.params = { id: `consumer-${serial}`, producerId: 'p', kind: 'audio', rtpParameters };
  }

  async setPaused(paused: boolean): Promise<MediaResult<null>> {
    if (this.closed) return GONE;
    this.paused = paused;
    return DONE;
  }

  close(): void {
    this.closed = true;
  }
}
