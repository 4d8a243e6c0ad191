/**
 * Owns where the programs are kept: `<cache>/driftway/audio/<address>/`. Any process and thread; reads some small files, so that a server
 * start can ask.
 */
import { existsSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../build/index.ts';
import { binaryAddress, PROGRAMS } from './recipe.ts';
import type { AudioVariant } from './types.ts';

/** The folder of all audio programs of this user. */
export function audioFolder(): string {
  return cacheFolder('audio');
}

/** The path of the variant's main program for this machine and this version of us, if it is there already. Starts nothing. */
export function cachedAudio(variant: AudioVariant = 'process'): string | undefined {
  const folder = join(audioFolder(), binaryAddress(variant));
  const path = join(folder, PROGRAMS[variant][0] as string);
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
