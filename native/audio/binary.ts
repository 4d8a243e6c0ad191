/**
 * Owns how others get driftway-audio: from the cache at once, else from a child process that builds it. May be called by any process.
 */
import { fileURLToPath } from 'node:url';
import { askChild } from '../build/index.ts';
import { cachedAudio } from './place.ts';
import type { AudioOptions, AudioProgress, AudioResult } from './types.ts';

export { cachedAudio } from './place.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

/**
 * The path of a driftway-audio that starts. Takes some ms when the cache has it, up to a minute otherwise, in a child process. Never
 * rejects. Several callers at once, also of other processes, share one build.
 */
export async function audioBinary(options: AudioOptions = {}): Promise<AudioResult> {
  const { onProgress, signal, variant = 'process' } = options;
  const path = cachedAudio(variant);
  if (path !== undefined) return { ok: true, path };
  const flags = [
    '--variant',
    variant,
    ...(options.background === false ? [] : ['--background']),
    ...(options.install === false ? ['--no-install'] : []),
  ];
  return askChild<AudioProgress, AudioResult>({
    ...{ main: MAIN, flags, what: 'building driftway-audio', onProgress, signal },
  });
}
