/** Tests of the cache of built binaries, in folders of their own. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { accept, cacheFolder, contentHash, getOnce, keepNewest, withBuildLock } from './cache.ts';

const DAY_MS = 24 * 3_600_000;
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'driftway-cache-'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

test.each([
  ['an absolute XDG_CACHE_HOME', '/somewhere', '/somewhere/driftway/x'],
  ['a relative one', 'somewhere', join(homedir(), '.cache/driftway/x')],
  ['none', '', join(homedir(), '.cache/driftway/x')],
])('cacheFolder: %s, is where the specification says', (_title, home, wanted) => {
  vi.stubEnv('XDG_CACHE_HOME', home);
  expect(cacheFolder('x')).toBe(wanted);
});

test('contentHash: the same text in other parts, is another address', () => {
  expect(contentHash(['ab', 'c'])).toBe(contentHash(['ab', 'c']));
  expect(contentHash(['ab', 'c'])).not.toBe(contentHash(['a', 'bc']));
  expect(contentHash(['a'])).toMatch(/^[0-9a-f]{24}$/);
});

test('withBuildLock: two builders of one name, work one after the other', async () => {
  const order: string[] = [];
  const opened = Promise.withResolvers<void>();
  const waits = Promise.withResolvers<void>();
  const unwanted = () => order.push('waited');
  const first = withBuildLock(folder, 'a', unwanted, async () => {
    opened.resolve();
    await waits.promise;
    order.push('first');
  });
  await opened.promise;
  const second = withBuildLock(folder, 'a', waits.resolve, async () => order.push('second'));
  await Promise.all([first, second]);
  expect(order).toEqual(['first', 'second']);
  expect(readdirSync(folder)).toEqual([]);
});

test('accept: a folder that is there already, is replaced whole', async () => {
  for (const [name, file] of [
    ['a', 'old'],
    ['a.new', 'new'],
  ] as const) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, file), '');
  }
  await accept(join(folder, 'a.new'), folder, 'a');
  expect(readdirSync(folder)).toEqual(['a']);
  expect(readdirSync(join(folder, 'a'))).toEqual(['new']);
});

test('keepNewest: more than the bound, drops what nobody used for a month', async () => {
  const nowMs = 1_000 * DAY_MS;
  const put = (name: string, days: number) => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, `${name}.log`), '');
    const at = (nowMs - days * DAY_MS) / 1_000;
    utimesSync(join(folder, name), at, at);
  };
  put('aa', 90);
  put('bb', 80);
  put('cc', 70);
  put('dd', 1);
  put('ee', 100);
  expect(await keepNewest(folder, 'ee', 3, nowMs)).toBe(2);
  expect(readdirSync(folder).filter((name) => !name.includes('.'))).toEqual(['cc', 'dd', 'ee']);
  expect(readdirSync(folder)).not.toContain('aa.log');
});

test('keepNewest: used of late, all stay whatever the bound', async () => {
  for (const name of ['aa', 'bb', 'cc']) mkdirSync(join(folder, name));
  expect(await keepNewest(folder, 'aa', 1)).toBe(0);
  expect(readdirSync(folder)).toEqual(['aa', 'bb', 'cc']);
});

describe('getOnce', () => {
  const ask = (at: string, make: () => Promise<{ ok: true; path: string }>, cached?: string) =>
    getOnce({
      ...{ folder: at, name: 'a', what: 'it' },
      cached: () => cached,
      onWait: () => undefined,
      make,
    });
  const made = { ok: true, path: 'made' } as const;

  test('in the cache: nothing is made', async () => {
    const make = vi.fn(async () => made);
    expect(await ask(folder, make, 'kept')).toEqual({ ok: true, path: 'kept' });
    expect(make).not.toHaveBeenCalled();
    expect(await ask(folder, make)).toEqual(made);
  });

  test.each(['where the folder should be', 'above it'])(
    'a file lies %s: cache, with its name',
    async (where) => {
      const file = join(folder, 'file');
      writeFileSync(file, '');
      const at = where === 'above it' ? join(file, 'below') : file;
      const answer = await ask(at, async () => made);
      expect(answer).toMatchObject({ ok: false, code: 'cache' });
      expect('message' in answer ? answer.message : '').toContain(at);
    },
  );

  test('what else fails: is not a fault of the cache', async () => {
    const make = () => Promise.reject(new TypeError('a bug'));
    await expect(ask(folder, make)).rejects.toThrow('a bug');
  });
});
