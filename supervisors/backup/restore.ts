/**
 * Owns the way back from a backup: refuses under a running server, checks every hash and rule, gives all streams new epochs
 * (protocol.md 2.7), and only then changes the data folder. What was there is put aside, not deleted. For the command line:
 * synchronous and long.
 */
import {
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  NEWEST_SCHEMA,
  type Stamped,
  stampEpochs,
  verifyDatabase,
} from '../../channels/store/index.ts';
import { withEpoch } from '../../gateway/protocol/index.ts';
import type { Clock, Rng } from '../../runtime/index.ts';
import { takeFileLock } from '../file-lock.ts';
import { dataDirHolder } from '../instance-lock.ts';
import { giveToOwner, missingRoom, stampOf, syncFile, syncFolder, writeDurably } from './files.ts';
import { checkFiles, DATABASE_FILE, KEYS_FILE, type Manifest, readManifest } from './manifest.ts';
import type { OperationResult, StepProgress } from './types.ts';

export interface RestoreOptions {
  /** Folder of a backup. */
  readonly from: string;
  /** Made with mode 0700 when it is not there. */
  readonly dataDir: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly rng: Pick<Rng, 'u32'>;
  readonly onProgress?: (progress: StepProgress) => void;
  /** Goes on when the database breaks a rule of the store: better than nothing where there is no other backup. */
  readonly isDespiteFaults?: boolean;
}

/** A data folder that was restored. */
export interface Restored extends Stamped {
  readonly manifest: Manifest;
  /** What is wrong with the database, and was accepted. */
  readonly faults: readonly string[];
  /** Where the files that were there before are now; null when there were none. */
  readonly aside: string | null;
}

type Failure = Extract<OperationResult<never>, { ok: false }>;

/** Puts the backup in `from` into `dataDir`. Until the last step the data folder is as it was. */
export async function restore(options: RestoreOptions): Promise<OperationResult<Restored>> {
  const { dataDir, from } = options;
  const manifest = readManifest(from);
  if (!manifest.ok) return manifest;
  const newer = refuseNewer(from, manifest.value);
  if (newer !== null) return newer;
  const whole = await checkFiles(from, manifest.value);
  if (!whole.ok) return whole;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  // The lock that a server takes: none can start before this is done.
  const lock = takeFileLock(join(dataDir, 'lock.db'));
  if (lock === null) return inUse(dataDir);
  const work = join(dataDir, `${DATABASE_FILE}.restoring`);
  try {
    removeDatabase(work);
    return await replace(options, manifest.value, work);
  } catch (error) {
    const message = `restore ${from}: ${(error as Error).message}`;
    return { ok: false, code: 'failed', message };
  } finally {
    removeDatabase(work);
    lock.release();
    giveToOwner(dataDir, [join(dataDir, 'lock.db')]);
  }
}

function refuseNewer(from: string, { schema, version }: Manifest): Failure | null {
  if (schema <= NEWEST_SCHEMA) return null;
  const message = `${from}: got schema ${schema} of Driftway ${version}, wanted ${NEWEST_SCHEMA} at most: install that version`;
  return { ok: false, code: 'newer', message };
}

function inUse(dataDir: string): Failure {
  const holder = dataDirHolder(dataDir);
  const who = holder === null ? 'another process' : `process ${holder}`;
  const message = `data folder ${dataDir} is in use by ${who}: stop the server first`;
  return { ok: false, code: 'conflict', message };
}

async function replace(
  options: RestoreOptions,
  manifest: Manifest,
  work: string,
): Promise<OperationResult<Restored>> {
  const { clock, dataDir, from, isDespiteFaults = false, onProgress, rng } = options;
  const source = join(from, DATABASE_FILE);
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const noRoom = await missingRoom(dataDir, bytes);
  if (noRoom !== null) return { ok: false, code: 'no_space', message: noRoom };
  onProgress?.({ step: 'copy', share: 0 });
  await writeDurably(work, '');
  copyFileSync(source, work, constants.COPYFILE_FICLONE);
  onProgress?.({ step: 'verify', share: 0 });
  const faults = verifyDatabase(work);
  if (faults.length > 0 && !isDespiteFaults)
    return { ok: false, code: 'damaged', message: `${source}: ${faults.join('; ')}` };
  const stamped = stampEpochs({
    path: work,
    rng,
    withEpoch,
    onProgress: (share) => onProgress?.({ step: 'stamp', share }),
  });
  await syncFile(work);
  const aside = await putInPlace({ clock, dataDir, from, work, manifest });
  return { ok: true, value: { ...stamped, manifest, faults, aside } };
}

interface PlaceOptions extends Pick<RestoreOptions, 'clock' | 'dataDir' | 'from'> {
  readonly work: string;
  readonly manifest: Manifest;
}

/** The one step that changes what a server would find: a rename, with the WAL of the old database out of the way before. */
async function putInPlace(options: PlaceOptions): Promise<string | null> {
  const { clock, dataDir, from, manifest, work } = options;
  const database = join(dataDir, DATABASE_FILE);
  const keys = join(dataDir, KEYS_FILE);
  const hasKeys = manifest.files.some(({ name }) => name === KEYS_FILE);
  const isFirst = !existsSync(database) && !existsSync(keys);
  const aside = join(dataDir, `replaced-${stampOf(clock.now())}`);
  if (!isFirst) mkdirSync(aside, { mode: 0o700 });
  if (existsSync(database)) {
    settle(database);
    linkSync(database, join(aside, DATABASE_FILE));
    for (const tail of ['-wal', '-shm'])
      if (existsSync(database + tail))
        renameSync(database + tail, join(aside, DATABASE_FILE + tail));
  }
  if (existsSync(keys)) linkSync(keys, join(aside, KEYS_FILE));
  if (!isFirst) await syncFolder(aside);
  if (hasKeys) await writeDurably(keys, readFileSync(join(from, KEYS_FILE)));
  giveToOwner(dataDir, [work, keys, aside]);
  renameSync(work, database);
  await syncFolder(dataDir);
  return isFirst ? null : aside;
}

/** Moves the WAL of a server that crashed into its database; one that is too damaged for that keeps it. */
function settle(database: string): void {
  try {
    const connection = new DatabaseSync(database);
    try {
      connection.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } finally {
      connection.close();
    }
  } catch {
    return; // it is put aside together with its WAL
  }
}

function removeDatabase(path: string): void {
  for (const tail of ['', '-wal', '-shm', '.new']) rmSync(path + tail, { force: true });
}
