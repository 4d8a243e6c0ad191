/**
 * H1 to H12 and H15 of protocol.md 3 with raw bytes: the exact answer each time, while a healthy witness
 * keeps chatting. Both encodings where both can carry the attack.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useServer } from './support/fixture.ts';
import { ENCODINGS, type Encoding, encode } from './support/raw-client.ts';
import type { RawSocket } from './support/raw-socket.ts';
import { encodeMsgpack, OP, type WireFrame } from './support/wire.ts';
import { Witness } from './support/witness.ts';

const LONG = process.env.LONG === '1';
const fixture = useServer({ users: 3 });
let witness: Witness;
let startRss = 0;

beforeAll(async () => {
  witness = await Witness.start(fixture, 'witness');
  startRss = serverRssMb();
});

afterAll(async () => {
  console.log(`hostile: server memory ${startRss} MB before, ${serverRssMb()} MB after`);
});

function serverRssMb(): number {
  const status = readFileSync(`/proc/${fixture.server.serverPid}/status`, 'latin1');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** `[7, 1, <token>]` as bytes: a TIME with one more element, which alone decides. */
const inTime = (token: Buffer): Buffer => Buffer.concat([hex('93 07 01'), token]);

/** Sends one payload on a fresh identified connection; the close and the ERR before it. */
async function attack(
  encoding: Encoding,
  payload: Buffer,
): Promise<{ code: number; err: WireFrame | undefined; reason: string }> {
  const client = await fixture.client(2, encoding);
  client.sendPayload(payload);
  const { code, reason } = await client.closed;
  const err = client.received().find((frame) => frame[0] === OP.err);
  return { code, reason, err };
}

async function expectBadFrame(encoding: Encoding, payload: Buffer): Promise<void> {
  const { code, reason, err } = await attack(encoding, payload);
  expect({ code, reason, err: err?.slice(0, 4) }).toEqual({
    code: 4500,
    reason: 'bad_frame',
    err: [OP.err, 0, 4500, 'bad_frame'],
  });
  await witness.chats();
}

/** An APPEND whose content is these bytes, header included. */
function appendWith(content: Buffer): Buffer {
  const head = encodeMsgpack([OP.append, 1, fixture.sid, 'h6', 1]).subarray(1);
  return Buffer.concat([Buffer.of(0x96), head, content]);
}

