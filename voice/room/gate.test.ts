/** Who runs when, behind a gate. */
import { expect, test } from 'vitest';
import { Gate } from './gate.ts';

test('run: more than may at once, go in order as places become free, also after a failure', async () => {
  const gate = new Gate(2);
  const begun: number[] = [];
  const works = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const runs = works.map((work, i) =>
    gate.run(() => {
      begun.push(i);
      return work.promise;
    }),
  );
  expect(begun).toEqual([0, 1]);
  expect(gate.size).toBe(2);
  works[1]?.reject(new Error('no'));
  await expect(runs[1]).rejects.toThrow('no');
  expect(begun).toEqual([0, 1, 2]);
  for (const i of [0, 2, 3]) works[i]?.resolve();
  await Promise.all([runs[0], runs[2], runs[3]]);
  expect(begun).toEqual([0, 1, 2, 3]);
  expect(gate.size).toBe(0);
  await gate.run(async () => {
    begun.push(4);
  });
  expect(begun.at(-1)).toBe(4);
});
