/**
 * The speakers of one job: a tap of each producer toward the job's room in the process, and what the process must know of them. Calls are
 * carried out one after the other, so that a tap never outlives its producer. Voice thread.
 *
 * Bound: 512 speakers, as in the process; more are counted and left out.
 */
import type { Id } from '../../channels/index.ts';
import type { SidecarAnswer, SidecarLink } from '../sidecar/index.ts';
import type { MediaProducer, MediaTap, RoomMedia } from '../worker/types.ts';

const LOOPBACK = '127.0.0.1';
const SPEAKERS_MAX = 512;

interface Speaker {
  readonly uid: Id;
  readonly media: RoomMedia;
  readonly producer: MediaProducer;
  tap: MediaTap | null;
}

export interface TappedOptions {
  /** The job's number: that of its room in the process. */
  readonly id: number;
  /** The present life of the process. */
  readonly link: () => SidecarLink | undefined;
  readonly onUntapped: () => void;
}

export class Tapped {
  readonly #options: TappedOptions;
  readonly #speakers = new Map<MediaProducer, Speaker>();
  /** Where the process listens for this job; 0 before it does. */
  #port = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: TappedOptions) {
    this.#options = options;
  }

  speaker(uid: Id, media: RoomMedia, producer: MediaProducer): void {
    if (this.#speakers.has(producer)) return;
    if (this.#speakers.size >= SPEAKERS_MAX) {
      this.#options.onUntapped();
      return;
    }
    const speaker: Speaker = { uid, media, producer, tap: null };
    this.#speakers.set(producer, speaker);
    this.#then(async () => {
      const link = this.#options.link();
      if (link !== undefined && this.#port !== 0) await this.#tap(speaker, link);
    });
  }

  gone(producer: MediaProducer): void {
    const speaker = this.#speakers.get(producer);
    if (speaker === undefined) return;
    this.#speakers.delete(producer);
    this.#then(async () => {
      const { tap } = speaker;
      if (tap === null) return;
      speaker.tap = null;
      tap.close();
      const from = { ssrc: tap.ssrc, from: tap.from.port };
      await this.#options.link()?.request('ssrc.remove', { room: this.#options.id, ...from });
    });
  }

  /** Opens the job's room in a new life of the process; on the same port as before if it is free, since the workers send there. */
  open(link: SidecarLink): Promise<boolean> {
    return new Promise((resolve) => {
      this.#then(async () => resolve(await this.#open(link)));
    });
  }

  /** Tells the process of everybody, after `open`. */
  announce(link: SidecarLink): Promise<void> {
    return new Promise((resolve) => {
      this.#then(async () => {
        for (const speaker of [...this.#speakers.values()]) await this.#tap(speaker, link);
        resolve();
      });
    });
  }

  /** Resolves when what was called so far is carried out. */
  settled(): Promise<void> {
    return this.#turn;
  }

  /** Nobody is recorded any more. */
  async close(): Promise<void> {
    for (const producer of [...this.#speakers.keys()]) this.gone(producer);
    await this.#turn;
  }

  async #open(link: SidecarLink): Promise<boolean> {
    const { id } = this.#options;
    const again = await link.request('room.open', { room: id, port: this.#port });
    if (again.ok) return this.#opened(again);
    if (again.err !== 'port_in_use') return false;
    // Somebody took the port meanwhile: all taps anew.
    for (const speaker of this.#speakers.values()) {
      speaker.tap?.close();
      speaker.tap = null;
    }
    return this.#opened(await link.request('room.open', { room: id }));
  }

  #opened(answer: SidecarAnswer): boolean {
    if (!answer.ok || typeof answer.port !== 'number') return false;
    this.#port = answer.port;
    return true;
  }

  async #tap(speaker: Speaker, link: SidecarLink): Promise<void> {
    const { uid, media, producer } = speaker;
    if (!this.#speakers.has(producer)) return;
    if (speaker.tap === null || speaker.tap.closed) {
      const made = await media.tap(producer, { ip: LOOPBACK, port: this.#port });
      if (!made.ok) return this.#options.onUntapped();
      speaker.tap = made.value;
    }
    const { ssrc, payloadType, levelExtension, from } = speaker.tap;
    const known = await link.request('ssrc.add', {
      ...{ room: this.#options.id, user: String(uid), ssrc },
      ...{ pt: payloadType, level: levelExtension, from: from.port },
    });
    if (!known.ok && known.err !== 'gone') this.#options.onUntapped();
  }

  #then(work: () => Promise<void>): void {
    this.#turn = this.#turn.then(work);
  }
}