const MP_BAD: readonly (readonly [string, () => Buffer])[] = [
  ['H1 array32 of 2^32-1', () => hex('dd ffffffff')],
  ['H1 array16 of 65535 without items', () => hex('dc ffff')],
  ['H1 array16 inside', () => inTime(hex('dc ffff'))],
  ['H1 array32 inside', () => inTime(hex('dd ffffffff'))],
  ['H1 array16 inside an array', () => inTime(hex('91 dc ffff 00'))],
  ['H1 str16 longer than the frame', () => inTime(hex('da ffff 61'))],
  ['H2 depth 5', () => inTime(hex('91 91 91 91 00'))],
  ['H2 16 KiB of 91', () => Buffer.alloc(16_384, 0x91)],
  ['H3 3000 small integers', () => Buffer.concat([hex('dc 0bb8'), Buffer.alloc(3000, 7)])],
  ['H4 empty map', () => inTime(hex('80'))],
  ['H4 map as frame', () => hex('81 a1 61 01')],
  ['H4 map with __proto__', () => inTime(hex('81 a9 5f5f70726f746f5f5f 01'))],
  ['H4 map with constructor', () => inTime(hex('81 ab 636f6e7374727563746f72 01'))],
  ['H4 map with prototype', () => inTime(hex('81 a9 70726f746f74797065 01'))],
  ['H4 map16 of 65535', () => inTime(hex('de ffff'))],
  ['H4 map32', () => inTime(hex('df 00000001 01 01'))],
  ['H4 map of 8000 entries', () => Buffer.concat([hex('de 1f40'), Buffer.alloc(16_000, 1)])],
  ['H5 timestamp ext', () => inTime(hex('d6 ff 00000000'))],
  ['H5 RegExp ext', () => inTime(hex('c7 04 78 92 a1 61 a0'))],
  ['H5 record definition', () => inTime(hex('d4 72 40 91 a1 61 01'))],
  ['H5 cyclic ext 0x69', () => inTime(hex('d6 69 00000001 91 01'))],
  ['H5 cyclic ext 0x70', () => inTime(hex('d6 70 00000001'))],
  ['H5 ext8 empty', () => inTime(hex('c7 00 01'))],
  ['H5 ext16', () => inTime(hex('c8 0001 01 00'))],
  ['H5 ext32', () => inTime(hex('c9 00000001 01 00'))],
  ['H5 0xc1', () => inTime(hex('c1'))],
  ['H5 bin8', () => inTime(hex('c4 01 00'))],
  ['H5 bin16', () => inTime(hex('c5 0001 00'))],
  ['H5 bin32', () => inTime(hex('c6 00000001 00'))],
  ['H5 float32', () => inTime(hex('ca 3f800000'))],
  ['E2 int64', () => inTime(hex('d3 0000000000000001'))],
  ['H5 str32', () => inTime(hex('db 00000001 61'))],
  ['H6 invalid bytes', () => appendWith(hex('a3 ff fe fd'))],
  ['H6 overlong', () => appendWith(hex('a2 c0 af'))],
  ['H6 overlong of three', () => appendWith(hex('a3 e0 80 af'))],
  ['H6 surrogate', () => appendWith(hex('a3 ed a0 80'))],
  ['H6 beyond U+10FFFF', () => appendWith(hex('a4 f4 90 80 80'))],
  ['H6 truncated sequence', () => appendWith(hex('a2 61 e2'))],
  ['H6 lone continuation', () => appendWith(hex('a1 80'))],
  ['H8 uint64 of 2^64-1', () => inTime(hex('cf ffffffffffffffff'))],
  ['H8 uint64 of 2^53', () => inTime(hex('cf 0020000000000000'))],
  ['H8 float64 of 2^53', () => inTime(hex('cb 4340000000000000'))],
  ['H8 NaN', () => inTime(hex('cb 7ff8000000000000'))],
  ['H8 infinity', () => inTime(hex('cb 7ff0000000000000'))],
  ['H8 negative zero', () => inTime(hex('cb 8000000000000000'))],
  ['H8 1.5', () => inTime(hex('cb 3ff8000000000000'))],
  ['H9 trailing byte', () => hex('92 07 01 00')],
  ['H9 second frame in the message', () => hex('92 07 01 92 07 02')],
  ['H9 truncated array', () => hex('92 07')],
  ['H9 truncated integer', () => hex('92 07 ce 0000')],
  ['H9 empty message', () => Buffer.alloc(0)],
  ['not an array', () => hex('07')],
  ['empty array', () => hex('90')],
  ['opcode a string', () => hex('92 a1 37 01')],
  ['opcode 256', () => hex('92 cd 0100 01')],
  ['opcode -1', () => hex('92 ff 01')],
  ['opcode nil', () => hex('92 c0 01')],
];

const nest = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

const JSON_BAD: readonly (readonly [string, string])[] = [
  ['H1 array that does not end', '[7,1,[1,2'],
  ['H2 depth 5', `[7,1,${nest(4)}]`],
  ['H2 16 KiB of [', '['.repeat(16_384)],
  ['H2 8 KiB of [ and ]', nest(8192)],
  ['H3 3000 small integers', `[${Array.from({ length: 3000 }, () => 7).join(',')}]`],
  ['H4 object', '{"op":7}'],
  ['H4 object inside', '[7,1,{}]'],
  ['H4 object with __proto__', '[7,1,{"__proto__":{"a":1}}]'],
  ['H4 object with constructor', '[7,1,{"constructor":{"prototype":1}}]'],
  ['H8 1.5', '[7,1,1.5]'],
  ['H8 1e400', '[7,1,1e400]'],
  ['H8 2^53', '[7,1,9007199254740992]'],
  ['H8 1e300', '[7,1,1e300]'],
  ['H9 trailing text', '[7,1]x'],
  ['H9 two frames', '[7,1][7,2]'],
  ['H9 truncated', '[7,1'],
  ['H9 trailing comma', '[7,1,]'],
  ['H9 empty message', ''],
  ['H9 only a space', ' '],
  ['not JSON', 'hello'],
  ['NaN', '[7,1,NaN]'],
  ['lone surrogate escape', '[7,1,"\\ud800"]'],
  ['swapped surrogate escapes', '[7,1,"\\udc00\\ud800"]'],
  ['not an array', '7'],
  ['empty array', '[]'],
  ['opcode a string', '["7",1]'],
  ['opcode 256', '[256,1]'],
  ['opcode -1', '[-1,1]'],
  ['opcode 1.5', '[1.5,1]'],
  ['opcode null', '[null,1]'],
];

