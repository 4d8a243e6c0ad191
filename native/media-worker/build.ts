/**
 * Owns building the binary from the source inside the mediasoup package: a folder with ninja's file, two links, the patched files and
 * libsrtp; then ninja, then the tests of the compatibility headers. Child process of a build only.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { runTool } from '../build/index.ts';
import { ensureLibsrtp } from './libsrtp.ts';
import { patchedFile, patchesOf } from './patches.ts';
import { MEDIASOUP, ninjaFile, OURS, workerSources } from './recipe.ts';
import { ensureTools } from './tools.ts';
import type { MediaWorkerVariant } from './types.ts';
import { failed, type Step, stepOf, type Work } from './work.ts';

/** ninja's status line, set by NINJA_STATUS below. */
const PROGRESS = /^@(\d+)\/(\d+) /;

/** Builds `<folder>/mediasoup-worker`. */
export async function buildWorker(work: Work, install: boolean): Promise<Step> {
  for (const step of [
    () => ensureTools(work, install),
    () => layOut(work.folder, work.variant),
    () => ensureLibsrtp(work),
    () => compile(work),
    () => testHeaders(work),
  ]) {
    if (work.signal?.aborted) return failed('aborted', 'building the media worker: stopped');
    const outcome = await step();
    if (!outcome.ok) return outcome;
  }
  return { ok: true };
}

/** Puts all that ninja needs into the build folder; what an earlier build compiled there stays. */
export async function layOut(
  folder: string,
  variant: MediaWorkerVariant,
  worker = join(MEDIASOUP, 'worker'),
): Promise<Step> {
  const missing = workerSources().filter((name) => !existsSync(join(worker, name)));
  if (missing.length > 0) {
    return failed('source', `building the media worker: mediasoup's package lacks ${missing[0]}`);
  }
  await link(worker, join(folder, 'worker'));
  await link(OURS, join(folder, 'ours'));
  const patches = patchesOf(variant);
  for (const file of new Set(patches.map((patch) => patch.file))) {
    const result = patchedFile(await readFile(join(worker, file), 'utf8'), file, patches);
    if (!result.ok) return failed('source', result.message);
    await writeChanged(join(folder, 'patched', file), result.text);
  }
  await mkdir(join(folder, 'fbs', 'FBS'), { recursive: true });
  await writeChanged(join(folder, 'build.ninja'), ninjaFile(variant));
  return { ok: true };
}

async function link(target: string, path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await symlink(target, path);
}

/** Leaves an equal file alone, so that ninja does not compile it again. */
async function writeChanged(path: string, text: string): Promise<void> {
  if (existsSync(path) && (await readFile(path, 'utf8')) === text) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

async function compile(work: Work): Promise<Step> {
  work.tell({ step: 'compiling', text: 'compiling the media worker', share: 0 });
  const result = await runTool({
    ...work,
    command: 'ninja',
    args: ['-j', String(availableParallelism())],
    cwd: work.folder,
    env: { NINJA_STATUS: '@%f/%t ' },
    onLine: (line) => {
      const [, done, total] = PROGRESS.exec(line) ?? [];
      if (done === undefined || total === undefined) return;
      const text = `compiling the media worker (${done} of ${total})`;
      work.tell({ step: 'compiling', text, share: Number(done) / Number(total) });
    },
  });
  return stepOf(result, 'build', 'compiling the media worker', work);
}

async function testHeaders(work: Work): Promise<Step> {
  const result = await runTool({ ...work, command: './compat-test', args: [], cwd: work.folder });
  return stepOf(result, 'build', 'testing the compatibility headers', work);
}
