/**
 * Notices on their way to sockets: frames without a seq (TYPING, PRESENCE, RECEIPT, UNREAD, VOICE) take
 * their place behind the events gathered for the same topic, and go out with them. Owned by fan-out.ts;
 * runs on gateway threads. Best effort: whoever is not joined now does not get them, and nothing is
 * kept. Bound: one frame is under 16 KiB, and what is gathered waits 10 ms at most (gather.ts).
 */
import type { FanOutP, Id } from '../channels/index.ts';
import type { Clock } from '../runtime/index.ts';
import type { GatewayMetrics } from './metrics.ts';
import { Limits } from './protocol/index.ts';
import type { Shedding } from './shedding.ts';
import type { Topic } from './topic.ts';
import { UnreadCache } from './unread-cache.ts';

export interface EphemeralOptions {
  readonly topics: ReadonlyMap<Id, Topic>;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly shedding: Shedding;
  /** The topic has something to publish. */
  readonly mark: (topic: Topic) => void;
}

export class Ephemeral {
  readonly unread: UnreadCache;
  readonly #options: EphemeralOptions;

  constructor(options: EphemeralOptions) {
    this.#options = options;
    this.unread = new UnreadCache(options.clock, options.metrics);
  }

  /** Publishes a notice on the native topic of its stream, or drops and counts it. */
  publish(m: Parameters<FanOutP['ephemeral']>[0]): void {
    const { mark, metrics, shedding, topics } = this.#options;
    const topic = topics.get(m.sid);
    if (m.class === 'unread' && topic !== undefined) this.unread.note(m.sid, m.frame);
    if (topic === undefined || topic.joined === 0) {
      metrics.noticesUnheard[m.class] += 1;
    } else if (m.frame.length >= Limits.broadcastFrameBytesMax) {
      metrics.noticesOversize += 1;
    } else if (!shedding.allows(m.class, m.frame.length * topic.joined)) {
      metrics.noticesShed[m.class] += 1;
    } else {
      metrics.noticesPublished[m.class] += 1;
      topic.enqueue(m.frame);
      mark(topic);
    }
  }
}
