/**
 * Owns running the tools of a build: output to a log file, the last lines kept for the message, ended by a signal.
 * Runs in the child process of a build, never in the server.
 */
import { spawn } from 'node:child_process';
import { closeSync, createWriteStream, openSync, readFileSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ToolResult, ToolRun } from './types.ts';

const TAIL_LINES = 12;
const LINE_CHARS_MAX = 400;

/** Runs a tool to its end. Never rejects: what went wrong is in the result and in the log. */
export async function runTool(run: ToolRun): Promise<ToolResult> {
  const log = createWriteStream(run.log, { flags: 'a' });
  log.write(titleOf(run));
  const tail: string[] = [];
  const code = await exitOf(run, (line) => {
    log.write(`${line}\n`);
    tail.push(line.slice(0, LINE_CHARS_MAX));
    if (tail.length > TAIL_LINES) tail.shift();
    run.onLine?.(line);
  });
  log.end();
  await finished(log);
  if (code === 0) return { ok: true };
  return { ok: false, code, tail: tail.join('\n') };
}

/**
 * Runs a tool that must not be cut off, a package manager say: in a session of its own, its output straight into the log. When the
 * signal fires, or when we end, it goes on to its end; only the answer comes at once then.
 */
export async function runUnbroken(run: ToolRun): Promise<ToolResult> {
  if (run.signal?.aborted) return { ok: false, code: null, tail: '' };
  const log = openSync(run.log, 'a');
  writeSync(log, titleOf(run));
  const child = spawn(run.command, run.args, {
    cwd: run.cwd,
    env: { ...process.env, ...run.env },
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const code = await new Promise<number | null>((resolve) => {
    const leave = () => resolve(null);
    run.signal?.addEventListener('abort', leave, { once: true });
    child.once('error', leave);
    child.once('close', (ended) => {
      run.signal?.removeEventListener('abort', leave);
      resolve(ended);
    });
  });
  child.unref();
  if (code === 0) return { ok: true };
  const lines = readFileSync(run.log, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES);
  return { ok: false, code, tail: lines.map((line) => line.slice(0, LINE_CHARS_MAX)).join('\n') };
}

function titleOf(run: ToolRun): string {
  return `$ ${[run.command, ...run.args].join(' ')}\n`;
}

function exitOf(run: ToolRun, onLine: (line: string) => void): Promise<number | null> {
  return new Promise((resolve) => {
    const child = spawn(run.command, run.args, {
      cwd: run.cwd,
      env: { ...process.env, ...run.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(run.signal === undefined ? {} : { signal: run.signal }),
    });
    const flushes = [child.stdout, child.stderr].map((stream) => lines(stream, onLine));
    // An aborted or missing program: 'error' comes first, and no 'close' if it never ran.
    child.once('error', (error) => {
      onLine(error.message);
      if (child.pid === undefined) resolve(null);
    });
    child.once('close', (code) => {
      for (const flush of flushes) flush();
      resolve(code);
    });
  });
}

/** Calls `onLine` for each line of a stream; the answer flushes a last line without its end. */
function lines(stream: Readable, onLine: (line: string) => void): () => void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) onLine(line);
  });
  return () => {
    if (rest !== '') onLine(rest);
    rest = '';
  };
}
