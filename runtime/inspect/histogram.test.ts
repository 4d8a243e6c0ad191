/** The histogram: where a value is counted, what leaves it as data. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Histogram } from './histogram.ts';

test('Histogram.record: values at, below and beyond the bounds, each is counted once and summed', () => {
  const histogram = new Histogram([1, 5]);
  for (const value of [0, 1, 1.5, 5, 6, 100]) histogram.record(value);
  expect(histogram.data()).toEqual({ bounds: [1, 5], counts: [2, 2, 2], sum: 113.5 });
});

test('Histogram.record: any values, as many are counted as were recorded', () => {
  const values = fc.array(fc.double({ min: 0, max: 10, noNaN: true }));
  fc.assert(
    fc.property(values, (all) => {
      const histogram = new Histogram([0.5, 1, 2, 4, 8]);
      for (const value of all) histogram.record(value);
      const { bounds, counts, sum } = histogram.data();
      expect(counts.reduce((a, b) => a + b, 0)).toBe(all.length);
      for (const [i, bound] of bounds.entries()) {
        const upTo = counts.slice(0, i + 1).reduce((a, b) => a + b, 0);
        expect(upTo).toBe(all.filter((value) => value <= bound).length);
      }
      expect(sum).toBeCloseTo(
        all.reduce((a, b) => a + b, 0),
        6,
      );
    }),
  );
});

test('Histogram: bounds that do not ascend, RangeError', () => {
  expect(() => new Histogram([1, 1])).toThrow(RangeError);
  expect(() => new Histogram([2, 1])).toThrow(RangeError);
  expect(() => new Histogram([Number.NaN])).toThrow(RangeError);
});
