/** Pacing of replays. */
import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';
import { Replay } from './replay.ts';
import { FakeClock } from './test/fake-net.ts';
import { type Subscriber, Subscription, Topic } from './topic.ts';

function world(concurrency: number) {
  const clock = new FakeClock();
  const asked: { readonly subscription: Subscription; readonly token: number }[] = [];
  let last = 0;
  const metrics = createMetrics();
  const nextToken = (): number => {
    last += 1;
    return last;
  };
  const ask = (subscription: Subscription, token: number): void => {
    asked.push({ subscription, token });
  };
  return {
    clock,
    asked,
    metrics,
    replay: new Replay({ clock, concurrency, metrics, ask, nextToken }),
  };
}

function subscriber(count: number): Subscriber & { backlog: number; isLagging: boolean } {
  const made = {
    uid: 1,
    encoding: 'mp' as const,
    isReady: true,
    isLagging: false,
    pulls: 0,
    parked: 0,
    subscriptions: [] as Subscription[],
    backlog: 0,
    backlogBytes: () => made.backlog,
    send: () => undefined,
    join: () => undefined,
    leave: () => undefined,
  };
  for (let i = 0; i < count; i += 1) {
    made.subscriptions.push(new Subscription(made, new Topic(i)));
  }
  return made;
}

test('Replay: two pulls of one connection on their way, the next when one was answered', () => {
  const { asked, replay } = world(512);
  const one = subscriber(4);
  for (const subscription of one.subscriptions) replay.want(subscription);
  expect([asked.length, one.parked]).toEqual([2, 2]);
  expect(replay.take(1)).toBe(one.subscriptions[0]);
  replay.resume(one);
  expect([asked.length, one.pulls, one.parked]).toEqual([3, 16, 1]);
});

test('Replay: bound of the thread, the others wait in order', () => {
  const { asked, replay } = world(24);
  const many = Array.from({ length: 6 }, () => subscriber(1));
  for (const one of many) replay.want(one.subscriptions[0] as Subscription);
  expect([asked.length, replay.waiting]).toEqual([3, 3]);
  replay.cancel(many[3]?.subscriptions[0] as Subscription);
  replay.take(1);
  expect(asked.at(-1)?.subscription).toBe(many[4]?.subscriptions[0]);
});

test('Replay: at the head, a pull counts an eighth, once', () => {
  const { asked, replay } = world(512);
  const one = subscriber(20);
  for (const subscription of one.subscriptions) {
    subscription.isAtHead = true;
    replay.want(subscription);
  }
  expect([asked.length, one.pulls, one.parked]).toEqual([16, 16, 4]);
  const first = replay.take(1) as Subscription;
  replay.want(first);
  expect(first.isParked || first.pullWeight === 8).toBe(true);
});

test('Replay: a backlog over a quarter of the soft limit, waits for the drain', () => {
  const { asked, replay } = world(512);
  const one = subscriber(1);
  one.backlog = 64 * 1024;
  replay.want(one.subscriptions[0] as Subscription);
  expect(asked).toEqual([]);
  one.backlog = 100;
  replay.resume(one);
  expect(asked).toHaveLength(1);
});

test('Replay.cancel: what is on its way keeps its place until it is answered', () => {
  const { asked, metrics, replay } = world(16);
  const [one, two] = [subscriber(3), subscriber(1)];
  for (const subscription of one.subscriptions.slice(0, 2)) {
    replay.want(subscription);
    replay.cancel(subscription);
  }
  expect([metrics.pullsAbandoned, metrics.replaysNow, one.pulls]).toEqual([2, 2, 16]);
  // Neither the connection nor anybody else gets more than the bounds by asking and leaving.
  replay.want(one.subscriptions[2] as Subscription);
  replay.want(two.subscriptions[0] as Subscription);
  expect([asked.length, one.parked, replay.waiting]).toEqual([2, 1, 1]);
  expect(replay.take(1)).toBeUndefined();
  expect(asked[2]?.subscription).toBe(two.subscriptions[0]);
  expect(replay.take(2)).toBeUndefined();
  expect(asked[3]?.subscription).toBe(one.subscriptions[2]);
  expect([one.pulls, one.parked, metrics.replaysNow]).toEqual([8, 0, 2]);
});

test('Replay.sweep: an abandoned pull without answer, gives its place back after 5 s', () => {
  const { asked, clock, metrics, replay } = world(8);
  const [one, two] = [subscriber(1), subscriber(1)];
  replay.want(one.subscriptions[0] as Subscription);
  replay.cancel(one.subscriptions[0] as Subscription);
  replay.want(two.subscriptions[0] as Subscription);
  clock.advance(4000);
  replay.sweep();
  expect(asked).toHaveLength(1);
  clock.advance(1000);
  replay.sweep();
  expect([asked.length, metrics.replaysNow, one.pulls]).toEqual([2, 1, 0]);
  expect(replay.take(1)).toBeUndefined();
  expect(metrics.replaysNow).toBe(1);
});

test('Replay: in lag mode nothing is pulled', () => {
  const { asked, replay } = world(512);
  const one = subscriber(1);
  one.isLagging = true;
  replay.want(one.subscriptions[0] as Subscription);
  replay.resume(one);
  expect(asked).toEqual([]);
});

test('Replay.sweep: no answer for 5 s, asked again under a new token; the old one is stale', () => {
  const { asked, clock, metrics, replay } = world(512);
  const one = subscriber(1);
  replay.want(one.subscriptions[0] as Subscription);
  clock.advance(4999);
  replay.sweep();
  expect(asked).toHaveLength(1);
  clock.advance(1);
  replay.sweep();
  expect([asked.length, metrics.pullTimeouts]).toEqual([2, 1]);
  expect(replay.take(1)).toBeUndefined();
  expect(replay.take(2)).toBe(one.subscriptions[0]);
  expect(one.pulls).toBe(0);
});
