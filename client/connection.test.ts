/**
 * Tests of one connection over Node's own WebSocket and over scripted ones.
 */
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from './clock.ts';
import { Connection, type Ended, type SocketLike } from './connection.ts';

const HOUR_MS = 3_600_000;

function open(url: string, openSocket: (url: string, protocol: string) => SocketLike) {
  let ended: (end: Ended) => void = () => undefined;
  const end = new Promise<Ended>((resolve) => {
    ended = resolve;
  });
  const handlers = { hello: () => undefined, frame: () => undefined, ended };
  const clock = systemClock;
  new Connection({ url, encoding: 'mp', openSocket, clock, handlers, connectTimeoutMs: HOUR_MS });
  return end;
}

function native(url: string, protocol: string): SocketLike {
  return new WebSocket(url, protocol) as unknown as SocketLike;
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('Connection: nobody listens, ends with 1006 at once instead of at the connect timeout', async () => {
  const port = await closedPort();
  const end = await open(`ws://127.0.0.1:${port}/gw`, native);
  expect(end).toEqual({ code: 1006, reason: '', isLocal: false });
});

test('Connection: the server hangs up during the upgrade, ends with 1006', async () => {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const end = await open(`ws://127.0.0.1:${port}/gw`, native);
  server.close();
  expect(end).toEqual({ code: 1006, reason: '', isLocal: false });
});
