/**
 * What a topic of the admin socket is: something that can be subscribed to. Types only.
 */
import type { z } from 'zod';
import type { AdminCaller, VerbResult } from './types.ts';

/** Where a subscription's events go. Never blocks and never throws; nothing leaves after `close`. */
export interface TopicSink {
  /**
   * `data` is plain and under 256 KiB when encoded: larger ones are dropped and counted. Not changed afterwards. False, only for
   * topics with onSlow `resync`: the client is too slow, this event and what was queued are lost; the topic has to begin anew
   * once an event is taken again.
   */
  event(kind: string, data: unknown): boolean;
}

/** A running subscription, as its topic sees it. */
export interface TopicFeed {
  /** The subscription has ended: let go of everything. Called once. */
  close(): void;
}

/** One topic. Factories `(deps) => AdminTopic` are collected in topics/index.ts. */
export interface AdminTopic<O = unknown> {
  readonly name: string;
  readonly about: string;
  readonly options: z.ZodType<O>;
  /** A reader that is too slow: `drop` its oldest events and say how many, or start over by `resync`. */
  readonly onSlow: 'drop' | 'resync';
  /** Begins to send. May send events before it returns. */
  open(
    options: O,
    sink: TopicSink,
    caller: AdminCaller,
  ): VerbResult<TopicFeed> | Promise<VerbResult<TopicFeed>>;
}
