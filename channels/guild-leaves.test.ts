/** The leaves of a member list: whatever happens, they partition it in order and change locally. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  entriesOf,
  LEAF_MAX,
  LEAF_MIN,
  type Leaf,
  MemberLeaves,
  type Rank,
} from './guild-leaves.ts';
import type { Id, MemberRow, Status } from './types.ts';

const RANKS: readonly Rank[] = [
  { role: 30, order: 1 },
  { role: 20, order: 2 },
  { role: 7, order: 3 },
];

/** What clients see who have every leaf open, and what one change did. */
class Watcher {
  readonly shown = new Map<number, readonly MemberRow[]>();
  touched = new Set<Leaf>();
  splits = 0;
  merges = 0;
  readonly list = new MemberLeaves(1000, {
    touched: (leaf) => this.touched.add(leaf),
    split: () => {
      this.splits += 1;
    },
    merged: (leaf) => {
      this.merges += 1;
      this.touched.delete(leaf);
      this.shown.delete(leaf.id);
    },
  });

  /** One change, as seen from outside. */
  apply(change: (list: MemberLeaves) => void): number {
    this.touched = new Set();
    this.splits = 0;
    this.merges = 0;
    change(this.list);
    for (const leaf of this.touched) this.shown.set(leaf.id, entriesOf(leaf));
    return this.touched.size + this.merges;
  }
}

/** The order of the page, written down once more: group (rank, then offline), name, uid. */
function sorted(model: ReadonlyMap<Id, { name: string; rank: Rank; status: Status }>): MemberRow[] {
  const order = (m: { rank: Rank; status: Status }): number => (m.status === 0 ? 99 : m.rank.order);
  return [...model]
    .sort(([a, x], [b, y]) => {
      const [p, q] = [x.name.toLowerCase(), y.name.toLowerCase()];
      return order(x) - order(y) || (p < q ? -1 : p > q ? 1 : a - b);
    })
    .map(([uid, { name, rank, status }]): MemberRow => [uid, name, rank.role, status]);
}

const uid = fc.integer({ min: 1, max: 900 });
const person = fc.record({
  name: fc.oneof(
    fc.string({ minLength: 1, maxLength: 3 }),
    fc.constantFrom('Anna', 'anna', '\u{1F600}', '"'.repeat(96)),
  ),
  rank: fc.constantFrom(...RANKS),
  status: fc.constantFrom<Status>(0, 1, 2, 3),
});
const change = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('put' as const), uid, person }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('remove' as const), uid }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('status' as const),
      uid,
      status: fc.constantFrom<Status>(0, 1, 2, 3),
    }),
  },
  // Whole runs come and go, so that leaves split and merge.
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('crowd' as const),
      from: uid,
      person,
      joins: fc.boolean(),
    }),
  },
);

test('MemberLeaves: any changes, the leaves partition the list and stay in bounds', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
      const watcher = new Watcher();
      const model = new Map<Id, { name: string; rank: Rank; status: Status }>();
      for (const step of changes) {
        if (step.op === 'put') {
          model.set(step.uid, step.person);
          const moved = watcher.list.get(step.uid) !== undefined;
          // A move is a removal and an insertion, each of which touches a leaf or a pair.
          const most = moved ? 4 : 3;
          expect(watcher.apply((list) => list.put(step.uid, step.person))).toBeLessThanOrEqual(
            most,
          );
        } else if (step.op === 'remove') {
          expect(watcher.apply((list) => list.remove(step.uid))).toBeLessThanOrEqual(2);
          model.delete(step.uid);
        } else if (step.op === 'status') {
          const member = model.get(step.uid);
          if (member !== undefined) model.set(step.uid, { ...member, status: step.status });
          watcher.apply((list) => list.setStatus(step.uid, step.status));
        } else {
          for (let id = step.from; id < step.from + 120; id += 1) {
            if (step.joins) model.set(id, step.person);
            else model.delete(id);
            watcher.apply((list) => (step.joins ? list.put(id, step.person) : list.remove(id)));
          }
        }
      }
      const wanted = sorted(model);
      const { leaves } = watcher.list;
      expect(leaves.flatMap((leaf) => [...entriesOf(leaf)])).toEqual(wanted);
      // I19: what was told of every leaf, put together, is the list.
      if (model.size > 0) {
        expect(leaves.flatMap((leaf) => [...(watcher.shown.get(leaf.id) ?? [])])).toEqual(wanted);
      }
      for (const leaf of leaves) {
        expect(leaf.rows.length).toBeLessThanOrEqual(LEAF_MAX);
        expect(Buffer.byteLength(JSON.stringify(entriesOf(leaf)))).toBeLessThan(16_000);
        const isShort = leaf.rows.length < LEAF_MIN;
        const isHeavy = Buffer.byteLength(JSON.stringify(entriesOf(leaf))) > 3000;
        if (leaves.length > 1 && isShort) {
          expect(isHeavy || leaves.some((l) => l.rows.some((r) => r.name.length > 90))).toBe(true);
        }
      }
      expect(watcher.list.groups().reduce((sum, [, n]) => sum + n, 0)).toBe(model.size);
      expect(watcher.list.size).toBe(model.size);
    }),
    { numRuns: 60 },
  );
});

test('MemberLeaves: short names, each change touches one leaf or a pair', () => {
  const watcher = new Watcher();
  const [rank] = RANKS as [Rank];
  let widest = 0;
  for (let id = 1; id <= 3000; id += 1) {
    const name = `n${(id * 7919) % 3001}`;
    widest = Math.max(
      widest,
      watcher.apply((list) => list.put(id, { name, rank, status: 1 })),
    );
  }
  for (let id = 1; id <= 2900; id += 1) {
    widest = Math.max(
      widest,
      watcher.apply((list) => list.remove((id * 31) % 3001)),
    );
  }
  expect(widest).toBe(2);
  const sizes = watcher.list.leaves.map((leaf) => leaf.rows.length);
  expect(sizes.every((size) => size >= LEAF_MIN && size <= LEAF_MAX)).toBe(true);
});

test('covering: the leaves around a range, with the place of their first rows', () => {
  const watcher = new Watcher();
  const [rank] = RANKS as [Rank];
  for (let id = 1; id <= 1000; id += 1) {
    watcher.list.put(id, { name: String(id + 10_000), rank, status: 1 });
  }
  const all = watcher.list.covering(0, 1000, 99);
  expect(all.length).toBe(watcher.list.leaves.length);
  const some = watcher.list.covering(200, 100, 5);
  const first = some[0];
  expect(first !== undefined && first.index <= 200).toBe(true);
  for (const { leaf, index } of some) {
    expect(leaf.rows[0]?.uid).toBe(index + 1);
  }
  expect(watcher.list.covering(0, 1000, 5)).toHaveLength(5);
  expect(watcher.list.covering(5000, 10, 5)).toEqual([]);
  expect(watcher.list.covering(0, 0, 5)).toEqual([]);
});

test('startingWith: over groups and leaves, case-blind, at most as many as asked', () => {
  const watcher = new Watcher();
  for (let id = 1; id <= 400; id += 1) {
    const rank = RANKS[id % 3] as Rank;
    watcher.list.put(id, { name: id % 2 ? `Ab${id}` : `b${id}`, rank, status: id % 5 ? 1 : 0 });
  }
  const found = watcher.list.startingWith('aB', 1000).map((row) => row.uid);
  expect(found.length).toBe(200);
  expect(found.every((id) => id % 2 === 1)).toBe(true);
  expect(watcher.list.startingWith('ab', 7)).toHaveLength(7);
  expect(watcher.list.startingWith('zz', 7)).toEqual([]);
});
