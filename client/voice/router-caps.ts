/**
 * What a server of Driftway can most likely do, as its rooms say it (voice/worker/caps.ts): V_JOIN carries what this client can receive,
 * which depends on it, before the server has said it. A wrong guess costs a second V_JOIN.
 */
import type { JsonText } from './types.ts';

const EXTENSIONS: readonly (readonly [id: number, uri: string])[] = [
  [1, 'urn:ietf:params:rtp-hdrext:sdes:mid'],
  [6, 'urn:ietf:params:rtp-hdrext:ssrc-audio-level'],
];

/** The guess, as V_JOIN answers it. */
export const LIKELY_ROUTER_CAPS: JsonText = JSON.stringify({
  codecs: [
    {
      kind: 'audio',
      mimeType: 'audio/opus',
      clockRate: 48_000,
      channels: 2,
      rtcpFeedback: [{ type: 'nack' }],
      parameters: {},
      preferredPayloadType: 100,
    },
  ],
  headerExtensions: EXTENSIONS.map(([preferredId, uri]) => ({
    kind: 'audio',
    uri,
    preferredId,
    preferredEncrypt: false,
    direction: 'sendrecv',
  })),
});
