/**
 * Contract suite of DocStore (storage.md 6.1 and 6.2): every implementation runs it. Test code.
 */
import { expect, test } from 'vitest';
import type { DocStore, DocWrite } from '../types.ts';
import type { StoreHarness } from './test/harness.ts';

/** Registers the tests of the contract for one implementation; run it inside a `describe`. */
export function docStoreContract(start: () => StoreHarness): void {
  conditionTests(start);
  valueTests(start);
  uniqueTests(start);
  listTests(start);
}

async function withDocs(
  start: () => StoreHarness,
  body: (docs: DocStore) => Promise<void>,
): Promise<void> {
  const store = await start().open();
  try {
    await body(store.docs);
  } finally {
    await store.close();
  }
}

function put(key: string, value: unknown, fields: Partial<DocWrite> = {}): DocWrite {
  return { kind: 'user', key, expect: 'any', value, ...fields };
}

function conditionTests(start: () => StoreHarness): void {
  test('write: revision rises by one, get returns it with an equal value', () =>
    withDocs(start, async (docs) => {
      const value = { a: [1, 'ü\0\ud800👍', null, { b: true }], n: 1.5 };
      expect(await docs.write([put('a', value)])).toEqual({ ok: true, revs: [1] });
      expect(await docs.write([put('a', 2), put('a', value)])).toEqual({ ok: true, revs: [2, 3] });
      expect(await docs.get('user', ['b', 'a', 'a'])).toEqual([
        undefined,
        { key: 'a', rev: 3, value },
        { key: 'a', rev: 3, value },
      ]);
      expect(await docs.get('guild', ['a'])).toEqual([undefined]);
    }));

  test('write: expect a revision, only the present one is accepted', () =>
    withDocs(start, async (docs) => {
      expect(await docs.write([put('a', 1, { expect: 1 })])).toEqual({
        ok: false,
        why: 'rev',
        index: 0,
      });
      await docs.write([put('a', 1)]);
      expect(await docs.write([put('a', 2, { expect: 1 })])).toEqual({ ok: true, revs: [2] });
      expect(await docs.write([put('a', 3, { expect: 1 })])).toMatchObject({ why: 'rev' });
      expect((await docs.get('user', ['a']))[0]?.value).toBe(2);
    }));

  test('write: expect absent, refused while the document exists', () =>
    withDocs(start, async (docs) => {
      const absent = { expect: 'absent' } as const;
      expect(await docs.write([put('a', 1, absent)])).toEqual({ ok: true, revs: [1] });
      expect(await docs.write([put('a', 2, absent)])).toMatchObject({ ok: false, why: 'rev' });
      expect(await docs.write([put('a', null)])).toEqual({ ok: true, revs: [0] });
      expect(await docs.write([put('a', null)])).toEqual({ ok: true, revs: [0] });
      expect(await docs.get('user', ['a'])).toEqual([undefined]);
      expect(await docs.write([put('a', 3, absent)])).toEqual({ ok: true, revs: [1] });
    }));

  test('write: one refused in a batch, nothing of the batch is written', () =>
    withDocs(start, async (docs) => {
      await docs.write([put('old', 1, { unique: ['u'] })]);
      const batch = [
        put('new', 1, { unique: ['v'] }),
        put('old', null),
        put('x', 1, { expect: 9 }),
      ];
      expect(await docs.write(batch)).toEqual({ ok: false, why: 'rev', index: 2 });
      expect((await docs.get('user', ['new', 'old', 'x'])).map((doc) => doc?.rev)).toEqual([
        undefined,
        1,
        undefined,
      ]);
      expect((await docs.find('user', 'u'))?.key).toBe('old');
      expect(await docs.find('user', 'v')).toBeUndefined();
    }));
}

function valueTests(start: () => StoreHarness): void {
  test('write: wrong arguments, rejects', () =>
    withDocs(start, async (docs) => {
      const wrong = [
        [],
        [put('', 1)],
        [put('a\0', 1)],
        [put('\ud800', 1)],
        [put('a', undefined)],
        [put('a', 1, { expect: -1 })],
        [put('a', 1, { unique: ['\0'] })],
      ];
      for (const batch of wrong) {
        await expect(docs.write(batch)).rejects.toThrow();
      }
      expect(await docs.list('user', '', undefined, 10)).toEqual([]);
    }));

  test('write: 50 increments by compare-and-set at once, none is lost', () =>
    withDocs(start, async (docs) => {
      await docs.write([put('n', 0)]);
      const increment = async (): Promise<void> => {
        for (;;) {
          const [doc] = await docs.get<number>('user', ['n']);
          const change = put('n', doc!.value + 1, { expect: doc!.rev });
          if ((await docs.write([change])).ok) return;
        }
      };
      await Promise.all(Array.from({ length: 50 }, increment));
      expect(await docs.get('user', ['n'])).toEqual([{ key: 'n', rev: 51, value: 50 }]);
    }));

  test('write: value changed by the caller afterwards, stored value unchanged', () =>
    withDocs(start, async (docs) => {
      const value = { list: [1] };
      await docs.write([put('a', value)]);
      value.list.push(2);
      const [read] = await docs.get<{ list: number[] }>('user', ['a']);
      expect(read?.value.list).toEqual([1]);
      read?.value.list.push(3);
      expect((await docs.get('user', ['a']))[0]?.value).toEqual({ list: [1] });
    }));
}

