/** Pages and cursors: every item once, whatever is added or deleted between two pages. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { comparePlaces, type Place, pageOf, readPage } from './paging.ts';

const placeOf = (id: number): Place => [id];
const asPlace = (next: string | null): Place | undefined => next?.split('.').map(Number);

test('pageOf: pages of any size give every item once, in order', () => {
  const lists = fc.uniqueArray(fc.nat(1000), { maxLength: 40 });
  fc.assert(
    fc.property(lists, fc.integer({ min: 1, max: 10 }), (ids, limit) => {
      const seen: number[] = [];
      let after: Place | undefined;
      for (;;) {
        const page = pageOf(ids, placeOf, { after, limit });
        seen.push(...page.items);
        after = asPlace(page.next);
        if (after === undefined) break;
        expect(page.items).toHaveLength(limit);
      }
      expect(seen).toEqual(ids.toSorted((a, b) => a - b));
    }),
  );
});

test('pageOf: what was deleted or added meanwhile changes only itself', () => {
  const first = pageOf([1, 2, 3, 4, 5], placeOf, { limit: 2 });
  expect(first).toEqual({ items: [1, 2], next: '2' });
  const second = pageOf([0, 1, 3, 4, 5, 6], placeOf, { after: asPlace(first.next), limit: 3 });
  expect(second).toEqual({ items: [3, 4, 5], next: '5' });
});

test('pageOf: places of several parts and texts', () => {
  const items = [
    { position: 2, id: 1 },
    { position: 1, id: 9 },
    { position: 1, id: 3 },
  ];
  const page = pageOf(items, ({ position, id }) => [position, id], { limit: 2 });
  expect(page).toEqual({ items: [items[2], items[1]], next: '1.9' });
  expect(pageOf(['b', 'a', 'c'], (code) => code, { after: 'a', limit: 1 })).toEqual({
    items: ['b'],
    next: 'b',
  });
  expect(comparePlaces([1], [1])).toBe(0);
});

test('readPage: a full page asks whether anything follows; a failure is handed on', async () => {
  const read = (all: readonly number[]) => async (after: number | undefined, limit: number) => ({
    ok: true as const,
    value: all.filter((id) => id > (after ?? 0)).slice(0, limit),
  });
  const page = (all: readonly number[], after?: number) =>
    readPage({ after, limit: 2 }, read(all), (id) => id);
  expect(await page([1, 2, 3])).toEqual({ ok: true, value: { items: [1, 2], next: '2' } });
  expect(await page([1, 2])).toEqual({ ok: true, value: { items: [1, 2], next: null } });
  expect(await page([1, 2, 3], 2)).toEqual({ ok: true, value: { items: [3], next: null } });
  const failure = { ok: false as const, failure: 'no' };
  expect(await readPage({ after: 1, limit: 2 }, async () => failure, Number)).toEqual(failure);
});
