/**
 * The admin socket from the other side: connect, call, subscribe. Used by the command line and by tests; any Node process. Loads
 * the WebSocket library when it connects.
 */
import type { WebSocket } from 'ws';
import {
  ADMIN_SUBPROTOCOL,
  type AdminFrame,
  type AdminHello,
  AdminLimits,
  AdminOp,
  decodeAdmin,
  encodeAdmin,
} from '../../gateway/admin-wire/index.ts';
import type { VerbCode } from './types.ts';
import { shortPath } from './unix-socket.ts';

/** Where the server is: its Unix socket, or its URL (http, https, ws or wss) with a token. */
export type AdminTarget = (
  | { readonly socketPath: string }
  | { readonly url: string; readonly token?: string }
) & {
  /** For the audit log: `driftway kill, pid 123`. */
  readonly client?: string;
  /** Time to connect and be greeted, in ms; default 5,000. */
  readonly timeoutMs?: number;
};

/** Codes of an AdminError: those of verbs, of refusals at the door, and `closed` / `unreachable` of this side. */
export type AdminErrorCode =
  | VerbCode
  | 'unauthorized'
  | 'token_expired'
  | 'origin_not_allowed'
  | 'closed'
  | 'unreachable'
  | (string & {});

/** The server said no, or the connection failed. */
export class AdminError extends Error {
  readonly code: AdminErrorCode;
  readonly retryAfterMs: number | null;

  constructor(code: AdminErrorCode, message: string, retryAfterMs: number | null = null) {
    super(message);
    this.name = 'AdminError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface CallOptions {
  readonly onProgress?: (data: unknown) => void;
}

/** One event of a subscription: `n` counts from 1; after dropped events comes kind `dropped` with `{ count }`. */
export interface AdminEvent {
  readonly n: number;
  readonly kind: string;
  readonly data: unknown;
}

export interface AdminSubscription {
  readonly sub: number;
  close(): Promise<void>;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: AdminError) => void;
  readonly onProgress: ((data: unknown) => void) | undefined;
  /** Runs before the next frame is looked at, so that no event is missed. */
  readonly accepted: ((value: unknown) => void) | undefined;
}

const CONNECT_MS = 5_000;
const RID_MAX = 0xffff_ffff;

export class AdminClient {
  readonly hello: AdminHello;
  /** Resolves when the connection has ended, with the close code. */
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, Pending>();
  readonly #subscriptions = new Map<number, (event: AdminEvent) => void>();
  #lastRid = 0;

  /** Connects and waits for HELLO. Rejects with AdminError. */
  static async connect(target: AdminTarget): Promise<AdminClient> {
    const { WebSocket: Socket } = await import('ws');
    const { address, headers, release } = addressOf(target);
    const timeoutMs = target.timeoutMs ?? CONNECT_MS;
    const socket = new Socket(address, ADMIN_SUBPROTOCOL.mp, {
      headers,
      perMessageDeflate: false,
      maxPayload: AdminLimits.outboundBytesMax,
      handshakeTimeout: timeoutMs,
    });
    try {
      return new AdminClient(socket, await greeted(socket, timeoutMs));
    } catch (error) {
      socket.on('error', () => undefined);
      socket.terminate();
      throw error;
    } finally {
      release();
    }
  }

