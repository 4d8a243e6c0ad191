/** How the clocks of threads become comparable. */
import { expect, test } from 'vitest';
import { offsetBetween } from './clock.ts';

/** Two clocks of one machine, 1,000 ms apart, on a thread that stands still for a while before some of its readings. */
function clocks(stops: readonly number[]): { own: () => number; machine: () => number } {
  const left = [...stops];
  let nowMs = 0;
  const pass = (): number => {
    nowMs += 0.001 + (left.shift() ?? 0);
    return nowMs;
  };
  return { own: pass, machine: () => pass() + 1_000 };
}

test.each([
  ['never', []],
  ['between its own clock and that of the machine', [0, 68]],
  ['between that of the machine and its own', [0, 0, 68]],
  ['at each of the first readings', [5, 68, 12, 40, 3, 99, 7]],
])('offsetBetween: the thread is stopped %s, the clocks agree all the same', (_when, stops) => {
  const { machine, own } = clocks(stops);
  expect(offsetBetween(own, machine)).toBeCloseTo(1_000, 2);
});

test('offsetBetween: a thread that is stopped at every reading, ends with the closest pair', () => {
  const stops = Array.from({ length: 1_000 }, (_, i) => (i === 31 ? 0.02 : 1));
  const { machine, own } = clocks(stops);
  expect(Math.abs(offsetBetween(own, machine) - 1_000)).toBeLessThan(1);
});
