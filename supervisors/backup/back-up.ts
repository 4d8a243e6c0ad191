/**
 * Owns the making of a backup: one moment of the database, the keys, and a manifest that is written last. Works on the folder
 * of a running server, on its main thread (everything long is on the thread pool), or without one.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openSnapshot, type StoreSnapshot } from '../../channels/store/index.ts';
import type { Clock } from '../../runtime/index.ts';
import { hashFile, missingRoom, syncFolder, writeDurably } from './files.ts';
import { DATABASE_FILE, KEYS_FILE, MANIFEST_FILE, type Manifest } from './manifest.ts';
import type { OperationResult, StepProgress } from './types.ts';

/** Two minutes of 2,000 events per second over many channels, at 15 KB each (channels/store/README.md). A guess. */
const WAL_GROWTH_MAX = 4 * 2 ** 30;

export interface BackUpOptions {
  readonly dataDir: string;
  /** Absolute path of the folder to make; must not exist, or be empty. */
  readonly to: string;
  /** Of this program. */
  readonly version: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly onProgress?: (progress: StepProgress) => void;
  /** Ends the work; what was written is removed. */
  readonly signal?: AbortSignal;
  /** How much the WAL may grow meanwhile, in bytes; default 4 GiB. */
  readonly walGrowthMax?: number;
}

/** A finished backup. */
export interface Backup {
  readonly folder: string;
  readonly manifest: Manifest;
}

/**
 * Makes a backup of `dataDir` in the folder `to` (mode 0700, files 0600). Until it is finished everything is in `to`.partial,
 * so whatever is called `to` is whole. The keys in it sign access tokens: keep it as safe as the data folder.
 */
export async function backUp(options: BackUpOptions): Promise<OperationResult<Backup>> {
  const { dataDir, to } = options;
  const database = join(dataDir, DATABASE_FILE);
  if (!existsSync(database))
    return { ok: false, code: 'not_found', message: `${database}: there is nothing to back up` };
  if (existsSync(to) && !isEmptyFolder(to))
    return {
      ok: false,
      code: 'conflict',
      message: `${to}: got something there already, wanted a new folder`,
    };
  const partial = `${to}.partial`;
  try {
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    // Left by a backup that was cut off: nobody else writes there, see the verb's one at a time.
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { mode: 0o700 });
    const snapshot = openSnapshot(database);
    try {
      return await write(options, partial, snapshot);
    } finally {
      snapshot.close();
    }
  } catch (error) {
    return { ok: false, code: 'failed', message: `back up to ${to}: ${(error as Error).message}` };
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function write(
  options: BackUpOptions,
  partial: string,
  snapshot: StoreSnapshot,
): Promise<OperationResult<Backup>> {
  const { clock, dataDir, onProgress, signal, to, version } = options;
  const { walGrowthMax = WAL_GROWTH_MAX } = options;
  const { facts } = snapshot;
  const noRoom = await missingRoom(partial, facts.bytes);
  if (noRoom !== null) return { ok: false, code: 'no_space', message: noRoom };
  const createdAt = clock.now();
  const copy = join(partial, DATABASE_FILE);
  // SQLite would make it with the process's umask.
  await writeDurably(copy, '');
  const watchWal = walWatch(join(dataDir, DATABASE_FILE), walGrowthMax);
  await snapshot.copyTo(copy, {
    onProgress(share) {
      watchWal();
      onProgress?.({ step: 'copy', share });
    },
    ...(signal === undefined ? {} : { signal }),
  });
  onProgress?.({ step: 'hash', share: 0 });
  const names = [DATABASE_FILE, ...(await copyKeys(dataDir, partial))] as const;
  const files = await Promise.all(
    names.map(async (name) => ({ name, ...(await hashFile(join(partial, name), signal)) })),
  );
  const { bytes: _size, ...counted } = facts;
  const manifest: Manifest = { format: 1, version, createdAt, ...counted, files };
  await writeDurably(join(partial, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
  signal?.throwIfAborted();
  await rename(partial, to);
  await syncFolder(dirname(to));
  return { ok: true, value: { folder: to, manifest } };
}

/**
 * No checkpoint can pass the moment that is copied, so the WAL grows by what is written meanwhile: a slow target must not fill the
 * server's disk. What is thrown ends the copy.
 */
function walWatch(database: string, growthMax: number): () => void {
  const size = (): number => statSync(`${database}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  const most = size() + growthMax;
  return () => {
    if (size() > most)
      throw new RangeError('the WAL grew too much meanwhile: choose a faster target');
  };
}

/** After the database: keys that are newer than it verify more tokens, older ones fewer. */
async function copyKeys(dataDir: string, partial: string): Promise<readonly (typeof KEYS_FILE)[]> {
  const path = join(dataDir, KEYS_FILE);
  if (!existsSync(path)) return [];
  await writeDurably(join(partial, KEYS_FILE), readFileSync(path));
  return [KEYS_FILE];
}

function isEmptyFolder(path: string): boolean {
  try {
    return readdirSync(path).length === 0;
  } catch {
    return false; // a file
  }
}

/** Names of backups that were made without being given one (files.ts, stampOf). */
const STAMP = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/;

/**
 * Removes the oldest backups in `folder` beyond `keep`, and what was cut off there. Only those with a time for a name: whatever
 * else lies there is somebody's. Not while another backup is made there.
 * @returns the names that are gone
 */
export async function removeOld(folder: string, keep: number): Promise<readonly string[]> {
  const names = readdirSync(folder);
  const whole = names.filter((name) => STAMP.test(name)).sort();
  const partial = names.filter(
    (name) => name.endsWith('.partial') && STAMP.test(name.slice(0, -'.partial'.length)),
  );
  const gone = [...whole.slice(0, Math.max(0, whole.length - keep)), ...partial];
  for (const name of gone) await rm(join(folder, name), { recursive: true, force: true });
  return gone;
}
