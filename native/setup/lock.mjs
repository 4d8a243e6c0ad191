/**
 * Owns the lock that keeps two launchers from setting up the same folder at once.
 * Runs in the launcher process. A directory (its creation is atomic everywhere) whose age is refreshed while its owner
 * lives; one that has not been refreshed is a dead owner's and is taken away. Never held while Driftway itself runs.
 */
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const REFRESH_MS = 1_000;
const STALE_MS = 10_000;
const POLL_MS = 150;

/**
 * Runs `work` while holding the lock at `path`; waits for the present owner, however long that takes.
 * `onWait` is called once, when there is an owner to wait for.
 */
export async function withLock(path, onWait, work) {
  const mine = `${process.pid}.${Date.now()}`;
  let told = false;
  while (!(await take(path, mine))) {
    if (!told) onWait();
    told = true;
    await wait(POLL_MS);
  }
  const refresh = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => clearInterval(refresh)); // taken away: nothing left to refresh
  }, REFRESH_MS);
  try {
    return await work();
  } finally {
    clearInterval(refresh);
    if ((await ownerOf(path)) === mine) await rm(path, { recursive: true, force: true });
  }
}

async function take(path, mine) {
  try {
    await mkdir(path);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    await removeIfStale(path);
    return false;
  }
  await writeFile(join(path, 'owner'), mine);
  return true;
}

async function removeIfStale(path) {
  const owner = await ownerOf(path);
  const age = await stat(path).then(
    (found) => Date.now() - found.mtimeMs,
    () => 0,
  );
  if (age < STALE_MS && !(owner !== null && isGone(owner))) return;
  // Renaming is atomic, so one of several waiters gets it; a lock that changed hands meanwhile goes back.
  const aside = `${path}.stale-${process.pid}`;
  const moved = await rename(path, aside).then(
    () => true,
    () => false,
  );
  if (!moved) return;
  if ((await ownerOf(aside)) === owner) await rm(aside, { recursive: true, force: true });
  else await rename(aside, path).catch(() => rm(aside, { recursive: true, force: true }));
}

function isGone(owner) {
  try {
    process.kill(Number.parseInt(owner, 10), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

async function ownerOf(path) {
  return readFile(join(path, 'owner'), 'utf8').catch(() => null);
}
