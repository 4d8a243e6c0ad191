/** The relay between two plain sockets: what passes, what is lost, and who it seems to come from. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Relay } from './relay.ts';

const RTP = 0x80;
const STUN = 0x00;

let server: Socket;
let client: Socket;
let relay: Relay;
/** What reached the server: first byte, second byte, port it came from. */
let arrived: { readonly kind: number; readonly number: number; readonly port: number }[];
let waiting: (() => void)[];

beforeEach(async () => {
  arrived = [];
  waiting = [];
  server = createSocket('udp4');
  server.on('message', (packet: Buffer, from: RemoteInfo) => {
    arrived.push({ kind: packet[0] ?? -1, number: packet[1] ?? -1, port: from.port });
    // Echoed, so that the way back is seen as well.
    server.send(packet, from.port, from.address);
    for (const told of waiting.splice(0)) told();
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  client = createSocket('udp4');
  client.bind(0, '127.0.0.1');
  await once(client, 'listening');
  await start(1);
});

afterEach(async () => {
  await relay.close();
  client.close();
  server.close();
});

async function start(seed: number): Promise<void> {
  const { port } = server.address();
  const [listen, target] = [
    { host: '127.0.0.2', port },
    { host: '127.0.0.1', port },
  ];
  relay = await Relay.start({ listen, target, seed });
}

function send(kind: number, number: number): void {
  client.send(Buffer.of(kind, number), server.address().port, '127.0.0.2');
}

/** Resolves when the server got a packet of this number. */
async function reached(number: number): Promise<void> {
  while (!arrived.some((packet) => packet.number === number)) {
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
}

test('Relay: passes packets on and back', async () => {
  const back = once(client, 'message');
  send(RTP, 1);
  expect([...((await back)[0] as Buffer)]).toEqual([RTP, 1]);
  expect(arrived[0]?.port).not.toBe(client.address().port);
});

test('Relay: total loss, media is dropped and everything else passes', async () => {
  send(STUN, 0);
  await reached(0);
  relay.impairment = { loss: 1 };
  for (let i = 1; i <= 20; i += 1) send(RTP, i);
  send(STUN, 99);
  await reached(99);
  expect(arrived.filter(({ kind }) => kind === RTP)).toEqual([]);
  expect(relay.counts).toMatchObject({ passed: 0, dropped: 20 });
});

test('Relay: a share of losses, the same packets with the same seed', async () => {
  const runs: string[] = [];
  for (const seed of [3, 3, 4]) {
    await relay.close();
    await start(seed);
    arrived = [];
    send(STUN, 0);
    await reached(0);
    relay.impairment = { loss: 0.3 };
    // One way only: the echo draws from the same numbers.
    server.removeAllListeners('message');
    server.on('message', (packet: Buffer, from: RemoteInfo) => {
      arrived.push({ kind: packet[0] ?? -1, number: packet[1] ?? -1, port: from.port });
      for (const told of waiting.splice(0)) told();
    });
    for (let i = 1; i <= 200; i += 1) send(RTP, i);
    send(STUN, 255);
    await reached(255);
    runs.push(arrived.map(({ number }) => number).join());
    expect(relay.counts.dropped).toBeGreaterThan(35);
    expect(relay.counts.dropped).toBeLessThan(85);
  }
  expect(runs[1]).toBe(runs[0]);
  expect(runs[2]).not.toBe(runs[0]);
});

test('Relay.rebind: the same client comes from another port', async () => {
  send(RTP, 1);
  await reached(1);
  await relay.rebind();
  send(RTP, 2);
  await reached(2);
  expect(arrived[1]?.port).not.toBe(arrived[0]?.port);
});

test('Relay.blockUdp: nothing passes, and again after it', async () => {
  send(STUN, 1);
  await reached(1);
  relay.blockUdp(true);
  for (let i = 2; i < 10; i += 1) send(STUN, i);
  // A packet beside the relay marks the time; a turn later everything that had come was read.
  client.send(Buffer.of(STUN, 50), server.address().port, '127.0.0.1');
  await reached(50);
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  relay.blockUdp(false);
  send(STUN, 60);
  await reached(60);
  expect(arrived.map(({ number }) => number)).not.toContain(5);
});

test('Relay: TCP is passed on as it is', async () => {
  const echo = createServer((socket) => socket.pipe(socket));
  await relay.close();
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const { port } = echo.address() as AddressInfo;
  const [listen, target] = [
    { host: '127.0.0.2', port },
    { host: '127.0.0.1', port },
  ];
  relay = await Relay.start({ listen, target, seed: 1 });
  const socket = connect({ host: '127.0.0.2', port });
  socket.write('hello');
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  expect(bytes.toString()).toBe('hello');
  expect(relay.counts.tcpBytes).toBe(10);
  socket.destroy();
  echo.close();
});
