/** The reader and writer of msgpack against the bytes that protocol.md 2.3 and section 3 print. */
import { describe, expect, test } from 'vitest';
import { elementsOf, readMsgpack, writeMsgpack } from './msgpack.ts';
import type { Frame } from './types.ts';
import { WireError } from './wire-error.ts';

const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex');

/** The worked bytes of 2.3. */
const APPEND = '96 22 29 ce0001130c a9 6b33763971312d3161 01 a2 6869';
const EV = '98 10 ce0001130c ceadbbe103 ce000e0302 cb4279aa45ab7fb000 01 ce00100127 a2 6869';

describe('readMsgpack', () => {
  test('the worked APPEND: its array', () => {
    expect(readMsgpack(hex(APPEND))).toEqual([34, 41, 70412, 'k3v9q1-1a', 1, 'hi']);
  });

  test('the worked EV, whose ts is a float64: its array', () => {
    const ev = [16, 70412, 2914771203, 918274, 1763694000123, 1, 1048871, 'hi'];
    expect(readMsgpack(hex(EV))).toEqual(ev);
  });

  test.each([
    ['92 07 05', 5],
    ['92 07 cc 05', 5],
    ['92 07 cd 0005', 5],
    ['92 07 ce 00000005', 5],
    ['92 07 cf 0000000000000005', 5],
    ['92 07 d0 05', 5],
    ['92 07 d1 0005', 5],
    ['92 07 d2 00000005', 5],
    ['92 07 d3 0000000000000005', 5],
    ['92 07 cb 4014000000000000', 5],
    ['92 07 cf 001fffffffffffff', 2 ** 53 - 1],
    ['92 07 ff', -1],
    ['92 07 c0', null],
    ['92 07 c2', false],
    ['92 07 c3', true],
    ['92 07 d9 01 61', 'a'],
    ['92 07 da 0001 61', 'a'],
    ['92 07 dc 0001 01', [1]],
  ])('%s: allowed, its value', (bytes, value) => {
    expect(readMsgpack(hex(bytes))).toEqual([7, value]);
  });

  test.each([
    ['map', '92 07 80'],
    ['bin', '92 07 c4 00'],
    ['ext', '92 07 d4 72 40'],
    ['float32', '92 07 ca 3f800000'],
    ['c1', '92 07 c1'],
    ['str32', '92 07 db 00000001 61'],
    ['array32', 'dd 00000001 07'],
    ['2^53', '92 07 cf 0020000000000000'],
    ['a fraction', '92 07 cb 3ff8000000000000'],
    ['NaN', '92 07 cb 7ff8000000000000'],
    ['-0', '92 07 cb 8000000000000000'],
    ['overlong UTF-8', '92 07 a2 c0af'],
    ['a surrogate', '92 07 a3 eda080'],
    ['a trailing byte', '92 07 01 00'],
    ['a truncated array', '93 07 01'],
    ['a truncated string', '92 07 a3 61'],
    ['an array past the end', 'dc ffff 07'],
    ['no array', '07'],
    ['nothing', ''],
    ['depth 9', '91'.repeat(9)],
  ])('%s: refused', (_what, bytes) => {
    expect(() => readMsgpack(hex(bytes))).toThrow(WireError);
  });
});

describe('writeMsgpack', () => {
  test('the worked APPEND: its bytes', () => {
    expect(writeMsgpack([34, 41, 70412, 'k3v9q1-1a', 1, 'hi'])).toEqual(hex(APPEND));
  });

  test('every size of number, string and array: read back', () => {
    const numbers = [
      0,
      127,
      128,
      255,
      256,
      65535,
      65536,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 53 - 1,
      -1,
      -99,
    ];
    const texts = ['', 'a'.repeat(31), 'a'.repeat(32), 'ü'.repeat(200), '語'.repeat(4000)];
    const frame: Frame = [34, numbers, texts, Array.from({ length: 300 }, () => null), true, false];
    expect(readMsgpack(writeMsgpack(frame))).toEqual(frame);
  });

  test('a fraction: RangeError', () => {
    expect(() => writeMsgpack([1.5])).toThrow(RangeError);
  });
});

test('elementsOf: an array of arrays, the bytes of each', () => {
  const parts = elementsOf(hex('93 92 10 01 a2 6869 91 05'));
  expect(parts.map((part) => Buffer.from(part).toString('hex'))).toEqual([
    '921001',
    'a26869',
    '9105',
  ]);
});
