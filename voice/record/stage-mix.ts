/** One mix: taps of all its speakers toward the process, and one stream back. Begun again after a death of the process. Voice thread. */
import type { Id } from '../../channels/index.ts';
import type { SidecarEvent, SidecarJob, SidecarLink } from '../sidecar/index.ts';
import type { MediaProducer, RoomMedia } from '../worker/types.ts';
import { Stream, type StreamOptions } from './stream.ts';
import { Tapped } from './tapped.ts';
import type { Mix, MixSettings } from './types.ts';

export interface StageMixOptions extends StreamOptions {
  readonly id: number;
  readonly settings: MixSettings;
  readonly link: () => SidecarLink | undefined;
  readonly onUntapped: () => void;
  /** It is over: the service forgets it. */
  readonly onOver: (mix: StageMix) => void;
  readonly onFailed: () => void;
}

export class StageMix implements SidecarJob, Mix {
  readonly id: number;
  readonly #options: StageMixOptions;
  readonly #tapped: Tapped;
  readonly #stream: Stream;
  #settings: MixSettings;
  #isOver = false;
  #hasBegun = false;
  #beginning: Promise<boolean> | undefined;

  constructor(options: StageMixOptions) {
    this.#options = options;
    this.id = options.id;
    this.#settings = options.settings;
    this.#tapped = new Tapped(options);
    this.#stream = new Stream(options);
  }

  /** After it began. */
  get producer(): MediaProducer {
    const { feed } = this.#stream;
    if (feed === undefined) throw new TypeError('mix: it has not begun');
    return feed.producer;
  }

  speaker(uid: Id, media: RoomMedia, producer: MediaProducer): void {
    if (!this.#isOver) this.#tapped.speaker(uid, media, producer);
  }

  gone(producer: MediaProducer): void {
    this.#tapped.gone(producer);
  }

  async settled(): Promise<void> {
    await this.#beginning;
    await this.#tapped.settled();
  }

  begin(link: SidecarLink): Promise<boolean> {
    const beginning = this.#begin(link);
    this.#beginning = beginning;
    return beginning;
  }

  async #begin(link: SidecarLink): Promise<boolean> {
    if (this.#isOver || !(await this.#tapped.open(link))) return this.#refused();
    const job = { job: this.id, room: this.id };
    let opened = await link.request('mix.open', { ...job, port: this.#stream.port });
    if (!opened.ok && opened.err === 'port_in_use') opened = await link.request('mix.open', job);
    if (!opened.ok || typeof opened.port !== 'number') return this.#refused();
    const feed = await this.#stream.connect(opened.port);
    if (!feed.ok) return this.#refused();
    const started = await link.request('mix.start', {
      ...{ job: this.id, ...this.#settings },
      ...this.#stream.target(feed.value),
    });
    if (!started.ok) return this.#refused();
    await this.#tapped.announce(link);
    this.#hasBegun = true;
    return true;
  }

  event(event: SidecarEvent): void {
    if (event.ev === 'mix.progress') this.#stream.progress(event);
  }

  lost(): void {
    return; // begin() comes again with what progress told
  }

  failed(): void {
    this.#refused();
    if (this.#hasBegun) this.#options.onFailed();
  }

  set(settings: MixSettings): void {
    this.#settings = settings;
    void this.#options.link()?.request('mix.set', { job: this.id, ...settings });
  }

  stop(): void {
    const link = this.#options.link();
    void link?.request('mix.stop', { job: this.id });
    void link?.request('room.close', { room: this.id });
    this.#refused();
  }

  #refused(): false {
    if (this.#isOver) return false;
    this.#isOver = true;
    void this.#tapped.close();
    this.#stream.close();
    this.#options.onOver(this);
    return false;
  }
}
