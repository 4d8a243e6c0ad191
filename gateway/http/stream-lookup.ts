/**
 * What a stream id is, with a bounded cache in front of the store: a sid is never used twice, so a
 * positive answer holds for ever (a deleted channel is then refused by its own stream and guild).
 * One per gateway thread. Bound: `max` entries, the oldest goes first.
 */
import type { Clock } from '../../runtime/index.ts';
import { type Asked, askRead } from './ask.ts';
import { fail } from './errors.ts';
import type { StreamInfo } from './types.ts';

type StreamType = StreamInfo['type'];

const ENTRIES_MAX = 10_000;
const GUILD_CHANNELS: ReadonlySet<StreamType> = new Set<StreamType>(['channel', 'thread']);
const MESSAGE_STREAMS: ReadonlySet<StreamType> = new Set([...GUILD_CHANNELS, 'dm', 'group']);
const NOT_FOUND = fail('not_found');

export class StreamLookup {
  readonly #clock: Clock;
  readonly #read: (sid: number) => Promise<StreamInfo | undefined>;
  readonly #probe: (sid: number) => Promise<unknown>;
  readonly #max: number;
  readonly #known = new Map<number, StreamInfo>();

  /** `read` gives the document of a stream, `probe` asks the stream itself for something cheap. */
  constructor(
    clock: Clock,
    read: (sid: number) => Promise<StreamInfo | undefined>,
    probe: (sid: number) => Promise<unknown>,
    max: number = ENTRIES_MAX,
  ) {
    this.#clock = clock;
    this.#read = read;
    this.#probe = probe;
    this.#max = max;
  }

  get size(): number {
    return this.#known.size;
  }

  /** A channel, thread or direct message; not_found for anything else, and for what is absent. */
  channel(sid: number): Promise<Asked<StreamInfo>> {
    return this.#find(sid, MESSAGE_STREAMS);
  }

  /** A channel or thread of a guild. */
  guildChannel(sid: number): Promise<Asked<StreamInfo>> {
    return this.#find(sid, GUILD_CHANNELS);
  }

  async #find(sid: number, types: ReadonlySet<StreamType>): Promise<Asked<StreamInfo>> {
    const known = this.#known.get(sid);
    if (known !== undefined && types.has(known.type)) return { ok: true, value: known };
    // What is there and may not be seen costs a question to an entity; so does what is not there. Both
    // questions at once: what is hidden is known after the first time, and not read again.
    const probing = askRead(this.#clock, () => this.#probe(sid));
    const [asked, probed] = await Promise.all([this.#ask(sid), probing]);
    if (!asked.ok) return asked;
    const info = asked.value;
    if (info !== undefined && types.has(info.type)) return { ok: true, value: info };
    return probed.ok ? { ok: false, failure: NOT_FOUND } : probed;
  }

  async #ask(sid: number): Promise<Asked<StreamInfo | undefined>> {
    const asked = await askRead(this.#clock, () => this.#read(sid));
    if (asked.ok && asked.value !== undefined) this.#remember(sid, asked.value);
    return asked;
  }

  #remember(sid: number, info: StreamInfo): void {
    if (this.#known.size >= this.#max) {
      const oldest = this.#known.keys().next();
      if (oldest.done !== true) this.#known.delete(oldest.value);
    }
    this.#known.set(sid, info);
  }
}