function uniqueTests(start: () => StoreHarness): void {
  test('unique: held by another document of the kind, refused with the value', () =>
    withDocs(start, async (docs) => {
      await docs.write([put('a', 1, { unique: ['name:x', 'mail:x'] })]);
      const taken = put('b', 1, { unique: ['name:y', 'mail:x'] });
      expect(await docs.write([taken])).toEqual({
        ok: false,
        why: 'unique',
        index: 0,
        value: 'mail:x',
      });
      expect(await docs.find('user', 'name:y')).toBeUndefined();
      expect(await docs.write([{ ...taken, kind: 'guild' }])).toMatchObject({ ok: true });
      expect((await docs.find('user', 'mail:x'))?.key).toBe('a');
      expect((await docs.find('guild', 'mail:x'))?.key).toBe('b');
    }));

  test('unique: own value again, undefined keeps, a new list replaces', () =>
    withDocs(start, async (docs) => {
      await docs.write([put('a', 1, { unique: ['x', 'y'] })]);
      expect(await docs.write([put('a', 2, { unique: ['x', 'x'] })])).toMatchObject({ ok: true });
      expect(await docs.find('user', 'y')).toBeUndefined();
      await docs.write([put('a', 3)]);
      expect(await docs.find('user', 'x')).toEqual({ key: 'a', rev: 3, value: 3 });
      await docs.write([put('a', 4, { unique: [] })]);
      expect(await docs.find('user', 'x')).toBeUndefined();
    }));

  test('unique: freed by delete, and handed over inside one batch', () =>
    withDocs(start, async (docs) => {
      await docs.write([put('a', 1, { unique: ['x'] })]);
      await docs.write([put('a', null)]);
      expect(await docs.find('user', 'x')).toBeUndefined();
      await docs.write([put('a', 1, { unique: ['x'] })]);
      const batch = [put('a', 1, { unique: [] }), put('b', 1, { unique: ['x'] })];
      expect(await docs.write(batch)).toMatchObject({ ok: true });
      expect((await docs.find('user', 'x'))?.key).toBe('b');
      expect(await docs.write([...batch].reverse())).toMatchObject({ ok: true });
      const both = [put('c', 1, { unique: ['z'] }), put('d', 1, { unique: ['z'] })];
      expect(await docs.write(both)).toMatchObject({ ok: false, why: 'unique', index: 1 });
      expect(await docs.find('user', 'z')).toBeUndefined();
    }));

  test('unique: 20 claim one value at once, one wins', () =>
    withDocs(start, async (docs) => {
      const claims = Array.from({ length: 20 }, (_, i) =>
        docs.write([put(`k${i}`, i, { unique: ['name'], expect: 'absent' })]),
      );
      const results = await Promise.all(claims);
      expect(results.filter((result) => result.ok)).toHaveLength(1);
    }));
}

function listTests(start: () => StoreHarness): void {
  test('list: prefix and afterKey, in bytewise order of the keys', () =>
    withDocs(start, async (docs) => {
      const keys = ['a/2', 'a/10', 'a/', 'a', 'A/1', 'b/1', 'a/\u{ff5e}', 'a/\u{1f600}', 'a0'];
      await docs.write(keys.map((key) => put(key, key)));
      await docs.write([{ ...put('a/1', 1), kind: 'other' }]);
      const list = async (
        prefix: string,
        after: string | undefined,
        n: number,
      ): Promise<string[]> => (await docs.list('user', prefix, after, n)).map((doc) => doc.key);
      // In UTF-16 order U+1F600 would come before U+FF5E.
      const inside = ['a/', 'a/10', 'a/2', 'a/\u{ff5e}', 'a/\u{1f600}'];
      expect(await list('a/', undefined, 100)).toEqual(inside);
      expect(await list('a/', undefined, 2)).toEqual(inside.slice(0, 2));
      expect(await list('a/', 'a/10', 100)).toEqual(inside.slice(2));
      expect(await list('a/', 'a/11', 100)).toEqual(inside.slice(2));
      expect(await list('a/', 'A', 100)).toEqual(inside);
      expect(await list('a/', 'b', 100)).toEqual([]);
      expect(await list('', undefined, 100)).toEqual(['A/1', 'a', ...inside, 'a0', 'b/1']);
      expect(await list('zz', undefined, 100)).toEqual([]);
      expect(await list('a/', undefined, 0)).toEqual([]);
    }));

  test('reopen: documents and unique values survive where the store is durable', async () => {
    const harness = start();
    const store = await harness.open();
    await store.docs.write([put('a', { n: 1 }, { unique: ['x'] })]);
    await store.close();
    const again = await harness.reopen?.();
    if (again === undefined) {
      return;
    }
    try {
      expect(await again.docs.find('user', 'x')).toEqual({ key: 'a', rev: 1, value: { n: 1 } });
    } finally {
      await again.close();
    }
  });
}
