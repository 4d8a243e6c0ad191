/**
 * VoiceSession: one person in one voice channel, from join() to leave(), over every interruption in between. Puts together control
 * (signal.ts), people (roster.ts) and media (session-media.ts, one per life), and owns the upper rungs of the ladder: V_SYNC after a
 * new connection, a new life in the same membership when media is gone, joining again when the membership is.
 */
import type { VoiceFrame, WireValue } from '../../gateway/protocol/index.ts';
import {
  VoiceState as StateFlag,
  VoiceJoin,
  VoiceKind,
  VoicePart,
} from '../../gateway/protocol/index.ts';
import { Emitter, type Unlisten } from '../emitter.ts';
import { asVoiceError, endedError, joinFailure, VoiceError } from './errors.ts';
import { OwnState, type OwnStateHost } from './own-state.ts';
import { type Participant, Roster } from './roster.ts';
import { LIKELY_ROUTER_CAPS } from './router-caps.ts';
import { type MadeMedia, SessionMedia, type Voice } from './session-media.ts';
import type { VoiceEvents, VoiceOptions, VoiceState } from './session-types.ts';
import {
  type Answer,
  type JoinAnswer,
  readAdvice,
  readConsumer,
  readKeys,
  readLevels,
  VoiceSignal,
} from './signal.ts';
import { Speaking } from './speaking.ts';
import { type ConsumerOffer, E2E_KEYS, type EncoderSettings } from './types.ts';

const ENCODER: EncoderSettings = { maxBitrate: 40_000, dtx: true, fec: true, stereo: false };
/** Waits between attempts to join; the last goes on. The first is at once, for a server that pushed the reset is ready. */
const JOIN_WAITS_MS = [0, 150, 300, 450, 1_000, 2_000, 5_000];
/** Frames that wait for the media of a join to be set up; more end in a V_SYNC. */
const HELD_MAX = 256;
/** In a planned move both ways go on until the new one has taken over and for OVERLAP_MS more; the server waits 10 s. */
const OVERLAP_MS = 700;
const HAND_OVER_MAX_MS = 7_000;
const LOOK_MS = 100;
/** The room goes on elsewhere after these. */
const PASSING_ENDS: ReadonlySet<WireValue> = new Set(['failed', 'moving']);

/** One person in one voice channel. */
export class VoiceSession {
  readonly #options: VoiceOptions;
  readonly #signal: VoiceSignal;
  readonly #emitter = new Emitter<VoiceEvents>();
  readonly #roster = new Roster();
  readonly #speaking: Speaking;
  readonly #own: OwnState;
  readonly #unlisten: Unlisten[] = [];
  #state: VoiceState = { name: 'idle' };
  #sid: number;
  #vsid: number | null = null;
  #media: SessionMedia | null = null;
  /** In a planned move: what goes on until the new media has taken over. */
  #leaving: SessionMedia | null = null;
  #iceServers = '[]';
  #routerCaps = LIKELY_ROUTER_CAPS;
  /** Every (re)join is a new life; what belongs to an older one is dropped when it comes back from a wait. */
  #life = 0;
  #held: VoiceFrame[] | null = null;
  #isSyncing = false;
  #wake: (() => void) | null = null;

