/**
 * Owns where the binary is kept: `<cache>/driftway/media-worker/<address>/mediasoup-worker`. Any process and thread; reads a few small
 * files, so that a server start can ask.
 */
import { existsSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../build/index.ts';
import { binaryAddress } from './recipe.ts';

export const BINARY = 'mediasoup-worker';

/** The folder of all media workers of this user. */
export function workersFolder(): string {
  return cacheFolder('media-worker');
}

/** The path of the accepted binary for this machine and this version of us, if it is there already. Takes some ms, starts nothing. */
export function cachedMediaWorker(): string | undefined {
  const folder = join(workersFolder(), binaryAddress());
  const path = join(folder, BINARY);
  if (!existsSync(path)) return undefined;
  touch(folder);
  return path;
}

/** The time of last use decides what may go when the cache is full. */
function touch(folder: string): void {
  const now = new Date();
  try {
    utimesSync(folder, now, now);
  } catch {
    return; // a cache that is not ours to write: it is used all the same
  }
}
