/** From pressure to the level of what is shed. */
import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';
import { Pressure } from './pressure.ts';
import { NOTICE_BYTES_MAX, Shedding } from './shedding.ts';

const STEP_MS = 100;

function world() {
  const shedding = new Shedding();
  const metrics = createMetrics();
  return { shedding, metrics, pressure: new Pressure({ shedding, metrics, stepMs: STEP_MS }) };
}

/** Steps of the sweep in time, up to `ms` after the start. */
function stepTo(pressure: Pressure, ms: number): void {
  for (let at = Math.max(0, ms - 1000); at <= ms; at += STEP_MS) pressure.step(1000 + at);
}

test.each([
  [0, 0],
  [0.24, 0],
  [0.25, 1],
  [0.5, 2],
  [0.75, 3],
  [2, 3],
])('Pressure: backlogs use %d of their bound, level %d', (share, level) => {
  const { metrics, pressure, shedding } = world();
  pressure.endRound(share);
  expect([shedding.level, metrics.shedLevelNow]).toEqual([level, level]);
});

test.each([
  [0, 0],
  [999, 0],
  [1000, 1],
  [2500, 2],
  [5000, 3],
])('Pressure: a sweep step that is %d ms late, level %d', (lateMs, level) => {
  const { pressure, shedding } = world();
  pressure.step(1000);
  pressure.step(1100 + lateMs);
  pressure.step(1200 + lateMs);
  pressure.endRound(0);
  expect(shedding.level).toBe(level);
});

test('Pressure: it is over, the level sinks one step a second', () => {
  const { metrics, pressure, shedding } = world();
  const levels = [1, 0, 0, 0, 0].map((share, i) => {
    stepTo(pressure, i * 1000);
    pressure.endRound(share);
    return shedding.level;
  });
  expect(levels).toEqual([3, 2, 1, 0, 0]);
  expect(metrics.shedSeconds).toBe(3);
});

test('Pressure: hurried rounds within a second, the level and what was spent stay', () => {
  const { pressure, shedding } = world();
  stepTo(pressure, 0);
  pressure.endRound(1);
  shedding.level = 1;
  shedding.allows('unread', 10);
  for (const ms of [100, 200, 300]) {
    stepTo(pressure, ms);
    pressure.endRound(0);
  }
  expect([shedding.level, shedding.spentBytes]).toEqual([1, 10]);
});

test('Shedding: the budget of a round, typing may use half of it, unread all', () => {
  const { pressure, shedding } = world();
  const half = NOTICE_BYTES_MAX / 2;
  expect(shedding.allows('typing', half)).toBe(true);
  expect(shedding.allows('typing', 1)).toBe(false);
  expect(shedding.allows('presence', half / 2)).toBe(true);
  expect(shedding.allows('presence', 1)).toBe(false);
  expect(shedding.allows('receipt', 1)).toBe(false);
  expect(shedding.allows('unread', half / 2)).toBe(true);
  expect(shedding.allows('unread', 1)).toBe(false);
  expect(shedding.allows('voice', half)).toBe(true);
  stepTo(pressure, 1000);
  pressure.endRound(0);
  expect(shedding.spentBytes).toBe(0);
  expect(shedding.allows('typing', 1)).toBe(true);
});
