/** The tables of bench:runtime: medians, ratios, bars. */
import { describe, expect, test } from 'vitest';
import { type Figures, LANE_ROWS, ROWS } from './scenarios.ts';
import { makeTables, median, resultKey, takesPart } from './table.ts';

const ids = [...ROWS, ...LANE_ROWS].map(({ id }) => id);

/** Results in which Driftway takes `ours` and each other side `others` for everything. */
function results(ours: number, others: number): Map<string, readonly Figures[]> {
  const all = (value: number): Figures => ({
    ns: value,
    cpuNs: value,
    bytes: value,
    bytesUsed: value,
  });
  const map = new Map<string, readonly Figures[]>();
  for (const row of ROWS) {
    map.set(resultKey('driftway', row), [all(ours)]);
    for (const side of ['erlang', 'erlang-1', 'nact', 'xstate'] as const) {
      map.set(resultKey(side, row), [all(others)]);
    }
  }
  return map;
}

const firstRow = (text: string) =>
  text
    .split('\n')[2]
    ?.split('|')
    .map((cell) => cell.trim());

describe('median', () => {
  test('odd and even counts: the middle, the mean of the two', () => {
    expect([median([9, 1, 2]), median([4, 1, 2, 9])]).toEqual([2, 3]);
    expect(median([])).toBeNaN();
  });
});

describe('makeTables', () => {
  test('ratio above and below the bar: kept and missed', () => {
    const fast = makeTables(results(100, 450), ids);
    expect(firstRow(fast.text)?.slice(1, -1)).toEqual([
      'ping-pong, round trip',
      '100',
      '450',
      '450',
      '450',
      '450',
      '4.5 x',
      '4.5 x',
      '>= 4 x',
      'kept',
    ]);
    expect(fast.missed).toEqual([]);
    const slow = makeTables(results(100, 390), ids);
    expect(firstRow(slow.text)?.at(-2)).toBe('MISSED');
    expect(slow.missed).toContain('ping-pong, round trip: got 3.9 x, want >= 4 x');
  });

  test('memory: the bar is a number of bytes', () => {
    expect(makeTables(results(400, 9000), ids).missed).toEqual([
      'bytes per idle actor: got 400, want < 400',
    ]);
  });

  test('without Erlang: no ratio, no verdict, nothing missed', () => {
    const map = results(100, 450);
    for (const row of ROWS) {
      map.delete(resultKey('erlang', row));
      map.delete(resultKey('erlang-1', row));
    }
    const { text, missed } = makeTables(map, ids);
    expect(firstRow(text)?.slice(3, -1)).toEqual(['-', '-', '450', '450', '-', '-', '>= 4 x', '']);
    expect(missed).toEqual([]);
  });

  test('several rounds: the median and half of the range', () => {
    const map = results(100, 450);
    const row = ROWS[0];
    if (row === undefined) throw new Error('no rows');
    map.set(resultKey('driftway', row), [{ ns: 90 }, { ns: 100 }, { ns: 130 }]);
    expect(firstRow(makeTables(map, ids).text)?.[2]).toBe('100 ±20%');
  });

  test('lanes: rate at least, latency and losses at most', () => {
    const map = new Map<string, readonly Figures[]>([
      ['driftway lane', [{ ns: 2000 }]],
      ['driftway round-trip', [{ p50: 41, p99: 90 }]],
      ['driftway flood', [{ inFlightMb: 64, rssMb: 100, lost: 1 }]],
    ]);
    expect(makeTables(map, ids).missed).toEqual([
      'one way, messages of 150 bytes: got 500000 1/s, want >= 600000 1/s',
      'idle round trip, p50: got 41.0 us, want <= 40.0 us',
      'flood: neither handled nor counted as dropped: got 1 messages, want <= 0 messages',
    ]);
  });

  test('--only: rows that were not asked for are not shown', () => {
    const { text } = makeTables(results(100, 450), ['ring']);
    expect(text.split('\n')).toHaveLength(7);
    expect(firstRow(text)?.[1]).toBe('ring of 1000, hop');
  });
});

test('takesPart: a peer without the scenario, has no figure', () => {
  const call = ROWS.find(({ id }) => id === 'call');
  if (call === undefined) throw new Error('no row');
  expect([takesPart('nact', call), takesPart('xstate', call), takesPart('erlang-1', call)]).toEqual(
    [true, false, true],
  );
});
