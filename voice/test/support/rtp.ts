/**
 * RTP packets of a talker who says nothing worth hearing: right headers, an audio level, a payload that looks like Opus. Pure.
 * Must never import product code.
 */

/** What the client says it sends; a server gives it other numbers on the way to listeners. */
export const RTP = {
  payloadType: 111,
  levelExtension: 10,
  samplesPerPacket: 960,
  packetMs: 20,
} as const;

export const AUDIO_LEVEL_URI = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';

/** As V_PRODUCE takes it. */
export function opusParameters(ssrc: number, cname: string): Record<string, unknown> {
  return {
    mid: '0',
    codecs: [
      {
        mimeType: 'audio/opus',
        payloadType: RTP.payloadType,
        clockRate: 48_000,
        channels: 2,
        parameters: { useinbandfec: 1, usedtx: 1 },
        rtcpFeedback: [],
      },
    ],
    headerExtensions: [
      { uri: AUDIO_LEVEL_URI, id: RTP.levelExtension, encrypt: false, parameters: {} },
    ],
    encodings: [{ ssrc, dtx: true }],
    rtcp: { cname, reducedSize: true },
  };
}

/** As V_JOIN takes it: what this client can take in. */
export function opusCapabilities(): Record<string, unknown> {
  return {
    codecs: [
      {
        kind: 'audio',
        mimeType: 'audio/opus',
        preferredPayloadType: 100,
        clockRate: 48_000,
        channels: 2,
        parameters: {},
        rtcpFeedback: [],
      },
    ],
    headerExtensions: [
      {
        kind: 'audio',
        uri: AUDIO_LEVEL_URI,
        preferredId: 10,
        preferredEncrypt: false,
        direction: 'sendrecv',
      },
    ],
  };
}

/** Of speech, in dB below full scale: what never changes counts as noise to who looks for a dominant speaker. */
const SPEECH = [18, 22, 35, 52, 27, 20, 40, 60, 24, 19] as const;

/** Makes the packets of one stream. */
export class RtpStream {
  readonly ssrc: number;
  #sequence: number;
  #timestamp: number;
  #isFirst = true;
  readonly #bytes: number;

  /** `bytes`: of the payload; 80 is Opus at 32 kbit/s. */
  constructor(ssrc: number, bytes = 80) {
    this.ssrc = ssrc;
    this.#sequence = ssrc & 0xffff;
    this.#timestamp = ssrc >>> 0;
    this.#bytes = bytes;
  }

  /** RTP time of the next packet. */
  get timestamp(): number {
    return this.#timestamp;
  }

  /** The next packet. `level`: dB below full scale, 0 the loudest, 127 silence; default: speech. */
  next(level: number = SPEECH[this.#sequence % SPEECH.length] ?? 20): Buffer {
    const packet = Buffer.alloc(20 + this.#bytes);
    packet[0] = 0x90;
    packet[1] = (this.#isFirst ? 0x80 : 0) | RTP.payloadType;
    packet.writeUInt16BE(this.#sequence, 2);
    packet.writeUInt32BE(this.#timestamp, 4);
    packet.writeUInt32BE(this.ssrc, 8);
    packet.writeUInt32BE(0xbede_0001, 12);
    packet[16] = RTP.levelExtension << 4;
    packet[17] = (level < 127 ? 0x80 : 0) | (level & 0x7f);
    packet[20] = 0x78; // Opus: CELT, 20 ms, mono
    packet.writeUInt16BE(this.#sequence, 21);
    this.#isFirst = false;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + RTP.samplesPerPacket) >>> 0;
    return packet;
  }

  /** Time in which nothing was sent (DTX). */
  skip(packets: number): void {
    this.#timestamp = (this.#timestamp + packets * RTP.samplesPerPacket) >>> 0;
    this.#isFirst = true;
  }
}

export interface RtpHead {
  readonly ssrc: number;
  readonly sequence: number;
  readonly timestamp: number;
}

/** Undefined for what is no RTP packet. */
export function readRtp(packet: Buffer): RtpHead | undefined {
  if (packet.length < 12 || (packet[0] ?? 0) >> 6 !== 2) return undefined;
  return {
    ssrc: packet.readUInt32BE(8),
    sequence: packet.readUInt16BE(2),
    timestamp: packet.readUInt32BE(4),
  };
}
