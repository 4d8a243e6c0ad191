/** A voice session's view of a DriftwayClient: raw ops, VOICE frames, and when there is a new connection. */
import type { DriftwayClient } from '../client.ts';
import type { VoicePort } from './types.ts';

/** The port of a client; the client connects and closes by itself. */
export function voicePort(client: DriftwayClient): VoicePort {
  return {
    request: (build) => client.voice(build),
    onVoice: (listener) => client.on('voice', listener),
    onOnline: (listener) => client.on('ready', () => listener()),
    isOnline: () => client.state.name === 'online',
  };
}
