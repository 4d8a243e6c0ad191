/** When gathered frames are published. */
import { expect, test } from 'vitest';
import { Gather } from './gather.ts';
import { FakeClock } from './test/fake-net.ts';

function world(deliveries: number) {
  const clock = new FakeClock();
  const turns: (() => void)[] = [];
  const flushedAt: number[] = [];
  const startMs = clock.monotonic();
  const gather = new Gather({
    clock,
    defer: (fn) => turns.push(fn),
    flush: () => {
      flushedAt.push(clock.monotonic() - startMs);
      return deliveries;
    },
  });
  const turn = (): void => {
    for (const fn of turns.splice(0)) fn();
  };
  return { clock, gather, turn, flushedAt };
}

test('Gather: quiet for T, publishes at the end of the turn, once', () => {
  const { gather, turn, flushedAt } = world(1);
  expect(gather.mark()).toBe(false);
  gather.mark();
  expect(flushedAt).toEqual([]);
  turn();
  expect(flushedAt).toEqual([0]);
});

test('Gather: flushed within T, gathers until T has passed', () => {
  const { clock, gather, turn, flushedAt } = world(1);
  gather.mark();
  turn();
  clock.advance(2);
  expect(gather.mark()).toBe(true);
  clock.advance(2);
  expect(flushedAt).toEqual([0]);
  clock.advance(1);
  expect(flushedAt).toEqual([0, 5]);
  clock.advance(5);
  expect(gather.mark()).toBe(false);
});

test('Gather: under load, T is 10 ms', () => {
  const { clock, gather, turn, flushedAt } = world(5000);
  gather.mark();
  turn();
  gather.mark();
  clock.advance(9);
  expect(flushedAt).toEqual([0]);
  clock.advance(1);
  expect(flushedAt).toEqual([0, 10]);
});

test('Gather: closed, publishes no more', () => {
  const { clock, gather, turn, flushedAt } = world(1);
  gather.mark();
  gather.close();
  turn();
  clock.advance(100);
  expect(flushedAt).toEqual([]);
});
