/** What of the descriptors clients get. */
import { expect, test } from 'vitest';
import { connectionsMaxOf } from './open-files.ts';

const limits = (soft: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${soft}                20000                files\n`;

test.each([
  ['20000', 1, 16_000],
  ['20000', 4, 4000],
  ['1024', 2, 409],
  ['1', 8, 1],
  ['unlimited', 2, Number.POSITIVE_INFINITY],
])('connectionsMaxOf: %s descriptors and %d threads, %d', (soft, threads, max) => {
  expect(connectionsMaxOf(threads, limits(soft))).toBe(max);
});

test('connectionsMaxOf: a system that does not say, no bound; this one, some', () => {
  expect(connectionsMaxOf(1, '')).toBe(Number.POSITIVE_INFINITY);
  expect(connectionsMaxOf(1)).toBeGreaterThan(0);
});
