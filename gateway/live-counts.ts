/**
 * Tells the owner of a large stream how many sockets hear it on this thread, so that it can keep TYPING
 * from an audience of over 2000 (protocol.md 2.9). Part of fan-out; runs on gateway threads, on a tick.
 * Small streams are never told of: with up to 15 threads they stay below the bound together.
 */
import type { Id } from '../channels/index.ts';
import type { Topic } from './topic.ts';
import type { PresenceUpstream } from './upstream-presence.ts';

const TOLD_MIN = 128;
/** A count that has moved by less than a sixteenth is as good as the one before. */
const TOLERANCE = 1 / 16;

export class LiveCounts {
  readonly #topics: ReadonlyMap<Id, Topic>;
  readonly #upstream: PresenceUpstream;
  /** What was told, and to which owner. */
  readonly #told = new Map<Id, { readonly owner: Topic['owner']; readonly count: number }>();

  constructor(topics: ReadonlyMap<Id, Topic>, upstream: PresenceUpstream) {
    this.#topics = topics;
    this.#upstream = upstream;
  }

  /** About every 500 ms. */
  tick(): void {
    for (const [sid, { joined, owner, state }] of this.#topics) {
      if (state !== 'live') continue;
      const told = this.#told.get(sid);
      const count = joined < TOLD_MIN ? 0 : joined;
      const before = told?.owner === owner ? told.count : 0;
      if (Math.abs(count - before) <= before * TOLERANCE) continue;
      this.#told.set(sid, { owner, count });
      this.#upstream.live(sid, count);
    }
    for (const sid of this.#told.keys()) if (!this.#topics.has(sid)) this.#told.delete(sid);
  }
}
