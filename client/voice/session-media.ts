/**
 * The media of one life of a voice session: both transports, the own track, everybody's voices, and a ladder per transport. A new
 * life (the media server changed, or nothing else helped) is a new object. Knows nothing of the roster.
 */
import { Err } from '../../gateway/protocol/index.ts';
import type { Clock } from '../clock.ts';
import { VoiceError } from './errors.ts';
import type { VoiceSignal } from './signal.ts';
import { TransportLadder } from './transport-ladder.ts';
import type {
  ConsumerOffer,
  EncoderSettings,
  JsonText,
  MediaEngine,
  MediaTransport,
  ReceivedTrack,
  ReceiveTransport,
  SendTransport,
  SentTrack,
  TransportOffer,
  TransportState,
  VoiceOutput,
} from './types.ts';

/** What media is made from. */
export interface MadeMedia {
  readonly vsid: number;
  readonly iceServers: JsonText;
  readonly send: TransportOffer | null;
  readonly receive: TransportOffer;
}

/** What the media needs, and tells. */
export interface SessionMediaHost {
  readonly clock: Clock;
  readonly engine: MediaEngine;
  readonly signal: VoiceSignal;
  readonly output: VoiceOutput;
  /** ERR code of an op that was refused, or what the browser did not do. */
  failed(error: unknown): void;
  /** A transport is beyond repair, or the server does not know it any more. */
  brokenDown(): void;
  /** A voice began or ended. */
  voices(): void;
}

/** A voice that is received. */
export interface Voice extends ReceivedTrack {
  readonly uid: number;
  readonly pid: number;
  readonly cid: number;
}

/** How often the ways are looked at; a dead one is found this much after the browser began to check it. */
const CHECK_MS = 1_000;
/** Voices at most (25 in a room that hears everybody, 16 kept above that); more are not built. */
const VOICES_MAX = 64;

/** One life's media. */
export class SessionMedia {
  readonly #host: SessionMediaHost;
  readonly #vsid: number;
  readonly #receiveTid: number;
  readonly #send: SendTransport | null = null;
  readonly #receive: ReceiveTransport;
  readonly #ladders = new Map<TransportLadder, MediaTransport>();
  #checkTimer: unknown = null;
  readonly #tids: number[] = [];
  readonly #unconnected = new Set<number>();
  readonly #voices = new Map<number, Voice>();
  /** Consumers whose building has begun; taken out when the server closes them meanwhile. */
  readonly #building = new Set<number>();
  /** Voices that the server has not been told to let flow. */
  readonly #stopped = new Set<number>();
  #sent: SentTrack | null = null;
  #isOver = false;