  private constructor(socket: WebSocket, hello: AdminHello) {
    this.#socket = socket;
    this.hello = hello;
    this.closed = new Promise((resolve) => {
      socket.on('close', (code) => {
        const error = new AdminError('closed', `the admin connection was closed (${code})`);
        for (const { reject } of this.#pending.values()) reject(error);
        this.#pending.clear();
        resolve(code);
      });
    });
    socket.on('error', () => socket.terminate());
    socket.on('message', (data) => this.#receive(data as Buffer));
  }

  /** Carries a verb out. Rejects with AdminError: the verb's code, or `closed`. */
  call<T = unknown>(verb: string, args: unknown = {}, options: CallOptions = {}): Promise<T> {
    const { onProgress } = options;
    return this.#request((rid) => [AdminOp.CALL, rid, verb, args], { onProgress }) as Promise<T>;
  }

  /** Subscribes; `onEvent` sees every event from the first on, in order. Rejects with AdminError. */
  async subscribe(
    topic: string,
    options: unknown,
    onEvent: (event: AdminEvent) => void,
  ): Promise<AdminSubscription> {
    const accepted = (value: unknown): void => {
      this.#subscriptions.set((value as { sub: number }).sub, onEvent);
    };
    const given = await this.#request((rid) => [AdminOp.SUB, rid, topic, options], { accepted });
    const { sub } = given as { sub: number };
    return {
      sub,
      close: async () => {
        if (!this.#subscriptions.delete(sub)) return;
        await this.#request((rid) => [AdminOp.UNSUB, rid, sub], {});
      },
    };
  }

  /** A newer token for a connection that is open. */
  async renew(token: string): Promise<void> {
    await this.#request((rid) => [AdminOp.AUTH, rid, token], {});
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    this.#socket.close(1000);
    await this.closed;
  }

  #request(
    frame: (rid: number) => readonly unknown[],
    hooks: Partial<Pick<Pending, 'onProgress' | 'accepted'>>,
  ): Promise<unknown> {
    if (this.#socket.readyState !== this.#socket.OPEN) {
      return Promise.reject(new AdminError('closed', 'the admin connection is closed'));
    }
    this.#lastRid = (this.#lastRid % RID_MAX) + 1;
    const rid = this.#lastRid;
    const { accepted, onProgress } = hooks;
    return new Promise((resolve, reject) => {
      this.#pending.set(rid, { resolve, reject, onProgress, accepted });
      this.#socket.send(encodeAdmin(frame(rid), 'mp'));
    });
  }

  #receive(data: Buffer): void {
    const decoded = decodeAdmin(data, 'mp', 'server');
    if (!decoded.ok) {
      this.#socket.close(1002);
      return;
    }
    const [op, id, ...more] = decoded.frame;
    if (typeof id !== 'number') return;
    if (op === AdminOp.EVENT) {
      this.#event(id, more);
      return;
    }
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    if (op === AdminOp.OK) {
      pending.accepted?.(more[0]);
      pending.resolve(more[0]);
    } else if (op === AdminOp.ERR) pending.reject(errorOf(more));
  }

  #event(sub: number, [n, kind, data]: readonly unknown[]): void {
    if (sub < 0) this.#pending.get(-sub)?.onProgress?.(data);
    else this.#subscriptions.get(sub)?.({ n: Number(n), kind: String(kind), data });
  }
}

function errorOf([code, message, retryAfterMs]: readonly unknown[]): AdminError {
  const wait = typeof retryAfterMs === 'number' ? retryAfterMs : null;
  return new AdminError(String(code), String(message), wait);
}

function addressOf(target: AdminTarget): {
  readonly address: string;
  readonly headers: Record<string, string>;
  readonly release: () => void;
} {
  const headers: Record<string, string> = {};
  if (target.client !== undefined) headers['x-driftway-client'] = target.client;
  if ('socketPath' in target) {
    const { close, path } = shortPath(target.socketPath);
    return { address: `ws+unix:${path}:/admin`, headers, release: close };
  }
  if (target.token !== undefined) headers.authorization = `Bearer ${target.token}`;
  const url = new URL('/admin', target.url);
  url.protocol = url.protocol === 'https:' || url.protocol === 'wss:' ? 'wss:' : 'ws:';
  return { address: url.href, headers, release: () => undefined };
}

/** HELLO, or why there is none. */
function greeted(socket: WebSocket, timeoutMs: number): Promise<AdminHello> {
  return new Promise((resolve, reject) => {
    const timer = AbortSignal.timeout(timeoutMs);
    const late = (): void => reject(new AdminError('unreachable', 'the server does not answer'));
    timer.addEventListener('abort', late, { once: true });
    socket.once('error', (error) => reject(new AdminError('unreachable', error.message)));
    socket.once('close', (code) => reject(new AdminError('closed', `closed (${code}) at once`)));
    socket.once('unexpected-response', (_request, response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => reject(refusalOf(response.statusCode ?? 0, Buffer.concat(parts))));
    });
    socket.once('message', (data) => {
      const decoded = decodeAdmin(data as Buffer, 'mp', 'server');
      timer.removeEventListener('abort', late);
      if (decoded.ok && decoded.frame[0] === AdminOp.HELLO) resolve(helloOf(decoded.frame));
      else reject(new AdminError('invalid', 'this is no admin socket of Driftway'));
    });
  });
}

function helloOf(frame: AdminFrame): AdminHello {
  return frame[1] as AdminHello;
}

/** A refusal at the upgrade: `{ code, message }` as JSON. */
function refusalOf(status: number, body: Buffer): AdminError {
  try {
    const { code, message } = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
    if (typeof code === 'string') return new AdminError(code, String(message ?? code));
  } catch {
    return new AdminError('unreachable', `the server answered with status ${status}`);
  }
  return new AdminError('unreachable', `the server answered with status ${status}`);
}
