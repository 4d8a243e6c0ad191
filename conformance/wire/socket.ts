/**
 * A WebSocket over a plain net or tls socket: own HTTP upgrade, own framing, and the means to misbehave (raw bytes, no reading, a cut
 * without a close). Owns one TCP connection; sends a pong to a ping and nothing else by itself: it does not even answer a close.
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect as connectTcp, isIP, type Socket as Tcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { buildFrame, FrameReader, type OutgoingFrame, Ws } from './websocket.ts';
import { WireError } from './wire-error.ts';

/** How to upgrade. */
export interface UpgradeOptions {
  /** Base URL of the server, `http(s)://HOST:PORT`. */
  readonly url: string;
  /** Default `/gw`. */
  readonly path?: string;
  /** Offered subprotocols; empty: no such header. */
  readonly protocols: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** How a connection ended. */
export interface Ended {
  /** Code of the close frame; 1005 without a code, 1006 without a frame, -1 where the server sent what nobody may send. */
  readonly code: number;
  readonly reason: string;
}

/** The server answered the upgrade with something else than 101. */
export class UpgradeRefused extends Error {
  override readonly name = 'UpgradeRefused';
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;

  constructor(status: number, headers: ReadonlyMap<string, string>) {
    super(`upgrade: got status ${status}, wanted 101`);
    this.status = status;
    this.headers = headers;
  }
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const UPGRADE_TIMEOUT_MS = 15_000;
const UNREADABLE = -1;

/** What the owner of a socket hears. */
export interface SocketEvents {
  message(payload: Buffer, isText: boolean): void;
  /** A close frame came; the TCP connection is still there. */
  closing(end: Ended): void;
  /** The TCP connection is over. */
  ended(end: Ended): void;
}

/** An upgraded connection. */
export class Socket {
  /** The subprotocol that the server echoed, or an empty string. */
  readonly protocol: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly #tcp: Tcp;
  readonly #below: Tcp;
  readonly #reader = new FrameReader();
  #events: SocketEvents | undefined;
  #end: Ended = { code: 1006, reason: '' };

  /** @param below the connection under TLS, or the same one without */
  constructor(tcp: Tcp, below: Tcp, headers: ReadonlyMap<string, string>) {
    this.#tcp = tcp;
    this.#below = below;
    this.headers = headers;
    this.protocol = headers.get('sec-websocket-protocol') ?? '';
    tcp.pause();
  }

  /** Starts to read. */
  listen(events: SocketEvents, early: Buffer): void {
    this.#events = events;
    this.#tcp.on('data', (chunk: Buffer) => this.#feed(chunk));
    this.#tcp.on('end', () => this.#tcp.end());
    this.#tcp.once('close', () => events.ended(this.#end));
    if (early.length > 0) this.#feed(early);
    if (this.#tcp.closed) setImmediate(() => events.ended(this.#end));
    this.#tcp.resume();
  }

  /** Bytes as they are, below the WebSocket. */
  raw(bytes: Uint8Array): void {
    if (this.#tcp.writable) this.#tcp.write(bytes);
  }

  /** One frame, each bit as asked. */
  frame(frame: OutgoingFrame): void {
    this.raw(buildFrame(frame));
  }

  /** Stops reading from the kernel, so that the server's sends pile up. */
  pause(): void {
    this.#tcp.pause();
  }

  resume(): void {
    this.#tcp.resume();
  }

  /** Ends the TCP connection without a close frame, once what was written is out. */
  cut(): void {
    this.#tcp.destroySoon();
  }

  /** As cut, at once and with a reset. */
  reset(): void {
    this.#below.resetAndDestroy();
    this.#tcp.destroy();
  }

  #feed(chunk: Buffer): void {
    try {
      for (const { opcode, payload } of this.#reader.feed(chunk)) this.#take(opcode, payload);
    } catch (error) {
      this.#end = {
        code: UNREADABLE,
        reason: error instanceof Error ? error.message : 'unreadable',
      };
      this.#tcp.destroy();
    }
  }

  #take(opcode: number, payload: Buffer): void {
    if (opcode === Ws.ping) this.frame({ opcode: Ws.pong, payload });
    else if (opcode === Ws.close) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.#end = { code, reason: payload.subarray(2).toString('utf8') };
      this.#events?.closing(this.#end);
    } else if (opcode !== Ws.pong) this.#events?.message(payload, opcode === Ws.text);
  }
}

/** Connects and upgrades; rejects with UpgradeRefused, or with the error of the connection. */
export function openSocket(options: UpgradeOptions): Promise<{ socket: Socket; early: Buffer }> {
  const url = new URL(options.url);
  const key = randomBytes(16).toString('base64');
  return new Promise((resolve, reject) => {
    const { tcp, below } = dial(url);
    let received = Buffer.alloc(0);
    const fail = (error: Error): void => {
      tcp.destroy();
      reject(error);
    };
    const onClose = (): void => fail(new Error('upgrade: connection closed without an answer'));
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf('\r\n\r\n');
      if (end < 0) return;
      tcp.off('data', onData);
      tcp.off('close', onClose);
      tcp.setTimeout(0);
      const { status, headers } = parseHead(received.subarray(0, end).toString('latin1'));
      if (status !== 101) fail(new UpgradeRefused(status, headers));
      else if (headers.get('sec-websocket-accept') !== acceptOf(key))
        fail(new WireError('upgrade: sec-websocket-accept does not fit'));
      else resolve({ socket: new Socket(tcp, below, headers), early: received.subarray(end + 4) });
    };
    tcp.setTimeout(UPGRADE_TIMEOUT_MS, () => fail(new Error('upgrade: no answer in time')));
    // After the upgrade an error is told by 'close'.
    tcp.on('error', fail);
    tcp.on('close', onClose);
    tcp.on('data', onData);
    tcp.write(requestOf(url, options, key));
  });
}

function dial(url: URL): { readonly tcp: Tcp; readonly below: Tcp } {
  const isSecure = url.protocol === 'https:' || url.protocol === 'wss:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port) || (isSecure ? 443 : 80);
  const below = connectTcp({ host, port, noDelay: true });
  if (!isSecure) return { tcp: below, below };
  // An address is no name to indicate (RFC 6066, 3), but it is what the certificate must name.
  const name = isIP(host) === 0 ? { servername: host } : {};
  const tcp = connectTls({ socket: below, host, ALPNProtocols: ['http/1.1'], ...name });
  below.on('error', (error) => tcp.destroy(error));
  return { tcp, below };
}

function requestOf(url: URL, options: UpgradeOptions, key: string): string {
  const headers: Record<string, string> = {
    Host: url.host,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': key,
  };
  if (options.protocols.length > 0)
    headers['Sec-WebSocket-Protocol'] = options.protocols.join(', ');
  const lines = Object.entries({ ...headers, ...options.headers }).map(([n, v]) => `${n}: ${v}`);
  return `GET ${options.path ?? '/gw'} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

function parseHead(text: string): { status: number; headers: Map<string, string> } {
  const [first = '', ...lines] = text.split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(first.split(' ')[1]), headers };
}

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}${GUID}`).digest('base64');
}
