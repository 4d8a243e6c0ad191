/** How the answers of verbs look. */
import { expect, test } from 'vitest';
import { outline } from './outline.ts';

test('outline: fields below one another, what is nested indented', () => {
  expect(outline({ id: 'n1', info: { headTs: 1_795_295_753_362, heapBytes: 10_385_856 } })).toBe(
    [
      'id  n1',
      'info:',
      '  headTs     2026-11-21T21:15:53.362Z',
      '  heapBytes  10385856 (10M)',
    ].join('\n'),
  );
});

test('outline: objects of one form, a table', () => {
  const threads = [
    { name: 'main', up: true },
    { name: 'shard-0', up: false },
  ];
  expect(outline({ threads })).toBe('threads:\n  name     up\n  main     yes\n  shard-0  no');
});

test('outline: nothing, an empty list and control characters, are said safely', () => {
  expect(outline({ a: null, files: [], text: 'x\u001b[2J' })).toBe(
    'a      -\nfiles  none\ntext   x\u00b7[2J',
  );
});

test('outline: a long list, is counted', () => {
  const lines = outline({ items: Array.from({ length: 60 }, (_unused, i) => i) }).split('\n');
  expect(lines.at(-1)).toBe('  and 10 more');
  expect(lines).toHaveLength(52);
});
