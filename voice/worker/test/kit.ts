/**
 * What the tests of the media workers share: a pool on free ports with the real binary, rooms that remember what they were told,
 * and peers that talk and listen over real ICE, DTLS and SRTP.
 */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { mediaWorkerBinary } from '../../../native/media-worker/index.ts';
import { closeRtc, opusParameters, RtcTransport, RtpStream, readRtp } from '../../test/index.ts';
import { createMediaPool, type PoolParts } from '../index.ts';
import type {
  DtlsParameters,
  MediaConsumer,
  MediaPool,
  MediaPoolOptions,
  MediaProducer,
  MediaResult,
  MediaTransport,
  PoolEvent,
  RoomMedia,
  RoomMediaEvents,
  RtpParameters,
  WorkerStatus,
} from '../types.ts';

let binary: Promise<string> | undefined;

/** The media worker's binary; built once into the user's cache. Fails with the hint when it cannot be had. */
export function workerBinary(): Promise<string> {
  binary ??= mediaWorkerBinary({ background: false }).then((found) => {
    if (!found.ok) throw new Error(found.message);
    return found.path;
  });
  return binary;
}

/** Built from nothing in the worst case; otherwise there at once. */
const BUILD_MS_MAX = 1_500_000;

const pools: TestPool[] = [];
const peers = new Set<RtcTransport>();

/**
 * To be called once in a test file: gets the binary before the first test, and ends peers and pools after each.
 * @returns makes a pool that ends with its test
 */
export function useMedia(): typeof makePool {
  beforeAll(async () => {
    await workerBinary();
  }, BUILD_MS_MAX);
  afterEach(async () => {
    for (const peer of peers) peer.close();
    peers.clear();
    await Promise.all(pools.splice(0).map(({ pool }) => pool.close()));
  });
  afterAll(closeRtc);
  return (...args) => {
    const made = makePool(...args);
    pools.push(made);
    return made;
  };
}

/** `ok`, or why not. */
export function codeOf(answer: MediaResult<unknown>): string {
  return answer.ok ? 'ok' : answer.code;
}

/** Resolves when the condition holds; looks every few milliseconds, for what nothing tells of. */
export async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Value of an answer that has to be good. */
export function good<T>(answer: MediaResult<T>): T {
  if (!answer.ok) throw new Error(`${answer.code}: ${answer.message}`);
  return answer.value;
}

export interface TestPool {
  readonly pool: MediaPool;
  readonly events: PoolEvent[];
  /** The next event of the kind from now on. */
  next(what: PoolEvent['what']): Promise<PoolEvent>;
}

export function makePool(options: Partial<MediaPoolOptions> = {}, parts: PoolParts = {}): TestPool {
  const events: PoolEvent[] = [];
  const waiting = new Set<(event: PoolEvent) => void>();
  const pool = createMediaPool(
    {
      binary: async () => ({ ok: true, path: await workerBinary() }),
      workers: 1,
      listen: { host: '127.0.0.1', basePort: 0 },
      onEvent: (event) => {
        events.push(event);
        for (const take of [...waiting]) take(event);
      },
      ...options,
    },
    parts,
  );
  const next = (what: PoolEvent['what']) =>
    new Promise<PoolEvent>((resolve) => {
      const take = (event: PoolEvent) => {
        if (event.what !== what) return;
        waiting.delete(take);
        resolve(event);
      };
      waiting.add(take);
    });
  return { pool, events, next };
}

type Told = { [K in keyof RoomMediaEvents]: Parameters<RoomMediaEvents[K]>[] };

/** A room's ear: everything that it was told, and the next time that it is told something. */
export class Ear {
  readonly told: Told = {
    died: [],
    transport: [],
    live: [],
    levels: [],
    dominant: [],
    advice: [],
    excess: [],
    mustRelocate: [],
    relocated: [],
  };
  readonly #waiting = new Set<() => void>();
  readonly events: RoomMediaEvents = {
    died: (...args) => this.#take('died', args),
    transport: (...args) => this.#take('transport', args),
    live: (...args) => this.#take('live', args),
    levels: (...args) => this.#take('levels', args),
    dominant: (...args) => this.#take('dominant', args),
    advice: (...args) => this.#take('advice', args),
    excess: (...args) => this.#take('excess', args),
    mustRelocate: (...args) => this.#take('mustRelocate', args),
    relocated: (...args) => this.#take('relocated', args),
  };

  #take<K extends keyof Told>(kind: K, args: Told[K][number]): void {
    (this.told[kind] as Told[K][number][]).push(args);
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves when the condition holds; looks whenever the room is told something. */
  until(holds: (told: Told) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds(this.told)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }
}

export interface TestRoom {
  readonly media: RoomMedia;
  readonly ear: Ear;
}

export async function openRoom(pool: MediaPool, key = 1, people = 2): Promise<TestRoom> {
  const ear = new Ear();
  const opened = await pool.open({
    key,
    people,
    bitrate: 40_000,
    music: false,
    events: ear.events,
  });
  return { media: good(opened), ear };
}

let serial = 0;

/** dB below the loudest, packet by packet: some syllables, then a breath. */
const WAVE = [0, 4, 1, 9, 15, 2, 0, 6, 12, 3, 1, 8, 20, 5, 0, 7, 107, 107, 107, 107, 107, 107];

/** A peer that sends. */
export class Talker {
  readonly transport: MediaTransport;
  readonly producer: MediaProducer;
  readonly #rtc: RtcTransport;
  readonly #stream: RtpStream;
  #timer: NodeJS.Timeout | undefined;

  private constructor(
    transport: MediaTransport,
    producer: MediaProducer,
    rtc: RtcTransport,
    stream: RtpStream,
  ) {
    this.transport = transport;
    this.producer = producer;
    this.#rtc = rtc;
    this.#stream = stream;
  }

