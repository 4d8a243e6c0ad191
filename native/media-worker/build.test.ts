/** Tests of a build's first steps: tools, sources and layout, without compiling. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { buildWorker, layOut } from './build.ts';
import { sourceLines } from './libsrtp.ts';
import { workerSources } from './recipe.ts';
import { missingSentence } from './tools.ts';
import type { Work } from './work.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'driftway build '));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const work = (): Work => ({
  folder,
  log: join(folder, 'log'),
  tell: () => undefined,
  variant: 'tuned',
});

test('buildWorker: tools are missing and may not be installed, names the line that does', async () => {
  vi.stubEnv('PATH', folder);
  const result = await buildWorker(work(), false);
  expect(result).toMatchObject({ ok: false, code: expect.stringMatching(/^(tools|unsupported)$/) });
  const sentence = missingSentence(['g++', 'make']);
  expect(sentence).toContain('`apt-get install -y --no-install-recommends g++ make`');
  expect(sentence.split('\n')).toHaveLength(1);
});

test('layOut: a folder with a space, twice, changes nothing the second time', async () => {
  expect(await layOut(folder, 'tuned')).toEqual({ ok: true });
  const patchedFile = join(folder, 'patched/src/RTC/DtlsTransport.cpp');
  const before = statSync(patchedFile).mtimeMs;
  expect(await layOut(folder, 'tuned')).toEqual({ ok: true });
  expect(statSync(patchedFile).mtimeMs).toBe(before);
  expect(readFileSync(join(folder, 'build.ninja'), 'utf8')).toContain(
    'build mediasoup-worker: link',
  );
  expect(readlinkSync(join(folder, 'worker'))).toMatch(/mediasoup\/worker$/);
});

test('layOut: a source without the place to patch, stops the build and names the file', async () => {
  const fake = join(folder, 'fake');
  for (const name of workerSources()) {
    mkdirSync(join(fake, dirname(name)), { recursive: true });
    writeFileSync(join(fake, name), '// nothing\n');
  }
  expect(await layOut(folder, 'tuned', fake)).toMatchObject({
    ok: false,
    code: 'source',
    message: expect.stringContaining('src/RTC/DtlsTransport.cpp: got 0 places'),
  });
});

test('layOut: a package without sources, stops the build and names the first one missing', async () => {
  expect(await layOut(folder, 'tuned', join(folder, 'empty'))).toMatchObject({
    ok: false,
    code: 'source',
    message: expect.stringContaining('lacks src/lib.cpp'),
  });
});

const DEBIAN = 'http://deb.example/debian/|bookworm|main|/usr/share/keyrings/debian.gpg|Debian';

test.each([
  [
    "the distribution's and strangers' archives, takes the former",
    [
      DEBIAN,
      DEBIAN,
      'http://node.example|nodistro|main||Stranger',
      'http://deb.example/debian/|bookworm|contrib||Debian',
    ],
    ['deb-src [signed-by=/usr/share/keyrings/debian.gpg] http://deb.example/debian/ bookworm main'],
  ],
  [
    'a key inside the list, leaves it to the trusted ones',
    ['http://u.example/|noble|universe|-----BEGIN PGP PUBLIC KEY|Ubuntu'],
    ['deb-src http://u.example/ noble universe'],
  ],
  [
    'no lists yet, so no origins, takes every main section',
    [
      'http://deb.example/debian/|bookworm|main||',
      'http://deb.example/debian/|bookworm|non-free||',
    ],
    ['deb-src http://deb.example/debian/ bookworm main'],
  ],
  ['nothing, is nothing', [''], []],
])('sourceLines: %s', (_title, targets, wanted) => {
  expect(sourceLines(targets.join('\n'))).toEqual(wanted);
});
