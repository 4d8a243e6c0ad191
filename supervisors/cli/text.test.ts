/** Text for a terminal: widths, tables, numbers and times. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytes, count, duration, moment, padded, safe, table, widthOf } from './text.ts';

describe('padded', () => {
  test('any safe text: takes exactly the width', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map(safe);
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 40 }), (given, width) => {
        expect(widthOf(padded(given, width))).toBe(width);
      }),
    );
  });

  test('a long text: ends in an ellipsis, a wide letter is not cut in two', () => {
    expect(padded('channel 4711', 8)).toBe('channel\u2026');
    expect(padded('\u6f22\u5b57\u6f22', 4)).toBe('\u6f22\u2026 ');
    expect(padded('12', 5, 'right')).toBe('   12');
  });
});

test('safe: what moves the cursor or turns the line around, is a dot', () => {
  expect(safe('a\u001b[2Jb\u202ec\nd')).toBe('a\u00b7[2Jb\u00b7c\u00b7d');
});

test('table: words to the left, numbers to the right', () => {
  const rows = [
    ['kill', 3],
    ['inspect', 120],
  ];
  expect(table(['VERB', 'N'], rows)).toBe(
    'VERB     N\nkill       3\ninspect  120'.replace('VERB     N', 'VERB       N'),
  );
});

describe('numbers', () => {
  test.each([
    [0, '0'],
    [0.44, '0.4'],
    [9, '9'],
    [9.97, '10'],
    [12.4, '12'],
    [999.7, '1.0k'],
    [999, '999'],
    [1_000, '1.0k'],
    [34_400, '34k'],
    [999_600, '1.0M'],
    [5_600_000, '5.6M'],
  ])('count %d: %s', (value, text) => {
    expect(count(value)).toBe(text);
  });

  test('any count: takes at most four columns', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 9.9e14, noNaN: true }), (value) => {
        expect(count(value).length).toBeLessThanOrEqual(4);
      }),
    );
  });

  test('bytes: with the unit of sizes', () => {
    expect([bytes(640), bytes(14_000), bytes(203e6)]).toEqual(['640B', '14K', '203M']);
  });

  test.each([
    [0, '0s'],
    [59_999, '59s'],
    [184_000, '3m04s'],
    [18_720_000, '5h12m'],
    [273_600_000, '3d04h'],
  ])('duration of %d ms: %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  test('moment: the time of today, the date of another day', () => {
    const at = Date.UTC(2026, 10, 21, 12, 30, 45);
    expect(moment(at, at + 1_000)).toBe('12:30:45');
    expect(moment(at, at + 86_400_000)).toBe('2026-11-21 12:30');
  });
});
