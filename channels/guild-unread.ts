/**
 * UNREAD of one guild (protocol.md 2.9): heads that have moved are gathered per visibility class and told
 * on the class's view stream, once per second. Part of a guild actor. Best effort: nothing is kept, and a
 * class whose view nobody follows costs nothing but its entry here until the next second.
 *
 * Bound: one entry per channel, at most 400 channels.
 */
import type { Clock } from '../runtime/index.ts';
import type { NoticeCounters } from './notice-counters.ts';
import type { HeadMoved, Id, Ms, Notice, NoticeCodec } from './types.ts';

/** protocol.md 2.9. */
const PERIOD_MS: Ms = 1000;
/** The first head after a quiet second waits this long for others. */
const GATHER_MS: Ms = 50;

export interface GuildUnreadOptions {
  readonly clock: Clock;
  readonly codec: NoticeCodec;
  readonly counters: NoticeCounters;
  /** Calls `flush` after that time. */
  readonly timer: (ms: Ms) => void;
  /** To a view stream of the guild, if it is awake: nobody follows one that sleeps. */
  readonly broadcast: (view: Id, notice: Notice) => void;
}

export class GuildUnread {
  readonly #options: GuildUnreadOptions;
  readonly #moved = new Map<Id, HeadMoved>();
  #flushedAtMs: Ms = Number.NEGATIVE_INFINITY;

  constructor(options: GuildUnreadOptions) {
    this.#options = options;
  }

  /** The head of a channel has moved. */
  moved(m: HeadMoved): void {
    const { clock, counters, timer } = this.#options;
    counters.headsMoved += 1;
    if (this.#moved.size === 0) {
      const nowMs = clock.monotonic();
      timer(Math.max(GATHER_MS, this.#flushedAtMs + PERIOD_MS - nowMs));
    }
    this.#moved.set(m.sid, m);
  }

  /** Tells what has moved. `viewOf`: the view of a channel's class; undefined when there is no such channel. */
  flush(viewOf: (sid: Id) => Id | undefined): void {
    const { broadcast, clock, codec, counters } = this.#options;
    this.#flushedAtMs = clock.monotonic();
    const byView = Map.groupBy(this.#moved.values(), ({ sid }) => viewOf(sid));
    this.#moved.clear();
    for (const [view, moved] of byView) {
      if (view === undefined) continue;
      for (const frame of codec.encodeUnread(moved)) {
        counters.unreadSent += 1;
        broadcast(view, { frame, class: 'unread' });
      }
    }
  }
}
