/** Tests of the msgpack codec: worked bytes, round trips, hostile frames, mutations. */
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import {
  decodeFrame,
  decodeMp,
  type Encoding,
  encodeFrame,
  encodeMp,
  encodeOkAppend,
  Limits,
  Op,
  okAppendFrame,
  type WireValue,
} from './index.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');
const why = (text: string): string => {
  const decoded = decodeMp(bytes(text));
  return decoded.ok ? 'ok' : decoded.why;
};

const scalar: fc.Arbitrary<WireValue> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.nat(),
  fc.integer({ min: -40_000, max: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.string({ minLength: 20, maxLength: 300 }),
);
const value: fc.Arbitrary<WireValue> = fc.letrec<{ v: WireValue }>((tie) => ({
  v: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    scalar,
    fc.array(tie('v'), { maxLength: 20 }),
  ),
})).v;
const frame = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.array(value, { maxLength: 24 }))
  .filter(([op]) => op !== Op.EV && op !== Op.HEAD && op !== Op.GAP)
  .map(([op, rest]) => [op, ...rest]);

describe('worked bytes of protocol.md 2.3', () => {
  const APPEND = '96 22 29 ce0001130c a9 6b33763971312d3161 01 a2 6869'.replaceAll(' ', '');
  const EV =
    '98 10 ce0001130c ceadbbe103 ce000e0302 cb4279aa45ab7fb000 01 ce00100127 a2 6869'.replaceAll(
      ' ',
      '',
    );
  const EV_JSON = '[16,70412,2914771203,918274,1763694000123,1,1048871,"hi"]';

  test('encodeMp: APPEND "hi", the documented bytes', () => {
    expect(hex(encodeMp([34, 41, 70412, 'k3v9q1-1a', 1, 'hi']))).toBe(APPEND);
  });
  test('encodeMp: EV "hi", the documented bytes', () => {
    expect(hex(encodeMp(JSON.parse(EV_JSON)))).toBe(EV);
  });
  test('decodeMp: documented EV bytes, the documented JSON', () => {
    const decoded = decodeMp(bytes(EV));
    expect(decoded.ok && JSON.stringify(decoded.frame)).toBe(EV_JSON);
  });
});

describe('frame sizes of protocol.md 2.1', () => {
  const text119 = 'x'.repeat(119);
  const cases: [string, WireValue[], number, number][] = [
    ['message', [16, 70412, 2914771203, 918274, 1763694000123, 1, 1048871, text119], 154, 175],
    ['PING', [6, 1763694000123], 11, 17],
    ['HEAD', [17, 70412, 2914771203, 918274, 1763694000123], 26, 42],
    ['OK of APPEND', [4, 41, 2914771203, 918274, 1763694000123, false], 23, 44],
  ];
  test.each(cases)('encodeFrame: %s, the documented size', (_name, list, mp, json) => {
    // The page's message had one more element, a nil that the body now leaves out (2.17 item 19).
    expect(mp - encodeFrame(list, 'mp').length).toBe(list[0] === Op.EV ? 1 : 0);
    // The page's JSON figures were taken with ids of other lengths.
    expect(Math.abs(encodeFrame(list, 'json').length - json)).toBeLessThanOrEqual(3);
  });
});

