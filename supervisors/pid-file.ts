/**
 * Owns `server.pid` and `heart.pid`: decimal process ids, written by atomic rename, removed at a clean stop, stale after a crash.
 * Main thread of the server. They inform people and scripts; whether a folder is in use is the instance lock's to say.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** Writes a pid file; any older one is replaced in one step. */
export function writePidFile(path: string, pid: number): void {
  const beside = `${path}.${process.pid}`;
  writeFileSync(beside, `${pid}\n`, { mode: 0o644 });
  renameSync(beside, path);
}

/** Removes a pid file if it still names `pid`: a successor's file stays. */
export function removePidFile(path: string, pid: number): void {
  if (readPidFile(path)?.pid === pid) rmSync(path, { force: true });
}

/**
 * What a pid file says; null when there is none or it is not a number. `alive` false: the process crashed and the file is
 * stale. `alive` true may be another process that got the same number since.
 */
export function readPidFile(
  path: string,
): { readonly pid: number; readonly alive: boolean } | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch {
    return null; // none, or not ours to read
  }
  if (!/^[1-9]\d{0,9}$/.test(text)) return null;
  const pid = Number(text);
  return { pid, alive: isAlive(pid) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // there, but another user's
  }
}
