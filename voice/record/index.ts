/** The entry of voice/record/: recording, playback and mix for rooms. Exports only. */
export { type AudioServiceOptions, createAudioService } from './service.ts';
export type {
  AudioCounters,
  AudioErr,
  AudioOutcome,
  AudioService,
  AudioStatus,
  Mix,
  MixOptions,
  MixSettings,
  Playback,
  PlayOptions,
  Recording,
  RecordOptions,
  Speakers,
} from './types.ts';
