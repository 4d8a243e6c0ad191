/** What the native server does and does not do (gateway.md P1 to P31), and the way in and out of it. */
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { loadUws } from '../../native/index.ts';
import { exit } from '../../runtime/index.ts';
import { GatewayError } from '../errors.ts';
import { Op } from '../protocol/index.ts';
import { COUNT_LIMITS } from '../rates/index.ts';
import { Harness, TestClient, token, until } from './harness.ts';

const harnesses: Harness[] = [];

async function started(...args: Parameters<typeof Harness.start>): Promise<Harness> {
  const harness = await Harness.start(...args);
  harnesses.push(harness);
  return harness;
}

afterEach(async () => {
  for (const harness of harnesses.splice(0)) {
    expect(harness.errors).toEqual([]);
    await harness.stop();
  }
});

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

function upgradeHead(port: number, extra = ''): string {
  return (
    `GET /gw HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n` +
    `Sec-WebSocket-Protocol: driftway.v1.mp\r\n${extra}\r\n`
  );
}

/** A raw socket that has had the answer to its upgrade. */
async function rawUpgrade(
  port: number,
  before: Buffer,
  extra = '',
): Promise<{ socket: Socket; head: string }> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(Buffer.concat([before, Buffer.from(upgradeHead(port, extra))]));
  const [data] = (await once(socket, 'data')) as [Buffer];
  return { socket, head: data.toString('latin1') };
}

test('PROXY header of a stranger: the address of the socket counts (P18)', async () => {
  const harness = await started();
  const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
  const proxy = Buffer.from([0x21, 0x11, 0, 12, 9, 9, 9, 9, 127, 0, 0, 1, 0x10, 0, 0x1b, 0x58]);
  const { socket, head } = await rawUpgrade(harness.handle.port, Buffer.concat([signature, proxy]));
  expect(head).toContain('101 Switching Protocols');
  expect(harness.rates.count(COUNT_LIMITS.connectionsPerIp, '127.0.0.1')).toBe(1);
  expect(harness.rates.count(COUNT_LIMITS.connectionsPerIp, '9.9.9.9')).toBe(0);
  socket.destroy();
});

test('compression offered: not selected, a compressed frame ends the socket (P28, H27)', async () => {
  const harness = await started();
  const extra = 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n';
  const { head, socket } = await rawUpgrade(harness.handle.port, Buffer.alloc(0), extra);
  expect(head.toLowerCase()).not.toContain('sec-websocket-extensions');
  socket.write(Buffer.from([0xc2, 0x80, 1, 2, 3, 4]));
  await once(socket, 'close');
});

test('port in use by somebody who does not share it: refused with our error (P16)', async () => {
  const uws = loadUws();
  const app = uws.App();
  let port = 0;
  app.listen(0, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
    port = uws.us_socket_local_port(socket as never);
  });
  const error = await Harness.start({ port }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(GatewayError);
  expect(error).toMatchObject({ code: 'DRIFT_GATEWAY_LISTEN' });
  app.close();
});

test('shared port: two gateways of one server listen on it', async () => {
  const first = await started({ isExclusive: false });
  const uws = loadUws();
  const app = uws.App();
  let isListening = false;
  app.listen('127.0.0.1' as never, first.handle.port, ((socket: unknown) => {
    isListening = socket !== false;
  }) as never);
  expect(isListening).toBe(true);
  app.close();
});

test('worker with native handles, asked to stop: exits 0 (P14)', async () => {
  const worker = new Worker(new URL('./exit-worker.ts', import.meta.url));
  const [port] = (await once(worker, 'message')) as [number];
  const socket = new WebSocket(`ws://127.0.0.1:${port}/gw`, ['driftway.v1.mp']);
  const client = new TestClient(socket, 'mp');
  await client.find((frame) => frame[0] === Op.HELLO);
  await client.identify(token(1));
  worker.postMessage('stop');
  const [code] = (await once(worker, 'exit')) as [number];
  expect(code).toBe(0);
  expect((await client.closed()).code).toBe(4001);
});

test('drain: RECONNECT, ERR 503, refused upgrades, then 4001 inside the window', async () => {
  const harness = await started();
  const clients = await Promise.all(
    Array.from({ length: 20 }, (_, i) => harness.identified(i + 1)),
  );
  const done = harness.handle.drain(300);
  const [first] = clients as [TestClient];
  const frame = await first.find(([op]) => op === Op.RECONNECT);
  expect(frame).toEqual([Op.RECONNECT, 0, 300, null, 'drain']);
  expect(await harness.refusal(['driftway.v1.mp'])).toEqual({ status: 503, retryAfter: '5' });
  const late = clients.find((client) => client.close === undefined);
  if (late !== undefined) {
    const reply = await late.ask(Op.SUB, [[1]]).catch(() => undefined);
    if (reply !== undefined) expect(reply.slice(2, 4)).toEqual([503, 'draining']);
  }
  await done;
  for (const client of clients) expect((await client.closed()).code).toBe(4001);
  expect(harness.handle.metrics().connectionsNow).toBe(0);
});

test('fan-out actor killed: started again, no socket ends, no event is lost', async () => {
  const harness = await started();
  const client = await harness.identified(1);
  await client.ask(Op.SUB, [[5]]);
  harness.shard.commit(5, ['one']);
  await client.when(() => client.events(5).length === 1);
  const before = harness.fanOut()?.self;
  harness.shard.stream(5).isInterested = false;
  if (before !== undefined) exit(before, 'kill');
  harness.shard.commit(5, ['two']);
  await until(() => harness.fanOut()?.self !== before, 'the restart');
  harness.shard.commit(5, ['three']);
  await client.when(() => client.events(5).length === 3);
  expect(client.events(5)).toEqual([1, 2, 3]);
});

