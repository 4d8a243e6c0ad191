/** Messages from other threads for a name that is about to be taken. */
import { expect, test } from 'vitest';
import { defineActor, name, spawn } from '../index.ts';
import { refBase } from './ref.ts';
import { deliver } from './send.ts';

interface ListP {
  put(n: number): void;
}

/** Callers on a thread that is not this one. */
const caller = (n: number): number => refBase(0, 9) + n;
const put = (n: number, from = caller(n)): void =>
  deliver('', 'list', 'put', n, from, Number.POSITIVE_INFINITY);

test('deliver: a name without an owner at the first call, all that come get in as they were sent', async () => {
  const done = Promise.withResolvers<void>();
  const seen: number[] = [];
  const List = defineActor<ListP, null>({
    init: () => null,
    handle: {
      put(_state, n) {
        seen.push(n);
        if (seen.length === 4) done.resolve();
      },
    },
  });
  put(1);
  await spawn(List, undefined, { name: name<ListP>('list') });
  put(2);
  put(3, 0);
  put(4);
  await done.promise;
  expect(seen).toEqual([1, 2, 3, 4]);
});
