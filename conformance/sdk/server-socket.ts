/**
 * The server's end of a WebSocket over a plain socket: reads the upgrade request, answers it, reads masked frames. As small as a scripted server
 * needs it; one connection, in the process of the suite.
 */
import { createHash } from 'node:crypto';
import type { Socket as Tcp } from 'node:net';
import { buildFrame, FrameReader, type Incoming, Ws } from '../wire/websocket.ts';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** What the owner hears. */
export interface ServerSocketEvents {
  /** The upgrade is answered; `protocol` is the subprotocol that was offered first. */
  open(protocol: string): void;
  message(payload: Buffer): void;
  ended(): void;
}

/** One accepted connection. */
export class ServerSocket {
  readonly #tcp: Tcp;
  readonly #events: ServerSocketEvents;
  readonly #reader = new FrameReader('client');
  #head = '';
  #isOpen = false;
  #isText = false;

  constructor(tcp: Tcp, events: ServerSocketEvents) {
    this.#tcp = tcp;
    this.#events = events;
    tcp.on('data', (chunk: Buffer) => this.#onData(chunk));
    tcp.on('error', () => tcp.destroy());
    tcp.on('close', () => events.ended());
  }

  /** One message. */
  send(payload: Uint8Array): void {
    const opcode = this.#isText ? Ws.text : Ws.binary;
    this.#tcp.write(buildFrame({ opcode, payload, masked: false }));
  }

  /** Ends the connection without a close frame. */
  cut(): void {
    this.#tcp.destroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#isOpen) {
      for (const incoming of this.#reader.feed(chunk)) this.#take(incoming);
      return;
    }
    // The request of an upgrade is ASCII, and nothing follows it before the answer.
    this.#head += chunk.toString('latin1');
    if (this.#head.includes('\r\n\r\n')) this.#answer();
  }

  #answer(): void {
    const header = (name: string): string =>
      new RegExp(`^${name}: *(.*?)\r?$`, 'im').exec(this.#head)?.[1] ?? '';
    const accept = createHash('sha1')
      .update(`${header('sec-websocket-key')}${GUID}`)
      .digest('base64');
    const protocol = header('sec-websocket-protocol').split(',')[0]?.trim() ?? '';
    this.#isText = protocol.endsWith('.json');
    this.#isOpen = true;
    this.#tcp.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
    );
    this.#events.open(protocol);
  }

  #take({ opcode, payload }: Incoming): void {
    if (opcode === Ws.close) {
      this.#tcp.end(buildFrame({ opcode: Ws.close, payload, masked: false }));
    } else if (opcode === Ws.ping) {
      this.#tcp.write(buildFrame({ opcode: Ws.pong, payload, masked: false }));
    } else if (opcode !== Ws.pong) this.#events.message(payload);
  }
}
