/**
 * The byte-mutation fuzzer (protocol.md 3, last paragraph) in its short form, and that it would notice: `npm run fuzz`
 * is the CI step of a minute, LONG=1 its long form.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { replay } from './fuzz/lane.ts';
import type { Find } from './fuzz/types.ts';
import { Seeded } from './support/seeded.ts';
import { NODE_FLAGS } from './support/server-process.ts';

const DRIVER = new URL('./fuzz/main.ts', import.meta.url).pathname.replaceAll('%20', ' ');

/** Runs a driver of this repository; its exit code and everything that it printed. */
function run(
  file: string,
  args: readonly string[],
): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...NODE_FLAGS, file, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    const keep = (chunk: Buffer): void => {
      text += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('close', (code) => resolve({ code, text }));
  });
}

test('fuzz: the corpus and some seconds of mutated frames and bodies, nothing is found', async () => {
  const { code, text } = await run(DRIVER, ['--seconds', '5']);
  console.log(text);
  expect(text).toContain('fuzz: clean');
  expect(code).toBe(0);
}, 90_000);

describe('a server with a fault', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  /** Answers the upgrade and IDENTIFY, then does `next` with the socket at the first other frame. */
  function fake(reply: Buffer): Promise<number> {
    const server = createServer();
    servers.push(server);
    server.on('upgrade', (request, socket) => {
      const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const accept = createHash('sha1').update(key).digest('base64');
      socket.on('error', () => socket.destroy());
      let frames = 0;
      socket.on('data', () => {
        frames += 1;
        if (frames === 1) socket.write(text(`[4,3999999999,"s"]`));
        else socket.end(reply);
      });
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
    });
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    });
  }

  const text = (json: string): Buffer =>
    Buffer.concat([Buffer.of(0x81, json.length), Buffer.from(json)]);
  const close = (code: number): Buffer => Buffer.of(0x88, 2, code >> 8, code & 255);

  async function finds(reply: Buffer, payload: string): Promise<string[]> {
    const found: Find[] = [];
    const port = await fake(reply);
    const options = {
      port,
      token: 't',
      seeds: [],
      encoding: 'json' as const,
      chance: new Seeded(1),
      judged: () => undefined,
      connected: () => undefined,
      found: (find: Find) => {
        found.push(find);
      },
    };
    await replay(options, Buffer.from(payload, 'latin1'));
    return found.map((find) => find.what.replace(/ at .*/, ''));
  }

  test.each([
    ['closes with 4000', close(4000), '[7,1]', ['ended with 4000']],
    ['vanishes', Buffer.alloc(0), '[7,1]', ['ended with 1006']],
    ['closes with 4500', close(4500), '[7,1', []],
    ['vanishes at bad UTF-8 in JSON', Buffer.alloc(0), '[7,"\u00ff"]', []],
  ])('lane: the server %s, found or not', async (_, reply, payload, expected) => {
    expect(await finds(reply, payload)).toEqual(expected);
  });
});
