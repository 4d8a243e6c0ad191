/**
 * A heap snapshot of this thread into a file. Holds the thread for as long as it takes (about 1 s per 50 MB), unwatched: nothing
 * on it runs meanwhile. Any thread.
 */
import { chmodSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { getHeapStatistics, writeHeapSnapshot } from 'node:v8';
import { type Clock, whileUnwatched } from '../../runtime/index.ts';
import { AGENT_LIMITS } from './agent-limits.ts';
import type { VerbResult } from './types.ts';

/** The file is this much larger than the heap at most, as seen; room for it has to be there before. */
const FILE_FACTOR = 4;

/** Bytes in use on this thread's heap. */
export function heapUsed(): number {
  return getHeapStatistics().used_heap_size;
}

/** Writes `file` (mode 0600), whose folder has to be there. Throws what the file system throws. */
export function writeHeap(
  file: string,
  clock: Clock,
): VerbResult<{ bytes: number; tookMs: number }> {
  const used = heapUsed();
  if (used > AGENT_LIMITS.heapSnapshotMaxBytes) {
    const limit = AGENT_LIMITS.heapSnapshotMaxBytes / 1024 ** 2;
    const message = `the heap has ${Math.ceil(used / 1024 ** 2)} MiB, above ${limit} a snapshot would hold the thread for too long`;
    return { ok: false, code: 'too_large', message };
  }
  const { bavail, bsize } = statfsSync(dirname(file));
  if (bavail * bsize < used * FILE_FACTOR) {
    const message = `the disk has ${Math.floor((bavail * bsize) / 1024 ** 2)} MiB left, a snapshot may take ${Math.ceil((used * FILE_FACTOR) / 1024 ** 2)}`;
    return { ok: false, code: 'too_large', message };
  }
  const began = clock.monotonic();
  const part = `${file}.part`;
  try {
    whileUnwatched(() => writeHeapSnapshot(part));
    chmodSync(part, 0o600);
    renameSync(part, file);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
  const tookMs = Math.round(clock.monotonic() - began);
  return { ok: true, value: { bytes: statSync(file).size, tookMs } };
}
