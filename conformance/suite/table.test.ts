/** What the suite prints. */
import { describe, expect, test } from 'vitest';
import { failuresText, lineOf, summaryOf } from './table.ts';
import type { Outcome, Status } from './types.ts';

const outcome = (number: number, status: Status, encoding: 'mp' | 'json' = 'mp'): Outcome => ({
  number,
  name: 'name',
  encoding,
  status,
  tookMs: 1234,
  note: 'note',
  frames: { '1 B': ['< [4,1]'] },
});

describe('summaryOf', () => {
  test('passed in one encoding only: failed; what was not run: never passed', () => {
    const outcomes = [
      outcome(1, 'passed'),
      outcome(1, 'passed', 'json'),
      outcome(2, 'passed'),
      outcome(2, 'failed', 'json'),
      outcome(9, 'needs two nodes'),
    ];
    expect(summaryOf(outcomes)).toBe('1 of 3 cases passed; failed: 2; needs two nodes: 9');
  });
});

test('lineOf: number, name, encoding, outcome, time, note', () => {
  expect(lineOf(outcome(5, 'failed')).trim().split(/ {2,}/)).toEqual([
    '5',
    'name',
    'mp',
    'FAILED',
    '1.2 s',
    'note',
  ]);
});

test('failuresText: the frames of what failed, nothing of the rest', () => {
  const text = failuresText([outcome(5, 'failed'), outcome(6, 'passed')]);
  expect(text).toContain('case 5 name (mp): note');
  expect(text).toContain('< [4,1]');
  expect(text).not.toContain('case 6');
});
