/**
 * The frames of H1 to H6, H8 and H9 (protocol.md section 3), as bytes of each encoding, and the sizes of H10. `[7,1,...]` is TIME, whose trailing
 * elements a server ignores once it could read them. Pure.
 */
import type { Encoding } from '../wire/types.ts';

/** A message that must end the connection with 4500. */
export interface HostileFrame {
  readonly name: string;
  readonly bytes: Buffer;
}

const DEEP = 16_384;
const WIDE = 3000;

/** All hostile frames of an encoding. */
export function hostileFrames(encoding: Encoding): readonly HostileFrame[] {
  const table = encoding === 'mp' ? msgpack() : json();
  return table.map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes) }));
}

/** A well-formed TIME of exactly `bytes` bytes. */
export function sized(encoding: Encoding, bytes: number): Buffer {
  if (encoding === 'json') return Buffer.from(`[7,1,"${'x'.repeat(bytes - 8)}"]`);
  const text = bytes - 6;
  return Buffer.concat([
    hex('93 07 01 da'),
    Buffer.of(text >> 8, text & 255),
    Buffer.alloc(text, 'x'),
  ]);
}

function msgpack(): [string, Buffer][] {
  const inTime = (value: string): Buffer => hex(`93 07 01 ${value}`);
  const append = (text: string): Buffer => hex(`96 22 01 07 a1 6e 01 ${text}`);
  return [
    ['H1 array32 of 2^32-1', hex('dd ffffffff')],
    ['H1 array16 past the end', hex('dc ffff')],
    ['H1 nested array16', inTime('dc ffff dc ffff dc ffff')],
    ['H1 array32 inside', inTime('dd ffffffff')],
    ['H2 16 KiB of 91', Buffer.alloc(DEEP, 0x91)],
    ['H2 depth 5', inTime('91 91 91 91 00')],
    ['H3 3000 integers', Buffer.concat([hex('dc 0bb8'), Buffer.alloc(WIDE, 7)])],
    ['H4 map', hex('81 a2 6f70 07')],
    ['H4 map16', inTime('de 0001 a1 61 01')],
    ['H4 map32 of 2^32-1', inTime('df ffffffff')],
    ['H4 __proto__', inTime(`81 a9 ${text('__proto__')} 81 a1 61 01`)],
    ['H4 constructor', inTime(`81 ab ${text('constructor')} 01`)],
    ['H4 prototype', inTime(`81 a9 ${text('prototype')} 01`)],
    ['H5 date', inTime('d6 ff 00000000')],
    ['H5 RegExp', inTime('c7 04 78 92 a1 61 a0')],
    ['H5 record definition', inTime('d4 72 40')],
    ['H5 cyclic', inTime('d6 69 00000000')],
    ['H5 cyclic pointer', inTime('d6 70 00000000')],
    ['H5 c1', inTime('c1')],
    ['H5 bin', inTime('c4 01 00')],
    ['H5 float32', inTime('ca 3f800000')],
    ['H6 invalid UTF-8', append('a3 ff fe fd')],
    ['H6 overlong', append('a2 c0 af')],
    ['H6 surrogate', append('a3 ed a0 80')],
    ['H8 2^64-1', inTime('cf ffffffffffffffff')],
    ['H8 2^53', inTime('cf 0020000000000000')],
    ['H8 NaN', inTime('cb 7ff8000000000000')],
    ['H8 -0', inTime('cb 8000000000000000')],
    ['H8 1.5', inTime('cb 3ff8000000000000')],
    ['H9 trailing byte', hex('92 07 01 00')],
    ['H9 truncated', hex('92 07')],
    ['H9 empty', Buffer.alloc(0)],
  ];
}

function json(): [string, string][] {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  return [
    ['H1 array without its end', '[7,1,[1,2'],
    ['H2 16 KiB of [', '['.repeat(DEEP)],
    ['H2 deep and closed', nested(DEEP / 2)],
    ['H2 depth 5', `[7,1,${nested(4)}]`],
    ['H3 3000 integers', `[${Array.from({ length: WIDE }, () => 7).join(',')}]`],
    ['H4 object', '{"op":7}'],
    ['H4 object inside', '[7,1,{"a":1}]'],
    ['H4 __proto__', '[7,1,{"__proto__":{"a":1}}]'],
    ['H4 constructor', '[7,1,{"constructor":{"prototype":1}}]'],
    ['H5 not a value of JSON', '[7,1,undefined]'],
    ['H6 lone surrogate', '[34,1,7,"n",1,"\\ud800"]'],
    ['H8 2^53', '[7,1,9007199254740992]'],
    ['H8 NaN', '[7,1,NaN]'],
    ['H8 1.5', '[7,1,1.5]'],
    ['H8 1e400', '[7,1,1e400]'],
    ['H9 trailing text', '[7,1]x'],
    ['H9 second frame', '[7,1][7,2]'],
    ['H9 truncated', '[7,1'],
    ['H9 empty', ''],
  ];
}

function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex');
}

function text(value: string): string {
  return Buffer.from(value).toString('hex');
}
