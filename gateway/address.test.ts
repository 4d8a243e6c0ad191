/** Tests of address.ts. */
import { expect, test } from 'vitest';
import { addressKey, isLoopback, normalizeAddress } from './address.ts';

const v6 = (...groups: number[]): Uint8Array =>
  Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));

test.each([
  [Uint8Array.of(192, 0, 2, 7), '192.0.2.7', '192.0.2.7'],
  [v6(0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0207), '192.0.2.7', '192.0.2.7'],
  [v6(0, 0, 0, 0, 0, 0, 0, 1), '::1', '0:0:0:0'],
  [v6(0, 0, 0, 0, 0, 0, 0, 0), '::', '0:0:0:0'],
  [v6(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1), '2001:db8::1:0:0:1', '2001:db8:0:0'],
  [v6(0x2001, 0xdb8, 0, 1, 1, 1, 1, 1), '2001:db8:0:1:1:1:1:1', '2001:db8:0:1'],
  [v6(0x2001, 0xdb8, 5, 6, 0, 0, 0, 0), '2001:db8:5:6::', '2001:db8:5:6'],
  [v6(0, 0, 1, 0, 0, 0, 0, 9), '0:0:1::9', '0:0:1:0'],
  [new Uint8Array(0), 'unknown', 'unknown'],
])('normalizeAddress: %s is %s and counts under %s', (bytes, text, key) => {
  expect(normalizeAddress(bytes)).toBe(text);
  expect(normalizeAddress(Uint8Array.from(bytes).buffer)).toBe(text);
  expect(addressKey(text)).toBe(key);
});

test('addressKey: two addresses of one /64 share a key, two of different ones do not', () => {
  expect(addressKey('2001:db8::1')).toBe(addressKey('2001:db8::ffff:2'));
  expect(addressKey('2001:db8:0:1::1')).not.toBe(addressKey('2001:db8::1'));
});

test('isLoopback: 127.0.0.0/8 and ::1 only', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1'].map(isLoopback)).toEqual([true, true, true]);
  expect(['128.0.0.1', '::', '10.0.0.1', 'unknown'].map(isLoopback)).toEqual([
    false,
    false,
    false,
    false,
  ]);
});
