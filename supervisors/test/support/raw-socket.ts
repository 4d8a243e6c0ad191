/**
 * An independent WebSocket client over node:net: own handshake, masking and framing, and the means
 * to break each rule on purpose (raw bytes, RSV bits, unmasked frames, fragments, no reading, cut).
 * Runs in the test process; must never import product code or a WebSocket library.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export interface RawSocketOptions {
  readonly host?: string;
  readonly port: number;
  /** Address to come from, another one of 127.0.0.0/8: limits count by it. */
  readonly localAddress?: string;
  /** Default `/gw`. */
  readonly path?: string;
  /** Offered subprotocols in order; empty: the header is left out. */
  readonly protocols: readonly string[];
  /** Further request headers, written as given. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Answer WebSocket pings (default true). */
  readonly pong?: boolean;
}

export interface CloseInfo {
  /** Code of the close frame; 1005 for one without code, 1006 where none came. */
  readonly code: number;
  readonly reason: string;
}

export interface FrameOptions {
  readonly opcode: number;
  readonly payload: Buffer;
  /** Default true. */
  readonly fin?: boolean;
  /** Three bits, default 0. */
  readonly rsv?: number;
  /** Default true. */
  readonly masked?: boolean;
}

/** The server answered the upgrade with something else than 101. */
export class UpgradeRefused extends Error {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;

  constructor(status: number, headers: ReadonlyMap<string, string>) {
    super(`upgrade: got status ${status}, wanted 101`);
    this.status = status;
    this.headers = headers;
  }
}

