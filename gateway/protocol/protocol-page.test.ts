/** Holds the tables of PROTOCOL.md and the codes in the code against each other. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CLIENT_OPS, Close, closeName, Err, errName, Kind, Op } from './index.ts';

const PAGE = readFileSync(new URL('./PROTOCOL.md', import.meta.url), 'utf8');

/** The first three cells of each row with a number under a heading. */
function rows(heading: string): [number, string, string][] {
  const section = PAGE.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^\| (\d+) +\| (\w+) +\| ([^|]*?) *\|.*$/gm)].map((row) => [
    Number(row[1]),
    String(row[2]),
    String(row[3]),
  ]);
}
function table(codes: Record<string, number>, name: (key: string) => string): [number, string][] {
  return Object.entries(codes)
    .map(([key, code]): [number, string] => [code, name(key)])
    .sort(([a], [b]) => a - b);
}

test('PROTOCOL.md: opcodes, both ways', () => {
  const page = rows('Opcodes');
  expect(page.map(([op, name]) => [op, name])).toEqual(table(Op, (key) => key));
  for (const [op, , from] of page) expect(from).toBe(CLIENT_OPS.has(op) ? 'client' : 'server');
});

test('PROTOCOL.md: event kinds, both ways', () => {
  expect(rows('Event kinds').map(([kind, name]) => [kind, name])).toEqual(
    table(Kind, (key) => key),
  );
});

test('PROTOCOL.md: ERR codes and wire names, both ways', () => {
  const page = rows('Errors').map(([code, name]) => [code, name]);
  expect(page).toEqual(table(Err, (key) => key.toLowerCase()));
  expect(page).toEqual(Object.values(Err).map((code) => [code, errName(code)]));
});

test('PROTOCOL.md: close codes and wire names, both ways', () => {
  const page = rows('Close codes').map(([code, name]) => [code, name]);
  expect(page).toEqual(table(Close, (key) => key.toLowerCase()));
  expect(page).toEqual(Object.values(Close).map((code) => [code, closeName(code)]));
});
