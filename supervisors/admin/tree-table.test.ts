/** Actors of a thread as the main thread keeps them. */
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import type { AnyRef } from '../../runtime/index.ts';
import { actor, batch, hosted } from './test/tree-support.ts';
import { FIGURE, ThreadTable, TOP } from './tree-table.ts';

let table: ThreadTable;
beforeEach(() => {
  table = new ThreadTable('shard-0');
});
const paths = (row: number): (string | undefined)[] =>
  table.kids(row).map((kid) => table.actor(kid)?.path);

test('ThreadTable: children stand under their parent, entities in the order of their keys', () => {
  table.apply(batch({ added: [...hosted(0, 'stream', [30, 4, 200]), actor(9, 'presence')] }));
  expect(paths(TOP)).toEqual(['presence', 'stream']);
  expect(paths(0)).toEqual(['stream/4', 'stream/30', 'stream/200']);
});

test('ThreadTable: a child that came before its parent is put under it', () => {
  const [host, one] = hosted(0, 'stream', [1]);
  table.apply(batch({ added: [one as never], isLast: false }));
  expect(paths(TOP)).toEqual(['stream/1']);
  table.apply(batch({ added: [host as never] }));
  expect(paths(TOP)).toEqual(['stream']);
  expect(paths(0)).toEqual(['stream/1']);
});

test('ThreadTable: what a dead parent leaves behind hangs on the thread', () => {
  table.apply(batch({ added: hosted(0, 'stream', [1, 2]) }));
  table.apply(batch({ removed: [0, 1] }));
  expect(paths(TOP)).toEqual(['stream/2']);
  expect(table.size).toBe(1);
});

test('ThreadTable: a row that is used again has nothing of its former actor', () => {
  table.apply(batch({ added: [actor(0, 'a')], figures: [{ row: 0, messages: 7 }] }));
  const born = table.born[0];
  table.apply(batch({ removed: [0], added: [actor(0, 'b', { ref: 5 as AnyRef, label: 'new' })] }));
  expect(table.figure(0, FIGURE.messages)).toBe(0);
  expect(table.label(0)).toBe('new');
  expect(table.born[0]).not.toBe(born);
  expect(paths(TOP)).toEqual(['b']);
});

test('ThreadTable: figures at any offset of a lane, version rises with them', () => {
  table.apply(batch({ added: [actor(0, 'a')] }));
  const before = table.version[0] as number;
  const { figures, ...rest } = batch({ figures: [{ row: 0, messages: 3, mailboxMax: 2 }] });
  const shifted = new Uint8Array(figures.length + 3);
  shifted.set(figures, 3);
  table.apply({ ...rest, figures: shifted.subarray(3) });
  expect(table.figure(0, FIGURE.messages)).toBe(3);
  expect(table.figure(0, FIGURE.mailboxMax)).toBe(2);
  expect(table.version[0]).toBeGreaterThan(before);
});

test('ThreadTable: many rows, cleared at once', () => {
  table.apply(
    batch({
      added: hosted(
        0,
        'stream',
        Array.from({ length: 1000 }, (_, i) => i),
      ),
    }),
  );
  expect(table.kids(0)).toHaveLength(1000);
  table.clear();
  expect(table.size).toBe(0);
  expect(table.kids(TOP)).toEqual([]);
  expect(table.isComplete).toBe(false);
});

test('ThreadTable: any order of beginnings and ends, every live actor stands in one place', () => {
  const steps = fc.array(
    fc.record({ row: fc.nat(12), parent: fc.integer({ min: -1, max: 12 }), ends: fc.boolean() }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(steps, (all) => {
      table = new ThreadTable('shard-0');
      const live = new Map<number, number>();
      let ref = 1;
      for (const { ends, parent, row } of all) {
        if (ends || live.has(row)) {
          if (live.delete(row)) table.apply(batch({ removed: [row] }));
          continue;
        }
        const above = (live.get(parent) ?? 0) as AnyRef;
        ref++;
        live.set(row, ref);
        table.apply(
          batch({ added: [actor(row, `a${ref}`, { ref: ref as AnyRef, parent: above })] }),
        );
      }
      const placed = [TOP, ...live.keys()].flatMap((row) => [...table.kids(row)]);
      expect(placed.sort()).toEqual([...live.keys()].sort());
      for (const row of live.keys()) expect(table.kids(table.parent(row))).toContain(row);
    }),
  );
});
