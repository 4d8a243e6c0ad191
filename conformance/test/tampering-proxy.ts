/**
 * A proxy between the suite and a server that tampers with what the server says: HTTP passes as it is, frames to the client go through a function.
 * For the tests that show that the suite notices. Listens on 127.0.0.1 only.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Op } from '../wire/codes.ts';
import { readMsgpack, writeMsgpack } from '../wire/msgpack.ts';
import type { Frame } from '../wire/types.ts';
import { buildFrame, FrameReader, type Incoming, Ws } from '../wire/websocket.ts';

/** What becomes of one frame of the server on connection number `connection`; a BATCH is taken apart before. */
export type Tamper = (frame: Frame, connection: number) => readonly Frame[];

/** The proxy; msgpack only. */
export class TamperingProxy {
  tamper: Tamper = (frame) => [frame];
  readonly #target: URL;
  readonly #tcp: Server;
  readonly #sockets = new Set<Socket>();
  #upgrades = 0;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#tcp = createServer((client) => this.#onClient(client));
  }

  static async start(target: string): Promise<TamperingProxy> {
    const proxy = new TamperingProxy(target);
    await new Promise<void>((resolve) => proxy.#tcp.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#tcp.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#tcp.close(resolve));
  }

  #onClient(client: Socket): void {
    const server = connect(Number(this.#target.port), this.#target.hostname);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    client.once('data', (first: Buffer) => {
      server.write(first);
      client.pipe(server);
      if (first.toString('latin1').startsWith('GET /gw')) this.#tamperWith(server, client);
      else server.pipe(client);
    });
  }

  #tamperWith(server: Socket, client: Socket): void {
    this.#upgrades += 1;
    const connection = this.#upgrades;
    const reader = new FrameReader('server');
    let head = Buffer.alloc(0);
    let isOpen = false;
    server.on('data', (chunk: Buffer) => {
      let rest = chunk;
      if (!isOpen) {
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        isOpen = true;
        client.write(head.subarray(0, end + 4));
        rest = head.subarray(end + 4);
      }
      for (const incoming of reader.feed(rest)) this.#pass(incoming, client, connection);
    });
  }

  #pass({ opcode, payload }: Incoming, client: Socket, connection: number): void {
    const send = (bytes: Uint8Array): boolean =>
      client.write(buildFrame({ opcode, payload: bytes, masked: false }));
    if (opcode !== Ws.binary) {
      send(payload);
      return;
    }
    const frame = readMsgpack(payload);
    const frames = frame[0] === Op.BATCH ? (frame[1] as readonly Frame[]) : [frame];
    for (const one of frames)
      for (const result of this.tamper(one, connection)) send(writeMsgpack(result));
  }
}
