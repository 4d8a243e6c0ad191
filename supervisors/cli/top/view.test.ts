/** Which rows are shown and in which order. */
import { describe, expect, test } from 'vitest';
import { fakeRow } from '../test/fake-admin.ts';
import { storeOf } from '../test/rows.ts';
import { entriesOf, nameOf, type ViewOptions } from './view.ts';

const store = storeOf({
  n1: {},
  'n1/a': { rate: 1 },
  'n1/b': { rate: 5, restarts: 1 },
  'n1/b/x': { rate: 5, mailbox: 2 },
  'n1/b/y': { rate: 9, memoryBytes: 7 },
  'n1/b/*': { kind: 'more', name: '80 more', rate: 1_000 },
});
const options: ViewOptions = {
  root: 'n1',
  sort: 'rate',
  isReversed: false,
  mode: 'tree',
  openLevels: 2,
  toggled: new Map(),
};
const ids = (more: Partial<ViewOptions> = {}) =>
  entriesOf(store, { ...options, ...more }).map(({ row }) => row.id);

describe('entriesOf', () => {
  test('sorted by rate: the busiest of each parent first, the sum of the others last', () => {
    expect(ids()).toEqual(['n1', 'n1/b', 'n1/b/y', 'n1/b/x', 'n1/b/*', 'n1/a']);
  });

  test('reversed: the other way round, the sum still last', () => {
    expect(ids({ isReversed: true })).toEqual(['n1', 'n1/a', 'n1/b', 'n1/b/x', 'n1/b/y', 'n1/b/*']);
  });

  test.each([
    ['name', ['n1/a', 'n1/b']],
    ['restarts', ['n1/b', 'n1/a']],
  ] as const)('sorted by %s: by that', (sort, expected) => {
    expect(ids({ sort, openLevels: 1 }).slice(1)).toEqual(expected);
  });

  test('folds: levels that are open by themselves, and what a person changed', () => {
    expect(ids({ openLevels: 0 })).toEqual(['n1']);
    expect(ids({ openLevels: 1 })).toEqual(['n1', 'n1/b', 'n1/a']);
    expect(ids({ toggled: new Map([['n1/b', false]]) })).toEqual(['n1', 'n1/b', 'n1/a']);
    expect(ids({ openLevels: 1, toggled: new Map([['n1/b', true]]) })).toHaveLength(6);
  });

  test('another top: only what is below it', () => {
    expect(ids({ root: 'n1/b' })).toEqual(['n1/b', 'n1/b/y', 'n1/b/x', 'n1/b/*']);
    expect(ids({ root: 'n1/gone' })).toEqual([]);
  });

  test('as a list: leaves only, across parents', () => {
    expect(ids({ mode: 'list' })).toEqual(['n1/b/y', 'n1/b/x', 'n1/a', 'n1/b/*']);
  });
});

test('nameOf: an unnamed actor, has its ref behind the name', () => {
  expect(nameOf(fakeRow('n1/main/supervisor/0.4.1', { name: 'supervisor' }))).toBe(
    'supervisor 0.4.1',
  );
  expect(nameOf(fakeRow('n1/main/stream/4711', { name: 'channel 4711' }))).toBe('channel 4711');
});
