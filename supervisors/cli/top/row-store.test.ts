/** The rows of a subscription: snapshots in chunks, deltas, and that row objects are never mutated. */
import { describe, expect, test } from 'vitest';
import { fakeRow } from '../test/fake-admin.ts';
import { storeOf } from '../test/rows.ts';
import { RowStore } from './row-store.ts';

const delta = (fields: object) => ({ added: [], changed: [], removed: [], ...fields });

describe('RowStore', () => {
  test('a snapshot in chunks: shows the old rows until the last one is there', () => {
    const store = storeOf({ old: {} });
    expect(store.apply('snapshot', { rows: [fakeRow('n1')], more: true })).toBe(false);
    expect([store.size, store.row('old') !== undefined]).toEqual([1, true]);
    expect(store.apply('snapshot', { rows: [fakeRow('n1/a')], more: false })).toBe(true);
    expect([...store.all()].map(({ id }) => id)).toEqual(['n1', 'n1/a']);
  });

  test('resync in the middle of a snapshot: what had come of it is forgotten', () => {
    const store = storeOf({ n1: {} });
    store.apply('snapshot', { rows: [fakeRow('gone')], more: true });
    expect(store.apply('resync', null)).toBe(false);
    store.apply('snapshot', { rows: [fakeRow('n1')], more: false });
    expect(store.row('gone')).toBeUndefined();
  });

  test('a delta: replaces changed rows, adds and removes, keeps the others as they are', () => {
    const store = storeOf({ n1: {}, 'n1/a': {}, 'n1/b': {} });
    const [a, b] = [store.row('n1/a'), store.row('n1/b')];
    const changed = [
      ['n1/a', { mailbox: 3 }],
      ['n1/unknown', { mailbox: 1 }],
    ];
    const data = delta({ changed, added: [fakeRow('n1/c')], removed: ['n1/b'] });
    expect(store.apply('delta', data)).toBe(true);
    expect(store.row('n1/a')?.mailbox).toBe(3);
    expect(a?.mailbox).toBe(0);
    expect(b).toBeDefined();
    expect(store.children('n1').map(({ id }) => id)).toEqual(['n1/a', 'n1/c']);
  });

  test('an empty delta and an unknown kind: nothing has changed', () => {
    const store = new RowStore();
    expect(store.apply('delta', delta({}))).toBe(false);
    expect(store.apply('news', {})).toBe(false);
  });
});
