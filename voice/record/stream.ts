/**
 * One stream that the process sends into a room: its producer, and how it goes on after a new life of the process. Its RTP numbers go on
 * behind those of the life before, or receivers would drop the packets as old. Part of playbacks and mixes; voice thread.
 */
import type { Clock, Ms } from '../../runtime/index.ts';
import type { SidecarEvent } from '../sidecar/index.ts';
import type { MediaFeed, MediaResult, RoomMedia } from '../worker/types.ts';

const LOOPBACK = '127.0.0.1';
const SAMPLES_PER_MS = 48;
const FRAME_MS = 20;
/** Between the last progress and the end of a life, more was sent than we know. */
const SPARE_PACKETS = 100;

export interface StreamOptions {
  readonly media: RoomMedia;
  readonly owner: number;
  readonly ssrc: number;
  readonly clock: Clock;
}

export class Stream {
  readonly #options: StreamOptions;
  #feed: MediaFeed | undefined;
  #sequence = 0;
  #timestamp = 0;
  #position: number;
  #toldAt: Ms;

  /** @param position samples of the file that are not to be played */
  constructor(options: StreamOptions, position = 0) {
    this.#options = options;
    this.#position = position;
    this.#toldAt = options.clock.monotonic();
  }

  /** The process's port of the life before, 0 at first. */
  port = 0;

  get feed(): MediaFeed | undefined {
    return this.#feed;
  }

  /** Samples of the file that were played, as far as it is known. */
  get position(): number {
    return this.#position;
  }

  /** The producer, for packets from `port` only; the one of the life before if the port is the same. */
  async connect(port: number): Promise<MediaResult<MediaFeed>> {
    if (this.#feed !== undefined && !this.#feed.closed && port === this.port) {
      return { ok: true, value: this.#feed };
    }
    const { media, owner, ssrc } = this.#options;
    const made = await media.feed({ owner, ssrc, from: { ip: LOOPBACK, port } });
    if (!made.ok) return made;
    this.#feed?.close();
    this.#feed = made.value;
    this.port = port;
    return made;
  }

  /** What the process must know to send. */
  target(feed: MediaFeed): Readonly<Record<string, unknown>> {
    const passedMs = Math.max(0, this.#options.clock.monotonic() - this.#toldAt);
    const isNew = this.#sequence === 0 && this.#timestamp === 0;
    const packets = isNew ? 0 : Math.ceil(passedMs / FRAME_MS) + SPARE_PACKETS;
    const samples = isNew ? 0 : Math.ceil(passedMs * SAMPLES_PER_MS);
    return {
      to: feed.to.port,
      ssrc: this.#options.ssrc,
      pt: feed.payloadType,
      sequence: (this.#sequence + packets) % 0x1_0000,
      timestamp: (this.#timestamp + samples) % 0x1_0000_0000,
    };
  }

  /** What the process told of its numbers. */
  progress(event: SidecarEvent): void {
    const number = (name: string, old: number) => {
      const value = event[name];
      return typeof value === 'number' ? value : old;
    };
    this.#toldAt = this.#options.clock.monotonic();
    this.#sequence = number('sequence', this.#sequence);
    this.#timestamp = number('timestamp', this.#timestamp);
    this.#position = number('position', this.#position);
  }

  close(): void {
    this.#feed?.close();
  }
}
