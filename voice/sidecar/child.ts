/**
 * Starts driftway-audio and speaks with it over file descriptor 3. What it writes to stderr are its last words, kept for the log.
 * Voice thread; nothing here waits.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SidecarChild, SidecarChildEvents } from './types.ts';

/** Longer lines than the process ever writes: it is not our process that speaks. */
const LINE_CHARS_MAX = 4 << 20;
const WORDS_CHARS = 500;

export interface SidecarFolders {
  /** Below which recordings are made. */
  readonly recordings: string;
  /** Below which files to play lie. */
  readonly library: string;
}

/** Starts the process; what becomes of it is told to `events`, also when it cannot be started. */
export function startSidecar(
  path: string,
  folders: SidecarFolders,
  events: SidecarChildEvents,
): SidecarChild {
  const args = ['--control-fd', '3', '--recordings', folders.recordings];
  const child = spawn(path, [...args, '--library', folders.library], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    // No secrets of the server's environment for a process that reads packets of strangers.
    env: {},
  });
  const channel = child.stdio[3] as Duplex;
  watch(child, channel, events);
  return {
    pid: child.pid,
    send: (line) => {
      if (channel.writable) channel.write(`${line}\n`);
    },
    kill: () => child.kill('SIGKILL'),
    end: () => channel.end(),
  };
}

function watch(child: ChildProcess, channel: Duplex, events: SidecarChildEvents): void {
  let words = '';
  let rest = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    words = (words + chunk).slice(-WORDS_CHARS);
  });
  channel.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_CHARS_MAX) child.kill('SIGKILL');
    for (const line of lines) events.line(line);
  });
  // A broken channel is a dead process: 'close' tells.
  channel.on('error', () => child.kill('SIGKILL'));
  let isOver = false;
  const over = (why: string) => {
    if (isOver) return;
    isOver = true;
    if (channel instanceof Socket) channel.destroy();
    events.exit(why);
  };
  child.once('error', (error) => over(error.message));
  child.once('close', (code, signal) => over(`${signal ?? `exit code ${code}`} ${words}`.trim()));
}
