/** Tests of the download, against a server of their own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { downloadPrebuilt, prebuiltUrl } from './download.ts';
import { mediasoupVersion } from './recipe.ts';

let folder = '';
let server: Server;
let answer: RequestListener;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'driftway-download-'));
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  vi.stubEnv('MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD', '');
  vi.stubEnv('MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL', `http://127.0.0.1:${port}`);
});

afterEach(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

const download = (answerMs?: number) =>
  downloadPrebuilt(
    { folder, log: join(folder, 'log'), tell: () => undefined, variant: 'tuned' },
    answerMs,
  );

function archiveOf(name: string): Buffer {
  writeFileSync(join(folder, name), '#!/bin/sh\n');
  execFileSync('tar', ['-czf', 'made.tgz', name], { cwd: folder });
  return readFileSync(join(folder, 'made.tgz'));
}

test('downloadPrebuilt: the archive of this release, is unpacked and can be run', async () => {
  const asked: string[] = [];
  const archive = archiveOf('mediasoup-worker');
  answer = (request, response) => {
    asked.push(request.url ?? '');
    response.end(archive);
  };
  const result = await download();
  expect(result).toEqual({ ok: true, path: join(folder, 'prebuilt', 'mediasoup-worker') });
  expect(execFileSync(result.ok ? result.path : '', [], { encoding: 'utf8' })).toBe('');
  const version = mediasoupVersion();
  expect(asked).toEqual([
    expect.stringMatching(`^/${version}/mediasoup-worker-${version}-${process.platform}-.*\\.tgz$`),
  ]);
});

test.each<[string, RequestListener, RegExp]>([
  ['no such release', (_request, response) => response.writeHead(404).end(), /HTTP status 404/],
  ['no archive', (_request, response) => response.end('<html>'), /tar/],
  ['no answer', () => undefined, /no answer/],
  ['the connection breaks', (request) => request.socket.destroy(), /./],
])('downloadPrebuilt: %s, says why and is no fault', async (_title, listener, wanted) => {
  answer = listener;
  expect(await download(200)).toEqual({ ok: false, why: expect.stringMatching(wanted) });
});

test('downloadPrebuilt: an archive of something else, is refused', async () => {
  const archive = archiveOf('something-else');
  answer = (_request, response) => response.end(archive);
  expect(await download()).toMatchObject({ ok: false });
});

test('prebuiltUrl: downloads are not wanted, is null', () => {
  vi.stubEnv('MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD', '1');
  expect(prebuiltUrl()).toBeNull();
});
