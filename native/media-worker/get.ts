/**
 * Owns the way to a binary: the cache, a download, a build; each new one only after the self-test. One process at a time per address.
 * Child process of a build only.
 */
import { appendFile, copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accept, getOnce, keepNewest } from '../build/index.ts';
import { buildWorker } from './build.ts';
import { downloadPrebuilt } from './download.ts';
import { BINARY, cachedMediaWorker, workersFolder } from './place.ts';
import { binaryAddress, mediasoupVersion } from './recipe.ts';
import type { MediaWorkerProgress, MediaWorkerResult, MediaWorkerVariant } from './types.ts';
import { failed, type Work } from './work.ts';

/** Older binaries that stay beside the present one, for other clones and for going back. */
const KEPT = 8;

/** What the child process is asked for. */
export interface Wish {
  readonly given?: string;
  readonly install: boolean;
  readonly variant: MediaWorkerVariant;
  readonly signal: AbortSignal;
  readonly tell: (progress: MediaWorkerProgress) => void;
}

/** Gets the binary. Rejects only for bugs. */
export async function getMediaWorker(wish: Wish): Promise<MediaWorkerResult> {
  if (wish.given !== undefined) return testGiven(wish.given, wish);
  wish.tell({ step: 'looking', text: 'looking for the media worker' });
  const folder = workersFolder();
  const waiting = () =>
    wish.tell({
      step: 'waiting',
      text: 'waiting for another process, which gets the media worker',
    });
  return getOnce({
    ...{ folder, name: binaryAddress(wish.variant), what: 'the media worker' },
    cached: () => cachedMediaWorker(wish.variant),
    onWait: waiting,
    make: () => make(folder, wish),
  });
}

async function testGiven(path: string, wish: Wish): Promise<MediaWorkerResult> {
  wish.tell({ step: 'testing', text: 'testing the given media worker' });
  const verdict = await verdictOn(path);
  return verdict.ok ? { ok: true, path } : rejected(path, verdict.why);
}

/** The test's own parts are native, too: where they cannot be loaded, no binary can be accepted. */
async function verdictOn(path: string): Promise<{ ok: true } | { ok: false; why: string }> {
  try {
    const { selfTest } = await import('./self-test.ts');
    return await selfTest(path);
  } catch (error) {
    return { ok: false, why: (error as Error).message };
  }
}

async function make(folder: string, wish: Wish): Promise<MediaWorkerResult> {
  const startedMs = performance.now();
  const address = binaryAddress(wish.variant);
  const work: Work = {
    folder: join(folder, `${address}.build`),
    log: join(folder, `${address}.log`),
    tell: wish.tell,
    variant: wish.variant,
    signal: wish.signal,
  };
  await mkdir(work.folder, { recursive: true });
  await writeFile(work.log, `media worker of mediasoup ${mediasoupVersion()}, ${address}\n`);
  const made = (await tryDownload(work)) ?? (await tryBuild(work, wish.install));
  if (!made.ok) return made;
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  await appendFile(work.log, `accepted: ${made.source}, ${seconds} s\n`);
  return keep(folder, address, made);
}

type Made = { readonly ok: true; readonly path: string; readonly source: 'downloaded' | 'built' };

/** A download that passes the test, or null: then a build is tried. */
async function tryDownload(work: Work): Promise<Made | null> {
  const download = await downloadPrebuilt(work);
  if (!download.ok) {
    await appendFile(work.log, `no prebuilt media worker: ${download.why}\n`);
    return null;
  }
  work.tell({ step: 'testing', text: 'testing the downloaded media worker' });
  const verdict = await verdictOn(download.path);
  if (verdict.ok) return { ok: true, path: download.path, source: 'downloaded' };
  await appendFile(work.log, `the prebuilt media worker failed its self-test: ${verdict.why}\n`);
  return null;
}

async function tryBuild(
  work: Work,
  install: boolean,
): Promise<Made | (MediaWorkerResult & { readonly ok: false })> {
  const step = await buildWorker(work, install);
  if (!step.ok) return step;
  const path = join(work.folder, BINARY);
  work.tell({ step: 'testing', text: 'testing the media worker' });
  const verdict = await verdictOn(path);
  return verdict.ok ? { ok: true, path, source: 'built' } : rejected(path, verdict.why);
}

function rejected(path: string, why: string): MediaWorkerResult & { readonly ok: false } {
  return failed('rejected', `the media worker ${path} failed its self-test: ${why}`);
}

async function keep(folder: string, address: string, made: Made): Promise<MediaWorkerResult> {
  const draft = join(folder, `${address}.new`);
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft);
  await copyFile(made.path, join(draft, BINARY));
  const about = { mediasoup: mediasoupVersion(), source: made.source };
  await writeFile(join(draft, 'about.json'), `${JSON.stringify(about)}\n`);
  await accept(draft, folder, address);
  await rm(join(folder, `${address}.build`), { recursive: true, force: true });
  await keepNewest(folder, address, KEPT);
  return { ok: true, path: join(folder, address, BINARY) };
}