  /** @param made what V_JOIN or V_TRANSPORT answered; the consumers are for consume() */
  constructor(host: SessionMediaHost, made: MadeMedia) {
    const { engine, signal } = host;
    const { vsid, iceServers, send, receive } = made;
    this.#host = host;
    this.#vsid = vsid;
    this.#receiveTid = receive.tid;
    const connect = (tid: number) => async (dtls: JsonText) => {
      this.#take(await signal.connect(vsid, tid, dtls), 'Connect a transport');
    };
    this.#receive = engine.receive(receive, iceServers, { connect: connect(receive.tid) });
    this.#watch(receive.tid, this.#receive);
    this.#check();
    if (send === null) return;
    this.#send = engine.send(send, iceServers, {
      connect: connect(send.tid),
      produce: async (rtp) =>
        this.#take(await signal.produce(vsid, send.tid, rtp), 'Send the microphone'),
    });
    this.#watch(send.tid, this.#send);
  }

  /** Ids for V_SYNC. */
  ids(): { readonly tids: number[]; readonly pids: number[]; readonly cids: number[] } {
    const pids = this.#sent === null ? [] : [this.#sent.pid];
    return { tids: [...this.#tids], pids, cids: [...this.#voices.keys()] };
  }

  /** Whether it can take over from `old`: everything is connected, and whoever is heard there flows here too. */
  takesOver(old: SessionMedia): boolean {
    const isSending = this.#send === null || this.#sent !== null;
    const flowing = new Set(
      this.voices().flatMap(({ cid, uid }) => (this.#stopped.has(cid) ? [] : [uid])),
    );
    const isHeard = old.voices().every(({ uid }) => flowing.has(uid));
    return isSending && isHeard && this.#unconnected.size === 0;
  }

  get sent(): SentTrack | null {
    return this.#sent;
  }

  voices(): readonly Voice[] {
    return [...this.#voices.values()];
  }

  /** Begins to send. Failures are told to the host. */
  async produce(
    track: MediaStreamTrack,
    encoder: EncoderSettings,
    isPaused: () => boolean,
  ): Promise<void> {
    if (this.#send === null) return;
    try {
      const sent = await this.#send.produce(track, encoder);
      if (this.#isOver) return;
      this.#sent = sent;
      sent.setPaused(isPaused());
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Builds the client's side of a consumer, then lets it flow. */
  async consume(offer: ConsumerOffer, uid: number): Promise<void> {
    const { cid, pid } = offer;
    // Ids of a room rise: this one was made for a transport before ours, and told late.
    if (cid <= this.#receiveTid) return;
    if (this.#voices.size + this.#building.size >= VOICES_MAX) {
      await this.#host.signal.close(this.#vsid, cid);
      return;
    }
    this.#building.add(cid);
    try {
      const received = await this.#receive.consume(offer, uid);
      if (this.#isOver || !this.#building.delete(cid)) {
        received.close();
        return;
      }
      this.#voices.set(cid, { ...received, uid, pid, cid });
      this.#host.output.add(uid, cid, received);
      this.#host.voices();
      await this.#flow(cid);
    } catch (error) {
      this.#building.delete(cid);
      this.#failed(error);
    }
  }

  /** After a new connection: what could not be told on the old one. */
  flowAgain(): void {
    for (const cid of this.#stopped) void this.#flow(cid);
  }

  /** The server closed a consumer. */
  drop(cid: number): void {
    this.#building.delete(cid);
    this.#stopped.delete(cid);
    const voice = this.#voices.get(cid);
    if (voice === undefined) return;
    this.#voices.delete(cid);
    this.#host.output.remove(cid);
    voice.close();
    this.#host.voices();
  }

  /** Everything that comes from a producer. */
  dropProducer(pid: number): void {
    for (const voice of this.voices()) if (voice.pid === pid) this.drop(voice.cid);
  }

  dropUser(uid: number): void {
    for (const voice of this.voices()) if (voice.uid === uid) this.drop(voice.cid);
  }

  /** The way to the server may be another one now. */
  networkChanged(): void {
    for (const ladder of this.#ladders.keys()) void ladder.networkChanged();
  }

  close(): void {
    this.#isOver = true;
    for (const ladder of this.#ladders.keys()) ladder.close();
    this.#host.clock.clearTimeout(this.#checkTimer);
    for (const { cid } of this.voices()) this.#host.output.remove(cid);
    this.#voices.clear();
    this.#building.clear();
    this.#send?.close();
    this.#receive.close();
  }

  async #flow(cid: number): Promise<void> {
    this.#stopped.add(cid);
    const answer = await this.#host.signal.pause(this.#vsid, cid, false);
    // Lost with the connection: told again on the next one.
    if (this.#isOver || (!answer.ok && answer.code === 0)) return;
    this.#stopped.delete(cid);
    if (!answer.ok) this.drop(cid);
  }

  #watch(tid: number, transport: MediaTransport): void {
    const ladder = new TransportLadder({
      clock: this.#host.clock,
      restartIce: () => this.#restartIce(tid, transport),
      giveUp: () => this.#host.brokenDown(),
    });
    this.#ladders.set(ladder, transport);
    this.#tids.push(tid);
    this.#unconnected.add(tid);
    transport.onState((state: TransportState) => {
      if (state === 'connected') this.#unconnected.delete(tid);
      ladder.state(state);
    });
  }

  /** Looks at the ways, again and again. */
  #check(): void {
    this.#checkTimer = this.#host.clock.setTimeout(() => {
      void this.#look().then(() => {
        if (!this.#isOver) this.#check();
      });
    }, CHECK_MS);
  }

  async #look(): Promise<void> {
    for (const [ladder, transport] of this.#ladders) {
      const checks = await transport.checks();
      if (checks !== null) ladder.checks(checks);
    }
  }

  async #restartIce(tid: number, transport: MediaTransport): Promise<boolean> {
    const answer = await this.#host.signal.ice(this.#vsid, tid);
    if (this.#isOver) return false;
    if (answer.ok) {
      await transport.restartIce(answer.value);
      return true;
    }
    if (answer.code === Err.VOICE_GONE) this.#host.brokenDown();
    return answer.code !== 0;
  }

  #failed(error: unknown): void {
    if (this.#isOver) return;
    // A connection that was lost halfway leaves a transport that nobody finishes.
    const isGone = error instanceof VoiceError && (error.err === Err.VOICE_GONE || error.err === 0);
    if (isGone) this.#host.brokenDown();
    else this.#host.failed(error);
  }

  #take<T>(
    answer:
      | { readonly ok: true; readonly value: T }
      | { readonly ok: false; readonly code: number },
    what: string,
  ): T {
    if (answer.ok) return answer.value;
    const message = `${what}: the server answered ${answer.code}`;
    throw new VoiceError('DRIFT_VOICE_REFUSED', message, answer.code);
  }
}
