/**
 * What a stream that does not exist answers, and how long it takes: an APPEND to it is refused after the
 * same look for its nonce as one that is forbidden (2.17 item 17), or the time would tell the two apart
 * (protocol.md 3, H29). One that waited for the look that found nobody has taken that time. Runs on shard threads.
 */
import type { Clock } from '../runtime/index.ts';
import { BoundedMap } from './bounded-map.ts';
import { idTime } from './ids.ts';
import type { Answer } from './stream-item.ts';
import type { StreamPorts } from './stream-ports.ts';
import { ERR_FORBIDDEN, ERR_UNAVAILABLE } from './stream-rules.ts';
import type { AppendRequest, Id, Ms } from './types.ts';

/** Sids that do not exist, remembered by the thread so that asking again costs no look at the documents. */
export interface AbsentSids {
  has(sid: Id): boolean;
  add(sid: Id): void;
}

/** Sids older than this cannot be given to a new stream any more: ids carry the time they are made. */
const ABSENT_AGE_MIN_MS: Ms = 60_000;
const ABSENT_KEPT_MS: Ms = 10_000;
const ABSENT_MAX = 4096;

/**
 * Remembers absent sids of one thread: at most 4096, each for 10 s, and only such that no later
 * stream can have, so that probing ids ahead of time hides nothing.
 */
export function createAbsentSids(clock: Clock): AbsentSids {
  const until = new BoundedMap<Id, Ms>(ABSENT_MAX);
  return {
    has: (sid) => (until.peek(sid) ?? 0) > clock.monotonic(),
    add: (sid) => {
      if (idTime(sid) > clock.now() - ABSENT_AGE_MIN_MS) return;
      until.set(sid, clock.monotonic() + ABSENT_KEPT_MS);
    },
  };
}

/** The APPENDs that reach one stream which is known to be absent. */
export class AbsentAppends {
  readonly #sid: Id;
  readonly #ports: StreamPorts;
  #open = 0;

  constructor(sid: Id, ports: StreamPorts) {
    this.#sid = sid;
    this.#ports = ports;
  }

  /** True while one is not answered yet. */
  get busy(): boolean {
    return this.#open > 0;
  }

  /** Refuses one with 301, or with 502 while the log cannot be read, as where it is forbidden. */
  refuse({ uid, nonce }: AppendRequest, answer: Answer): void {
    const { limits, counters, log, later } = this.#ports;
    if (this.#open >= limits.appendQueueMax) {
      counters.overflow += 1;
      answer({ ok: false, code: ERR_UNAVAILABLE, retryMs: limits.retryMs });
      return;
    }
    this.#open += 1;
    later(log.findNonce(this.#sid, uid, nonce), ({ ok }) => {
      this.#open -= 1;
      if (ok) {
        counters.refused += 1;
        answer({ ok: false, code: ERR_FORBIDDEN });
      } else {
        counters.unavailable += 1;
        answer({ ok: false, code: ERR_UNAVAILABLE, retryMs: limits.retryMs });
      }
      this.#ports.retire();
    });
  }
}
