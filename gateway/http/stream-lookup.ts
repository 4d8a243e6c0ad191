/**
 * What a stream id is, with a bounded cache in front of the store: a sid is never used twice, so a
 * positive answer holds for ever (a deleted channel is then refused by its own stream and guild).
 * One per gateway thread. Bound: `max` entries, the oldest goes first.
 */
import type { Clock } from '../../runtime/index.ts';
import { type Asked, askRead } from './ask.ts';
import type { StreamInfo } from './types.ts';

const ENTRIES_MAX = 10_000;

export class StreamLookup {
  readonly #clock: Clock;
  readonly #read: (sid: number) => Promise<StreamInfo | undefined>;
  readonly #max: number;
  readonly #known = new Map<number, StreamInfo>();

  constructor(
    clock: Clock,
    read: (sid: number) => Promise<StreamInfo | undefined>,
    max: number = ENTRIES_MAX,
  ) {
    this.#clock = clock;
    this.#read = read;
    this.#max = max;
  }

  get size(): number {
    return this.#known.size;
  }

  /** Guild of a channel; undefined when `sid` is no channel. */
  async channelGuild(sid: number): Promise<Asked<number | undefined>> {
    const known = this.#known.get(sid);
    if (known !== undefined) return { ok: true, value: gidOf(known) };
    const asked = await askRead(this.#clock, () => this.#read(sid));
    if (!asked.ok) return asked;
    if (asked.value !== undefined) this.#remember(sid, asked.value);
    return { ok: true, value: gidOf(asked.value) };
  }

  #remember(sid: number, info: StreamInfo): void {
    if (this.#known.size >= this.#max) {
      const oldest = this.#known.keys().next();
      if (oldest.done !== true) this.#known.delete(oldest.value);
    }
    this.#known.set(sid, info);
  }
}

function gidOf(info: StreamInfo | undefined): number | undefined {
  return info?.type === 'channel' ? info.gid : undefined;
}
