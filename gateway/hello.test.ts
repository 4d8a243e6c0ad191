/** The window over which clients come back. */
import { expect, test } from 'vitest';
import { HerdPeak, helloFor, herdMs } from './hello.ts';

const rng = { u32: () => 1, bytes: (n: number) => new Uint8Array(n) };

test.each([
  [0, 500, 1000],
  [500, 500, 1000],
  [501, 500, 1002],
  [5000, 500, 10_000],
  [1e6, 500, 120_000],
])('herdMs: %d connections at %d per second, %d ms', (connections, perS, ms) => {
  expect(herdMs(connections, perS)).toBe(ms);
});

test('helloFor: 5000 to come back, a window of 10 s', () => {
  const frame = helloFor({ nodeName: 'n1', replayMax: 5000, rng }, 5000);
  expect(frame.slice(0, 6)).toEqual([1, 1, 'n1', 20_000, 10_000, 10_000]);
});

test('HerdPeak: those who come back first after a storm, are told of all', () => {
  const herd = new HerdPeak();
  for (let open = 1; open <= 5000; open += 1) herd.note(open, open);
  expect(herd.note(1, 5000)).toBeGreaterThan(4999);
});

test('HerdPeak: sinks by half in ten minutes, never below what is open', () => {
  const herd = new HerdPeak();
  herd.note(4000, 0);
  expect(herd.note(10, 600_000)).toBe(2000);
  expect(herd.note(10, 1_200_000)).toBe(1000);
  expect(herd.note(10, 1e9)).toBe(10);
});
