/** The table of bounds in README.md names counters that exist, one at least for each bound. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

/** Counted elsewhere: the runtime's mailboxes. */
const ELSEWHERE: ReadonlySet<string> = new Set(['runtime']);

function rows(): { readonly what: string; readonly counters: readonly string[] }[] {
  const page = readFileSync(new URL('./README.md', import.meta.url), 'utf8');
  const section = page.split('\n## Bounds\n')[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1)
    .map((line) => {
      const cells = line.split('|').map((cell) => cell.trim());
      return { what: cells[1] ?? '', counters: (cells[4] ?? '').split(', ') };
    });
}

test('README.md: each bound, has counters, and they exist', () => {
  const known = new Set([...Object.keys(createMetrics()), ...ELSEWHERE]);
  const faults = rows().flatMap(({ what, counters }) =>
    counters.filter((name) => !known.has(name)).map((name) => `${what}: ${name}`),
  );
  expect(rows().length).toBeGreaterThan(15);
  expect(faults).toEqual([]);
});
