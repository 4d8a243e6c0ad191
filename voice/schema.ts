/**
 * What a client may say about media: the `J` values of V_JOIN, V_CONNECT and V_PRODUCE, read into fresh objects that hold
 * nothing but known fields of known types. mediasoup checks less, and its worker must never see what this file has not
 * built. Opus only, one encoding. Pure; voice threads only.
 *
 * Unknown fields are left out, so that newer clients go on working; a known field with a bad value refuses the whole text.
 */
import type {
  DtlsFingerprint,
  DtlsParameters,
  RtcpFeedback,
  RtpCapabilities,
  RtpCodecCapability,
  RtpCodecParameters,
  RtpEncodingParameters,
  RtpHeaderExtension,
  RtpHeaderExtensionParameters,
  RtpHeaderExtensionUri,
  RtpParameters,
} from 'mediasoup/types';
import { parseBoundedJson } from './bounded-json.ts';
import type { JsonText } from './types.ts';

/** Most entries of each list; browsers send about half of it. */
const CODECS_MAX = 100;
const EXTENSIONS_MAX = 48;
const FEEDBACK_MAX = 16;
const PARAMETERS_MAX = 24;
const FINGERPRINTS_MAX = 8;

const OPUS = 'audio/opus';
const OPUS_RATE = 48_000;
const OPUS_CHANNELS = 2;
const MID_MAX = 32;
const NAME = /^[A-Za-z0-9_.-]{1,64}$/;
const VALUE_MAX = 256;

/** Header extensions that mediasoup can carry for audio; others are left out. */
const EXTENSION_URIS: ReadonlySet<string> = new Set<RtpHeaderExtensionUri>([
  'urn:ietf:params:rtp-hdrext:sdes:mid',
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time',
]);

/** Bytes of a digest; what is weaker than SHA-256 is refused. */
const DIGEST_BYTES: Readonly<Record<string, number>> = {
  'sha-256': 32,
  'sha-384': 48,
  'sha-512': 64,
};

/** A value that is not what the schema wants. Never leaves this file. */
class Refused extends Error {}

type Fields = Readonly<Record<string, unknown>>;

/** rtpCapabilities of V_JOIN: what the client can receive, Opus and its header extensions. undefined: refused. */
export function parseRtpCapabilities(text: JsonText): RtpCapabilities | undefined {
  return parse(text, readCapabilities);
}

/** dtlsParameters of V_CONNECT. undefined: refused. */
export function parseDtlsParameters(text: JsonText): DtlsParameters | undefined {
  return parse(text, readDtls);
}

/** rtpParameters of V_PRODUCE: one Opus stream. undefined: refused. */
export function parseProduceParameters(text: JsonText): RtpParameters | undefined {
  return parse(text, readProduce);
}