test('no message and no pong for 120 s: 4007 (H14)', async () => {
  const harness = await started();
  const client = await harness.identified(1);
  harness.clock.warp(121_500);
  expect((await client.closed()).code).toBe(4007);
});

test.each([
  ['half a frame, byte by byte', Buffer.from([0x82, 0xfe, 0, 200, 1, 2, 3, 4, 5, 6])],
  ['an unmasked frame (H12)', Buffer.from([0x82, 0x03, 0x92, 7, 1])],
])('%s after IDENTIFY: bytes are no message, 4007 after 120 s (H14)', async (_what, bytes) => {
  const harness = await started();
  const [client, healthy] = [await harness.identified(1), await harness.identified(2)];
  const { _socket: tcp } = client.socket as unknown as { readonly _socket: Socket };
  for (let i = 0; i < 10; i += 1) {
    tcp.write(bytes.subarray(i, i + 1));
    harness.clock.warp(11_000);
    // The healthy one is heard of in between.
    expect((await healthy.ask(Op.TIME))[0]).toBe(Op.OK);
  }
  expect(client.close).toBeUndefined();
  harness.clock.warp(11_000);
  await healthy.ask(Op.TIME);
  const { code } = await client.closed();
  expect([4007, 1006]).toContain(code);
  expect(harness.handle.metrics().closedByCode[4007]).toBe(1);
  expect(healthy.close).toBeUndefined();
});

test('events over 16 KiB between small ones: order kept (P8)', async () => {
  const harness = await started();
  const client = await harness.identified(1, 'json');
  await client.ask(Op.SUB, [[5]]);
  for (let i = 0; i < 60; i += 1) {
    // Quotes double in JSON: 12,000 bytes of content become a frame over 16 KiB.
    harness.shard.commit(5, [i % 3 === 0 ? '"'.repeat(11_000) : 'small']);
    if (i % 10 === 0) await client.ask(Op.TIME);
  }
  await client.when(() => client.events(5).length === 60);
  expect(client.events(5)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  expect(harness.handle.metrics().publishedOversize).toBeGreaterThan(0);
});

function certificateOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
  });
}

test('TLS: reload gives new connections the new certificate, present ones stay; a bad file changes nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'driftway-tls-'));
  const certFile = join(folder, 'cert.pem');
  const keyFile = join(folder, 'key.pem');
  const use = (letter: string): void => {
    const fixture = (kind: string): URL =>
      new URL(`./fixtures/${letter}.${kind}.pem`, import.meta.url);
    copyFileSync(fixture('cert'), certFile);
    copyFileSync(fixture('key'), keyFile);
  };
  use('a');
  const harness = await started({ tls: { certFile, keyFile }, isExclusive: false });
  const { port } = harness.handle;
  expect(await certificateOf(port)).toBe('driftway-test-a');
  const url = `wss://127.0.0.1:${port}/gw`;
  const dial = async (uid: number): Promise<TestClient> => {
    const socket = new WebSocket(url, ['driftway.v1.mp'], { rejectUnauthorized: false });
    const client = new TestClient(socket, 'mp');
    await once(socket, 'open');
    await client.identify(token(uid));
    await client.ask(Op.SUB, [[5]]);
    return client;
  };
  const old = await dial(1);
  use('b');
  harness.handle.reloadTls();
  expect(harness.handle.port).toBe(port);
  expect(await certificateOf(port)).toBe('driftway-test-b');
  const fresh = await dial(2);
  harness.shard.commit(5, ['to both']);
  for (const client of [old, fresh]) await client.when(() => client.events(5).length === 1);
  writeFileSync(certFile, 'no certificate');
  expect(() => harness.handle.reloadTls()).toThrow(GatewayError);
  rmSync(keyFile);
  expect(() => harness.handle.reloadTls()).toThrow(GatewayError);
  expect(await certificateOf(port)).toBe('driftway-test-b');
  for (const client of [old, fresh]) client.socket.terminate();
  rmSync(folder, { recursive: true });
});

test('probe: a peer that ignores the close frame is gone within 20 s; one that answers pings stays (P25, P27)', async () => {
  const uws = loadUws();
  const app = uws.App();
  const ended: number[] = [];
  app.ws('/gw', {
    idleTimeout: 8,
    sendPingsAutomatically: true,
    closeOnBackpressureLimit: false,
    upgrade: (res, req, context) => {
      res.upgrade({}, req.getHeader('sec-websocket-key'), '', '', context);
    },
    message: (ws) => ws.end(4001, new Uint8Array()),
    close: (_ws, code) => ended.push(code),
  });
  let port = 0;
  app.listen(0, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
    port = uws.us_socket_local_port(socket as never);
  });
  const healthy = new WebSocket(`ws://127.0.0.1:${port}/gw`);
  let pings = 0;
  healthy.on('ping', () => {
    pings += 1;
  });
  await once(healthy, 'open');
  const mute = (await rawUpgrade(port, Buffer.alloc(0))).socket;
  const stubborn = new Promise((resolve) => mute.once('close', resolve));
  // A masked text frame: the server ends the connection; this side never answers and never closes.
  mute.on('end', () => undefined);
  mute.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x41]));
  await stubborn;
  await until(() => pings > 0, 'a ping');
  expect(ended).toEqual([4001]);
  expect(healthy.readyState).toBe(WebSocket.OPEN);
  healthy.terminate();
  app.close();
});
