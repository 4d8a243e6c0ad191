/** Tests of the order of test files: what is named exists, and the longest comes first. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { TestSpecification, Vitest } from 'vitest/node';
import { SLOW_FILES, TestOrder } from './order.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test('SLOW_FILES: every file, is there', () => {
  expect([...SLOW_FILES.keys()].filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});

test('TestOrder: files of all kinds, the slowest first and those that share a process last', async () => {
  const [[slowest], [second]] = [...SLOW_FILES].sort((a, b) => b[1] - a[1]) as [
    [string, number],
    [string, number],
  ];
  const file = (path: string, isolate: boolean) =>
    ({ moduleId: join(ROOT, path), project: { config: { isolate } } }) as TestSpecification;
  const order = new TestOrder({ config: { root: ROOT } } as Vitest);
  const sorted = await order.sort([
    file('a.test.ts', false),
    file(second, true),
    file('b.e2e.test.ts', true),
    file(slowest, true),
  ]);
  expect(sorted.map(({ moduleId }) => moduleId)).toEqual(
    [slowest, second, 'b.e2e.test.ts', 'a.test.ts'].map((path) => join(ROOT, path)),
  );
});
