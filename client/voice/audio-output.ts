/**
 * Where voices are heard: per person a volume of 0 to 200 %, quieter while a priority speaker talks, all of it silent when deaf.
 * Browser main thread. An element plays each voice, and Web Audio only what is louder than it came: a muted element still has to be
 * there then, or Chromium decodes nothing.
 */
import type { ReceivedTrack, VoiceOutput } from './types.ts';

/** -12 dB */
const DUCKED = 0.25;
const VOLUME_MAX = 2;
/** Volumes of people who are not here are kept for their return; the oldest is forgotten. */
const VOLUMES_MAX = 1_000;

interface Voice {
  readonly uid: number;
  readonly stream: MediaStream;
  readonly element: HTMLAudioElement;
  /** Above 100 %. */
  boost: { readonly source: MediaStreamAudioSourceNode; readonly gain: GainNode } | null;
  /** False while an older voice of the person says the same. */
  isActive: boolean;
}

/** The audible side of a voice session. */
export class AudioOutput implements VoiceOutput {
  readonly #context: AudioContext;
  readonly #voices = new Map<number, Voice>();
  readonly #volumes = new Map<number, number>();
  #priority: ReadonlySet<number> = new Set();
  #isDeaf = false;
  #isRefused = false;

  /** @param context at 48 kHz, the same as the microphone's */
  constructor(context: AudioContext) {
    this.#context = context;
  }

  /** False when the browser waits for a click before it plays anything: then call `unblock` from one. */
  get isAudible(): boolean {
    return !this.#isRefused && this.#context.state === 'running';
  }

  /** Call it from a click. */
  async unblock(): Promise<void> {
    this.#isRefused = false;
    await this.#context.resume();
    await Promise.all([...this.#voices.values()].map((voice) => this.#play(voice)));
  }

  add(
    uid: number,
    cid: number,
    { track, started }: Pick<ReceivedTrack, 'track' | 'started'>,
  ): void {
    this.remove(cid);
    const older = [...this.#voices.values()].filter((voice) => voice.uid === uid);
    const stream = new MediaStream([track]);
    const element = new Audio();
    element.srcObject = stream;
    const voice: Voice = { uid, stream, element, boost: null, isActive: older.length === 0 };
    this.#voices.set(cid, voice);
    this.#apply(voice);
    void this.#play(voice);
    if (!voice.isActive) void started.then(() => this.#takeOver(voice, older));
  }

  remove(cid: number): void {
    const voice = this.#voices.get(cid);
    if (voice === undefined) return;
    this.#voices.delete(cid);
    unboost(voice);
    voice.element.pause();
    voice.element.srcObject = null;
  }

  volumeOf(uid: number): number {
    return this.#volumes.get(uid) ?? 1;
  }

  /** @param volume 0 to 2, 1 as it comes */
  setVolume(uid: number, volume: number): void {
    this.#volumes.delete(uid);
    this.#volumes.set(uid, Math.max(0, Math.min(VOLUME_MAX, volume)));
    const [oldest] = this.#volumes.keys();
    if (this.#volumes.size > VOLUMES_MAX && oldest !== undefined) this.#volumes.delete(oldest);
    this.#applyAll();
  }

  setDeaf(isDeaf: boolean): void {
    this.#isDeaf = isDeaf;
    this.#applyAll();
  }

  setPriority(uids: ReadonlySet<number>): void {
    this.#priority = uids;
    this.#applyAll();
  }

  close(): void {
    for (const cid of [...this.#voices.keys()]) this.remove(cid);
  }

  /** Refused before the first click of a page that only listens. */
  async #play(voice: Voice): Promise<void> {
    try {
      await voice.element.play();
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotAllowedError') this.#isRefused = true;
    }
  }

  #takeOver(voice: Voice, older: readonly Voice[]): void {
    voice.isActive = true;
    for (const one of older) one.isActive = false;
    this.#applyAll();
  }

  #applyAll(): void {
    for (const voice of this.#voices.values()) this.#apply(voice);
  }

  #apply(voice: Voice): void {
    const isDucked = this.#priority.size > 0 && !this.#priority.has(voice.uid);
    const isSilent = this.#isDeaf || !voice.isActive;
    const volume = isSilent ? 0 : this.volumeOf(voice.uid) * (isDucked ? DUCKED : 1);
    if (volume > 1) {
      this.#boost(voice, volume);
    } else {
      unboost(voice);
      voice.element.volume = volume;
      voice.element.muted = volume === 0;
    }
  }

  #boost(voice: Voice, volume: number): void {
    voice.element.muted = true;
    if (voice.boost === null) {
      const source = this.#context.createMediaStreamSource(voice.stream);
      const gain = new GainNode(this.#context, { gain: volume });
      source.connect(gain).connect(this.#context.destination);
      voice.boost = { source, gain };
    }
    voice.boost.gain.gain.value = volume;
  }
}

function unboost(voice: Voice): void {
  voice.boost?.source.disconnect();
  voice.boost?.gain.disconnect();
  voice.boost = null;
}
