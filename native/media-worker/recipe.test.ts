/** Tests of the recipe against the pinned mediasoup: what would break a build is seen here, without building. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { patched, patchedFile, patchesOf } from './patches.ts';
import { binaryAddress, levelOf, MEDIASOUP, ninjaFile, workerSources } from './recipe.ts';

const worker = (name: string) => join(MEDIASOUP, 'worker', name);

test('workerSources: the pinned mediasoup, names files that are there', () => {
  const sources = workerSources();
  expect(sources.length).toBeGreaterThan(150);
  expect(sources).toContain('src/main.cpp');
  expect(sources.filter((name) => !existsSync(worker(name)))).toEqual([]);
});

test('ninjaFile: everything, is named relative to the build folder', () => {
  expect(ninjaFile('tuned')).not.toContain(MEDIASOUP);
  expect(ninjaFile('tuned')).not.toMatch(/ \/(?!dev\/)/);
});

test('ninjaFile: a patched source, is compiled in place of the original', () => {
  for (const { file } of patchesOf('tuned')) {
    expect(ninjaFile('tuned')).toContain(`: cxx patched/${file} `);
    expect(ninjaFile('tuned')).not.toContain(` worker/${file}`);
  }
});

test('binaryAddress: nothing changed, stays the same', () => {
  expect(binaryAddress()).toBe(binaryAddress());
  expect(binaryAddress()).toMatch(/^[0-9a-f]{24}$/);
});

test('binaryAddress: the plain build, is another one without our tuning', () => {
  expect(binaryAddress('plain')).not.toBe(binaryAddress('tuned'));
  expect(ninjaFile('plain')).not.toMatch(/-flto|-march|patched.src.handles/);
});

test('levelOf: a processor that lacks a part of v3, is given no level', () => {
  const v3 = 'avx avx2 bmi1 bmi2 f16c fma abm movbe';
  expect(levelOf(new Set(v3.split(' ')))).toEqual(['-march=x86-64-v3']);
  expect(levelOf(new Set(v3.replace(' fma', '').split(' ')))).toEqual([]);
});

test.each([...new Set(patchesOf('tuned').map(({ file }) => file))])(
  'patchedFile: %s of the pinned mediasoup, has each place once',
  (file) => {
    const patches = patchesOf('tuned').filter((patch) => patch.file === file);
    const text = readFileSync(worker(file), 'utf8');
    for (const { find } of patches) expect(text.split(find)).toHaveLength(2);
    const result = patchedFile(text, file, patches);
    for (const { replace } of patches) {
      expect(result.ok && result.text.includes(replace)).toBe(true);
    }
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
