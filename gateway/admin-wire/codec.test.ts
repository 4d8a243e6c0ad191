/** Frames of the admin socket: what was written is read again, and nothing else is read. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeAdmin, encodeAdmin } from './codec.ts';
import { type AdminEncoding, AdminLimits, AdminOp } from './ops.ts';

const ENCODINGS: readonly AdminEncoding[] = ['mp', 'json'];

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Object.is(n, -0)),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 20, noNullPrototype: true },
    ),
  ),
})).value;

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe.each(ENCODINGS)('%s', (encoding) => {
  test('encodeAdmin, decodeAdmin: any plain value, comes back as it was', () => {
    fc.assert(
      fc.property(plain, (value) => {
        const frame = [AdminOp.EVENT, 1, 1, 'x', value];
        const decoded = decodeAdmin(encodeAdmin(frame, encoding), encoding, 'server');
        expect(decoded).toEqual({ ok: true, frame });
      }),
    );
  });

  test('encodeAdmin: what JSON cannot say, is written as JSON.stringify would have it', () => {
    const odd = {
      gone: undefined,
      nan: Number.NaN,
      big: 10n,
      bytes: Uint8Array.of(1, 2),
      list: [undefined],
    };
    const decoded = decodeAdmin(encodeAdmin([98, 1, odd], encoding), encoding, 'server');
    const wanted = { nan: null, big: '10', bytes: 'AQI=', list: [null] };
    expect(decoded).toEqual({ ok: true, frame: [98, 1, wanted] });
  });

  test('decodeAdmin: any bytes, a frame or a fault, never a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const decoded = decodeAdmin(bytes, encoding);
        if (decoded.ok) expect(decoded.frame[0]).toBeGreaterThanOrEqual(96);
      }),
    );
  });

  test('decodeAdmin: cut or lengthened, a fault', () => {
    const bytes = encodeAdmin([AdminOp.CALL, 7, 'inspect', { id: 'n1', list: [1, 2.5] }], encoding);
    for (let end = 0; end < bytes.length; end += 1) {
      expect(decodeAdmin(bytes.subarray(0, end), encoding).ok).toBe(false);
    }
    const longer = Uint8Array.of(...bytes, 0x31);
    expect(decodeAdmin(longer, encoding).ok).toBe(false);
  });

  test.each([
    [[5, 1], 'opcode'],
    [[95], 'opcode'],
    [[128], 'opcode'],
    [['100'], 'opcode'],
    [[], 'opcode'],
    [{ op: 100 }, 'not_array'],
    [100, 'not_array'],
  ])('decodeAdmin: %j, fault %s', (value, why) => {
    const bytes = encodeAdmin(value as readonly unknown[], encoding);
    expect(decodeAdmin(bytes, encoding)).toEqual({ ok: false, why });
  });

  test('decodeAdmin: nested or full beyond the bounds, a fault; at the bounds, a frame', () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
    const framed = (value: unknown) => decodeAdmin(encodeAdmin([100, value], encoding), encoding);
    expect(framed(nested(AdminLimits.depthMax - 1)).ok).toBe(true);
    expect(framed(nested(AdminLimits.depthMax))).toEqual({ ok: false, why: 'depth' });
    const many = (count: number): unknown[] => new Array(count).fill(0);
    expect(framed(many(AdminLimits.inboundValuesMax - 3)).ok).toBe(true);
    expect(framed(many(AdminLimits.inboundValuesMax))).toEqual({ ok: false, why: 'values' });
  });
});

describe('json', () => {
  test.each([
    ['[100,{"__proto__":{"a":1}}]', 'key'],
    ['[100,', 'json'],
    ['', 'empty'],
  ])('decodeAdmin: %s, fault %s', (value, why) => {
    expect(decodeAdmin(text(value), 'json')).toEqual({ ok: false, why });
  });

  test('decodeAdmin: bytes that are no UTF-8, a fault', () => {
    expect(decodeAdmin(Uint8Array.of(0x5b, 0xff, 0x5d), 'json')).toEqual({
      ok: false,
      why: 'utf8',
    });
  });
});

describe('mp', () => {
  const read = (...bytes: number[]) => decodeAdmin(Uint8Array.of(...bytes), 'mp');

  test.each([
    ['a key twice', [0x92, 100, 0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2], 'key'],
    ['a key that is a number', [0x92, 100, 0x81, 1, 2], 'key'],
    ['__proto__', [0x92, 100, 0x81, 0xa9, ...text('__proto__'), 0], 'key'],
    ['bytes', [0x92, 100, 0xc4, 1, 0], 'token'],
    ['an extension', [0x92, 100, 0xd4, 1, 0], 'token'],
    ['a float32', [0x92, 100, 0xca, 0, 0, 0, 0], 'token'],
    ['NaN', [0x92, 100, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0], 'token'],
    ['an integer beyond 2^53', [0x92, 100, 0xcf, 0xff, 0, 0, 0, 0, 0, 0, 0], 'token'],
    ['text that is no UTF-8', [0x92, 100, 0xa1, 0xff], 'utf8'],
    ['an array longer than the message', [0xdd, 0xff, 0xff, 0xff, 0xff], 'values'],
    ['a map longer than the message', [0x92, 100, 0xde, 0x10, 0], 'truncated'],
  ])('decodeAdmin: %s, a fault', (_what, bytes, why) => {
    expect(read(...bytes)).toEqual({ ok: false, why });
  });

  test('decodeAdmin: every size of number and text, read', () => {
    const values = [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
    const negative = [-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1];
    const texts = ['', 'a'.repeat(31), 'a'.repeat(32), 'é'.repeat(128), 'a'.repeat(70_000)];
    const frame = [103, ...values, ...negative, ...texts, 0.5];
    expect(decodeAdmin(encodeAdmin(frame, 'mp'), 'mp', 'server')).toEqual({ ok: true, frame });
  });
});
