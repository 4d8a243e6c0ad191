/** The outsider's own tools against independent ones: msgpackr for the codec, ws for the framing. */
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { RawSocket, UpgradeRefused } from './raw-socket.ts';
import { batchSlices, decodeMsgpack, encodeMsgpack, type WireValue } from './wire.ts';

const packr = new Packr({ useRecords: false });

const values: fc.Arbitrary<WireValue> = fc.letrec<{ value: WireValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.nat(),
    fc.integer({ min: -(2 ** 31), max: -1 }),
    fc.maxSafeNat(),
    fc.double({ noNaN: true }).filter((value) => !Object.is(value, -0)),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 40 }),
  ),
})).value;

describe('wire', () => {
  test('encodeMsgpack, decodeMsgpack: any value, the same value', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(decodeMsgpack(encodeMsgpack(value))).toEqual(value);
      }),
    );
  });

  test('encodeMsgpack: any value, msgpackr reads the same', () => {
    const normal = (value: unknown): unknown => {
      if (typeof value === 'bigint') return Number(value);
      return Array.isArray(value) ? value.map(normal) : value;
    };
    fc.assert(
      fc.property(values, (value) => {
        expect(normal(packr.unpack(encodeMsgpack(value)))).toEqual(value);
      }),
    );
  });

  test('decodeMsgpack: what msgpackr writes, the same value', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.maxSafeNat(), fc.string(), fc.boolean())), (value) => {
        expect(decodeMsgpack(packr.pack(value))).toEqual(value);
      }),
    );
  });

  test('decodeMsgpack: forbidden tokens, trailing and missing bytes, RangeError', () => {
    for (const hex of [
      '80',
      'c1',
      'c400',
      'ca00000000',
      'd40000',
      'dd00000000',
      'db00000000',
      '9200',
      '0000',
      '92',
    ]) {
      expect(() => decodeMsgpack(Buffer.from(hex, 'hex'))).toThrow();
    }
  });

  test('batchSlices: the bytes of each frame', () => {
    const frames: WireValue[] = [
      [16, 1, 'x'],
      [17, 2],
      [18, 2 ** 40],
    ];
    const slices = batchSlices(encodeMsgpack([12, frames]));
    expect(slices.map((slice) => decodeMsgpack(slice))).toEqual(frames);
  });
});

describe('RawSocket', () => {
  const servers: WebSocketServer[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  function serve(): Promise<{ server: WebSocketServer; port: number }> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    servers.push(server);
    return new Promise((resolve) => {
      server.once('listening', () =>
        resolve({ server, port: (server.address() as AddressInfo).port }),
      );
    });
  }

  test('RawSocket: messages of any size, whole and in fragments, come back as sent', async () => {
    const { server, port } = await serve();
    server.on('connection', (peer) => {
      peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary }));
    });
    const socket = await RawSocket.open({ port, protocols: ['a', 'b'] });
    expect(socket.protocol).toBe('a');
    for (const size of [0, 1, 125, 126, 65_535, 65_536, 200_000]) {
      const payload = Buffer.alloc(size, 'x');
      const echoed = new Promise<Buffer>((resolve) => {
        socket.onMessage = resolve;
      });
      if (size < 10) socket.send(payload, true);
      else {
        socket.sendFrame({ opcode: 2, payload: payload.subarray(0, 7), fin: false });
        socket.sendFrame({ opcode: 0, payload: payload.subarray(7) });
      }
      expect((await echoed).equals(payload)).toBe(true);
    }
    socket.cut();
  });

  test('RawSocket: close code and reason, 1006 without a close frame', async () => {
    const { server, port } = await serve();
    server.once('connection', (peer) => peer.close(4500, 'bad_frame'));
    const first = await RawSocket.open({ port, protocols: [] });
    expect(await first.closed).toEqual({ code: 4500, reason: 'bad_frame' });
    server.once('connection', (peer) => peer.terminate());
    const second = await RawSocket.open({ port, protocols: [] });
    expect((await second.closed).code).toBe(1006);
  });

  test('RawSocket: pings are answered, unmasked and RSV frames are sent as asked', async () => {
    const { server, port } = await serve();
    const ponged = new Promise<void>((resolve) => {
      server.once('connection', (peer) => {
        peer.once('pong', () => resolve());
        peer.ping();
      });
    });
    const socket = await RawSocket.open({ port, protocols: [] });
    await ponged;
    for (const peer of server.clients) peer.on('error', () => {});
    socket.sendFrame({ opcode: 2, payload: Buffer.alloc(3), masked: false });
    expect((await socket.closed).code).toBe(1002);
  });

  test('RawSocket.open: another status than 101, UpgradeRefused', async () => {
    const { server, port } = await serve();
    server.options.verifyClient = () => false;
    await expect(RawSocket.open({ port, protocols: [] })).rejects.toThrow(UpgradeRefused);
  });
});
