/**
 * Owns how a process gets a native program that is not in the cache: a child process downloads, builds and tests it, and tells by
 * lines of JSON. Any process; nothing here ever waits with the event loop held.
 */
import { type ChildProcess, spawn } from 'node:child_process';

const TYPE_CACHE = new URL('../type-cache.mjs', import.meta.url).href;
const KILL_AFTER_MS = 8_000;
const ERROR_CHARS = 2_000;
const LINE_CHARS_MAX = 64 << 10;

/** The path of a program, or why there is none. */
type Outcome =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface Ask<P> {
  /** The child's module: with `--json`, each progress a line on standard output, the result the last one. */
  readonly main: string;
  readonly flags: readonly string[];
  /** What is done, for messages: `getting the media worker`. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: P) => void) | undefined;
}

/** Asks a child process. Never rejects: a child that ends without a result is `build`, one that was stopped `aborted`. */
export function askChild<P extends object, R extends Outcome>(
  ask: Ask<P>,
): Promise<R | { ok: false; code: 'aborted' | 'build'; message: string }> {
  const { what } = ask;
  const aborted = { ok: false, code: 'aborted', message: `${what}: stopped` } as const;
  if (ask.signal?.aborted) return Promise.resolve(aborted);
  const child = spawn(
    process.execPath,
    ['--import', TYPE_CACHE, ask.main, '--json', ...ask.flags],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let result: R | undefined;
  let errors = '';
  onLines(child, (line) => {
    const message = messageOf<P | R>(line);
    if (message === undefined) errors = `${errors}${line}\n`.slice(-ERROR_CHARS);
    else if ('ok' in message) result = message as R;
    else ask.onProgress?.(message as P);
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
  ask.signal?.addEventListener('abort', abort, { once: true });
  return new Promise((resolve) => {
    const done = (why: string) => {
      clearTimeout(killer);
      ask.signal?.removeEventListener('abort', abort);
      if (ask.signal?.aborted) resolve(result?.ok ? result : aborted);
      else resolve(result ?? { ok: false, code: 'build', message: `${what}: ${why}` });
    };
    child.once('error', (error) => done(error.message));
    child.once('close', (code, signal) =>
      done(`its process ended with ${code ?? signal}: ${errors.trim()}`),
    );
  });
}

/** What a line says; undefined for a line that something else in the child has printed. */
function messageOf<T>(line: string): T | undefined {
  try {
    return JSON.parse(line) as T;
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
