/**
 * Owns the claim of one server on one data folder: makes the folder, holds the lock, and keeps the pid files in step with it.
 * Main thread of the server, before anything else is opened.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ENDING_WAIT_MS, isEnding } from './ending.ts';
import { type FileLock, lockHolder, takeFileLock } from './file-lock.ts';
import { readPidFile, removePidFile, writePidFile } from './pid-file.ts';

/** The claim on a data folder. */
export interface Instance {
  /** A server had crashed here: its pid file was still there. */
  readonly afterCrash: boolean;
  /** Removes the pid files and gives the folder up; idempotent, synchronous. */
  release(): void;
}

/** The claim, or one sentence for the person who tried to start a second server; exit code 1 then. */
export type InstanceResult =
  | { readonly ok: true; readonly instance: Instance }
  | { readonly ok: false; readonly message: string };

/** `heartPid` null: no heart, and none of an earlier life is left to be believed in. */
export interface InstanceOptions {
  readonly dataDir: string;
  readonly heartPid: number | null;
}

/** Makes the data folder (mode 0700), takes its lock and writes `server.pid` and `heart.pid`. */
export function claimDataDir({ dataDir, heartPid }: InstanceOptions): InstanceResult {
  const lockPath = join(dataDir, 'lock.db');
  const serverFile = join(dataDir, 'server.pid');
  const heartFile = join(dataDir, 'heart.pid');
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const lock = takeFileLock(lockPath) ?? takeFromEnding(lockPath);
    if (lock === null) return { ok: false, message: inUse(dataDir, lockPath, serverFile) };
    const before = readPidFile(serverFile);
    const heartBefore = readPidFile(heartFile);
    writePidFile(serverFile, process.pid);
    if (heartPid !== null) writePidFile(heartFile, heartPid);
    else if (heartBefore !== null) removePidFile(heartFile, heartBefore.pid);
    const release = () => {
      removePidFile(serverFile, process.pid);
      if (heartPid !== null) removePidFile(heartFile, heartPid);
      lock.release();
    };
    return { ok: true, instance: { afterCrash: before !== null, release } };
  } catch (error) {
    const { message } = error as Error;
    const advice = 'make it writable for this user, or choose another with DRIFTWAY_DATA_DIR';
    return { ok: false, message: `data folder ${dataDir} cannot be used (${message}): ${advice}` };
  }
}

/** The lock of a process that is ending, as soon as it lets go; null when its holder lives. */
function takeFromEnding(lockPath: string): FileLock | null {
  const holder = lockHolder(lockPath);
  // No holder: it let go between the two looks.
  if (holder === null) return takeFileLock(lockPath);
  return isEnding(holder) ? takeFileLock(lockPath, ENDING_WAIT_MS) : null;
}

/** The process that holds a data folder at this moment; null when nobody does or there is no such folder. */
export function dataDirHolder(dataDir: string): number | null {
  const holder = lockHolder(join(dataDir, 'lock.db'));
  if (holder !== null || process.platform === 'linux') return holder;
  const server = readPidFile(join(dataDir, 'server.pid'));
  return server?.alive ? server.pid : null;
}

function inUse(dataDir: string, lockPath: string, serverFile: string): string {
  const pid = lockHolder(lockPath) ?? readPidFile(serverFile)?.pid;
  const holder = pid === undefined ? 'another process' : `process ${pid}`;
  return `data folder ${dataDir} is in use by ${holder}: stop it, or choose another folder with DRIFTWAY_DATA_DIR`;
}
