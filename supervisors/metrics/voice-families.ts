/**
 * Metrics of voice with promised names. Declarations only; gateway threads, loaded at the first scrape. Without a voice thread (nobody
 * has joined, VOICE=off) the counters are 0, and there are no workers.
 */
import type { Family, NodeView, Sample, VoiceMeasures } from './types.ts';

/** A count of the voice thread; they begin anew with it. */
function counted(name: string, help: string, part: 'voice' | 'media', field: string): Family {
  const read = ({ threads }: NodeView): readonly Sample[] => {
    const all = threads.map(({ report }) => {
      const counters = report?.counters[part] as Readonly<Record<string, unknown>> | undefined;
      const value = counters?.[field];
      return typeof value === 'number' ? value : 0;
    });
    return [{ labels: {}, value: all.reduce((sum, value) => sum + value, 0) }];
  };
  return { name, type: 'counter', help, read };
}

function measured({ threads }: NodeView): readonly VoiceMeasures[] {
  return threads.flatMap(({ report }) => {
    const voice = report?.measures.voice;
    return voice === undefined ? [] : [voice];
  });
}

function level(name: string, help: string, of: (voice: VoiceMeasures) => number): Family {
  const read = (view: NodeView): readonly Sample[] => {
    const value = measured(view).reduce((sum, voice) => sum + of(voice), 0);
    return [{ labels: {}, value }];
  };
  return { name, type: 'gauge', help, read };
}

type Worker = VoiceMeasures['workers'][number];

/** One sample per worker. */
function perWorker(name: string, help: string, of: (worker: Worker) => number): Family {
  const read = (view: NodeView): readonly Sample[] =>
    measured(view).flatMap(({ workers }) =>
      workers.map((worker) => ({ labels: { worker: String(worker.slot) }, value: of(worker) })),
    );
  return { name, type: 'gauge', help, read };
}

/** See families.ts. */
export const voiceFamilies: readonly Family[] = [
  counted('voice_connections_total', 'Joins of voice channels that were let in.', 'voice', 'joins'),
  counted(
    'webrtc_connections_total',
    'WebRTC transports that were connected.',
    'media',
    'transportsConnected',
  ),
  counted(
    'audio_packets_processed_total',
    'Audio packets that the media workers took in and sent, as far as they were sampled.',
    'media',
    'packets',
  ),
  counted(
    'driftway_media_worker_deaths_total',
    'Media workers that ended by themselves, by a signal, or since they did not answer.',
    'media',
    'died',
  ),
  level('driftway_voice_rooms', 'Voice channels with somebody in them.', ({ rooms }) => rooms),
  level('driftway_voice_people', 'People in voice channels.', ({ people }) => people),
  level(
    'driftway_media_workers',
    'Media workers that are up, the spare one too.',
    ({ workers }) => workers.filter(({ state }) => state === 'up').length,
  ),
  perWorker(
    'driftway_media_worker_cpu_share',
    'Share of a core that a media worker uses.',
    ({ cpu }) => cpu,
  ),
  perWorker(
    'driftway_media_worker_memory_bytes',
    'Resident memory of a media worker.',
    ({ rssBytes }) => rssBytes,
  ),
  perWorker(
    'driftway_media_worker_packets_per_second',
    'Packets in and out that a media worker is expected to carry, by the rooms on it.',
    ({ predictedPps }) => predictedPps,
  ),
];
