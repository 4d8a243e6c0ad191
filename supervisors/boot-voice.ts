/**
 * Boots the `voice-0` thread: the rooms of voice channels, and the media workers as child processes of this thread. Started when
 * somebody joins, ended when nobody has been there for long. Replaced by the thread supervisor when it ends; its workers end with it.
 */
import {
  at,
  type Booted,
  call,
  cast,
  startSupervisor,
  systemClock,
  systemRng,
} from '../runtime/index.ts';
import { hostVoice, onLastBreath } from '../voice/index.ts';
import { connectToStore } from './connect-store.ts';
import type { ThreadSources } from './metrics/types.ts';
import { openSlot } from './open-slot.ts';
import { OBSERVER_RESTARTS } from './policies.ts';
import type { StoreUserArg } from './slot-args.ts';
import { voiceFolders } from './voice/folders.ts';
import { voiceCounters, voiceMeasures, voiceThread } from './voice/thread.ts';
import { VOICE_CONTROL, type VoiceControlP } from './voice/types.ts';

/** An orderly end of processes takes some milliseconds, that of recordings as long as the disk takes. */
const LAST_BREATH_MS = 2_000;
const CONTROL = at<VoiceControlP>('main', VOICE_CONTROL);

/** Makes the thread the home of rooms. No media worker runs before the first room is opened. */
export async function boot(arg: StoreUserArg): Promise<Booted> {
  const { dataDir, host, voice } = arg.config;
  let sources: Required<ThreadSources> = { counters: () => ({}), measures: () => ({}) };
  const read = { counters: () => sources.counters(), measures: () => sources.measures() };
  const { log } = await openSlot(arg, read);
  const binary = await call(CONTROL, 'binary', 'media');
  if (!binary.ok) throw new Error(binary.message);
  const { announcedIpv4, announcedIpv6, port, turnSecret: secret, turnUrls: urls, workers } = voice;
  const hosted = await hostVoice({
    binary: binary.path,
    listen: { host, port, announcedIpv4, announcedIpv6 },
    workers,
    turn: urls.length === 0 ? null : { urls, secret },
    docs: connectToStore(arg.readers).docs,
    clock: systemClock,
    slotNumber: arg.slotNumber,
    log: log.logger,
    audio: {
      binary: () => call(CONTROL, 'binary', 'audio'),
      ...voiceFolders(dataDir),
      rng: systemRng,
    },
    onIdle: () => cast(CONTROL, 'idle'),
  });
  onLastBreath(() => hosted.abandon(), LAST_BREATH_MS, systemClock);
  sources = { counters: () => voiceCounters(hosted), measures: () => voiceMeasures(hosted) };
  await startSupervisor({ ...OBSERVER_RESTARTS, children: [voiceThread(hosted)] });
  return {
    async stop() {
      await hosted.close();
      log.flush();
    },
  };
}