  static async join(media: RoomMedia, owner: number, stream?: RtpStream): Promise<Talker> {
    serial += 1;
    const own = stream ?? new RtpStream(serial * 1000);
    const transport = good(await media.createTransport({ direction: 'send', owner }));
    const rtc = new RtcTransport(`talker-${serial}`, 'send', own.ssrc);
    peers.add(rtc);
    const [, producer] = await Promise.all([
      link(transport, rtc),
      transport.produce({ media: 1, rtp: opus(own.ssrc), paused: false }),
    ]);
    return new Talker(transport, good(producer), rtc, own);
  }

  /** A packet of 20 ms. */
  say(level: number): void {
    try {
      this.#rtc.send(this.#stream.next(level));
    } catch {
      // The other end has closed it a moment ago.
      this.quiet();
    }
  }

  /**
   * One packet every 20 ms until `stop`. Up and down around `level` as voices are: an even one passes for noise.
   * @param arrives false: the packet is lost on the way
   */
  talk(level = 20, arrives: (packet: number) => boolean = () => true): this {
    let said = 0;
    this.#timer ??= setInterval(() => {
      const wave = WAVE[said % WAVE.length] ?? 0;
      said += 1;
      if (arrives(said)) this.say(Math.min(127, level + wave));
      else this.#stream.next();
    }, 20);
    return this;
  }

  get stream(): RtpStream {
    return this.#stream;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#rtc.close();
  }

  quiet(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** What is heard of one consumer. */
export interface HeardStream {
  packets: number;
  readonly timestamps: number[];
  /** ms, monotonic. */
  readonly arrivals: number[];
}

/** A peer that receives. */
export class Listener {
  readonly transport: MediaTransport;
  readonly #rtc: RtcTransport;
  readonly #heard = new Map<number, HeardStream>();
  readonly #waiting = new Set<() => void>();

  private constructor(transport: MediaTransport, rtc: RtcTransport) {
    this.transport = transport;
    this.#rtc = rtc;
    rtc.onRtp = (packet) => {
      const head = readRtp(packet);
      if (head === undefined) return;
      const heard = this.#of(head.ssrc);
      heard.packets += 1;
      heard.timestamps.push(head.timestamp);
      heard.arrivals.push(performance.now());
      for (const wake of [...this.#waiting]) wake();
    };
  }

  static async join(media: RoomMedia, owner: number): Promise<Listener> {
    serial += 1;
    const transport = good(await media.createTransport({ direction: 'receive', owner }));
    const rtc = new RtcTransport(`listener-${serial}`, 'receive');
    peers.add(rtc);
    const listener = new Listener(transport, rtc);
    await link(transport, rtc);
    return listener;
  }

  async hear(media: RoomMedia, producer: MediaProducer): Promise<MediaConsumer> {
    const caps = media.routerCaps;
    const consumer = good(await this.transport.consume({ producer, caps, paused: true }));
    good(await consumer.setPaused(false));
    return consumer;
  }

  of(consumer: MediaConsumer): HeardStream {
    return this.#of(consumer.params.rtpParameters.encodings?.[0]?.ssrc ?? 0);
  }

  #of(ssrc: number): HeardStream {
    const heard = this.#heard.get(ssrc) ?? { packets: 0, timestamps: [], arrivals: [] };
    this.#heard.set(ssrc, heard);
    return heard;
  }

  /** Resolves when so many more packets of it have come. */
  more(consumer: MediaConsumer, packets = 5): Promise<void> {
    const heard = this.of(consumer);
    const wanted = heard.packets + packets;
    return new Promise((resolve) => {
      const look = () => {
        if (heard.packets < wanted) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }

  stop(): void {
    this.#rtc.close();
  }
}

/** A call of two in one direction: who talks, who listens, and what of it. */
export interface Call {
  readonly talker: Talker;
  readonly listener: Listener;
  readonly consumer: MediaConsumer;
}

export async function makeCall(media: RoomMedia): Promise<Call> {
  const [talker, listener] = await Promise.all([Talker.join(media, 1), Listener.join(media, 2)]);
  const consumer = await listener.hear(media, talker.producer);
  talker.talk();
  await listener.more(consumer);
  return { talker, listener, consumer };
}

export function endCall({ talker, listener }: Call): void {
  talker.stop();
  listener.stop();
}

export function opus(ssrc: number): RtpParameters {
  return opusParameters(ssrc, `cname-${ssrc}`) as unknown as RtpParameters;
}

async function link(transport: MediaTransport, rtc: RtcTransport): Promise<void> {
  good(await transport.connect(rtc.dtls as DtlsParameters));
  rtc.accept(transport.params);
  await rtc.connected;
}

/** The only worker that carries rooms. */
export function activeOf(pool: MediaPool): WorkerStatus {
  return oneOf(pool, 'active');
}

export function spareOf(pool: MediaPool): WorkerStatus {
  return oneOf(pool, 'spare');
}

function oneOf(pool: MediaPool, role: WorkerStatus['role']): WorkerStatus {
  const found = pool.status().workers.find((one) => one.role === role && one.pid !== null);
  if (found === undefined) throw new Error(`no ${role} worker is up`);
  return found;
}

export function pidOf(pool: MediaPool, slot: number | undefined): number {
  const pid = pool.status().workers.find((one) => one.slot === slot)?.pid;
  if (typeof pid !== 'number') throw new Error(`slot ${slot} has no process`);
  return pid;
}

/** Whether a process runs: one that has ended and that nobody has asked about does not. */
export function isAlive(pid: number): boolean {
  try {
    const [, state] = /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    return state !== undefined && state !== 'Z';
  } catch {
    return false;
  }
}
