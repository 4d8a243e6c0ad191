/**
 * Owns where the programs are kept: `<cache>/driftway/audio/<address>/`. Any process and thread; reads some small files, so that a server
 * start can ask.
 */
import { join } from 'node:path';
import { cachedProgram, cacheFolder } from '../build/index.ts';
import { binaryAddress, PROGRAMS } from './recipe.ts';
import type { AudioVariant } from './types.ts';

/** The folder of all audio programs of this user. */
export function audioFolder(): string {
  return cacheFolder('audio');
}

/** The path of the variant's main program for this machine and this version of us, if it is there already. Starts nothing. */
export function cachedAudio(variant: AudioVariant = 'process'): string | undefined {
  return cachedProgram(join(audioFolder(), binaryAddress(variant)), PROGRAMS[variant][0] as string);
}
