/** What clients may say about media, and everything that they may not. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  JSON_DEPTH_MAX,
  JSON_TEXT_MAX,
  JSON_VALUES_MAX,
  parseBoundedJson,
} from './bounded-json.ts';
import { parseDtlsParameters, parseProduceParameters, parseRtpCapabilities } from './schema.ts';

const OPUS = { mimeType: 'audio/opus', clockRate: 48_000, channels: 2 };
const LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
const FINGERPRINT = { algorithm: 'sha-256', value: Array(32).fill('0a').join(':') };

const CAPS = {
  codecs: [
    {
      ...{ kind: 'audio', preferredPayloadType: 111, ...OPUS },
      parameters: { minptime: 10, useinbandfec: 1 },
      rtcpFeedback: [{ type: 'nack', parameter: '' }, { type: 'transport-cc' }],
    },
    { kind: 'audio', preferredPayloadType: 0, mimeType: 'audio/PCMU', clockRate: 8000 },
    { kind: 'video', preferredPayloadType: 96, mimeType: 'video/VP8', clockRate: 90_000 },
  ],
  headerExtensions: [
    { kind: 'audio', uri: LEVEL, preferredId: 10, preferredEncrypt: false, direction: 'sendrecv' },
    { kind: 'video', uri: 'urn:3gpp:video-orientation', preferredId: 4 },
    { kind: 'audio', uri: 'urn:of:a:newer:browser', preferredId: 11 },
  ],
};

const PRODUCE = {
  mid: '0',
  codecs: [{ payloadType: 111, ...OPUS, parameters: { usedtx: 1 }, rtcpFeedback: [] }],
  headerExtensions: [{ uri: LEVEL, id: 10, encrypt: false, parameters: {} }],
  encodings: [{ ssrc: 123_456, dtx: true }],
  rtcp: { cname: 'me', reducedSize: true, mux: true },
};

const text = (value: unknown): string => JSON.stringify(value);

describe('parseRtpCapabilities', () => {
  test('a browser, gives Opus and known audio extensions only', () => {
    expect(parseRtpCapabilities(text(CAPS))).toEqual({
      codecs: [
        {
          ...{ kind: 'audio', preferredPayloadType: 111, ...OPUS },
          parameters: { minptime: 10, useinbandfec: 1 },
          rtcpFeedback: [
            { type: 'nack', parameter: '' },
            { type: 'transport-cc', parameter: '' },
          ],
        },
      ],
      headerExtensions: [{ kind: 'audio', uri: LEVEL, preferredId: 10, preferredEncrypt: false }],
    });
  });

  const codec = CAPS.codecs[0];
  test.each([
    ['nothing', {}],
    ['no Opus', { codecs: [CAPS.codecs[1]] }],
    ['codecs that are no list', { codecs: { 0: codec, length: 1 } }],
    ['a codec that is no object', { codecs: [codec, 1] }],
    ['mono Opus', { codecs: [{ ...codec, channels: 1 }] }],
    ['another clock rate', { codecs: [{ ...codec, clockRate: 8000 }] }],
    ['a payload type over 127', { codecs: [{ ...codec, preferredPayloadType: 128 }] }],
    ['a fraction', { codecs: [{ ...codec, preferredPayloadType: 1.5 }] }],
    ['101 codecs', { codecs: Array(101).fill(CAPS.codecs[1]) }],
    ['a parameter that is an object', { codecs: [{ ...codec, parameters: { a: {} } }] }],
    ['a parameter with a strange name', { codecs: [{ ...codec, parameters: { 'a b': 1 } }] }],
    [
      'an extension id of 0',
      { codecs: [codec], headerExtensions: [{ ...CAPS.headerExtensions[0], preferredId: 0 }] },
    ],
  ])('%s, is refused', (_what, caps) => {
    expect(parseRtpCapabilities(text(caps))).toBeUndefined();
  });
});

describe('parseDtlsParameters', () => {
  test('a client, gives role and fingerprints', () => {
    const { algorithm, value } = FINGERPRINT;
    expect(parseDtlsParameters(text({ role: 'client', fingerprints: [FINGERPRINT] }))).toEqual({
      role: 'client',
      fingerprints: [{ algorithm, value: value.toUpperCase() }],
    });
    expect(parseDtlsParameters(text({ fingerprints: [FINGERPRINT] }))?.role).toBe('auto');
  });

  test.each([
    ['no fingerprint', { role: 'client', fingerprints: [] }],
    ['an unknown role', { role: 'both', fingerprints: [FINGERPRINT] }],
    ['SHA-1', { fingerprints: [{ algorithm: 'sha-1', value: Array(20).fill('0A').join(':') }] }],
    ['a name of Object', { fingerprints: [{ ...FINGERPRINT, algorithm: 'valueOf' }] }],
    ['a short digest', { fingerprints: [{ ...FINGERPRINT, value: '0A:0B' }] }],
    ['no hex', { fingerprints: [{ ...FINGERPRINT, value: Array(32).fill('0g').join(':') }] }],
    ['nine fingerprints', { fingerprints: Array(9).fill(FINGERPRINT) }],
  ])('%s, is refused', (_what, dtls) => {
    expect(parseDtlsParameters(text(dtls))).toBeUndefined();
  });
});

describe('parseProduceParameters', () => {
  test('one Opus stream, is read', () => {
    expect(parseProduceParameters(text(PRODUCE))).toEqual({
      ...PRODUCE,
      rtcp: { cname: 'me', reducedSize: true },
    });
  });

  test('a thin client, needs an SSRC only', () => {
    const codecs = [{ payloadType: 100, ...OPUS }];
    expect(parseProduceParameters(text({ codecs, encodings: [{ ssrc: 1 }] }))).toEqual({
      codecs: [{ payloadType: 100, ...OPUS, parameters: {}, rtcpFeedback: [] }],
      headerExtensions: [],
      encodings: [{ ssrc: 1, dtx: false }],
      rtcp: { reducedSize: true },
    });
  });

  const [codec] = PRODUCE.codecs;
  const [extension] = PRODUCE.headerExtensions;
  test.each([
    ['video', { ...PRODUCE, codecs: [{ ...codec, mimeType: 'video/VP8' }] }],
    ['two codecs', { ...PRODUCE, codecs: [codec, codec] }],
    ['two encodings', { ...PRODUCE, encodings: [{ ssrc: 1 }, { ssrc: 2 }] }],
    ['no encoding', { ...PRODUCE, encodings: [] }],
    ['simulcast', { ...PRODUCE, encodings: [{ rid: 'a' }] }],
    ['neither SSRC nor mid', { ...PRODUCE, mid: undefined, encodings: [{}] }],
    ['an SSRC over 32 bits', { ...PRODUCE, encodings: [{ ssrc: 2 ** 32 }] }],
    ['an extension twice', { ...PRODUCE, headerExtensions: [extension, extension] }],
    ['a cname that is a number', { ...PRODUCE, rtcp: { cname: 1 } }],
    ['a long mid', { ...PRODUCE, mid: 'm'.repeat(33) }],
  ])('%s, is refused', (_what, rtp) => {
    expect(parseProduceParameters(text(rtp))).toBeUndefined();
  });
});

const PARSERS = [parseRtpCapabilities, parseDtlsParameters, parseProduceParameters];
const VALID = [text(CAPS), text({ fingerprints: [FINGERPRINT] }), text(PRODUCE)];

describe('parsers', () => {
  test.each([
    ['no JSON', '{"codecs":'],
    ['a number', '1'],
    ['null', 'null'],
    ['a list', '[]'],
    ['24 KiB of nested lists', '['.repeat(JSON_TEXT_MAX)],
    ['nested objects', '{"a":'.repeat(4000)],
  ])('%s, is refused by each', (_what, hostile) => {
    for (const parser of PARSERS) expect(parser(hostile)).toBeUndefined();
  });

  test.each(['__proto__', 'constructor', 'prototype'])(
    'a key %s, is refused at any depth',
    (key) => {
      const planted = [`{"${key}":{},`, `{"x":[{"${key}":1}],`];
      for (const [i, parser] of PARSERS.entries()) {
        const valid = VALID[i] ?? '';
        expect(parser(valid)).toBeDefined();
        for (const start of planted) expect(parser(start + valid.slice(1))).toBeUndefined();
      }
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    },
  );

  test('any text and any JSON, is read or refused without a throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (any) => {
        for (const parser of PARSERS) parser(any);
      }),
      { numRuns: 500 },
    );
  });

  test('a valid text with one value exchanged, is refused or gives known fields only', () => {
    const values = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(-1, 2 ** 53, 1e308, '', 'x'.repeat(300)),
    );
    fc.assert(
      fc.property(fc.nat(2), fc.nat(200), values, (which, at, other) => {
        const parsed = PARSERS[which]?.(mutated(VALID[which] ?? '', at, other));
        if (parsed === undefined) return;
        for (const key of keysOf(parsed)) expect(KNOWN_KEYS).toContain(key);
      }),
      { numRuns: 1000 },
    );
  });
});

/** Every field that a parser may give, but for the names of codec parameters. */
const KNOWN_KEYS = [
  ...['codecs', 'headerExtensions', 'kind', 'mimeType', 'preferredPayloadType', 'clockRate'],
  ...['channels', 'parameters', 'rtcpFeedback', 'type', 'parameter', 'uri', 'preferredId'],
  ...['preferredEncrypt', 'role', 'fingerprints', 'algorithm', 'value', 'mid', 'encodings', 'ssrc'],
  ...['dtx', 'rtcp', 'cname', 'reducedSize', 'payloadType', 'id', 'encrypt'],
];

function keysOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(keysOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'parameters' ? [key] : [key, ...keysOf(inner)],
  );
}

/** The text with its n-th value, counted through the tree, replaced. */
function mutated(json: string, at: number, other: unknown): string {
  let n = 0;
  return JSON.stringify(JSON.parse(json), (_key, value: unknown) => {
    n += 1;
    return n === at + 2 ? other : value;
  });
}

describe('parseBoundedJson', () => {
  test('bounds, hold to the value', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(parseBoundedJson(nested(JSON_DEPTH_MAX))).toBeDefined();
    expect(parseBoundedJson(nested(JSON_DEPTH_MAX + 1))).toBeUndefined();
    const wide = (values: number) => `[${Array(values).fill(1).join(',')}]`;
    expect(parseBoundedJson(wide(JSON_VALUES_MAX - 1))).toBeDefined();
    expect(parseBoundedJson(wide(JSON_VALUES_MAX))).toBeUndefined();
    const long = (length: number) => `"${'x'.repeat(length - 2)}"`;
    expect(parseBoundedJson(long(JSON_TEXT_MAX))).toBeDefined();
    expect(parseBoundedJson(long(JSON_TEXT_MAX + 1))).toBeUndefined();
  });

  test('brackets, commas and escapes inside of strings, do not count', () => {
    const value = { a: '[[[[[[[[[[[[,,,,\\"', b: '\\' };
    expect(parseBoundedJson(JSON.stringify(value))).toEqual(value);
  });

  test('any value within the bounds, comes back', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (any) => {
        const json = JSON.stringify(any);
        const isHostile = /__proto__|constructor|prototype/.test(json);
        fc.pre(!isHostile && json.length < JSON_TEXT_MAX);
        expect(parseBoundedJson(json)).toEqual(JSON.parse(json));
      }),
    );
  });
});
