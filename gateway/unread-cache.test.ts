/** UNREAD of sockets that leave lag mode: what they missed, once, in their encoding. */
import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';
import { decodeFrame, encodeUnread, Op, type WireValue } from './protocol/index.ts';
import { FakeClock } from './test/fake-net.ts';
import { type Subscriber, Subscription, Topic } from './topic.ts';
import { UnreadCache } from './unread-cache.ts';

const VIEW = 100;
const OTHER_VIEW = 101;

function makeCache() {
  const clock = new FakeClock();
  const metrics = createMetrics();
  return { cache: new UnreadCache(clock, metrics), clock, metrics };
}

function subscriber(encoding: 'mp' | 'json', sids: readonly number[]) {
  const frames: (readonly WireValue[])[] = [];
  const made: Partial<Subscriber> = {
    encoding,
    send: (message) => {
      const decoded = decodeFrame(message, encoding);
      if (decoded.ok) frames.push(decoded.frame);
    },
  };
  const whole = made as Subscriber;
  whole.subscriptions = sids.map((sid) => new Subscription(whole, new Topic(sid)));
  return { subscriber: whole, frames };
}

function unread(...moved: [sid: number, seq: number][]): Uint8Array {
  return encodeUnread(moved.map(([sid, seq]) => ({ sid, seq, ts: seq * 10 })))[0] as Uint8Array;
}

test.each(['mp', 'json'] as const)(
  'refresh: the newest of each stream, own views only (%s)',
  (encoding) => {
    const { cache, metrics } = makeCache();
    metrics.laggingNow = 1;
    cache.note(VIEW, unread([7, 1], [8, 5]));
    cache.note(VIEW, unread([7, 3]));
    cache.note(OTHER_VIEW, unread([9, 9]));
    const { subscriber: one, frames } = subscriber(encoding, [VIEW]);
    cache.refresh(one);
    const moved = [
      [7, 3, 30],
      [8, 5, 50],
    ];
    expect(frames).toEqual([[Op.UNREAD, moved]]);
    expect(metrics.unreadsRefreshed).toBe(1);
  },
);

test('refresh: nothing moved, or long ago, or while nobody lagged, no frame', () => {
  const { cache, clock, metrics } = makeCache();
  const { subscriber: one, frames } = subscriber('mp', [VIEW]);
  cache.note(VIEW, unread([7, 1]));
  cache.refresh(one);
  metrics.laggingNow = 1;
  cache.note(VIEW, unread([7, 2]));
  clock.advance(32_000);
  cache.refresh(one);
  expect(frames).toEqual([]);
});

test('note: more than the bound, forgotten and counted', () => {
  const { cache, metrics } = makeCache();
  metrics.laggingNow = 1;
  const frame = new Uint8Array(16_000);
  for (let i = 0; i < 300; i += 1) cache.note(i, frame);
  expect(metrics.unreadsForgotten).toBe(1);
});
