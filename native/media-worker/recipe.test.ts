/** Tests of the recipe against the pinned mediasoup: what would break a build is seen here, without building. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PATCHES, patched } from './patches.ts';
import { binaryAddress, MEDIASOUP, ninjaFile, workerSources } from './recipe.ts';

const worker = (name: string) => join(MEDIASOUP, 'worker', name);

test('workerSources: the pinned mediasoup, names files that are there', () => {
  const sources = workerSources();
  expect(sources.length).toBeGreaterThan(150);
  expect(sources).toContain('src/main.cpp');
  expect(sources.filter((name) => !existsSync(worker(name)))).toEqual([]);
});

test('ninjaFile: everything, is named relative to the build folder', () => {
  expect(ninjaFile()).not.toContain(MEDIASOUP);
  expect(ninjaFile()).not.toMatch(/ \/(?!dev\/)/);
});

test('ninjaFile: a patched source, is compiled in place of the original', () => {
  for (const { file } of PATCHES) {
    expect(ninjaFile()).toContain(`: cxx patched/${file} `);
    expect(ninjaFile()).not.toContain(` worker/${file}`);
  }
});

test('binaryAddress: nothing changed, stays the same', () => {
  expect(binaryAddress()).toBe(binaryAddress());
  expect(binaryAddress()).toMatch(/^[0-9a-f]{24}$/);
});

test.each(PATCHES.map((patch) => [patch.file, patch] as const))(
  'patched: %s of the pinned mediasoup, has the place once',
  (file, patch) => {
    const text = readFileSync(worker(file), 'utf8');
    const result = patched(text, patch);
    expect(result.ok && result.text.includes(patch.replace)).toBe(true);
    expect(result.ok && result.text.includes(patch.find)).toBe(false);
  },
);

test.each([
  ['no such place', 'other text', 'got 0 places'],
  ['two of them', 'a FIND b FIND c', 'got 2 places'],
])('patched: %s, says so and changes nothing', (_title, text, wanted) => {
  const result = patched(text, { file: 'src/x.cpp', find: 'FIND', replace: 'NEW' });
  expect(result).toMatchObject({ ok: false, message: expect.stringContaining(wanted) });
  expect(result.ok ? '' : result.message).toContain('src/x.cpp');
});
