/** The entry of native/audio/: the driftway-audio binary of this machine. Exports only. */
export { audioBinary, cachedAudio } from './binary.ts';
export type {
  AudioFault,
  AudioOptions,
  AudioProgress,
  AudioResult,
  AudioStep,
  AudioVariant,
} from './types.ts';
