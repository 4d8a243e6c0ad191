/** Waits between attempts to restart a child. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededRng } from '../testkit/index.ts';
import { backoffMs } from './backoff.ts';

describe('backoffMs', () => {
  test('without jitter: doubles from minMs, at most maxMs, for ever', () => {
    const waits = [1, 2, 3, 4, 5, 100, 5000].map((failed) =>
      backoffMs({ minMs: 100, maxMs: 500 }, failed, seededRng(1)),
    );
    expect(waits).toEqual([100, 200, 400, 500, 500, 500, 500]);
    expect(backoffMs({ minMs: 0, maxMs: 500 }, 9, seededRng(1))).toBe(0);
  });

  test('with jitter: less than without by a random part of up to it, never more', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 20 }), (seed, failed) => {
        const backoff = { minMs: 10, maxMs: 1000 };
        const most = backoffMs(backoff, failed, seededRng(0));
        const wait = backoffMs({ ...backoff, jitter: 0.5 }, failed, seededRng(seed));
        expect(wait).toBeGreaterThan(most / 2);
        expect(wait).toBeLessThanOrEqual(most);
      }),
    );
    const rng = seededRng(7);
    const waits = Array.from({ length: 20 }, () =>
      backoffMs({ minMs: 100, maxMs: 100, jitter: 1 }, 1, rng),
    );
    expect(new Set(waits).size).toBeGreaterThan(10);
  });
});
