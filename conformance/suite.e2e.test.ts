/**
 * The suite against the server of this repository: the quick cases in both encodings, all with LONG=1. Runs in the test process; the server is a
 * process of the suite.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CASES } from './cases/all.ts';
import { runCases } from './suite/runner.ts';
import { failuresText } from './suite/table.ts';
import type { Outcome } from './suite/types.ts';

const IS_LONG = process.env.LONG === '1';
const LONG_MS = 15 * 60_000;
const QUICK_MS = 120_000;
const cases = CASES.filter(({ isQuick }) => isQuick || IS_LONG);

describe('conformance', () => {
  let outcomes: readonly Outcome[] = [];

  beforeAll(
    async () => {
      outcomes = await runCases({
        cases,
        encodings: ['mp', 'json'],
        urls: [],
        onStart: () => undefined,
        onProgress: () => undefined,
        onOutcome: () => undefined,
      });
    },
    IS_LONG ? LONG_MS : QUICK_MS,
  );

  afterAll(() => {
    outcomes = [];
  });

  test.each(cases)('case $number, $name: passed in both encodings', ({ number }) => {
    const own = outcomes.filter((outcome) => outcome.number === number);
    expect(failuresText(own)).toBe('');
    expect(own.map(({ status }) => status)).toEqual(['passed', 'passed']);
  });

  test('CASES: 1 to 25 and V1 to V3 behind them, each once', () => {
    expect(CASES.map(({ number }) => number)).toEqual(Array.from({ length: 28 }, (_, i) => i + 1));
  });
});
