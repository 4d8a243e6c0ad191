/**
 * Checks of the data folder: there or can be made, private, on a file system that keeps what it was told, with room, and how long
 * it takes to say that something is durable. Writes one small file and removes it.
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fail, ok, reasonOf, sizeOf, warn } from './findings.ts';
import type { Check, Finding, Scene } from './types.ts';

const SAMPLES = 64;
const BLOCK_BYTES = 4096;
/** Median time of a flush. A consumer SSD takes up to 5 ms, a hard disk 8 to 20 (storage.md). */
const FLUSH_GOOD_MS = 6;
const FLUSH_WORST_MS = 100;
const ROOM_LEAST = 256 * 2 ** 20;
const ROOM_GOOD = 2 * 2 ** 30;
/** Magic numbers of statfs(2). */
const FILE_SYSTEMS: Readonly<
  Record<number, { name: string; grade: 'warn' | 'fail'; why: string }>
> = {
  26985: { name: 'NFS', grade: 'fail', why: 'locks and flushes over a network corrupt databases' },
  4283649346: {
    name: 'SMB',
    grade: 'fail',
    why: 'locks and flushes over a network corrupt databases',
  },
  20859: { name: 'SMB', grade: 'fail', why: 'locks and flushes over a network corrupt databases' },
  2035054128: { name: 'overlay', grade: 'warn', why: 'it is gone with the container' },
  16914836: { name: 'tmpfs', grade: 'warn', why: 'it is gone with the next boot' },
  2240043254: { name: 'ramfs', grade: 'warn', why: 'it is gone with the next boot' },
};

const ANOTHER = 'choose another folder with DRIFTWAY_DATA_DIR';

/** The data folder, and what lies below it. */
export const checkDisk: Check = (scene) => {
  const { dataDir } = scene.config;
  const base = nearestFolder(dataDir);
  const usable = judgeFolder(dataDir, base);
  if (usable.grade === 'fail') return [usable];
  return [usable, ...fileSystem(base), room(base), flush(scene, base)];
};

/** The folder itself, or the nearest one above it that exists. */
function nearestFolder(path: string): string {
  if (existsSync(path) || dirname(path) === path) return path;
  return nearestFolder(dirname(path));
}

function judgeFolder(dataDir: string, base: string): Finding {
  try {
    const { mode, uid } = statSync(base);
    if (!statSync(base).isDirectory())
      return fail('data', `${base} is a file, wanted a folder`, `remove it, or ${ANOTHER}`);
    accessSync(base, constants.R_OK | constants.W_OK | constants.X_OK);
    if (base !== dataDir) return ok('data', `${dataDir} will be made`);
    const own = process.getuid?.() ?? uid;
    if (own !== 0 && uid !== own)
      return warn('data', `${dataDir} belongs to user ${uid}`, `chown -R ${own} ${dataDir}`);
    if ((mode & 0o077) !== 0)
      return warn('data', `${dataDir} is open to other users`, `chmod 700 ${dataDir}`);
    return ok('data', dataDir);
  } catch (error) {
    const remedy = `make it writable for this user, or ${ANOTHER}`;
    return fail('data', `${base} cannot be used: ${reasonOf(error)}`, remedy);
  }
}

function fileSystem(base: string): readonly Finding[] {
  const known = FILE_SYSTEMS[statfsSync(base).type];
  if (known === undefined) return [];
  const { grade, name, why } = known;
  const remedy = `put the data folder on a local disk or a volume: ${ANOTHER}`;
  return [{ id: 'filesystem', grade, what: `${base} is on ${name}: ${why}`, remedy }];
}

function room(base: string): Finding {
  const { bavail, bsize } = statfsSync(base);
  return judgeRoom(base, bavail * bsize);
}

/** The finding from the bytes that are free. */
export function judgeRoom(base: string, free: number): Finding {
  const what = `${sizeOf(free)} free on the disk of ${base}`;
  const remedy = `make room, or ${ANOTHER}: a full disk refuses every message`;
  if (free < ROOM_LEAST) return fail('disk', what, remedy);
  return free < ROOM_GOOD ? warn('disk', what, remedy) : ok('disk', what);
}

/** What a commit waits for: every acknowledged message is flushed. */
function flush({ clock }: Scene, base: string): Finding {
  const folder = mkdtempSync(join(base, '.doctor-'));
  const times: number[] = [];
  try {
    const file = openSync(join(folder, 'flush'), 'w', 0o600);
    const block = new Uint8Array(BLOCK_BYTES);
    for (let i = 0; i < SAMPLES; i += 1) {
      const from = clock.monotonic();
      writeSync(file, block);
      fdatasyncSync(file);
      times.push(clock.monotonic() - from);
    }
    closeSync(file);
  } catch (error) {
    const remedy = `make room or repair the disk, or ${ANOTHER}`;
    return fail('fsync', `a flush failed: ${reasonOf(error)}`, remedy);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return judgeFlush(times);
}

/** The finding from the times of flushes in ms. */
export function judgeFlush(times: readonly number[]): Finding {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  const [median, slow] = [at(0.5), at(0.95)];
  const what = `a flush takes ${median.toFixed(2)} ms, the slowest of twenty ${slow.toFixed(2)} ms`;
  const remedy = `every message waits for one flush: put the data folder on an SSD: ${ANOTHER}`;
  if (median > FLUSH_WORST_MS) return fail('fsync', what, remedy);
  return median > FLUSH_GOOD_MS ? warn('fsync', what, remedy) : ok('fsync', what);
}
