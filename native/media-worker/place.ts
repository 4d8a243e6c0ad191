/**
 * Owns where the binary is kept: `<cache>/driftway/media-worker/<address>/mediasoup-worker`. Any process and thread; reads a few small
 * files, so that a server start can ask.
 */
import { join } from 'node:path';
import { cachedProgram, cacheFolder } from '../build/index.ts';
import { binaryAddress } from './recipe.ts';
import type { MediaWorkerVariant } from './types.ts';

export const BINARY = 'mediasoup-worker';

/** The folder of all media workers of this user. */
export function workersFolder(): string {
  return cacheFolder('media-worker');
}

/** The path of the accepted binary for this machine and this version of us, if it is there already. Takes some ms, starts nothing. */
export function cachedMediaWorker(variant: MediaWorkerVariant = 'tuned'): string | undefined {
  return cachedProgram(join(workersFolder(), binaryAddress(variant)), BINARY);
}
