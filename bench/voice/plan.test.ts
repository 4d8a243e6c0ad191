/** Shapes, sizes and the command line. */
import { describe, expect, test } from 'vitest';
import { phaseOf } from './crowd.ts';
import { parseOptions, UsageError } from './options.ts';
import { FULL_PLAN, SHORT_PLAN, scenarioIds, sizeOf } from './plan.ts';
import { markdownTable } from './results.ts';

const ids = (short: boolean) => scenarioIds(short ? SHORT_PLAN : FULL_PLAN);

describe('plans', () => {
  test('sizeOf: the full plan, has room for the largest shape', () => {
    expect(sizeOf(FULL_PLAN, [])).toEqual({ people: 1200, rooms: 600 });
  });

  test('sizeOf: the short plan, is bound by what stays for the memory rows', () => {
    expect(sizeOf(SHORT_PLAN, [])).toEqual({ people: 402, rooms: 200 });
  });

  test('sizeOf: single rows, has room for no more than they use', () => {
    expect(sizeOf(FULL_PLAN, ['VP9', 'VP10'])).toEqual({ people: 50, rooms: 5 });
    expect(sizeOf(FULL_PLAN, ['V14'])).toEqual({ people: 502, rooms: 122 });
    expect(sizeOf(FULL_PLAN, ['V16'])).toEqual({ people: 1, rooms: 1 });
  });

  test('scenarioIds: both plans, name V2 to V5, V14, V16 and VP1 to VP10', () => {
    expect(new Set(ids(false)).size).toBe(ids(false).length);
    expect(ids(false).filter((id) => !ids(true).includes(id))).toEqual(['VP5', 'VP6']);
  });
});

describe('phaseOf', () => {
  test('phaseOf: bursts, has four points', () => {
    const phases = Array.from({ length: 100 }, (_, i) => phaseOf(i, 100, 'bursts'));
    expect([...new Set(phases)]).toEqual([0, 5000, 10_000, 15_000]);
  });

  test('phaseOf: even, leaves no part of the 20 ms empty and none crowded', () => {
    const filled = new Array(20).fill(0);
    for (let i = 0; i < 1000; i += 1) filled[Math.floor(phaseOf(i, 1000, 'even') / 1000)] += 1;
    expect(Math.min(...filled)).toBeGreaterThan(40);
    expect(Math.max(...filled)).toBeLessThan(60);
  });
});

describe('parseOptions', () => {
  test('parseOptions: everything, is read', () => {
    const line = ['--short', '--only', 'VP1,V16', '--windows', '4', '--json', 'x', '--keep'];
    expect(parseOptions(line, ids)).toEqual({
      ...{ help: false, short: true, only: ['VP1', 'V16'], windows: 4, json: 'x', keep: true },
    });
  });

  test.each([
    ['an unknown row', ['--only', 'VP99']],
    ['a row that a short run has not', ['--short', '--only', 'VP5']],
    ['no windows', ['--windows', '0']],
    ['an unknown option', ['--fast']],
  ])('parseOptions: %s, is refused', (_what, line) => {
    expect(() => parseOptions(line, ids)).toThrow(UsageError);
  });
});

test('markdownTable: rows with and without a bar, say what was met', () => {
  const base = { what: 'x', unit: 'ms' };
  const table = markdownTable(
    [
      { ...base, id: 'a', value: 1234.5, bar: null, ok: true },
      { ...base, id: 'b', value: 2, bar: 3, ok: true, note: 'n' },
      { ...base, id: 'c', value: 4, bar: 3, ok: false },
    ],
    'title',
  );
  expect(table.split('\n').slice(4)).toEqual([
    '| a | x | 1,234.5 ms |  |  |  |',
    '| b | x | 2 ms | 3 | met | n |',
    '| c | x | 4 ms | 3 | **missed** |  |',
  ]);
});
