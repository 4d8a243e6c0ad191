/** The folder of results: private, bounded, and nothing can be read past it. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CHAOS_LIMITS } from './limits.ts';
import { ChaosResults } from './results.ts';
import type { ChaosResult } from './types.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'driftway-chaos-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const result = (name: string): ChaosResult => ({ v: 1, result: name }) as ChaosResult;

test('ChaosResults: what was written, is read again, by its owner only', () => {
  const results = new ChaosResults(dir);
  expect(results.names()).toEqual([]);
  results.write(result('20261121T211500Z-1-kill-actor'));
  expect(results.read('20261121T211500Z-1-kill-actor')).toMatchObject({ v: 1 });
  const file = join(dir, 'chaos', '20261121T211500Z-1-kill-actor.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(dir, 'chaos')).mode & 0o777).toBe(0o700);
});

test('ChaosResults: names that are none of ours, give nothing', () => {
  writeFileSync(join(dir, 'keys.json'), '{"v":1}');
  const results = new ChaosResults(dir);
  results.write(result('a'));
  for (const name of ['../keys', 'b', '', 'a.json', 'a/../a']) {
    expect(results.read(name)).toBeUndefined();
  }
});

test('ChaosResults: beyond the bound, the oldest go', () => {
  const results = new ChaosResults(dir);
  for (let i = 0; i < CHAOS_LIMITS.results + 3; i += 1) {
    results.write(result(`20261121T211500Z-${1000 + i}-x`));
  }
  expect(results.names()).toHaveLength(CHAOS_LIMITS.results);
  expect(results.names()[0]).toBe(`20261121T211500Z-${1000 + CHAOS_LIMITS.results + 2}-x`);
  expect(results.read('20261121T211500Z-1000-x')).toBeUndefined();
});
