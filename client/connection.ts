/**
 * One WebSocket: frames in and out, requests and their replies by rid, death by silence. It knows
 * nothing of sessions, streams or reconnecting; client.ts owns one, or two while it moves.
 */

import type {
  Encoding,
  Frame,
  HelloFields,
  ServerFrame,
  WireValue,
} from '../gateway/protocol/index.ts';
import {
  decodeFrame,
  Err,
  encodeFrame,
  encodeJsonText,
  Limits,
  Op,
  parseServerFrame,
  SUBPROTOCOL,
} from '../gateway/protocol/index.ts';
import type { Clock } from './clock.ts';

/** The part of a browser's WebSocket that the SDK uses. */
export interface SocketLike {
  binaryType: string;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
}

/** Opens a WebSocket. */
export type OpenSocket = (url: string, subprotocol: string) => SocketLike;

/** Outcome of a request. */
export type Reply =
  | { readonly ok: true; readonly result: readonly WireValue[] }
  | {
      readonly ok: false;
      readonly isLost: false;
      readonly code: number;
      readonly name: string;
      readonly retryMs: number | null;
    }
  /** The connection ended first. */
  | { readonly ok: false; readonly isLost: true };

/** How a connection ended. */
export interface Ended {
  /** Close code, 1006 without a close frame. */
  readonly code: number;
  readonly reason: string;
  /** Given up by us: silence or a change of network. */
  readonly isLocal: boolean;
}

/** What a connection tells its owner. */
export interface ConnectionHandlers {
  hello(hello: HelloFields): void;
  /** Every frame but HELLO, OK and ERR with a rid, PING; BATCH is unpacked. */
  frame(frame: ServerFrame): void;
  /** Once, at the end. All requests have been answered with `isLost` before. */
  ended(end: Ended): void;
}

/** Options of a connection. */
export interface ConnectionOptions {
  readonly url: string;
  readonly encoding: Encoding;
  readonly openSocket: OpenSocket;
  readonly clock: Clock;
  readonly handlers: ConnectionHandlers;
  /** HELLO must come within this, milliseconds. */
  readonly connectTimeoutMs: number;
}

const OUTBOUND = { depthMax: Limits.outboundDepthMax, valuesMax: 131_072 } as const;
const LOST: Reply = { ok: false, isLost: true };
const BUSY: Reply = {
  ok: false,
  isLost: false,
  code: Err.INFLIGHT_LIMIT,
  name: 'inflight_limit',
  retryMs: 200,
};
/** protocol.md 2.14: nothing seen for 2.5 x ping_ms. */
const SILENCE_FACTOR = 2.5;

const utf8 = new TextEncoder();

/** One WebSocket connection. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #socket: SocketLike;
  readonly #pending = new Map<number, (reply: Reply) => void>();
  #hello: HelloFields | null = null;
  #nextRid = 1;
  #seenAt: number;
  #silenceMs: number;
  #timer: unknown = null;
  #isOver = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#seenAt = options.clock.now();
    this.#silenceMs = options.connectTimeoutMs;
    this.#socket = options.openSocket(options.url, SUBPROTOCOL[options.encoding]);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.onmessage = (event) => this.#onMessage(event.data);
    this.#socket.onclose = (event) => {
      this.#finish({ code: event.code, reason: event.reason, isLocal: false });
    };
    // A close event follows an error, except in Node 22 for an attempt that was refused (seen in 22.23).
    this.#socket.onerror = () => {
      if (this.#hello === null) this.#finish({ code: 1006, reason: '', isLocal: false });
    };
    this.#watch(this.#silenceMs);
  }

  /** HELLO of this connection, null before it. */
  get hello(): HelloFields | null {
    return this.#hello;
  }

  /** Whether the connection has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Sends a request.
   * @param build makes the frame for a rid
   * @returns the reply; never rejects. With as many in flight as HELLO allows, ERR 410 without sending
   */
  request(build: (rid: number) => Frame): Promise<Reply> {
    if (this.#isOver) return Promise.resolve(LOST);
    const inflightMax = this.#hello?.limits.maxInflight ?? Limits.inflightMax;
    if (this.#pending.size >= inflightMax) return Promise.resolve(BUSY);
    const rid = this.#nextRid;
    this.#nextRid = rid === 0xffff_ffff ? 1 : rid + 1;
    return new Promise((resolve) => {
      this.#pending.set(rid, resolve);
      this.#send(build(rid));
    });
  }

  /** Sends a frame that has no reply. */
  send(frame: Frame): void {
    if (!this.#isOver && this.#hello !== null) this.#send(frame);
  }

  /** Closes with 1000: the server ends the session. */
  close(): void {
    if (this.#isOver) return;
    this.#socket.close(1000);
    this.#finish({ code: 1000, reason: '', isLocal: true });
  }

  /** Gives the connection up without waiting for a close handshake. */
  drop(): void {
    if (this.#isOver) return;
    // 4999 is ours: the server treats every code but 1000 and 1001 as a lost connection.
    this.#socket.close(4999);
    this.#finish({ code: 1006, reason: '', isLocal: true });
  }

  #send(frame: Frame): void {
    const { encoding } = this.#options;
    this.#socket.send(encoding === 'mp' ? encodeFrame(frame, 'mp') : encodeJsonText(frame));
  }

  #finish(end: Ended): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    this.#socket.onerror = null;
    this.#options.clock.clearTimeout(this.#timer);
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const resolve of pending) resolve(LOST);
    this.#options.handlers.ended(end);
  }

  #watch(delayMs: number): void {
    const { clock } = this.#options;
    this.#timer = clock.setTimeout(() => {
      const leftMs = this.#seenAt + this.#silenceMs - clock.now();
      if (leftMs <= 0) this.drop();
      else this.#watch(leftMs);
    }, delayMs);
  }

  #onMessage(data: unknown): void {
    const bytes =
      typeof data === 'string' ? utf8.encode(data) : new Uint8Array(data as ArrayBuffer);
    const decoded = decodeFrame(bytes, this.#options.encoding, OUTBOUND);
    // Not a server of this protocol, or a broken path: the same as a dead connection.
    if (!decoded.ok) {
      this.drop();
      return;
    }
    this.#seenAt = this.#options.clock.now();
    const frame = parseServerFrame(decoded.frame);
    if (frame !== null) this.#dispatch(frame);
  }

  #dispatch(frame: ServerFrame): void {
    switch (frame.op) {
      case Op.HELLO:
        this.#onHello(frame);
        break;
      case Op.PING:
        break;
      case Op.OK:
        this.#settle(frame.rid, { ok: true, result: frame.result });
        break;
      case Op.ERR: {
        const { rid, code, name, retryMs } = frame;
        if (rid === 0) this.#options.handlers.frame(frame);
        else this.#settle(rid, { ok: false, isLost: false, code, name, retryMs });
        break;
      }
      case Op.BATCH:
        for (const inner of frame.frames) {
          if (!this.#isOver) this.#options.handlers.frame(inner);
        }
        break;
      default:
        this.#options.handlers.frame(frame);
    }
  }

  #onHello(hello: HelloFields): void {
    if (this.#hello !== null) return;
    this.#hello = hello;
    this.#silenceMs = hello.pingMs * SILENCE_FACTOR;
    this.#options.clock.clearTimeout(this.#timer);
    this.#watch(this.#silenceMs);
    this.#options.handlers.hello(hello);
  }

  #settle(rid: number, reply: Reply): void {
    const resolve = this.#pending.get(rid);
    this.#pending.delete(rid);
    resolve?.(reply);
  }
}
