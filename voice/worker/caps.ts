/**
 * Which RTP the rooms speak: opus with NACK, the mid and the audio level. Pure.
 *
 * Congestion control of the whole transport (transport-cc, abs-send-time) is left out on purpose: it steers video. For audio it
 * makes the worker answer every sender 10 times per second, one packet for every five that carry sound.
 */
import type { RtpCapabilities, RtpParameters } from 'mediasoup/types';

const AUDIO_LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
const EXTENSIONS: readonly string[] = ['urn:ietf:params:rtp-hdrext:sdes:mid', AUDIO_LEVEL];
const FEEDBACK: readonly string[] = ['nack'];

/** Fixed, so that capabilities are the same for every room, worker and epoch. */
export const OPUS_PAYLOAD_TYPE = 100;

/** What a router is made with. */
export const ROUTER_CODECS = [
  {
    kind: 'audio' as const,
    mimeType: 'audio/opus',
    preferredPayloadType: OPUS_PAYLOAD_TYPE,
    clockRate: 48_000,
    channels: 2,
  },
];

/** What clients are told of a router's capabilities. */
export function clientCaps(router: RtpCapabilities): RtpCapabilities {
  const caps: RtpCapabilities = {
    codecs: (router.codecs ?? []).map((codec) => ({
      ...codec,
      rtcpFeedback: (codec.rtcpFeedback ?? []).filter(({ type }) => FEEDBACK.includes(type)),
    })),
    headerExtensions: (router.headerExtensions ?? []).filter(
      ({ kind, uri }) => kind === 'audio' && EXTENSIONS.includes(uri),
    ),
  };
  return deepFreeze(caps);
}

/** The same parameters without feedback and header extensions that we did not offer: a client may send them all the same. */
export function trimmed(rtp: RtpParameters): RtpParameters {
  return {
    ...rtp,
    codecs: rtp.codecs.map((codec) => ({
      ...codec,
      rtcpFeedback: (codec.rtcpFeedback ?? []).filter(({ type }) => FEEDBACK.includes(type)),
    })),
    headerExtensions: (rtp.headerExtensions ?? []).filter(({ uri }) => EXTENSIONS.includes(uri)),
  };
}

/** Header extension id of the audio level, 0 for none. */
export function levelExtension(rtp: RtpParameters): number {
  return (rtp.headerExtensions ?? []).find(({ uri }) => uri === AUDIO_LEVEL)?.id ?? 0;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
