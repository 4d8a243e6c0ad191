/** What is kept of entities that ended, and its bound. */
import { expect, test } from 'vitest';
import { counters } from '../index.ts';
import { EntityKeepers } from './entity-snapshots.ts';

const RESTING_MAX = 10_000;

test('EntityKeepers: more ended entities with snapshots than the bound, the first is forgotten and counted', () => {
  const keepers = new EntityKeepers('thing');
  const before = counters().snapshotsForgotten;
  for (let key = 0; key <= RESTING_MAX; key++) {
    keepers.of(key).put({ key });
    keepers.ended(key);
  }
  expect(counters().snapshotsForgotten - before).toBe(1);
  expect(keepers.of(0).kept).toEqual([]);
  expect(keepers.of(1).kept).toEqual([{ key: 1 }]);
  expect(keepers.of(RESTING_MAX).kept).toEqual([{ key: RESTING_MAX }]);
});

test('EntityKeepers: an entity that lives again is none of those that can be forgotten', () => {
  const keepers = new EntityKeepers('thing');
  keepers.of(0).put({ key: 0 });
  keepers.ended(0);
  const live = keepers.of(0);
  for (let key = 1; key <= RESTING_MAX + 1; key++) {
    keepers.of(key).put({ key });
    keepers.ended(key);
  }
  expect(live.kept).toEqual([{ key: 0 }]);
  expect(keepers.of(0)).toBe(live);
});