/** One WebSocket frame as bytes. */
export function buildFrame(options: FrameOptions): Buffer {
  const { payload, masked = true } = options;
  const first = ((options.fin ?? true) ? 0x80 : 0) | ((options.rsv ?? 0) << 4) | options.opcode;
  const maskBit = masked ? 0x80 : 0;
  let head: Buffer;
  if (payload.length < 126) head = Buffer.of(first, maskBit | payload.length);
  else if (payload.length < 65536) {
    head = Buffer.of(first, maskBit | 126, payload.length >> 8, payload.length & 255);
  } else {
    head = Buffer.alloc(10);
    head[0] = first;
    head[1] = maskBit | 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  if (!masked) return Buffer.concat([head, payload]);
  const key = randomBytes(4);
  const body = Buffer.allocUnsafe(payload.length);
  for (let i = 0; i < payload.length; i += 1) body[i] = payload[i]! ^ key[i & 3]!;
  return Buffer.concat([head, key, body]);
}

/** A socket after a successful upgrade. */
export class RawSocket {
  /** Subprotocol that the server echoed. */
  readonly protocol: string;
  readonly responseHeaders: ReadonlyMap<string, string>;
  /** Resolves when the TCP connection is over, whoever ended it. */
  readonly closed: Promise<CloseInfo>;
  onMessage: (payload: Buffer, text: boolean) => void = () => {};
  onPong: () => void = () => {};
  readonly #tcp: Socket;
  readonly #answersPing: boolean;
  #pending: Buffer = Buffer.alloc(0);
  #fragments: Buffer[] = [];
  #text = false;
  #close: CloseInfo = { code: 1006, reason: '' };

  constructor(tcp: Socket, headers: ReadonlyMap<string, string>, pong: boolean) {
    this.#tcp = tcp;
    this.#answersPing = pong;
    this.responseHeaders = headers;
    this.protocol = headers.get('sec-websocket-protocol') ?? '';
    this.closed = new Promise((resolve) => {
      tcp.once('close', () => resolve(this.#close));
    });
    tcp.on('data', (chunk: Buffer) => this.feed(chunk));
    tcp.on('end', () => tcp.end());
  }

  /** Connects and upgrades; rejects with UpgradeRefused or the socket's error. */
  static open(options: RawSocketOptions): Promise<RawSocket> {
    return new Promise((resolve, reject) => {
      const { host = '127.0.0.1', localAddress, port } = options;
      const from = localAddress === undefined ? {} : { localAddress };
      const tcp = connect({ port, host, noDelay: true, ...from });
      let received = Buffer.alloc(0);
      const onData = (chunk: Buffer): void => {
        received = Buffer.concat([received, chunk]);
        const end = received.indexOf('\r\n\r\n');
        if (end < 0) return;
        tcp.off('data', onData);
        tcp.off('close', onClose);
        const { status, headers } = parseHead(received.subarray(0, end).toString('latin1'));
        if (status !== 101) {
          tcp.destroy();
          reject(new UpgradeRefused(status, headers));
          return;
        }
        const socket = new RawSocket(tcp, headers, options.pong ?? true);
        resolve(socket);
        // After the resolve: the caller installs onMessage in its own microtask first.
        const rest = received.subarray(end + 4);
        if (rest.length > 0) setImmediate(() => socket.feed(rest));
      };
      const onClose = (): void => reject(new Error('upgrade: connection closed without an answer'));
      tcp.once('error', reject);
      tcp.on('error', () => tcp.destroy());
      tcp.on('close', onClose);
      tcp.on('data', onData);
      tcp.write(upgradeRequest(options));
    });
  }

  /** Sends one data message, unfragmented and masked. */
  send(payload: Buffer, text: boolean): void {
    this.sendFrame({ opcode: text ? 1 : 2, payload });
  }

  /** Several data messages in one write. */
  sendMany(payloads: readonly Buffer[], text: boolean): void {
    const opcode = text ? 1 : 2;
    this.sendRaw(Buffer.concat(payloads.map((payload) => buildFrame({ opcode, payload }))));
  }

  sendFrame(options: FrameOptions): void {
    this.sendRaw(buildFrame(options));
  }

  /** Bytes as they are, below the WebSocket layer. */
  sendRaw(bytes: Buffer): void {
    if (!this.#tcp.destroyed && this.#tcp.writable) this.#tcp.write(bytes);
  }

  /** Stops reading from the kernel: the server's sends pile up. */
  pause(): void {
    this.#tcp.pause();
  }

  resume(): void {
    this.#tcp.resume();
  }

  /** Ends the TCP connection without a close frame. */
  cut(): void {
    this.#tcp.destroy();
  }

  /** As cut, with a reset instead of a FIN. */
  reset(): void {
    this.#tcp.resetAndDestroy();
  }

  /** Starts the closing handshake and ends when the server has ended. */
  close(code = 1000): void {
    this.sendFrame({ opcode: 8, payload: Buffer.of(code >> 8, code & 255) });
  }

  /** Takes bytes from the server; public only for the handshake's leftovers. */
  feed(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    for (;;) {
      const used = this.#parseOne(this.#pending);
      if (used === 0) return;
      this.#pending = this.#pending.subarray(used);
    }
  }

  #parseOne(bytes: Buffer): number {
    if (bytes.length < 2) return 0;
    const first = bytes[0]!;
    let length = bytes[1]! & 127;
    let at = 2;
    if (length === 126) {
      if (bytes.length < 4) return 0;
      length = bytes.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return 0;
      length = Number(bytes.readBigUInt64BE(2));
      at = 10;
    }
    if (bytes.length < at + length) return 0;
    this.#take(first, bytes.subarray(at, at + length));
    return at + length;
  }

  #take(first: number, payload: Buffer): void {
    const opcode = first & 15;
    if (opcode === 8) this.#takeClose(payload);
    else if (opcode === 9) {
      if (this.#answersPing) this.sendFrame({ opcode: 10, payload });
    } else if (opcode === 10) this.onPong();
    else this.#takeData(opcode, (first & 0x80) !== 0, payload);
  }

  #takeData(opcode: number, fin: boolean, payload: Buffer): void {
    if (opcode !== 0) this.#text = opcode === 1;
    if (fin && this.#fragments.length === 0) {
      this.onMessage(payload, this.#text);
      return;
    }
    this.#fragments.push(payload);
    if (!fin) return;
    const whole = Buffer.concat(this.#fragments);
    this.#fragments = [];
    this.onMessage(whole, this.#text);
  }

  #takeClose(payload: Buffer): void {
    const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    this.#close = { code, reason: payload.subarray(2).toString('utf8') };
    this.sendFrame({ opcode: 8, payload: payload.subarray(0, 2) });
    this.#tcp.end();
  }
}

function upgradeRequest(options: RawSocketOptions): string {
  const lines = [
    `GET ${options.path ?? '/gw'} HTTP/1.1`,
    `Host: ${options.host ?? '127.0.0.1'}:${options.port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
  ];
  if (options.protocols.length > 0) {
    lines.push(`Sec-WebSocket-Protocol: ${options.protocols.join(', ')}`);
  }
  for (const [name, value] of Object.entries(options.headers ?? {}))
    lines.push(`${name}: ${value}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function parseHead(head: string): { status: number; headers: Map<string, string> } {
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(statusLine.split(' ')[1]), headers };
}
