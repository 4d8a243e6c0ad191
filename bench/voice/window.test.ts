/** Which windows count and what they come to. */
import { describe, expect, test } from 'vitest';
import type { WindowReport } from './types.ts';
import { median, quantile, summarize, voidReason, type Window } from './window.ts';

const REPORT: WindowReport = {
  ...{ sent: 1000, refused: 0, late: 0, latestUs: 0, strangers: 0, gapUs: 21_000 },
  ...{ expected: 1000, received: 1000, p50Us: 50, p90Us: 80, p99Us: 400, p999Us: 900, maxUs: 950 },
  cores: [{ core: 0, independent: true, longestUs: 0, sumUs: 0 }],
};

function window(report: Partial<WindowReport> = {}, more: Partial<Window> = {}): Window {
  const base = { ms: 1000, cpuUs: 10_000, restUs: 0, foreignShare: 0, stolenShare: 0 };
  return { ...base, ...more, report: { ...REPORT, ...report } };
}

const core = (longestUs: number, sumUs: number, independent = true) => ({
  cores: [{ core: 0, independent, longestUs, sumUs }],
});

describe('voidReason', () => {
  test.each([
    ['a quiet window', window(), ''],
    ['short pauses', window(core(4000, 4000)), ''],
    ['one long pause', window(core(10_001, 10_001)), 'a core paused'],
    ['many short pauses', window(core(3000, 5001)), 'a core paused'],
    ['late ticks of a detector without priority', window(core(50_000, 50_000, false)), ''],
    ['foreign work', window({}, { foreignShare: 0.21 }), 'foreign work'],
    ['stolen time', window({}, { stolenShare: 0.06 }), 'time stolen'],
    ['a late generator', window({ late: 6 }), 'generator late'],
    ['a refusing kernel', window({ refused: 1 }), 'generator refused'],
  ])('voidReason: %s, is judged', (_what, given, reason) => {
    expect(voidReason(given)).toBe(reason);
  });
});

test('summarize: a disturbed window, counts in nothing but the number of windows', () => {
  const disturbed = window({ p99Us: 90_000, received: 1 }, { foreignShare: 0.5 });
  const summary = summarize([window(), disturbed, window({ p99Us: 600, received: 998 })]);
  expect(summary).toMatchObject({ windows: 3, valid: 2, p99Ms: 0.5, gapMs: 21 });
  expect(summary.reasons).toEqual(['foreign work']);
  expect(summary.lossPercent).toBeCloseTo(0.1);
  expect(summary.usPerPacket).toBeCloseTo((10 + 10_000 / 998) / 2);
});

test('summarize: no valid window, shows the disturbed ones and counts none', () => {
  const summary = summarize([window({ refused: 1 })]);
  expect(summary).toMatchObject({ windows: 1, valid: 0, p99Ms: 0.4 });
});

test('median and quantile: odd, even and no values, are the usual ones', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
  expect(quantile([5, 1, 2, 3, 4], 0.99)).toBe(5);
  expect(quantile([5, 1, 2, 3, 4], 0.4)).toBe(2);
  expect(quantile([], 0.5)).toBeNaN();
});
