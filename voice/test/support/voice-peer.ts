/**
 * A thin voice client: joins a room over any connection that carries the ops of protocol.md 2.15, talks by RTP packets and counts what
 * it hears, by talker. Makes new transports when the server says that the epoch is another, and in a planned move before the old ones
 * end. Runs in the test process; must never import product code.
 */
import { RtcTransport, type TransportParams } from './rtc-transport.ts';
import { opusCapabilities, opusParameters, RtpStream, readRtp } from './rtp.ts';

/** Opcodes of protocol.md. */
export const V = {
  voice: 23,
  join: 48,
  leave: 49,
  transport: 50,
  connect: 51,
  produce: 52,
  consume: 53,
  pause: 54,
  close: 55,
  state: 56,
  ice: 57,
  sync: 58,
} as const;

/** Kinds of VOICE. */
export const KIND = {
  joined: 1,
  left: 2,
  state: 3,
  producer: 4,
  producerClosed: 5,
  speaking: 6,
  producerPaused: 7,
  moved: 8,
  ended: 9,
  epoch: 11,
  consumer: 12,
  consumerClosed: 13,
  quality: 14,
  recording: 15,
  dominant: 16,
  relocate: 17,
} as const;

const MUTED = 1;
const BUNDLED = 4;
const LISTEN = 8;
const AUDIO = 1;
/** VOICE ended: the room is gone with its thread; it can be joined again. */
const FAILED = 'failed';

const RETRY_MS_MAX = 500;
/** In a planned move both ways go on until the new one brings everybody and for OVERLAP_MS more, as in client/voice. */
const OVERLAP_MS = 700;
const HAND_OVER_MAX_MS = 7_000;
const LOOK_MS = 20;
/** Who was heard this long ago at most still talks. */
const TALKS_MS = 200;

/** A connection to the server. */
export interface Signal {
  /** The elements behind the rid of OK; throws VoiceRefused for ERR. */
  ask(op: number, args: readonly unknown[]): Promise<readonly unknown[]>;
  /** `[vsid, ver, kind, ...body]` of each VOICE. */
  onVoice: (frame: readonly unknown[]) => void;
}

/** ERR of a voice op. */
export class VoiceRefused extends Error {
  readonly code: number;
  readonly retryMs: number | undefined;

  constructor(op: number, code: number, retryMs?: number) {
    super(`op ${op}: ERR ${code}`);
    this.code = code;
    this.retryMs = retryMs;
  }
}

/** One talker as this client hears it. */
export interface Heard {
  readonly pid: number;
  readonly ssrc: number;
  packets: number;
  /** ms, this process's monotonic clock. */
  firstMs: number;
  lastMs: number;
  /** By the gaps in the sequence numbers. */
  lost: number;
  lastSequence: number;
}

export interface VoiceEvent {
  readonly atMs: number;
  readonly ver: number;
  readonly kind: number;
  readonly body: readonly unknown[];
}

export interface VoicePeerOptions {
  readonly name: string;
  readonly ssrc: number;
  readonly isMuted?: boolean;
  readonly isListener?: boolean;
  /** Comes back by itself when the epoch changed (default). */
  readonly follows?: boolean;
}

/** Transports of one join, and what is heard on them, by SSRC: those of two ways may be the same. */
interface Way {
  readonly send: RtcTransport | undefined;
  readonly receive: RtcTransport;
  readonly tids: readonly number[];
  readonly heard: Map<number, Heard>;
}

type Offer = readonly [tid: number, params: string];

let serial = 0;

export class VoicePeer {
  readonly options: VoicePeerOptions;
  readonly stream: RtpStream;
  readonly events: VoiceEvent[] = [];
  vsid = 0;
  epoch = 0;
  /** Own producer, 0 without. */
  pid = 0;
  participants: readonly (readonly unknown[])[] = [];
  /** Called for each packet: latency and gaps are the affair of who measures. */
  onPacket: (pid: number, packet: Buffer, atMs: number) => void = () => {};
  readonly #signal: Signal;
  readonly #waiters = new Set<(event: VoiceEvent) => void>();
  /** Who sends what, by producer: of those who were here at the last join, and since. */
  readonly #owners = new Map<number, number>();
  #sid = 0;
  #way: Way | undefined;
  /** In a planned move: what goes on until the new way brings everybody. */
  #leaving: Way | undefined;
  #rejoining: Promise<void> | undefined;
  #sent = 0;
  #epochTold = 0;
  /** Consumers that were told while a join was on its way; its answer may be in the same read, and is looked at later. */
  #early: (readonly unknown[])[] | undefined;
  #isMoving = false;

  constructor(signal: Signal, options: VoicePeerOptions) {
    this.#signal = signal;
    this.options = options;
    this.stream = new RtpStream(options.ssrc);
    signal.onVoice = (frame) => this.#take(frame);
  }

