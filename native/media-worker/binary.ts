/**
 * Owns how others get the media worker: from the cache at once, else from a child process that downloads, builds and tests it. May be
 * called by any process; loads nothing of mediasoup.
 */
import { fileURLToPath } from 'node:url';
import { askChild } from '../build/index.ts';
import { cachedMediaWorker } from './place.ts';
import type { MediaWorkerOptions, MediaWorkerProgress, MediaWorkerResult } from './types.ts';

export { cachedMediaWorker } from './place.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

/**
 * The path of a media worker that passed its self-test. Takes some ms when the cache has it, up to some minutes otherwise (a build), in
 * a child process. Never rejects. Several callers at once, also of other processes, share one build.
 */
export async function mediaWorkerBinary(
  options: MediaWorkerOptions = {},
): Promise<MediaWorkerResult> {
  const { given, onProgress, signal, variant = 'tuned' } = options;
  const path = given === undefined ? cachedMediaWorker(variant) : undefined;
  if (path !== undefined) return { ok: true, path };
  const flags = [
    ...(options.background === false ? [] : ['--background']),
    ...(options.install === false ? ['--no-install'] : []),
    ...(given === undefined ? [] : ['--given', given]),
    ...(variant === 'tuned' ? [] : ['--plain']),
  ];
  return askChild<MediaWorkerProgress, MediaWorkerResult>({
    ...{ main: MAIN, flags, what: 'getting the media worker', onProgress, signal },
  });
}
