/**
 * What /health says of voice: `media`, the program and processes that carry the packets, and `voice`, the rooms. Pure. A server without
 * a media worker is a whole chat server: `failed` and `off` of these two say nothing of the others.
 */
import type { HealthCheck } from '../health-types.ts';
import type { BinaryState, VoiceLook } from './types.ts';

export interface VoiceChecks {
  readonly voice: HealthCheck;
  readonly media: HealthCheck;
}

/** Both checks. */
export function voiceChecks({ audio, binary, status, thread }: VoiceLook): VoiceChecks {
  if (binary.state !== 'ready') return beforehand(binary);
  const ready: HealthCheck = { status: 'ok', detail: `ready${recordingOf(audio)}` };
  if (thread === 'standby') {
    return { voice: { status: 'ok', detail: 'nobody is in a voice channel' }, media: ready };
  }
  if (thread === 'out') {
    const detail = 'its thread ended too often: it rests, and the next join tries again';
    return { voice: { status: 'degraded', detail }, media: ready };
  }
  if (thread === 'down') {
    return { voice: { status: 'degraded', detail: 'its thread is being restarted' }, media: ready };
  }
  if (status === null) {
    return { voice: { status: 'degraded', detail: 'its thread does not answer' }, media: ready };
  }
  const { people, pool, roomCount } = status;
  const detail = `${counted(people, 'person', 'people')} in ${counted(roomCount, 'room', 'rooms')}`;
  return { voice: { status: 'ok', detail }, media: mediaOf(pool, recordingOf(audio)) };
}

/** What there is to say of recordings: nothing while they can be made. */
function recordingOf(audio: BinaryState): string {
  if (audio.state === 'preparing') return '; recording is being prepared';
  return audio.state === 'failed' ? '; there is no program for recordings' : '';
}

function mediaOf(
  { detail, state, workers }: NonNullable<VoiceLook['status']>['pool'],
  recording: string,
): HealthCheck {
  const up = workers.filter((worker) => worker.state === 'up' && worker.role === 'active').length;
  const told = detail === undefined ? `${counted(up, 'worker', 'workers')} up` : detail;
  if (state === 'degraded' || state === 'down') return { status: 'degraded', detail: told };
  return { status: 'ok', detail: `${state === 'standby' ? 'ready' : told}${recording}` };
}

function beforehand(binary: Exclude<BinaryState, { state: 'ready' }>): VoiceChecks {
  if (binary.state === 'off') {
    const off: HealthCheck = { status: 'off', detail: 'VOICE is off' };
    return { voice: off, media: off };
  }
  if (binary.state === 'failed') {
    return {
      voice: { status: 'off', detail: 'there is no media worker' },
      media: { status: 'failed', detail: binary.message },
    };
  }
  const share = binary.share === null ? '' : `, ${Math.round(binary.share * 100)} %`;
  const preparing: HealthCheck = {
    status: 'starting',
    detail: `preparing: ${binary.step}${share}`,
  };
  return { voice: preparing, media: preparing };
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