  constructor(options: VoiceOptions) {
    this.#options = options;
    this.#sid = options.sid;
    const { clock, isMuted = false, isDeaf = false } = options;
    this.#signal = new VoiceSignal(options.port, clock, options.rng);
    const tell: OwnStateHost['tell'] = (...state) => void this.#tell(...state);
    this.#own = new OwnState({ clock, tell }, isMuted, isDeaf);
    this.#speaking = new Speaking({
      clock,
      levels: () => this.voices().map((voice) => [voice.uid, voice.level() ?? 0] as const),
      changed: (speaking) => this.#onSpeaking(speaking),
    });
    options.keys?.start((to, data) => this.#sendKeys(to, data));
  }

  get state(): VoiceState {
    return this.#state;
  }

  get sid(): number {
    return this.#sid;
  }

  get isMuted(): boolean {
    return this.#own.isMuted;
  }

  get isDeaf(): boolean {
    return this.#own.isDeaf;
  }

  /** Everybody in the room, this person too. */
  people(): readonly Participant[] {
    return this.#roster.people();
  }

  /** What is heard now. */
  voices(): readonly Voice[] {
    return this.#media?.voices() ?? [];
  }

  /** Statistics of what is sent; null while nothing is. */
  sentStats(): Promise<RTCStatsReport> | null {
    return this.#media?.sent?.stats() ?? null;
  }

  on<Name extends keyof VoiceEvents>(
    name: Name,
    listener: (argument: VoiceEvents[Name]) => void,
  ): Unlisten {
    return this.#emitter.on(name, listener);
  }

  /**
   * Joins, and stays joined until leave() or the server ends it.
   * @returns resolves when connected for the first time; waits while the server cannot yet
   * @throws VoiceError what the channel or this browser does not allow
   */
  async join(): Promise<void> {
    if (this.#state.name !== 'idle') throw new TypeError('a session joins once: make a new one');
    const { port, output } = this.#options;
    this.#unlisten.push(
      port.onVoice((frame) => this.#onFrame(frame)),
      port.onOnline(() => this.#onOnline()),
    );
    output.setDeaf(this.isDeaf);
    const outcome = new Promise<void>((resolve, reject) => {
      this.#emitter.on('state', (state) => {
        if (state.name === 'connected') resolve();
        if (state.name === 'ended') reject(state.error ?? endedError(state.why));
      });
    });
    void this.#live({ name: 'joining' });
    await outcome;
  }

  /** Leaves. Safe to call more than once. */
  async leave(): Promise<void> {
    const vsid = this.#vsid;
    this.#end('left');
    if (vsid !== null) await this.#signal.leave(vsid);
  }

  setMuted(isMuted: boolean): void {
    this.#own.isMuted = isMuted;
    for (const media of [this.#media, this.#leaving]) media?.sent?.setPaused(isMuted);
  }

  setDeaf(isDeaf: boolean): void {
    this.#own.isDeaf = isDeaf;
    this.#options.output.setDeaf(isDeaf);
  }

  /** The gate or the key: drives the ring that others see, and in push-to-talk channels what the server lets through. */
  setTalking(isTalking: boolean): void {
    this.#own.setFlag(StateFlag.TALK, isTalking);
  }

  /** The network of this device may be another one now: finds the way anew, while media goes on. */
  networkChanged(): void {
    this.#media?.networkChanged();
  }

  /** Asks to speak in a stage. */
  setHand(isUp: boolean): void {
    this.#own.setFlag(StateFlag.HAND, isUp);
  }

  // ------------------------------------------------------------- lives

  /** Begins a new life: joins (again) until it works or cannot. */
  async #live(state: VoiceState): Promise<void> {
    const life = ++this.#life;
    const { clock, port, rng } = this.#options;
    this.#setState(state);
    this.#closeMedia();
    for (let attempt = 0; ; attempt += 1) {
      if (!port.isOnline()) await this.#waitOnline(life);
      if (life !== this.#life) return;
      const failure = await this.#enter(life).catch((error: unknown) => asVoiceError(error));
      if (life !== this.#life) return;
      if (failure === null) return;
      if (failure instanceof VoiceError) {
        this.#end('refused', failure);
        return;
      }
      const wait = JOIN_WAITS_MS[Math.min(attempt, JOIN_WAITS_MS.length - 1)] as number;
      const retryInMs = Math.max(failure.retryMs ?? 0, wait) * (0.75 + rng.random() / 2);
      if (state.name === 'joining') this.#setState({ name: 'joining', retryInMs });
      await new Promise<void>((resolve) => {
        clock.setTimeout(resolve, retryInMs);
      });
      if (life !== this.#life) return;
    }
  }

  /** One attempt: null when connected, else why not. */
  async #enter(life: number): Promise<null | VoiceError | { readonly retryMs: number | null }> {
    const { engine } = this.#options;
    const caps = await engine.load(this.#routerCaps);
    let answer = await this.#ask(life, caps);
    if (!answer.ok) return joinFailure(answer);
    const real = await engine.load(answer.value.routerCaps);
    if (life !== this.#life) return null;
    this.#routerCaps = answer.value.routerCaps;
    if (real !== caps) {
      answer = await this.#ask(life, real);
      if (!answer.ok) return joinFailure(answer);
    }
    if (life === this.#life) this.#connected(answer.value);
    return null;
  }

  async #ask(life: number, caps: string): Promise<Answer<JoinAnswer>> {
    const { track, e2e = 0 } = this.#options;
    const flags =
      VoiceJoin.BUNDLED |
      (this.isMuted ? VoiceJoin.MUTED : 0) |
      (this.isDeaf ? VoiceJoin.DEAF : 0) |
      (track === null ? VoiceJoin.LISTEN : 0);
    const answer = await this.#signal.join(this.#sid, caps, flags, e2e);
    if (!answer.ok) return answer;
    if (life !== this.#life) {
      // Left, or begun anew, while the answer was on its way.
      if (this.#state.name === 'ended') void this.#signal.leave(answer.value.vsid);
      return answer;
    }
    this.#vsid = answer.value.vsid;
    this.#held = [];
    this.#roster.replace(answer.value.ver, answer.value.participants);
    return answer;
  }

  #connected(joined: JoinAnswer): void {
    const { vsid, iceServers, bundle } = joined;
    this.#iceServers = iceServers;
    this.#setMedia({ vsid, iceServers, ...bundle });
    this.#setState({ name: 'connected' });
    for (const offer of bundle.consumers) this.#consume(offer);
    this.#release();
    this.#whole();
    this.#speaking.start();
  }

  /** New transports; the microphone goes out on them. */
  #setMedia(made: MadeMedia): SessionMedia {
    const { clock, engine, output, track, encoder } = this.#options;
    const life = this.#life;
    const media = new SessionMedia(
      {
        clock,
        engine,
        output,
        signal: this.#signal,
        failed: (error) => this.#emitter.emit('warning', error),
        brokenDown: () => {
          if (life === this.#life && media === this.#media) this.#renew();
        },
        voices: () => this.#emitter.emit('voices', this.voices()),
      },
      made,
    );
    this.#media = media;
    if (track !== null) void media.produce(track, { ...ENCODER, ...encoder }, () => this.isMuted);
    return media;
  }

  /** Frames that waited for the media. */
  #release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const frame of held) this.#onFrame(frame);
  }

  #renew(): void {
    void this.#live({ name: 'reconnecting' });
  }

  /** A planned move to another media worker: new transports while the old ones go on, then those are closed. */
  async #relocate(): Promise<void> {
    const [vsid, old, life] = [this.#vsid, this.#media, this.#life];
    if (vsid === null || old === null || this.#leaving !== null) return;
    const receive = await this.#signal.transport(vsid, 2);
    if (life !== this.#life) return;
    // Everybody's voice is offered once more from here on, for the new transport.
    this.#held = [];
    const isSending = this.#options.track !== null;
    const send = isSending ? await this.#signal.transport(vsid, 1) : null;
    if (life !== this.#life) return;
    if (!receive.ok || send?.ok === false) {
      this.#renew();
      return;
    }
    const made = { vsid, iceServers: this.#iceServers, receive: receive.value };
    this.#leaving = old;
    this.#setMedia({ ...made, send: send?.value ?? null });
    this.#release();
    this.#handOver(vsid, old, life, this.#options.clock.now() + HAND_OVER_MAX_MS);
  }

  /** Ends the old way once the new one has taken over, and a little later, for its jitter buffers have to fill. */
  #handOver(vsid: number, old: SessionMedia, life: number, endAt: number): void {
    const { clock } = this.#options;
    const media = this.#media;
    if (life !== this.#life || media === null) return;
    const isReady = media.takesOver(old) || clock.now() >= endAt;
    clock.setTimeout(
      () => {
        if (life !== this.#life) return;
        if (!isReady) {
          this.#handOver(vsid, old, life, endAt);
          return;
        }
        this.#leaving = null;
        for (const tid of old.ids().tids) void this.#signal.close(vsid, tid);
        old.close();
      },
      isReady ? OVERLAP_MS : LOOK_MS,
    );
  }

  #closeMedia(): void {
    this.#media?.close();
    this.#leaving?.close();
    this.#media = null;
    this.#leaving = null;
    this.#speaking.stop();
    this.#speaking.clear();
  }

  #waitOnline(life: number): Promise<void> {
    return new Promise((resolve) => {
      if (life !== this.#life) resolve();
      else this.#wake = resolve;
    });
  }

  #onOnline(): void {
    const wake = this.#wake;
    this.#wake = null;
    if (wake !== null) wake();
    else if (this.#state.name === 'connected') void this.#sync();
  }

  /** Compares everything with the server; what it has lost begins a new life. */
  async #sync(): Promise<void> {
    const [vsid, media, life] = [this.#vsid, this.#media, this.#life];
    if (vsid === null || media === null || this.#isSyncing) return;
    this.#isSyncing = true;
    const { tids, pids, cids } = media.ids();
    const answer = await this.#signal.sync(vsid, tids, pids, cids);
    this.#isSyncing = false;
    // A connection lost meanwhile asks again when there is the next one.
    if (life !== this.#life || (!answer.ok && answer.code === 0)) return;
    if (!answer.ok || answer.value.lostTids.length + answer.value.lostPids.length > 0) {
      this.#renew();
      return;
    }
    media.flowAgain();
    const { ver, participants, lostCids } = answer.value;
    this.#roster.replace(ver, participants);
    for (const { pid, cid } of media.voices()) {
      if (lostCids.includes(cid) || this.#roster.ownerOf(pid) === undefined) media.drop(cid);
    }
    this.#whole();
  }

  /** There is a complete roster anew; what was said before it may have been missed. */
  #whole(): void {
    const { keys, uid } = this.#options;
    keys?.joined(this.people().map((person) => person.uid));
    this.#emitter.emit('people', this.people());
    this.#own.tellIfOther(this.#roster.person(uid)?.flags ?? 0);
  }

  #peopleChanged(): void {
    this.#options.keys?.people(this.people().map(({ uid }) => uid));
    this.#emitter.emit('people', this.people());
  }

  async #sendKeys(to: number | null, data: string): Promise<boolean> {
    if (this.#vsid === null) return false;
    return (await this.#signal.e2e(this.#vsid, to, E2E_KEYS, data)).ok;
  }

  async #tell(isMuted: boolean, isDeaf: boolean, flags: number): Promise<void> {
    if (this.#vsid === null || this.#state.name !== 'connected') return;
    const answer = await this.#signal.state(this.#vsid, isMuted, isDeaf, flags);
    // What a lost connection swallowed is told again behind the V_SYNC of the next one.
    if (answer.ok || answer.code === 0) return;
    const message = `Tell the own state: the server answered ${answer.code}`;
    this.#emitter.emit('warning', new VoiceError('DRIFT_VOICE_REFUSED', message, answer.code));
  }

  #end(why: string, error?: VoiceError): void {
    if (this.#state.name === 'ended') return;
    this.#life += 1;
    this.#vsid = null;
    this.#closeMedia();
    this.#own.close();
    for (const end of this.#unlisten.splice(0)) end();
    this.#wake?.();
    this.#wake = null;
    this.#setState(error === undefined ? { name: 'ended', why } : { name: 'ended', why, error });
  }

  #setState(state: VoiceState): void {
    this.#state = state;
    this.#emitter.emit('state', state);
  }

  // ------------------------------------------------------------- frames

  #onFrame(frame: VoiceFrame): void {
    if (frame.vsid !== this.#vsid) return;
    if (this.#held !== null) {
      if (this.#held.length < HELD_MAX) this.#held.push(frame);
      return;
    }
    const outcome = this.#roster.apply(frame);
    if (outcome === 'old') return;
    this.#act(frame.kind, frame.body);
    if (outcome === 'changed') this.#peopleChanged();
    else if (outcome === 'missed') void this.#sync();
  }

  #act(kind: number, body: readonly WireValue[]): void {
    const [first = 0] = body;
    if (kind === VoiceKind.EPOCH) this.#renew();
    else if (kind === VoiceKind.RELOCATE) void this.#relocate();
    else if (kind === VoiceKind.ENDED) this.#onEnded(first);
    else if (kind === VoiceKind.MOVED && typeof first === 'number') this.#onMoved(first);
    else if (kind === VoiceKind.SPEAKING) this.#speaking.told(readLevels(body));
    else if (kind === VoiceKind.DOMINANT) this.#emitter.emit('dominant', Number(first));
    else if (kind === VoiceKind.QUALITY) this.#onQuality(body);
    else if (kind === VoiceKind.RECORDING) {
      const uid = Number(body[1] ?? 0);
      this.#emitter.emit('recording', { isOn: first === true, uid });
    } else if (kind === VoiceKind.PLAYBACK) {
      this.#emitter.emit('playback', { file: String(first), uid: Number(body[1] ?? 0) });
    } else if (kind === VoiceKind.CONSUMER) {
      const offer = readConsumer(body);
      if (offer !== null) this.#consume(offer);
    } else if (kind === VoiceKind.E2E) {
      const message = readKeys(body);
      if (message !== null) this.#options.keys?.receive(message.from, message.data);
    } else this.#drop(kind, Number(first));
  }

  #consume(offer: ConsumerOffer): void {
    void this.#media?.consume(offer, this.#roster.ownerOf(offer.pid) ?? 0);
  }

  /** Voices that are over. */
  #drop(kind: number, id: number): void {
    for (const media of [this.#media, this.#leaving]) {
      if (kind === VoiceKind.CONSUMER_CLOSED) media?.drop(id);
      else if (kind === VoiceKind.PRODUCER_CLOSED) media?.dropProducer(id);
      else if (kind === VoiceKind.LEFT) media?.dropUser(id);
    }
    if (kind === VoiceKind.LEFT) this.#speaking.forget(id);
  }

  #onEnded(reason: WireValue): void {
    if (PASSING_ENDS.has(reason)) this.#renew();
    else this.#end(typeof reason === 'string' ? reason : 'ended');
  }

  #onMoved(sid: number): void {
    this.#sid = sid;
    this.#emitter.emit('moved', { sid });
    this.#renew();
  }

  #onQuality(body: readonly WireValue[]): void {
    const { maxBitrate } = readAdvice(body);
    if (maxBitrate === undefined) return;
    this.#media?.sent?.tune(maxBitrate).catch((error: unknown) => {
      this.#emitter.emit('warning', error);
    });
  }

  #onSpeaking(speaking: ReadonlyMap<number, number>): void {
    const priority = [...speaking.keys()].filter(
      (uid) => ((this.#roster.person(uid)?.flags ?? 0) & VoicePart.PRIORITY) !== 0,
    );
    this.#options.output.setPriority(new Set(priority));
    this.#emitter.emit('speaking', speaking);
  }
}