function parse<T>(text: JsonText, read: (fields: Fields) => T): T | undefined {
  try {
    return read(object(parseBoundedJson(text)));
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

// ---------------------------------------------------------------- V_JOIN

function readCapabilities(fields: Fields): RtpCapabilities {
  const codecs = list(fields, 'codecs', CODECS_MAX)
    .filter((codec) => isOpus(codec) && text(codec, 'kind', 8) === 'audio')
    .map(readCodecCapability);
  if (codecs.length === 0) throw new Refused();
  const headerExtensions = list(fields, 'headerExtensions', EXTENSIONS_MAX)
    .filter((extension) => field(extension, 'kind') === 'audio' && isKnownUri(extension))
    .map(readExtensionCapability);
  return { codecs, headerExtensions };
}

function readCodecCapability(fields: Fields): RtpCodecCapability {
  return {
    kind: 'audio',
    mimeType: OPUS,
    preferredPayloadType: integer(fields, 'preferredPayloadType', 0, 127),
    clockRate: integer(fields, 'clockRate', OPUS_RATE, OPUS_RATE),
    channels: integer(fields, 'channels', OPUS_CHANNELS, OPUS_CHANNELS),
    parameters: readParameters(fields),
    rtcpFeedback: list(fields, 'rtcpFeedback', FEEDBACK_MAX).map(readFeedback),
  };
}

function readExtensionCapability(fields: Fields): RtpHeaderExtension {
  return {
    kind: 'audio',
    uri: uri(fields),
    preferredId: integer(fields, 'preferredId', 1, 255),
    preferredEncrypt: boolean(fields, 'preferredEncrypt'),
  };
}

// ---------------------------------------------------------------- V_CONNECT

function readDtls(fields: Fields): DtlsParameters {
  const role = field(fields, 'role') ?? 'auto';
  if (role !== 'auto' && role !== 'client' && role !== 'server') throw new Refused();
  const fingerprints = list(fields, 'fingerprints', FINGERPRINTS_MAX).map(readFingerprint);
  if (fingerprints.length === 0) throw new Refused();
  return { role, fingerprints };
}

function readFingerprint(fields: Fields): DtlsFingerprint {
  const algorithm = text(fields, 'algorithm', 8);
  const value = text(fields, 'value', VALUE_MAX);
  const bytes = Object.hasOwn(DIGEST_BYTES, algorithm) ? DIGEST_BYTES[algorithm] : undefined;
  const pairs = value.split(':');
  if (pairs.length !== bytes || !pairs.every((pair) => /^[0-9A-Fa-f]{2}$/.test(pair))) {
    throw new Refused();
  }
  return { algorithm: algorithm as DtlsFingerprint['algorithm'], value: value.toUpperCase() };
}

// ---------------------------------------------------------------- V_PRODUCE

function readProduce(fields: Fields): RtpParameters {
  const codecs = list(fields, 'codecs', 1);
  const encodings = list(fields, 'encodings', 1);
  const [codec] = codecs;
  const [encoding] = encodings;
  if (codec === undefined || encoding === undefined || !isOpus(codec)) throw new Refused();
  const mid = field(fields, 'mid') === undefined ? undefined : text(fields, 'mid', MID_MAX);
  const stream = readEncoding(encoding);
  if (mid === undefined && stream.ssrc === undefined) throw new Refused();
  const headerExtensions = list(fields, 'headerExtensions', EXTENSIONS_MAX)
    .filter(isKnownUri)
    .map(readExtension);
  if (new Set(headerExtensions.map(({ id }) => id)).size < headerExtensions.length) {
    throw new Refused();
  }
  return {
    ...(mid === undefined ? {} : { mid }),
    codecs: [readCodec(codec)],
    headerExtensions,
    encodings: [stream],
    rtcp: readRtcp(fields),
  };
}

function readCodec(fields: Fields): RtpCodecParameters {
  return {
    mimeType: OPUS,
    payloadType: integer(fields, 'payloadType', 0, 127),
    clockRate: integer(fields, 'clockRate', OPUS_RATE, OPUS_RATE),
    channels: integer(fields, 'channels', OPUS_CHANNELS, OPUS_CHANNELS),
    parameters: readParameters(fields),
    rtcpFeedback: list(fields, 'rtcpFeedback', FEEDBACK_MAX).map(readFeedback),
  };
}

function readEncoding(fields: Fields): RtpEncodingParameters {
  // A `rid` means simulcast, which audio has not.
  if (field(fields, 'rid') !== undefined) throw new Refused();
  const dtx = boolean(fields, 'dtx');
  if (field(fields, 'ssrc') === undefined) return { dtx };
  return { ssrc: integer(fields, 'ssrc', 1, 0xffff_ffff), dtx };
}

function readExtension(fields: Fields): RtpHeaderExtensionParameters {
  return {
    uri: uri(fields),
    id: integer(fields, 'id', 1, 255),
    encrypt: boolean(fields, 'encrypt'),
    parameters: {},
  };
}

function readRtcp(fields: Fields): { cname?: string; reducedSize: boolean } {
  if (field(fields, 'rtcp') === undefined) return { reducedSize: true };
  const rtcp = object(fields.rtcp);
  if (field(rtcp, 'cname') === undefined) return { reducedSize: true };
  return { cname: text(rtcp, 'cname', VALUE_MAX), reducedSize: true };
}

// ---------------------------------------------------------------- parts of several

function isOpus(codec: Fields): boolean {
  return text(codec, 'mimeType', 64).toLowerCase() === OPUS;
}

function isKnownUri(extension: Fields): boolean {
  return EXTENSION_URIS.has(text(extension, 'uri', VALUE_MAX));
}

function uri(fields: Fields): RtpHeaderExtensionUri {
  return text(fields, 'uri', VALUE_MAX) as RtpHeaderExtensionUri;
}

/** fmtp parameters: names and short primitives. */
function readParameters(fields: Fields): Record<string, string | number> {
  const present = field(fields, 'parameters');
  if (present === undefined || present === null) return {};
  const entries = Object.entries(object(present));
  if (entries.length > PARAMETERS_MAX) throw new Refused();
  return Object.fromEntries(
    entries.map(([name, value]) => {
      const isText = typeof value === 'string' && value.length <= VALUE_MAX;
      if (!NAME.test(name)) throw new Refused();
      if (!isText && !(typeof value === 'number' && Number.isFinite(value))) throw new Refused();
      return [name, value as string | number];
    }),
  );
}

function readFeedback(fields: Fields): RtcpFeedback {
  const type = text(fields, 'type', VALUE_MAX);
  if (field(fields, 'parameter') === undefined) return { type, parameter: '' };
  return { type, parameter: text(fields, 'parameter', VALUE_MAX) };
}

// ---------------------------------------------------------------- fields

function field(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function object(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Refused();
  return value as Fields;
}

/** Objects of a list that may be absent. */
function list(fields: Fields, name: string, most: number): Fields[] {
  const value = field(fields, name) ?? [];
  if (!Array.isArray(value) || value.length > most) throw new Refused();
  return value.map(object);
}

function text(fields: Fields, name: string, most: number): string {
  const value = field(fields, name);
  if (typeof value !== 'string' || value.length > most) throw new Refused();
  return value;
}

function integer(fields: Fields, name: string, least: number, most: number): number {
  const value = field(fields, name);
  if (typeof value !== 'number' || !Number.isInteger(value)) throw new Refused();
  if (value < least || value > most) throw new Refused();
  return value;
}

/** false where it is absent. */
function boolean(fields: Fields, name: string): boolean {
  const value = field(fields, name) ?? false;
  if (typeof value !== 'boolean') throw new Refused();
  return value;
}
