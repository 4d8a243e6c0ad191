/** Tests of getting the media worker as others do, with the real binary (built before the tests by `npm test`). */
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  cachedMediaWorker,
  type MediaWorkerProgress,
  mediaWorkerBinary,
} from '../media-worker/index.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'driftway media '));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

async function realBinary(): Promise<string> {
  const got = await mediaWorkerBinary();
  if (!got.ok) throw new Error(got.message);
  return got.path;
}

function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

test('mediaWorkerBinary: it is in the cache, answers without a step of work', async () => {
  const path = await realBinary();
  const steps: MediaWorkerProgress[] = [];
  expect(await mediaWorkerBinary({ onProgress: (step) => steps.push(step) })).toEqual({
    ok: true,
    path,
  });
  expect(steps).toEqual([]);
  expect(cachedMediaWorker()).toBe(path);
});

test('mediaWorkerBinary: a given binary that works, passes the self-test', async () => {
  const given = await realBinary();
  const steps: string[] = [];
  const got = await mediaWorkerBinary({
    given,
    background: false,
    onProgress: ({ step }) => steps.push(step),
  });
  expect(got).toEqual({ ok: true, path: given });
  expect(steps).toEqual(['testing']);
});

test.each([
  ['ends at once', 'exit 1'],
  ['cannot be run', ''],
])('mediaWorkerBinary: a given binary that %s, is rejected', async (_title, text) => {
  const given = text === '' ? join(folder, 'nothing') : script('worker', text);
  const got = await mediaWorkerBinary({ given, background: false });
  expect(got).toMatchObject({ ok: false, code: 'rejected' });
  expect(got.ok ? '' : got.message).toContain(given);
});

test('mediaWorkerBinary: a given binary that crashes under the test, is rejected', async () => {
  const real = await realBinary();
  const given = script('worker', `(sleep 0.1; kill -SEGV $$) & exec '${real}' "$@"`);
  expect(await mediaWorkerBinary({ given, background: false })).toMatchObject({
    ok: false,
    code: 'rejected',
  });
});

test('mediaWorkerBinary: its process prints other lines, they change nothing', async () => {
  const noise = encodeURIComponent('console.log("noise")');
  vi.stubEnv('NODE_OPTIONS', `--import=data:text/javascript,${noise}`);
  const given = join(folder, 'nothing');
  expect(await mediaWorkerBinary({ given, background: false })).toMatchObject({
    ok: false,
    code: 'rejected',
  });
});

test('mediaWorkerBinary: its signal fires, stops the work and keeps nothing', async () => {
  vi.stubEnv('XDG_CACHE_HOME', folder);
  vi.stubEnv('MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD', '1');
  expect(cachedMediaWorker()).toBeUndefined();
  const controller = new AbortController();
  const got = await mediaWorkerBinary({
    signal: controller.signal,
    install: false,
    onProgress: () => controller.abort(),
  });
  expect(got).toMatchObject({ ok: false, code: 'aborted' });
  expect(cachedMediaWorker()).toBeUndefined();
});

test('mediaWorkerBinary: a cache that cannot be written, says so', async () => {
  writeFileSync(join(folder, 'file'), '');
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'file'));
  expect(await mediaWorkerBinary()).toMatchObject({ ok: false, code: 'cache' });
  expect(readdirSync(folder)).toEqual(['file']);
});