  /** Joins with everything in one answer; resolves when both ways are connected and the producer is there. */
  async join(sid: number): Promise<void> {
    this.#sid = sid;
    const { isListener = false, isMuted = false } = this.options;
    const flags = BUNDLED | (isMuted ? MUTED : 0) | (isListener ? LISTEN : 0);
    const caps = JSON.stringify(opusCapabilities());
    this.#early ??= [];
    const answer = await this.#signal.ask(V.join, [sid, caps, flags, 0]);
    const [vsid, , , , participants, , epoch, send, receive, consumers] = answer;
    this.vsid = vsid as number;
    this.epoch = epoch as number;
    this.participants = participants as readonly (readonly unknown[])[];
    for (const [uid, , producers] of this.participants) {
      for (const [pid] of producers as readonly (readonly number[])[]) {
        this.#owners.set(pid as number, uid as number);
      }
    }
    await this.#build(
      send as Offer | null,
      receive as Offer,
      consumers as readonly (readonly unknown[])[],
    );
  }

  async #build(
    send: Offer | null,
    receive: Offer,
    consumers: readonly (readonly unknown[])[],
  ): Promise<void> {
    const before = this.#way;
    const isMove = this.#isMoving;
    this.#isMoving = false;
    this.#letGo(this.#leaving);
    if (isMove) this.#leaving = before;
    else this.#letGo(before);
    const { name, ssrc } = this.options;
    const label = `${name}-${++serial}`;
    const taking = new RtcTransport(`${label}-r`, 'receive');
    const giving = send === null ? undefined : new RtcTransport(`${label}-s`, 'send', ssrc);
    const tids = [receive[0], ...(send === null ? [] : [send[0]])];
    const heard = new Map<number, Heard>();
    taking.onRtp = (packet) => this.#packet(heard, packet);
    const way: Way = { send: giving, receive: taking, tids, heard };
    this.#way = way;
    for (const consumer of consumers) this.#addConsumer(consumer);
    this.#takeEarly(receive[0]);
    await Promise.all([
      this.#connect(taking, receive).then(() =>
        Promise.all(consumers.map((consumer) => this.#resume(consumer[1] as number))),
      ),
      giving === undefined || send === null ? undefined : this.#produce(giving, send),
    ]);
    if (isMove && before !== undefined) void this.#handOver(way, before);
  }

  /** Ends the old way of a planned move when the new one brings everybody who talks, or never will. */
  async #handOver(way: Way, old: Way): Promise<void> {
    const endAt = performance.now() + HAND_OVER_MAX_MS;
    const isOver = (): boolean => this.#leaving !== old || this.#way !== way;
    while (!isOver() && !this.#takesOver(way, old) && performance.now() < endAt) {
      await wait(LOOK_MS);
    }
    await wait(OVERLAP_MS);
    if (isOver()) return;
    this.#leaving = undefined;
    this.#letGo(old);
    await Promise.all(old.tids.map((tid) => this.ask(V.close, tid).catch(() => undefined)));
  }

  #takesOver(way: Way, old: Way): boolean {
    const since = performance.now() - TALKS_MS;
    const talkers = (of: Way): (number | undefined)[] =>
      [...of.heard.values()]
        .filter(({ lastMs }) => lastMs > since)
        .map(({ pid }) => this.#owners.get(pid));
    const here = new Set(talkers(way));
    return talkers(old).every((uid) => here.has(uid));
  }

  #letGo(way: Way | undefined): void {
    way?.send?.close();
    way?.receive.close();
  }

  async #produce(transport: RtcTransport, offer: Offer): Promise<void> {
    const { name, ssrc } = this.options;
    const rtp = JSON.stringify(opusParameters(ssrc, name));
    const nonce = `${name}-${this.epoch}-${serial}`;
    const produced = this.#signal.ask(V.produce, [this.vsid, offer[0], nonce, AUDIO, rtp, 0]);
    await Promise.all([
      this.#connect(transport, offer),
      produced.then(([pid]) => {
        this.pid = pid as number;
      }),
    ]);
  }

  async #connect(transport: RtcTransport, [tid, params]: Offer): Promise<void> {
    await this.#signal.ask(V.connect, [this.vsid, tid, JSON.stringify(transport.dtls)]);
    transport.accept(JSON.parse(params) as TransportParams);
    await transport.connected;
  }

  #addConsumer([pid, , , rtp]: readonly unknown[]): void {
    const { encodings } = JSON.parse(rtp as string) as { encodings: { ssrc: number }[] };
    const ssrc = encodings[0]?.ssrc ?? 0;
    const none = { packets: 0, firstMs: 0, lastMs: 0, lost: 0, lastSequence: -1 };
    this.#way?.heard.set(ssrc, { pid: pid as number, ssrc, ...none });
  }

  #offered(consumer: readonly unknown[]): void {
    this.#addConsumer(consumer);
    this.#resume(consumer[1] as number).catch(() => undefined);
  }

  /** Ids share one space: a consumer from before the new receive transport is of the media that are gone. */
  #takeEarly(receive: number): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const consumer of early) if ((consumer[1] as number) > receive) this.#offered(consumer);
  }

  async #resume(cid: number): Promise<void> {
    await this.#signal.ask(V.pause, [this.vsid, cid, false]);
  }

  #packet(voices: ReadonlyMap<number, Heard>, packet: Buffer): void {
    const head = readRtp(packet);
    const heard = head === undefined ? undefined : voices.get(head.ssrc);
    if (head === undefined || heard === undefined) return;
    const now = performance.now();
    if (heard.packets === 0) heard.firstMs = now;
    if (heard.lastSequence >= 0) {
      const step = (head.sequence - heard.lastSequence) & 0xffff;
      if (step > 1 && step < 0x8000) heard.lost += step - 1;
    }
    heard.lastSequence = head.sequence;
    heard.packets += 1;
    heard.lastMs = now;
    this.onPacket(heard.pid, packet, now);
  }

  /** One packet of 20 ms of what this talker says, time that goes on also while there is no way for it (false). */
  say(level?: number): boolean {
    const ways = [this.#way?.send, this.#leaving?.send].filter((way) => way?.isOpen === true);
    const packet = this.stream.next(level);
    const sent = ways.filter((way) => way?.send(packet) === true).length > 0;
    if (sent) this.#sent += 1;
    return sent;
  }

  get sent(): number {
    return this.#sent;
  }

  /** What is heard of others now, by producer; in a planned move both ways. */
  heard(): readonly Heard[] {
    return [this.#way, this.#leaving].flatMap((way) => [...(way?.heard.values() ?? [])]);
  }

  heardOf(pid: number): Heard | undefined {
    return this.heard().find((each) => each.pid === pid);
  }

  /** The present transports: that to receive first. */
  get tids(): readonly number[] {
    return this.#way?.tids ?? [];
  }

  /** The user who sends this; undefined for one that is not known here. */
  ownerOf(pid: number): number | undefined {
    return this.#owners.get(pid);
  }

  get packets(): number {
    return this.heard().reduce((sum, { packets }) => sum + packets, 0);
  }

  /** The first event from now on that matches. */
  next(match: (event: VoiceEvent) => boolean, timeoutMs = 10_000): Promise<VoiceEvent> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(take);
        reject(new Error(`${this.options.name}: no such VOICE within ${timeoutMs} ms`));
      }, timeoutMs);
      const take = (event: VoiceEvent): void => {
        if (!match(event)) return;
        clearTimeout(timer);
        this.#waiters.delete(take);
        resolve(event);
      };
      this.#waiters.add(take);
    });
  }

  #take([vsid, ver, kind, ...body]: readonly unknown[]): void {
    // The first events may come before the answer to the join.
    if (this.vsid !== 0 && vsid !== this.vsid) return;
    const event = { atMs: performance.now(), ver: ver as number, kind: kind as number, body };
    this.events.push(event);
    for (const waiter of [...this.#waiters]) waiter(event);
    if (kind === KIND.producer) this.#owners.set(body[1] as number, body[0] as number);
    if (kind === KIND.consumer) {
      if (this.#early === undefined) this.#offered(body);
      else this.#early.push(body);
    }
    if (this.options.follows === false) return;
    if (kind === KIND.epoch) {
      this.#epochTold = body[0] as number;
      this.#isMoving = false;
      this.rejoin();
    }
    if (kind === KIND.relocate) {
      this.#isMoving = true;
      this.rejoin();
    }
    if (kind === KIND.ended && body[0] === FAILED) {
      this.vsid = 0;
      this.rejoin();
    }
  }

  /** New transports on the same membership, or a new one where that is gone; tried again while there is no worker. */
  rejoin(): void {
    this.#rejoining ??= this.#rejoin().finally(() => {
      this.#rejoining = undefined;
    });
  }

  async #rejoin(): Promise<void> {
    for (let attempt = 0; attempt < 50; attempt++) {
      try {
        await this.join(this.#sid);
        // It may have changed once more meanwhile.
        if (this.epoch >= this.#epochTold) return;
      } catch (error) {
        const ms = error instanceof VoiceRefused ? (error.retryMs ?? 100) : 100;
        await wait(Math.min(ms, RETRY_MS_MAX));
      }
    }
  }

  ask(op: number, ...args: readonly unknown[]): Promise<readonly unknown[]> {
    return this.#signal.ask(op, [this.vsid, ...args]);
  }

  async leave(): Promise<void> {
    this.close();
    await this.ask(V.leave);
    this.vsid = 0;
  }

  close(): void {
    this.#letGo(this.#way);
    this.#letGo(this.#leaving);
    [this.#way, this.#leaving] = [undefined, undefined];
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Talkers with a common beat: each says a packet every 20 ms, one after another within the beat. */
export class Chorus {
  readonly #peers = new Set<VoicePeer>();
  readonly #timer: NodeJS.Timeout;
  #beats = 0;

  constructor() {
    this.#timer = setInterval(() => this.#beat(), 20);
  }

  add(...peers: readonly VoicePeer[]): void {
    for (const peer of peers) this.#peers.add(peer);
  }

  remove(peer: VoicePeer): void {
    this.#peers.delete(peer);
  }

  get beats(): number {
    return this.#beats;
  }

  #beat(): void {
    this.#beats += 1;
    for (const peer of this.#peers) peer.say();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
