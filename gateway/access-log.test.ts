/** Lines of the access log: the budget, what is always told, and how many were left out. */
import { expect, test } from 'vitest';
import { AccessLog } from './access-log.ts';

const clock = { ms: 1000, monotonic: () => clock.ms };

test('AccessLog.take: a burst, then a share a second, and the next line tells what was left out', () => {
  const log = new AccessLog(clock);
  const taken = Array.from({ length: 150 }, () => log.take(false));
  expect(taken.filter((line) => line !== undefined)).toHaveLength(100);
  expect(log.skippedCount).toBe(50);
  clock.ms += 1000;
  expect(log.take(false)).toEqual({ skipped: 50 });
  const next = Array.from({ length: 50 }, () => log.take(false));
  expect(next.filter((line) => line !== undefined)).toHaveLength(19);
  expect(log.skippedCount).toBe(81);
});

test('AccessLog.take: beyond the budget, what is notable is told all the same', () => {
  const log = new AccessLog(clock);
  for (let i = 0; i < 110; i++) log.take(false);
  expect(log.take(true)).toEqual({ skipped: 10 });
  expect(log.take(true)).toEqual({});
});
