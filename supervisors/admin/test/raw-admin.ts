/**
 * An admin connection that breaks rules on purpose: sends any bytes, stops reading, says what it got and how it ended. Test support.
 */
import { WebSocket } from 'ws';
import {
  ADMIN_SUBPROTOCOL,
  type AdminEncoding,
  decodeAdmin,
  encodeAdmin,
} from '../../../gateway/admin-wire/index.ts';

export interface RawAdminOptions {
  /** `ws+unix:PATH:/admin` or `ws://127.0.0.1:PORT/admin`. */
  readonly url: string;
  readonly encoding?: AdminEncoding;
  /** Instead of the one of `encoding`; empty: none is offered. */
  readonly protocols?: readonly string[];
  readonly origin?: string;
  readonly token?: string;
  /** Address to come from. */
  readonly localAddress?: string;
}

/** What the server said to an upgrade that it refused. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;
  readonly retryAfter: string | undefined;

  constructor(status: number, code: string, retryAfter: string | undefined) {
    super(`upgrade: status ${status}, code ${code}`);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

export class RawAdmin {
  readonly frames: (readonly unknown[])[] = [];
  /** Code of the close frame, 1006 without one. */
  readonly closed: Promise<number>;
  readonly socket: WebSocket;
  readonly encoding: AdminEncoding;
  readonly #waiting: (() => void)[] = [];
  #error: unknown;

  /** Rejects with Refused. */
  static open(options: RawAdminOptions): Promise<RawAdmin> {
    const { encoding = 'mp', localAddress, origin, token, url } = options;
    const headers: Record<string, string> = {};
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    if (origin !== undefined) headers.origin = origin;
    const protocols = options.protocols ?? [ADMIN_SUBPROTOCOL[encoding]];
    const from = localAddress === undefined ? {} : { localAddress };
    const socket = new WebSocket(url, [...protocols], {
      headers,
      perMessageDeflate: false,
      ...from,
    });
    const raw = new RawAdmin(socket, encoding);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(raw));
      socket.on('error', reject);
      socket.once('unexpected-response', (_request, response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8');
          const body = (text.startsWith('{') ? JSON.parse(text) : {}) as { code?: string };
          const status = response.statusCode ?? 0;
          reject(new Refused(status, body.code ?? '', response.headers['retry-after']));
        });
      });
    });
  }

  private constructor(socket: WebSocket, encoding: AdminEncoding) {
    this.socket = socket;
    this.encoding = encoding;
    this.closed = new Promise((resolve) => {
      socket.once('close', (code) => {
        resolve(code);
        this.#wake();
      });
    });
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('message', (data) => {
      const decoded = decodeAdmin(data as Buffer, encoding, 'server');
      if (!decoded.ok) throw new Error(`the server sent no frame: ${decoded.why}`);
      this.frames.push(decoded.frame);
      this.#wake();
    });
  }

  send(frame: readonly unknown[]): void {
    this.sendBytes(encodeAdmin(frame, this.encoding), this.encoding === 'mp');
  }

  sendBytes(bytes: Uint8Array | string, isBinary: boolean): void {
    this.socket.send(bytes, { binary: isBinary });
  }

  /** The first frame that fits, those that have come before included. Rejects when the connection ends without it. */
  async frame(fits: (frame: readonly unknown[]) => boolean): Promise<readonly unknown[]> {
    for (;;) {
      const found = this.frames.find(fits);
      if (found !== undefined) return found;
      if (this.socket.readyState === WebSocket.CLOSED) {
        throw new Error(`closed by ${await this.closed} without the frame`, { cause: this.#error });
      }
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  /** Sends and waits for the OK or ERR with this request number. */
  request(
    frame: readonly [op: number, rid: number, ...more: unknown[]],
  ): Promise<readonly unknown[]> {
    this.send(frame);
    return this.frame(([op, rid]) => (op === 98 || op === 99) && rid === frame[1]);
  }

  cut(): void {
    this.socket.terminate();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
