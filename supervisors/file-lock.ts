/**
 * Owns exclusive locks between processes: SQLite's exclusive transaction on an empty database file, that is a lock which the
 * kernel holds for the process and drops at its end, however it ends. Safe against kill -9 and against reused process ids; works
 * wherever node:sqlite does.
 *
 * Never open the lock file by any other way in the process that holds it: on POSIX systems closing any descriptor of a file
 * drops all the process's locks on it.
 */
import { readFileSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** A held lock. */
export interface FileLock {
  /** Gives it up; idempotent. */
  release(): void;
}

/** SQLite's result code for a lock held by somebody else. */
const SQLITE_BUSY = 5;

/**
 * Takes the lock at `path` (the file is made if need be), waiting up to `timeoutMs` (default 0) on this thread. Returns null
 * when another process or another holder in this one has it. Throws when the file cannot be made.
 */
export function takeFileLock(path: string, timeoutMs = 0): FileLock | null {
  const database = new DatabaseSync(path, { timeout: timeoutMs });
  try {
    // Nothing is ever written, so there is nothing to roll back: no journal file is left behind by a kill.
    database.exec('PRAGMA journal_mode=OFF; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return null;
    throw error;
  }
  held.add(database);
  return {
    release() {
      if (!held.delete(database)) return;
      database.close();
    },
  };
}

/** Keeps the databases from being collected, which would close them and drop the locks. */
const held = new Set<DatabaseSync>();

/** The process that holds the lock, as Linux's kernel knows it; null elsewhere or when it cannot be told. */
export function lockHolder(path: string): number | null {
  try {
    const inode = statSync(path).ino;
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      const found = /POSIX\s+ADVISORY\s+WRITE\s+(\d+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s/.exec(line);
      if (found !== null && Number(found[2]) === inode && Number(found[1]) > 0)
        return Number(found[1]);
    }
    return null;
  } catch {
    return null; // no /proc here; the pid file is asked next
  }
}
