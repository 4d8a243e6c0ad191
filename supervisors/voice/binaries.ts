/**
 * The two programs of voice, made one after the other: the media worker, without which there is no voice, and the audio sidecar, without
 * which nothing is recorded. Main thread.
 */
import { type Clock, systemClock } from '../../runtime/index.ts';
import type { VoiceConfig } from '../config-voice.ts';
import type { Logger } from '../log.ts';
import { type VoiceBinaries, VoiceControl } from './control.ts';
import { hasUnfinished } from './folders.ts';
import { NativeBinary } from './native-binary.ts';

/** Voice on the main thread, with the real programs; nothing happens before its `begin`. */
export function voiceControl(config: VoiceConfig, dataDir: string, log: Logger): VoiceControl {
  const clock = systemClock;
  return new VoiceControl({
    ...{ binaries: binariesOf(config, log, clock), clock, log },
    hasUnfinished: () => hasUnfinished(dataDir),
  });
}

function binariesOf(
  { mediaWorkerBin, mode }: VoiceConfig,
  log: Logger,
  clock: Clock,
): VoiceBinaries {
  const common = { isOn: mode === 'auto', clock, log };
  const media = new NativeBinary({
    ...common,
    what: 'media worker',
    given: mediaWorkerBin,
    load: async () => {
      const native = await import('../../native/media-worker/index.ts');
      return { cached: native.cachedMediaWorker, make: native.mediaWorkerBinary };
    },
  });
  const audio = new NativeBinary({
    ...common,
    what: 'program for recordings',
    given: null,
    load: async () => {
      const native = await import('../../native/audio/index.ts');
      return { cached: native.cachedAudio, make: native.audioBinary };
    },
  });
  return { media, audio };
}
