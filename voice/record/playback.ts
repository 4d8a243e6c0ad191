/** One file that is played into a room. After a death of the process it goes on where it was, to about a second. Voice thread. */
import type { SidecarEvent, SidecarJob, SidecarLink } from '../sidecar/index.ts';
import type { MediaProducer } from '../worker/types.ts';
import { Stream, type StreamOptions } from './stream.ts';
import type { Playback, PlayOptions } from './types.ts';

/** 4 h: what nobody ends, ends. */
const SAMPLES_MAX = 4 * 3_600 * 48_000;

export interface PlayerOptions extends StreamOptions {
  readonly id: number;
  readonly play: PlayOptions;
  readonly link: () => SidecarLink | undefined;
  /** It is over: the service forgets it. */
  readonly onOver: (player: Player) => void;
}

export class Player implements SidecarJob, Playback {
  readonly id: number;
  readonly #options: PlayerOptions;
  readonly #stream: Stream;
  #isOver = false;
  #hasBegun = false;
  /** Why it could not begin. */
  fault: string | undefined;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.id = options.id;
    this.#stream = new Stream(options, options.play.position ?? 0);
  }

  get position(): number {
    return this.#stream.position;
  }

  /** After it began. */
  get producer(): MediaProducer {
    const { feed } = this.#stream;
    if (feed === undefined) throw new TypeError('playback: it has not begun');
    return feed.producer;
  }

  async begin(link: SidecarLink): Promise<boolean> {
    if (this.#isOver) return false;
    const { play } = this.#options;
    const file = { job: this.id, file: play.file };
    let opened = await link.request('play.open', { ...file, port: this.#stream.port });
    if (!opened.ok && opened.err === 'port_in_use') opened = await link.request('play.open', file);
    if (!opened.ok || typeof opened.port !== 'number') {
      this.fault = opened.ok ? 'io' : opened.err;
      return this.#refused();
    }
    const before = this.#stream.feed;
    const feed = await this.#stream.connect(opened.port);
    if (!feed.ok) {
      await link.request('play.stop', { job: this.id });
      return this.#refused();
    }
    const started = await link.request('play.start', {
      ...{ job: this.id, position: this.#stream.position, loop: false },
      ...this.#stream.target(feed.value),
    });
    if (!started.ok) return this.#refused();
    this.#hasBegun = true;
    if (before !== undefined && before !== feed.value) play.onProducer(feed.value.producer);
    return true;
  }

  event(event: SidecarEvent): void {
    if (event.ev === 'play.progress') {
      this.#stream.progress(event);
      if (this.position > SAMPLES_MAX) this.#stop('end');
    }
    if (event.ev !== 'play.done') return;
    const { reason } = event;
    this.#over(reason === 'end' || reason === 'stop' ? reason : 'gone');
  }

  lost(): void {
    return; // begin() comes again with what progress told
  }

  failed(): void {
    this.#over('failed');
  }

  stop(): void {
    this.#stop('stop');
  }

  #stop(reason: 'end' | 'stop'): void {
    void this.#options.link()?.request('play.stop', { job: this.id });
    this.#over(reason);
  }

  #refused(): false {
    this.#over('failed');
    return false;
  }

  #over(reason: 'end' | 'stop' | 'gone' | 'failed'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.close();
    this.#options.onOver(this);
    // What never began is told by the answer to play().
    if (this.#hasBegun) this.#options.play.onDone(reason);
  }
}
