/**
 * Owns how others get the media worker: from the cache at once, else from a child process that downloads, builds and tests it. May be
 * called by any process; loads nothing of mediasoup, and nothing here ever waits with the event loop held.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cachedMediaWorker } from './place.ts';
import type { MediaWorkerOptions, MediaWorkerProgress, MediaWorkerResult } from './types.ts';

export { cachedMediaWorker } from './place.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const TYPE_CACHE = new URL('../type-cache.mjs', import.meta.url).href;
const KILL_AFTER_MS = 8_000;
const ERROR_CHARS = 2_000;
const LINE_CHARS_MAX = 64 << 10;

/**
 * The path of a media worker that passed its self-test. Takes some ms when the cache has it, up to some minutes otherwise (a build), in
 * a child process. Never rejects. Several callers at once, also of other processes, share one build.
 */
export async function mediaWorkerBinary(
  options: MediaWorkerOptions = {},
): Promise<MediaWorkerResult> {
  const path = options.given === undefined ? cachedMediaWorker() : undefined;
  if (path !== undefined) return { ok: true, path };
  if (options.signal?.aborted) return ABORTED;
  const child = spawn(process.execPath, ['--import', TYPE_CACHE, MAIN, ...flags(options)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return outcomeOf(child, options);
}

const ABORTED: MediaWorkerResult = {
  ok: false,
  code: 'aborted',
  message: 'getting the media worker: stopped',
};

function flags(options: MediaWorkerOptions): string[] {
  return [
    '--json',
    ...(options.background === false ? [] : ['--background']),
    ...(options.install === false ? ['--no-install'] : []),
    ...(options.given === undefined ? [] : ['--given', options.given]),
  ];
}

function outcomeOf(child: ChildProcess, options: MediaWorkerOptions): Promise<MediaWorkerResult> {
  let result: MediaWorkerResult | undefined;
  let errors = '';
  onLines(child, (line) => {
    const message = messageOf(line);
    if (message === undefined) errors = `${errors}${line}\n`.slice(-ERROR_CHARS);
    else if ('ok' in message) result = message;
    else options.onProgress?.(message);
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    errors = (errors + chunk).slice(-ERROR_CHARS);
  });
  child.stdin?.on('error', () => undefined); // it ended first: 'close' tells
  let killer: NodeJS.Timeout | undefined;
  const abort = () => {
    child.kill('SIGTERM');
    killer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  };
  options.signal?.addEventListener('abort', abort, { once: true });
  return new Promise((resolve) => {
    const done = (why: string) => {
      clearTimeout(killer);
      options.signal?.removeEventListener('abort', abort);
      if (options.signal?.aborted) resolve(result?.ok ? result : ABORTED);
      else
        resolve(
          result ?? { ok: false, code: 'build', message: `getting the media worker: ${why}` },
        );
    };
    child.once('error', (error) => done(error.message));
    child.once('close', (code, signal) =>
      done(`its process ended with ${code ?? signal}: ${errors.trim()}`),
    );
  });
}

/** What a line says; undefined for a line that something else in the child has printed. */
function messageOf(line: string): MediaWorkerProgress | MediaWorkerResult | undefined {
  try {
    return JSON.parse(line) as MediaWorkerProgress | MediaWorkerResult;
  } catch {
    return undefined;
  }
}

function onLines(child: ChildProcess, onLine: (line: string) => void): void {
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = (lines.pop() ?? '').slice(-LINE_CHARS_MAX);
    for (const line of lines) onLine(line);
  });
}
