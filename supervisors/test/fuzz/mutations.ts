/**
 * The fuzzer's changes: to the tree of a frame or of a JSON body (mostly well-formed afterwards), and to its bytes
 * (mostly not). Pure apart from the chance that is given.
 */
import type { Seeded } from '../support/seeded.ts';
import type { WireFrame, WireValue } from '../support/wire.ts';

/** Values at the borders of protocol.md 2.3, 2.12 and 2.13. */
const BORDER_VALUES: readonly WireValue[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  8,
  100,
  101,
  255,
  256,
  65_536,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  Number.MAX_SAFE_INTEGER,
  -(2 ** 31) - 1,
  '',
  ' ',
  '0',
  '\u0000',
  '\u007f',
  '\u202etxt',
  'a\u0301'.repeat(20),
  `a${'\u0301'.repeat(17)}`,
  '\u{1f468}\u200d\u{1f469}',
  'x'.repeat(65),
  'x'.repeat(257),
  'x'.repeat(4001),
  '\u20ac'.repeat(4000),
  '__proto__',
  '{"__proto__":1}',
  [],
  [[]],
  [null],
  Array.from({ length: 101 }, (_, i) => [i + 1]),
  Array.from({ length: 201 }, (_, i) => i),
];

/** Opcodes: all that have a meaning, their neighbours and the ends of the range. */
const OPS_MAX = 70;

/** One to three changes to the elements of a frame; the rid stays a valid one most of the time. */
export function mutateTree(chance: Seeded, seed: WireFrame): WireFrame {
  const frame = structuredClone(seed) as WireValue[];
  for (let left = chance.between(1, 3); left > 0; left -= 1) {
    if (chance.between(0, 19) === 0) frame[0] = chance.between(0, OPS_MAX);
    else changeList(chance, chance.between(0, 9) === 0 ? 1 : 2, frame);
  }
  return frame;
}

/** Changes one element at or after `from`, or one inside of it. */
function changeList(chance: Seeded, from: number, list: WireValue[]): void {
  const at = chance.between(Math.min(from, list.length), list.length);
  const value = list[at];
  if (Array.isArray(value) && value.length > 0 && chance.between(0, 3) > 0) {
    changeList(chance, 0, value as WireValue[]);
    return;
  }
  const kind = chance.between(0, 9);
  if (kind === 0) list.splice(at, 1);
  else if (kind === 1) list.splice(at, 0, borderValue(chance));
  else if (kind === 2 && value !== undefined) list.splice(at, 0, structuredClone(value));
  else if (typeof value === 'number' && kind < 6) list[at] = nearby(chance, value);
  else list[at] = borderValue(chance);
}

/** A copy: a later change to it must not reach into the table. */
function borderValue(chance: Seeded): WireValue {
  return structuredClone(chance.pick(BORDER_VALUES));
}

function nearby(chance: Seeded, value: number): number {
  return Math.min(Math.max(0, value + chance.between(-2, 2)), Number.MAX_SAFE_INTEGER);
}

/** Any value in a JSON document replaced, removed or added; objects too. */
export function mutateJson(chance: Seeded, seed: unknown): unknown {
  if (typeof seed !== 'object' || seed === null || chance.between(0, 9) === 0) {
    return chance.pick(BORDER_VALUES);
  }
  if (Array.isArray(seed)) return seed.map((item) => mutateJson(chance, item));
  const entries = Object.entries(seed);
  const at = chance.between(0, entries.length);
  if (at === entries.length) return { ...seed, [chance.pick(['extra', '__proto__', ''])]: 1 };
  const [key, value] = entries[at]!;
  if (chance.between(0, 5) === 0) entries.splice(at, 1);
  else entries[at] = [key, mutateJson(chance, value)];
  return Object.fromEntries(entries);
}

/** Tokens and pieces of text that no valid frame has. */
const BAD_PIECES: readonly Buffer[] = [
  Buffer.of(0x80),
  Buffer.of(0xc1),
  Buffer.of(0xc4, 1, 0),
  Buffer.of(0xc7, 0, 0),
  Buffer.of(0xca, 0, 0, 0, 0),
  Buffer.of(0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0),
  Buffer.of(0xd3, 0, 0, 0, 0, 0, 0, 0, 1),
  Buffer.of(0xd4, 0x72, 0x40),
  Buffer.of(0xdb, 0xff, 0xff, 0xff, 0xff),
  Buffer.of(0xdc, 0xff, 0xff),
  Buffer.of(0xdd, 0xff, 0xff, 0xff, 0xff),
  Buffer.of(0xa2, 0xc0, 0x80),
  Buffer.from('{}'),
  Buffer.from('1.5'),
  Buffer.from('1e400'),
  Buffer.from('"\\ud800"'),
  Buffer.from('[[[[[['),
];

/** One to four random changes to the bytes: flip, insert, remove, cut, double, a piece that is not allowed. */
export function mutateBytes(chance: Seeded, bytes: Buffer): Buffer {
  let result = bytes;
  for (let left = chance.between(1, 4); left > 0; left -= 1) result = oneChange(chance, result);
  return result;
}

function oneChange(chance: Seeded, bytes: Buffer): Buffer {
  const at = chance.between(0, Math.max(0, bytes.length - 1));
  const head = bytes.subarray(0, at);
  switch (chance.between(0, 6)) {
    case 0:
      return Buffer.concat([head, Buffer.of(chance.between(0, 255)), bytes.subarray(at)]);
    case 1:
      return Buffer.concat([head, bytes.subarray(at + 1)]);
    case 2:
      return head;
    case 3:
      // Doubling again and again would leave the frame sizes that are the point here.
      return bytes.length > 8192 ? head : Buffer.concat([bytes, bytes.subarray(at)]);
    case 4:
      return Buffer.concat([head, chance.pick(BAD_PIECES), bytes.subarray(at)]);
    default: {
      const copy = Buffer.from(bytes);
      if (copy.length > 0) copy[at] = chance.between(0, 255);
      return copy;
    }
  }
}
