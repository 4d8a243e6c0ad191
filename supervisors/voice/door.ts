/**
 * The way from a gateway thread to voice: has the voice thread started when somebody joins. Gateway threads.
 */
import type { VoicePort } from '../../gateway/index.ts';
import { ActorError, at, call } from '../../runtime/index.ts';
import type { Config } from '../config.ts';
import { VOICE_CONTROL, type VoiceControlP } from './types.ts';

/** The start of a thread on a busy machine. */
const WAKE_MS = 5_000;
/** The main thread is busy, or the node stops. */
const RETRY_MS = 2_000;

/** undefined: VOICE is off. */
export function voiceDoor({ voice }: Config): VoicePort | undefined {
  if (voice.mode === 'off') return undefined;
  return {
    async wake() {
      const control = at<VoiceControlP>('main', VOICE_CONTROL);
      try {
        const woken = await call(control, 'wake', undefined, { timeoutMs: WAKE_MS });
        return woken.up ? woken : { up: false, retryMs: woken.retryMs ?? RETRY_MS };
      } catch (error) {
        if (error instanceof ActorError) return { up: false, retryMs: RETRY_MS };
        throw error;
      }
    },
  };
}
