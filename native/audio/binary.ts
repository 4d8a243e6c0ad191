/**
 * Owns how others get driftway-audio: from the cache at once, else from a child process that builds it. May be called by any process;
 * nothing here ever waits with the event loop held.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cachedAudio } from './place.ts';
import type { AudioOptions, AudioProgress, AudioResult } from './types.ts';

export { cachedAudio } from './place.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const TYPE_CACHE = new URL('../type-cache.mjs', import.meta.url).href;
const KILL_AFTER_MS = 8_000;
const ERROR_CHARS = 2_000;
const LINE_CHARS_MAX = 64 << 10;
const ABORTED: AudioResult = {
  ok: false,
  code: 'aborted',
  message: 'building driftway-audio: stopped',
};

/**
 * The path of a driftway-audio that starts. Takes some ms when the cache has it, up to a minute otherwise, in a child process. Never
 * rejects. Several callers at once, also of other processes, share one build.
 */
export async function audioBinary(options: AudioOptions = {}): Promise<AudioResult> {
  const variant = options.variant ?? 'process';
  const path = cachedAudio(variant);
  if (path !== undefined) return { ok: true, path };
  if (options.signal?.aborted) return ABORTED;
  const flags = [
    '--json',
    '--variant',
    variant,
    ...(options.background === false ? [] : ['--background']),
    ...(options.install === false ? ['--no-install'] : []),
  ];
  const child = spawn(process.execPath, ['--import', TYPE_CACHE, MAIN, ...flags], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return outcomeOf(child, options);
}

function outcomeOf(child: ChildProcess, options: AudioOptions): Promise<AudioResult> {
  let result: AudioResult | undefined;
  let errors = '';
  onLines(child, (line) => {
    const message = JSON.parse(line) as AudioProgress | AudioResult;
    if ('ok' in message) result = message;
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
        resolve(result ?? { ok: false, code: 'build', message: `building driftway-audio: ${why}` });
    };
    child.once('error', (error) => done(error.message));
    child.once('close', (code, signal) =>
      done(`its process ended with ${code ?? signal}: ${errors.trim()}`),
    );
  });
}

function onLines(child: ChildProcess, onLine: (line: string) => void): void {
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = (lines.pop() ?? '').slice(-LINE_CHARS_MAX);
    for (const line of lines) onLine(line);
  });
}
