/** WebSocket framing against the examples of RFC 6455, section 5.7, and its prohibitions. */
import { describe, expect, test } from 'vitest';
import { buildFrame, FrameReader, Ws } from './websocket.ts';
import { WireError } from './wire-error.ts';

const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex');
const HELLO = hex('81 05 48656c6c6f');
const MASKED_HELLO = hex('81 85 37fa213d 7f9f4d5158');

describe('FrameReader', () => {
  test('an unmasked text message: its payload', () => {
    const [message] = new FrameReader().feed(HELLO);
    expect([message?.opcode, message?.payload.toString()]).toEqual([Ws.text, 'Hello']);
  });

  test('byte after byte: the same message, once', () => {
    const reader = new FrameReader();
    const messages = [...HELLO].flatMap((byte) => reader.feed(Buffer.of(byte)));
    expect(messages.map(({ payload }) => payload.toString())).toEqual(['Hello']);
  });

  test('fragments with a ping between: the ping, then the whole', () => {
    const bytes = Buffer.concat([hex('01 03 48656c'), hex('89 01 70'), hex('80 02 6c6f')]);
    const messages = new FrameReader().feed(bytes);
    expect(messages.map(({ opcode, payload }) => [opcode, payload.toString()])).toEqual([
      [Ws.ping, 'p'],
      [Ws.text, 'Hello'],
    ]);
  });

  test.each([256, 65_536])('%i bytes: read with its longer length', (length) => {
    const payload = Buffer.alloc(length, 7);
    const [message] = new FrameReader().feed(
      buildFrame({ opcode: Ws.binary, payload, masked: false }),
    );
    expect(message?.payload.equals(payload)).toBe(true);
  });

  test('a masked message of a client: its payload', () => {
    const [message] = new FrameReader('client').feed(MASKED_HELLO);
    expect(message?.payload.toString()).toBe('Hello');
  });

  test.each([
    ['a mask of a server', MASKED_HELLO],
    ['a reserved bit', hex('c1 00')],
    ['a reserved opcode', hex('83 00')],
    ['a fragmented ping', hex('09 00')],
    ['a long ping', hex('89 7e 007e')],
    ['a continuation of nothing', hex('80 00')],
    ['a message inside another', hex('01 00 81 00')],
  ])('%s: refused', (_what, bytes) => {
    const reader = new FrameReader();
    expect(() => reader.feed(Buffer.concat([bytes, Buffer.alloc(126)]))).toThrow(WireError);
  });
});

describe('buildFrame', () => {
  test.each([0, 5, 125, 126, 65_535, 65_536])(
    '%i bytes, masked: a server reads them back',
    (length) => {
      const payload = Buffer.alloc(length, 1);
      const [message] = new FrameReader('client').feed(buildFrame({ opcode: Ws.binary, payload }));
      expect(message?.payload.equals(payload)).toBe(true);
    },
  );

  test('fin and rsv: the bits of the first byte', () => {
    const frame = buildFrame({ opcode: 1, payload: Buffer.alloc(0), fin: false, rsv: 5 });
    expect(frame[0]).toBe(0x51);
  });
});
