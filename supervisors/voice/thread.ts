/**
 * Owns the actor `voice-thread`, through which the main thread sees and tests the voice thread, and what that thread tells /metrics.
 * Voice thread.
 */
import { type ChildSpec, child, defineActor, name } from '../../runtime/index.ts';
import type { HostedVoice } from '../../voice/index.ts';
import type { CounterTree, SlotMeasures } from '../metrics/types.ts';
import {
  type SelfCallAnswer,
  type SelfCallStep,
  VOICE_THREAD,
  type VoiceThreadP,
  type VoiceThreadStatus,
} from './types.ts';

type Hosted = Pick<HostedVoice, 'counters' | 'drainWorker' | 'killWorker' | 'selfCalls' | 'status'>;

const VoiceThread = defineActor<VoiceThreadP, Hosted, Hosted>({
  name: VOICE_THREAD,
  init: (_ctx, hosted) => hosted,
  // They last as long as people take to move, and as workers take to start.
  concurrent: ['drainWorker', 'selfCall'],
  handle: {
    status: statusOf,
    killWorker: (hosted, { slot }) => hosted.killWorker(slot) ?? null,
    drainWorker: async (hosted, { slot, withinMs }) =>
      (await hosted.drainWorker(slot, withinMs)).ok,
    selfCall: ({ selfCalls }, m) => selfCall(selfCalls, m),
  },
});

/** Child that answers for the voice of this thread. */
export function voiceThread(hosted: Hosted): ChildSpec {
  return child(VOICE_THREAD, VoiceThread, hosted, {
    name: name<VoiceThreadP>(VOICE_THREAD),
    restart: 'permanent',
  });
}

async function selfCall(calls: HostedVoice['selfCalls'], m: SelfCallStep): Promise<SelfCallAnswer> {
  if (m.step === 'open') return calls.open();
  if (m.step === 'connect') return calls.connect(m);
  calls.close(m.id);
  return { ok: true, value: null };
}

function statusOf(hosted: Hosted): VoiceThreadStatus {
  const { participantsNow: people, roomsNow: roomCount } = hosted.counters;
  return { ...hosted.status(), people, roomCount };
}

/** For /metrics: `driftway_voice_...` and `driftway_media_...`. */
export function voiceCounters(hosted: Hosted): CounterTree {
  return { voice: { ...hosted.counters }, media: { ...hosted.status().pool.counters } };
}

/** What /metrics has under promised names. */
export function voiceMeasures(hosted: Hosted): SlotMeasures {
  const { participantsNow: people, roomsNow: rooms } = hosted.counters;
  const workers = hosted
    .status()
    .pool.workers.map(({ cpu, predictedPps, role, rssBytes, slot, state }) => {
      return { cpu, predictedPps, role, rssBytes, slot, state };
    });
  return { voice: { people, rooms, workers } };
}
