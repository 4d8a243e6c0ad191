/** Which requests begin a trace: the share that was asked for, drawn without a pattern. */
import { afterEach, expect, test } from 'vitest';
import { isTraceDrawn, setTraceRatio, traceRatio } from './trace-sampler.ts';

afterEach(() => setTraceRatio(0));

const drawnOf = (count: number): number => {
  let drawn = 0;
  for (let i = 0; i < count; i++) if (isTraceDrawn()) drawn++;
  return drawn;
};

test('isTraceDrawn: ratio 0, never; ratio 1, always', () => {
  expect(drawnOf(10_000)).toBe(0);
  setTraceRatio(1);
  expect(drawnOf(10_000)).toBe(10_000);
  setTraceRatio(0);
  expect(drawnOf(10_000)).toBe(0);
});

test('isTraceDrawn: ratio 1 %, about one in a hundred', () => {
  setTraceRatio(0.01);
  expect(traceRatio()).toBe(0.01);
  // 10,000 expected; 6 sigma are 600.
  expect(Math.abs(drawnOf(1_000_000) - 10_000)).toBeLessThan(600);
});

test('setTraceRatio: no share, RangeError', () => {
  expect(() => setTraceRatio(1.1)).toThrow(RangeError);
  expect(() => setTraceRatio(Number.NaN)).toThrow(RangeError);
});