describe('bad frames', () => {
  test.each(MP_BAD)('mp, %s: ERR 0 and close 4500', async (_what, payload) => {
    await expectBadFrame('mp', payload());
  });

  test.each(JSON_BAD)('json, %s: ERR 0 and close 4500', async (_what, text) => {
    await expectBadFrame('json', Buffer.from(text, 'utf8'));
  });

  test('H6: none of the bad strings was stored or sent', async () => {
    const reader = await fixture.client(0);
    const [entry] = await reader.sub([[fixture.sid]]);
    expect(entry?.[6]).toBe(0);
  });

  test.each(ENCODINGS)('%s: a bad frame before IDENTIFY, 4500 as well', async (encoding) => {
    const client = await fixture.connect(encoding);
    client.sendPayload(encoding === 'mp' ? hex('c1') : Buffer.from('{}'));
    expect((await client.closed).code).toBe(4500);
    expect(client.received().at(-1)?.slice(0, 4)).toEqual([OP.err, 0, 4500, 'bad_frame']);
  });

  test('a text message on mp and a binary one on json: 4500', async () => {
    const mp = await fixture.client(2, 'mp');
    mp.socket.send(Buffer.from('[7,1]'), true);
    expect((await mp.closed).code).toBe(4500);
    const json = await fixture.client(2, 'json');
    json.socket.send(hex('92 07 01'), false);
    expect((await json.closed).code).toBe(4500);
    await witness.chats();
  });

  test('H2: deep nesting again and again from ten sockets at a time', async () => {
    const rounds = LONG ? 100 : 10;
    for (let round = 0; round < rounds; round += 1) {
      const one = async (): Promise<number> =>
        (await attack('mp', Buffer.alloc(16_384, 0x91))).code;
      const codes = await Promise.all(Array.from({ length: 10 }, one));
      expect(new Set(codes)).toEqual(new Set([4500]));
    }
    await witness.chats();
  });
});

describe('numbers that are well-formed', () => {
  test.each(ENCODINGS)(
    '%s, H8: a negative id is ERR 101 and the connection lives',
    async (encoding) => {
      const client = await fixture.client(2, encoding);
      const reply = await client.request(OP.sub, [[[-5]]]);
      expect(reply.slice(0, 4)).toEqual([OP.err, reply[1], 101, 'bad_args']);
      expect((await client.request(OP.time, []))[0]).toBe(OP.ok);
    },
  );

  test('mp: the rid as each form of an integer, answered', async () => {
    const client = await fixture.client(2);
    const forms = [
      '05',
      'cc 06',
      'cd 0007',
      'ce 00000008',
      'cf 0000000000000009',
      'd0 0a',
      'd1 000b',
      'd2 0000000c',
      'cb 402a000000000000',
    ];
    for (const [index, form] of forms.entries()) {
      const reply = client.waitFor((frame) => frame[0] === OP.ok && frame[1] === 5 + index, form);
      client.sendPayload(Buffer.concat([hex('92 07'), hex(form)]));
      await reply;
    }
  });

  test('json: 1.0, 1e2 and spaces are judged by value', async () => {
    const client = await fixture.client(2, 'json');
    for (const [text, rid] of [
      ['[7,11.0]', 11],
      ['[7,1e2]', 100],
      [' [ 7 , 12 ] ', 12],
      ['[7,1200e-2]', 12],
    ] as const) {
      const reply = client.waitFor((frame) => frame[0] === OP.ok && frame[1] === rid, text);
      client.sendPayload(Buffer.from(text));
      await reply;
    }
  });
});

describe('H7 invalid UTF-8 in a text message', () => {
  test('json: 1006', async () => {
    const { code } = await attack(
      'json',
      Buffer.concat([Buffer.from('[34,1,"'), hex('ff fe'), Buffer.from('"]')]),
    );
    expect(code).toBe(1006);
    await witness.chats();
  });
});

