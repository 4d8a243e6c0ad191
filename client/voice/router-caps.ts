/**
 * What a server of Driftway can most likely do, as its media library (mediasoup 3.27) says it, audio only: V_JOIN carries what this
 * client can receive, which depends on it, before the server has said it. A wrong guess costs one more round trip.
 */
import type { JsonText } from './types.ts';

const EXTENSIONS: readonly (readonly [id: number, uri: string, direction: string])[] = [
  [1, 'urn:ietf:params:rtp-hdrext:sdes:mid', 'sendrecv'],
  [4, 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time', 'sendrecv'],
  [5, 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01', 'recvonly'],
  [6, 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', 'sendrecv'],
  [10, 'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time', 'sendrecv'],
  [11, 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay', 'sendrecv'],
  [12, 'urn:mediasoup:params:rtp-hdrext:packet-id', 'sendrecv'],
];

/** The guess, as V_JOIN answers it. */
export const LIKELY_ROUTER_CAPS: JsonText = JSON.stringify({
  codecs: [
    {
      kind: 'audio',
      mimeType: 'audio/opus',
      clockRate: 48_000,
      channels: 2,
      rtcpFeedback: [{ type: 'nack' }, { type: 'transport-cc' }],
      parameters: {},
      preferredPayloadType: 100,
    },
  ],
  headerExtensions: EXTENSIONS.map(([preferredId, uri, direction]) => ({
    kind: 'audio',
    uri,
    preferredId,
    preferredEncrypt: false,
    direction,
  })),
});
