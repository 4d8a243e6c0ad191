/**
 * Owns fetching the binary that mediasoup publishes with each release, under a short limit: a machine without access to it must not
 * wait. Child process of a build only. What comes is run only by the self-test, which decides.
 */
import { execFile } from 'node:child_process';
import { chmod, lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { mediasoupVersion } from './recipe.ts';
import type { Work } from './work.ts';

const run = promisify(execFile);
const RELEASES = 'https://github.com/versatica/mediasoup/releases/download';
const ANSWER_MS = 5_000;
const WHOLE_MS = 60_000;
const BYTES_MAX = 64 << 20;

/** The published archive for this machine. The variables are mediasoup's own: another place, or no download at all. */
export function prebuiltUrl(): string | null {
  if (process.env.MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD) return null;
  const base = process.env.MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL ?? RELEASES;
  const version = mediasoupVersion();
  const kernel = process.platform === 'linux' ? `-kernel${release().split('.')[0]}` : '';
  const name = `mediasoup-worker-${version}-${process.platform}-${process.arch}${kernel}.tgz`;
  return `${base}/${version}/${name}`;
}

/** The path of the downloaded binary, or why there is none. */
export async function downloadPrebuilt(
  work: Work,
  answerMs = ANSWER_MS,
): Promise<
  { readonly ok: true; readonly path: string } | { readonly ok: false; readonly why: string }
> {
  const url = prebuiltUrl();
  if (url === null) return { ok: false, why: 'not wanted' };
  work.tell({ step: 'downloading', text: 'looking for a prebuilt media worker' });
  const folder = join(work.folder, 'prebuilt');
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'archive.tgz'), await fetched(url, answerMs, work.signal));
    await run('tar', ['-xzf', 'archive.tgz', '--no-same-owner', 'mediasoup-worker'], {
      cwd: folder,
    });
    const path = join(folder, 'mediasoup-worker');
    if (!(await lstat(path)).isFile()) return { ok: false, why: 'the archive holds no file' };
    await chmod(path, 0o755);
    return { ok: true, path };
  } catch (error) {
    return { ok: false, why: reason(error) };
  }
}

async function fetched(
  url: string,
  answerMs: number,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const headers = new AbortController();
  const timer = setTimeout(() => headers.abort(new Error('no answer')), answerMs);
  const signals = [headers.signal, AbortSignal.timeout(WHOLE_MS), ...(signal ? [signal] : [])];
  const answer = await fetch(url, { signal: AbortSignal.any(signals) }).finally(() =>
    clearTimeout(timer),
  );
  if (!answer.ok || answer.body === null) throw new Error(`HTTP status ${answer.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > BYTES_MAX) throw new Error(`more than ${BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Node's fetch hides what happened in the cause. */
function reason(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error
    ? cause.message || (cause as NodeJS.ErrnoException).code || message
    : message;
}
