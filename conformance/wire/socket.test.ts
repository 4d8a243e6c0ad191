/** The upgrade and the end of a connection, against a server of a few lines that answers what a test says. */
import { createHash } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket as Tcp } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type Ended, openSocket, type Socket, UpgradeRefused } from './socket.ts';
import { buildFrame, FrameReader, type Incoming, Ws } from './websocket.ts';
import { WireError } from './wire-error.ts';

const running: Server[] = [];
const sockets: Tcp[] = [];

afterEach(async () => {
  for (const tcp of sockets.splice(0)) tcp.destroy();
  for (const server of running.splice(0)) await new Promise((resolve) => server.close(resolve));
});

/** A server that reads one request and hands it over. */
async function serve(onRequest: (request: string, tcp: Tcp) => void): Promise<string> {
  const server = createServer((tcp) => {
    sockets.push(tcp);
    tcp.on('error', () => tcp.destroy());
    tcp.once('data', (bytes: Buffer) => onRequest(bytes.toString('latin1'), tcp));
  });
  running.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The answer 101 to a request, and what follows in the same packet. */
function accepted(request: string, behind: Buffer = Buffer.alloc(0)): Buffer {
  const key = /Sec-WebSocket-Key: (.*)\r/.exec(request)?.[1];
  const accept = createHash('sha1')
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  const head = `HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: p\r\nSec-WebSocket-Accept: ${accept}`;
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`), behind]);
}

const fromServer = (opcode: number, payload: Buffer): Buffer =>
  buildFrame({ opcode, payload, masked: false });

/** What a socket tells until it has ended. */
function heard({ socket, early }: { socket: Socket; early: Buffer }): Promise<{
  messages: string[];
  closing: Ended | undefined;
  end: Ended;
}> {
  return new Promise((resolve) => {
    const messages: string[] = [];
    let closing: Ended | undefined;
    socket.listen(
      {
        message: (payload) => messages.push(payload.toString()),
        closing: (end) => {
          closing = end;
        },
        ended: (end) => resolve({ messages, closing, end }),
      },
      early,
    );
  });
}

describe('openSocket', () => {
  test('503 with Retry-After: UpgradeRefused with both', async () => {
    const url = await serve((_, tcp) => tcp.end('HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n'));
    const refused = await openSocket({ url, protocols: ['p'] }).catch((error) => error);
    expect(refused).toBeInstanceOf(UpgradeRefused);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '7']);
  });

  test('a key that was not ours: WireError', async () => {
    const url = await serve((_, tcp) => tcp.write(accepted('')));
    await expect(openSocket({ url, protocols: ['p'] })).rejects.toThrow(WireError);
  });

  test('the end instead of an answer: rejected', async () => {
    const url = await serve((_, tcp) => tcp.destroy());
    await expect(openSocket({ url, protocols: ['p'] })).rejects.toThrow('without an answer');
  });

  test('the request: path, subprotocols in order, further headers, no protocol header for none', async () => {
    const requests: string[] = [];
    const url = await serve((request, tcp) => {
      requests.push(request);
      tcp.write(accepted(request));
    });
    const { socket } = await openSocket({ url, protocols: ['a', 'b'], headers: { Origin: 'o' } });
    expect(socket.protocol).toBe('p');
    await openSocket({ url, protocols: [], path: '/x' });
    expect(requests[0]).toMatch(/^GET \/gw HTTP\/1\.1\r\n/);
    expect(requests[0]).toContain('Sec-WebSocket-Protocol: a, b\r\nOrigin: o\r\n');
    expect(requests[1]).toMatch(/^GET \/x /);
    expect(requests[1]).not.toContain('Sec-WebSocket-Protocol');
  });
});

describe('Socket', () => {
  test('a message in the packet of the 101, a close with code and reason: both told', async () => {
    const close = Buffer.concat([Buffer.of(4001 >> 8, 4001 & 255), Buffer.from('draining')]);
    const url = await serve((request, tcp) => {
      tcp.write(accepted(request, fromServer(Ws.text, Buffer.from('hi'))));
      tcp.end(fromServer(Ws.close, close));
    });
    const { messages, closing, end } = await heard(await openSocket({ url, protocols: ['p'] }));
    expect(messages).toEqual(['hi']);
    expect([closing, end]).toEqual(Array(2).fill({ code: 4001, reason: 'draining' }));
  });

  test('the end without a close frame: 1006', async () => {
    const url = await serve((request, tcp) => tcp.end(accepted(request)));
    const { closing, end } = await heard(await openSocket({ url, protocols: ['p'] }));
    expect([closing, end.code]).toEqual([undefined, 1006]);
  });

  test('a frame that no server may send: ended with -1 and why', async () => {
    const url = await serve((request, tcp) => tcp.write(accepted(request, Buffer.of(0x83, 0))));
    const { end } = await heard(await openSocket({ url, protocols: ['p'] }));
    expect(end).toEqual({ code: -1, reason: 'websocket: opcode 3' });
  });

  test('a ping: a masked pong with the same bytes', async () => {
    const answered = Promise.withResolvers<Incoming>();
    const url = await serve((request, tcp) => {
      const reader = new FrameReader('client');
      tcp.on('data', (bytes: Buffer) => answered.resolve(reader.feed(bytes)[0]!));
      tcp.write(accepted(request));
      tcp.write(fromServer(Ws.ping, Buffer.from('are you there')));
    });
    const opened = await openSocket({ url, protocols: ['p'] });
    const ended = heard(opened);
    const { opcode, payload } = await answered.promise;
    expect([opcode, payload.toString()]).toEqual([Ws.pong, 'are you there']);
    opened.socket.cut();
    expect((await ended).end.code).toBe(1006);
  });
});