describe('H10 size', () => {
  /** A well-formed TIME with one long string, `bytes` long in all. */
  const sized = (encoding: Encoding, bytes: number): Buffer => {
    const bare = encode(encoding, [OP.time, 1, 'x'.repeat(300)]).length - 300;
    return encode(encoding, [OP.time, 1, 'x'.repeat(bytes - bare)]);
  };

  describe.each(ENCODINGS)('%s', (encoding) => {
    test('32 KiB: inside the limit, no close for its size', async () => {
      const client = await fixture.client(2, encoding);
      const reply = client.waitFor(
        (frame) => frame[1] === 1 && (frame[0] === OP.ok || frame[0] === OP.err),
        'reply',
      );
      client.sendPayload(sized(encoding, 32_768));
      await reply;
      expect(client.isOpen).toBe(true);
    });

    test.each([32_769, 33 * 1024, 64 * 1024])('%i bytes: ERR 0 and close 4501', async (bytes) => {
      const { code, reason, err } = await attack(encoding, sized(encoding, bytes));
      expect({ code, reason, err: err?.slice(0, 4) }).toEqual({
        code: 4501,
        reason: 'too_large',
        err: [OP.err, 0, 4501, 'too_large'],
      });
      await witness.chats();
    });

    test('65 KiB: 1006', async () => {
      const bytes =
        encoding === 'mp' ? Buffer.alloc(65 * 1024, 0x91) : Buffer.alloc(65 * 1024, ' ');
      expect((await attack(encoding, bytes)).code).toBe(1006);
      await witness.chats();
    });

    test('33 KiB in fragments: 4501', async () => {
      const client = await fixture.client(2, encoding);
      sendFragments(client.socket, encoding, sized(encoding, 33 * 1024), 1024);
      expect((await client.closed).code).toBe(4501);
      await witness.chats();
    });

    test('40 fragments of 2 KiB: 1006', async () => {
      const client = await fixture.client(2, encoding);
      sendFragments(
        client.socket,
        encoding,
        Buffer.alloc(80 * 1024, encoding === 'mp' ? 0 : ' '),
        2048,
      );
      expect((await client.closed).code).toBe(1006);
      await witness.chats();
    });

    test('a small request in fragments: answered', async () => {
      const client = await fixture.client(2, encoding);
      const reply = client.waitFor((frame) => frame[0] === OP.ok && frame[1] === 77, 'TIME');
      sendFragments(client.socket, encoding, encode(encoding, [OP.time, 77]), 1);
      await reply;
    });
  });
});

function sendFragments(socket: RawSocket, encoding: Encoding, payload: Buffer, size: number): void {
  for (let at = 0; at < payload.length; at += size) {
    const opcode = at > 0 ? 0 : encoding === 'json' ? 1 : 2;
    const fin = at + size >= payload.length;
    socket.sendFrame({ opcode, payload: payload.subarray(at, at + size), fin });
  }
}

describe('H11 WebSocket framing', () => {
  test.each([1, 2, 4, 7])('RSV bits %i: 1006', async (rsv) => {
    const client = await fixture.client(2);
    client.socket.sendFrame({ opcode: 2, payload: hex('92 07 01'), rsv });
    expect((await client.closed).code).toBe(1006);
    await witness.chats();
  });

  test.each([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])('reserved opcode %i: 1006', async (opcode) => {
    const client = await fixture.client(2);
    client.socket.sendFrame({ opcode, payload: hex('92 07 01') });
    expect((await client.closed).code).toBe(1006);
    await witness.chats();
  });

  test('a fragmented ping and a ping of 126 bytes: 1006', async () => {
    const first = await fixture.client(2);
    first.socket.sendFrame({ opcode: 9, payload: Buffer.alloc(3), fin: false });
    expect((await first.closed).code).toBe(1006);
    const second = await fixture.client(2);
    second.socket.sendFrame({ opcode: 9, payload: Buffer.alloc(126) });
    expect((await second.closed).code).toBe(1006);
    await witness.chats();
  });

  test('H27: permessage-deflate offered, not selected', async () => {
    const client = await fixture.connect('mp', {
      headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' },
    });
    expect(client.socket.responseHeaders.has('sec-websocket-extensions')).toBe(false);
  });
});

describe('the witness', () => {
  test('chatted through everything, the server still has its memory', async () => {
    expect(await witness.verdict()).toEqual([]);
    expect(serverRssMb() - startRss).toBeLessThan(64);
  });
});
