/** SUBs that wait for a place among the replays. */
import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';
import { ReplayQueue } from './replay-queue.ts';
import { FakeClock } from './test/fake-net.ts';

const MAX_MS = 10_000;

function world(free: number) {
  const clock = new FakeClock();
  const metrics = createMetrics();
  const pulls = { free };
  const queue = new ReplayQueue({ clock, metrics, free: () => pulls.free });
  const outcomes: string[] = [];
  const enter = (name: string, maxMs = MAX_MS): Promise<void> =>
    queue.enter(maxMs).then((isAdmitted) => {
      outcomes.push(`${name} ${isAdmitted}`);
    });
  return { clock, metrics, pulls, queue, outcomes, enter };
}

test('ReplayQueue.enter: a pull to spare, goes on at once and is not counted', async () => {
  const { enter, metrics, outcomes } = world(1);
  await enter('a');
  expect(outcomes).toEqual(['a true']);
  expect([metrics.subsQueued, metrics.subsWaitingNow]).toEqual([0, 0]);
});

test('ReplayQueue.admit: in the order of arrival, no more than are free, and nobody overtakes', async () => {
  const { enter, metrics, outcomes, pulls, queue } = world(0);
  const all = [enter('a'), enter('b'), enter('c')];
  expect([metrics.subsQueued, metrics.subsWaitingNow]).toEqual([3, 3]);
  pulls.free = 5;
  const late = enter('d');
  queue.admit(1);
  await all[0];
  expect(outcomes).toEqual(['a true']);
  pulls.free = 2;
  queue.admit(Number.POSITIVE_INFINITY);
  await Promise.all(all);
  expect(outcomes).toEqual(['a true', 'b true', 'c true']);
  queue.admit(1);
  await late;
  expect(metrics.subsWaitingNow).toBe(0);
});

test('ReplayQueue.enter: no place in its time, refused and counted; the others keep theirs', async () => {
  const { clock, enter, metrics, outcomes, pulls, queue } = world(0);
  const [short, long] = [enter('short', 1000), enter('long')];
  clock.advance(1000);
  await short;
  expect(outcomes).toEqual(['short false']);
  pulls.free = 1;
  queue.admit(1);
  await long;
  expect(outcomes).toEqual(['short false', 'long true']);
  clock.advance(MAX_MS);
  expect([metrics.subsGivenUp, metrics.subsWaitingNow]).toEqual([1, 0]);
});

test('ReplayQueue.enter: the queue is full or no time is left, refused at once', async () => {
  const { enter, metrics, outcomes } = world(0);
  const waiting = Array.from({ length: 4096 }, (_, i) => enter(`${i}`));
  await enter('one too many');
  await enter('too late', 0);
  expect(outcomes).toEqual(['one too many false', 'too late false']);
  expect([waiting.length, metrics.subsWaitingNow, metrics.subsGivenUp]).toEqual([4096, 4096, 2]);
});
