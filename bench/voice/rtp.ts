/** What every person of the bench says about RTP, to either server: Opus with the audio level and NACK. Pure. */
import { LEVEL_EXTENSION, PAYLOAD_TYPE } from './generator.ts';
import type { TransportOffer } from './types.ts';

const LEVEL_URI = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
const NACK = [{ type: 'nack', parameter: '' }];

/** rtpCapabilities of a receiver. */
export const CAPABILITIES = {
  codecs: [
    {
      kind: 'audio',
      mimeType: 'audio/opus',
      preferredPayloadType: PAYLOAD_TYPE,
      clockRate: 48_000,
      channels: 2,
      parameters: {},
      rtcpFeedback: NACK,
    },
  ],
  headerExtensions: [
    {
      kind: 'audio',
      uri: LEVEL_URI,
      preferredId: LEVEL_EXTENSION,
      preferredEncrypt: false,
      direction: 'sendrecv',
    },
  ],
} as const;

/** rtpParameters of a talker. */
export function producedRtp(ssrc: number): object {
  return {
    codecs: [
      {
        mimeType: 'audio/opus',
        payloadType: PAYLOAD_TYPE,
        clockRate: 48_000,
        channels: 2,
        parameters: { useinbandfec: 1, usedtx: 1 },
        rtcpFeedback: NACK,
      },
    ],
    headerExtensions: [{ uri: LEVEL_URI, id: LEVEL_EXTENSION, encrypt: false, parameters: {} }],
    encodings: [{ ssrc }],
    rtcp: { cname: 'bench', reducedSize: true },
  };
}

/** dtlsParameters of every peer: rtpgen is the DTLS client. */
export function dtlsOf(fingerprint: string): object {
  return { role: 'client', fingerprints: [{ algorithm: 'sha-256', value: fingerprint }] };
}

/** Parameters of a server's transport, as both servers write them. */
export interface TransportParameters {
  readonly iceParameters: { readonly usernameFragment: string; readonly password: string };
  readonly iceCandidates: readonly {
    readonly protocol: string;
    readonly port: number;
    readonly ip?: string;
    readonly address?: string;
  }[];
}

/** The UDP candidate of a transport. */
export function offerOf(key: string, parameters: TransportParameters): TransportOffer {
  const { iceCandidates, iceParameters } = parameters;
  const udp = iceCandidates.find(({ protocol }) => protocol === 'udp');
  if (udp === undefined) throw new Error('transport: got no UDP candidate');
  return {
    key,
    address: udp.address ?? udp.ip ?? '',
    port: udp.port,
    ufrag: iceParameters.usernameFragment,
    password: iceParameters.password,
  };
}

/** SSRC of a consumer's rtpParameters. */
export function ssrcOf(rtp: { readonly encodings?: readonly { ssrc?: number }[] }): number {
  return rtp.encodings?.[0]?.ssrc ?? 0;
}