describe('round trips', () => {
  test.each(['mp', 'json'] as Encoding[])(
    'encodeFrame: %s, decodes to the same values',
    (encoding) => {
      fc.assert(
        fc.property(frame, (list) => {
          const decoded = decodeFrame(encodeFrame(list, encoding), encoding);
          expect(decoded).toEqual({ ok: true, frame: list });
        }),
      );
    },
  );
  test('encodeMp: any frame, msgpackr reads the same', () => {
    const reader = new Packr({ useRecords: false, int64AsType: 'number' });
    fc.assert(
      fc.property(frame, (list) => {
        expect(reader.unpack(encodeMp(list))).toEqual(list);
      }),
    );
  });
  test('decodeMp: what msgpackr writes, the same values', () => {
    const writer = new Packr({ useRecords: false });
    fc.assert(
      fc.property(frame, (list) => {
        expect(decodeMp(writer.pack(list))).toEqual({ ok: true, frame: list });
      }),
    );
  });
  test('encodeMp: same frame twice, same bytes; undefined is nil; -0 is 0', () => {
    expect(hex(encodeMp([4, undefined, -0]))).toBe('9304c000');
    fc.assert(
      fc.property(frame, (list) => {
        const first = hex(encodeMp(list));
        expect(hex(encodeMp(structuredClone(list)))).toBe(first);
      }),
    );
  });
  test('encodeOkAppend: any result in either encoding, the bytes of encodeFrame', () => {
    const u53 = fc.maxSafeNat();
    const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
    const result = fc.record({ epoch: u32, seq: u53, ts: u53, duplicate: fc.boolean() });
    fc.assert(
      fc.property(u32, result, fc.constantFrom('mp', 'json'), (rid, at, encoding) => {
        const expected = hex(encodeFrame(okAppendFrame(rid, at), encoding));
        expect(hex(encodeOkAppend(rid, at, encoding))).toBe(expected);
        // The buffer behind it is another one after a large frame.
        if (rid % 7 === 0) encodeMp([1, 'x'.repeat(20_000)]);
      }),
    );
  });
  test('encodeMp: string of any length around the header bounds, shortest header', () => {
    for (const length of [0, 1, 10, 11, 31, 32, 48, 49, 85, 86, 255, 256, 4000, 65_535]) {
      for (const char of ['a', 'é', '語', '😀']) {
        const text = char.repeat(Math.floor(length / Buffer.byteLength(char)));
        const size = Buffer.byteLength(text);
        const header = size < 32 ? 1 : size < 256 ? 2 : 3;
        const out = encodeMp([1, text]);
        expect(out.length).toBe(2 + header + size);
        expect(decodeMp(out)).toEqual({ ok: true, frame: [1, text] });
      }
    }
  });
  test('encodeMp: numbers that are no safe integers, too long a string: RangeError', () => {
    for (const bad of [1.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
      expect(() => encodeMp([1, bad])).toThrow(RangeError);
    }
    expect(() => encodeMp([1, 'x'.repeat(65_536)])).toThrow(RangeError);
    expect(() => encodeMp([Op.HEAD, 1, -1, 1, 1])).toThrow(RangeError);
    expect(decodeMp(encodeMp([1, 2]))).toEqual({ ok: true, frame: [1, 2] });
  });
  test('encodeMp: a frame over the kept buffer, right bytes and a small buffer afterwards', () => {
    const big = Array.from({ length: 60 }, (_, i) => `${i}`.padStart(4000, 'y'));
    expect(decodeMp(encodeMp([1, big]))).toEqual({ ok: true, frame: [1, big] });
    expect(hex(encodeMp([1]))).toBe('9101');
  });
});

describe('decodeMp: every uint form and float64 are a u53', () => {
  test.each([
    ['cc05', 5],
    ['cd0005', 5],
    ['ce00000005', 5],
    ['cf0000000000000005', 5],
    ['cf001fffffffffffff', Number.MAX_SAFE_INTEGER],
    ['cb4014000000000000', 5],
    ['cb0000000000000000', 0],
    ['d0fb', -5],
    ['d1fffb', -5],
    ['d2fffffffb', -5],
    ['cbc014000000000000', -5],
  ])('%s', (token, expected) => {
    expect(decodeMp(bytes(`9201${token}`))).toEqual({ ok: true, frame: [1, expected] });
  });
});

describe('decodeMp: bad frames', () => {
  test.each([
    ['', 'empty'],
    ['90', 'opcode'],
    ['01', 'not_array'],
    ['a161', 'not_array'],
    ['91a161', 'opcode'],
    ['91c0', 'opcode'],
    ['91ff', 'opcode'],
    ['91cd0100', 'opcode'],
    ['9101 00', 'trailing'],
    ['9201', 'truncated'],
    ['9201a2 61', 'truncated'],
    ['9201cf00', 'truncated'],
    ['9201cb00', 'truncated'],
    ['9201d9', 'truncated'],
    ['9201da00', 'truncated'],
    // H1
    ['ddffffffff', 'token'],
    ['dcffff', 'truncated'],
    ['9201ddffffffff', 'token'],
    ['9201dcffff', 'truncated'],
    // H2
    ['91'.repeat(16_384), 'depth'],
    ['9201 91 91 91 90', 'depth'],
    // H4, H5
    ['80', 'token'],
    ['920181a15f01', 'token'],
    ['9201df00000000', 'token'],
    ['9201c1', 'token'],
    ['9201d472 00', 'token'],
    ['9201c7006900', 'token'],
    ['9201c40100', 'token'],
    ['9201ca3f800000', 'token'],
    ['9201d30000000000000001', 'token'],
    ['9201db0000000161', 'token'],
    // H6
    ['9201a3fffefd', 'utf8'],
    ['9201a2c0af', 'utf8'],
    ['9201a3eda080', 'utf8'],
    // H8
    ['9201cfffffffffffffffff', 'number'],
    ['9201cf0020000000000000', 'number'],
    ['9201cb7ff8000000000000', 'number'],
    ['9201cb7ff0000000000000', 'number'],
    ['9201cb8000000000000000', 'number'],
    ['9201cb3ff8000000000000', 'number'],
    ['9201cb4340000000000000', 'number'],
  ])('%.24s: %s', (text, expected) => {
    expect(why(text)).toBe(expected);
  });
  test('depth 4 is accepted, and depth 8 where the caller says so', () => {
    expect(why('92 01 91 91 90')).toBe('ok');
    expect(decodeMp(bytes(`9201${'91'.repeat(6)}90`), { depthMax: 8 }).ok).toBe(true);
    expect(decodeMp(bytes(`9201${'91'.repeat(7)}90`), { depthMax: 8 }).ok).toBe(false);
  });
  test('values: 2048 accepted, more refused, also spread over nested arrays (H3)', () => {
    const max = Limits.inboundValuesMax;
    const wide = (count: number): Uint8Array => encodeMp(Array.from({ length: count }, () => 1));
    expect(decodeMp(wide(max)).ok).toBe(true);
    expect(decodeMp(wide(max + 1))).toEqual({ ok: false, why: 'values' });
    const nested = encodeMp([1, [...Array(1100)].map(() => [1, 1])]);
    expect(decodeMp(nested)).toEqual({ ok: false, why: 'values' });
  });
  test('a byte order mark stays in the string', () => {
    const text = `\ufeff${'x'.repeat(60)}`;
    expect(decodeMp(encodeMp([1, text]))).toEqual({ ok: true, frame: [1, text] });
  });
});

describe('decodeMp: mutation fuzz', () => {
  test('any mutation of a valid frame: a value or a reason, never a throw, and valid afterwards', () => {
    const mutation = fc.tuple(
      frame,
      fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { maxLength: 6 }),
      fc.nat(3),
    );
    fc.assert(
      fc.property(mutation, ([list, edits, cut]) => {
        const input = encodeMp(list);
        for (const [at, byte] of edits) if (input.length > 0) input[at % input.length] = byte;
        const decoded = decodeMp(cut === 0 ? input.subarray(0, input.length >> 1) : input);
        if (decoded.ok) expect(decodeMp(encodeMp(plain(decoded.frame))).ok).toBe(true);
        else expect(typeof decoded.why).toBe('string');
      }),
      { numRuns: 500 },
    );
  });
  test('random bytes: never a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        expect(typeof decodeMp(input).ok).toBe('boolean');
      }),
      { numRuns: 500 },
    );
  });
  test('msgpackr extensions (RegExp, Date, Set, Error, Map, bin): all refused', () => {
    const packr = new Packr({ moreTypes: true, structuredClone: true });
    const things = [/x/, new Date(0), new Set([1]), new Error('x'), { a: 1 }, new Uint8Array(3)];
    for (const thing of things) {
      expect(decodeMp(packr.pack([1, thing])).ok).toBe(false);
    }
  });
});

/** Keeps opcodes with an epoch out of the way: their third element must be a u32 to be encoded. */
function plain(list: readonly WireValue[]): readonly WireValue[] {
  return [1, ...list.slice(1)];
}
