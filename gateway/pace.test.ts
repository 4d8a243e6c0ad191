/** The bucket whose state is one number. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Pace } from './pace.ts';
import { CONNECTION_LIMITS, scaled, TokenBucket } from './rates/index.ts';

test('Pace: burst at once, then one token per interval', () => {
  const pace = new Pace(CONNECTION_LIMITS.frames, 1);
  let state = 0;
  for (let i = 0; i < 60; i += 1) {
    expect(pace.waitMs(state, 1000)).toBe(0);
    state = pace.taken(state, 1000);
  }
  expect(pace.waitMs(state, 1000)).toBe(50);
  expect(pace.waitMs(state, 1050)).toBe(0);
});

test('Pace: any times and costs, decides as a token bucket', () => {
  const step = fc.record({ afterMs: fc.nat({ max: 400 }), cost: fc.integer({ min: 1, max: 9 }) });
  fc.assert(
    fc.property(fc.array(step), fc.constantFrom(1, 10_000), (steps, factor) => {
      const pace = new Pace(CONNECTION_LIMITS.history, factor);
      const bucket = new TokenBucket(scaled(CONNECTION_LIMITS.history, factor), 1000);
      let nowMs = 1000;
      let state = 0;
      for (const { afterMs, cost } of steps) {
        nowMs += afterMs;
        const waitMs = pace.waitMs(state, nowMs, cost);
        if (waitMs === 0) state = pace.taken(state, nowMs, cost);
        expect(waitMs === 0).toBe(bucket.take(nowMs, cost) === 0);
      }
    }),
  );
});
