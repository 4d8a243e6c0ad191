/**
 * Keeps a client connected: opens, identifies (with resume), reconnects with the delays of protocol.md
 * 2.14, moves to a second connection when the server asks for it, renews tokens. Owned by client.ts; it
 * knows nothing of streams and messages.
 */

import type { Encoding, Frame, IdentifyResult, ServerFrame } from '../gateway/protocol/index.ts';
import {
  Close,
  closeAction,
  Err,
  identifyFrame,
  Op,
  parseIdentifyResult,
  reauthFrame,
} from '../gateway/protocol/index.ts';
import { Backoff } from './backoff.ts';
import type { Clock, Rng } from './clock.ts';
import { Connection, type Ended, type OpenSocket, type Reply } from './connection.ts';
import { ClientError } from './errors.ts';
import type { TokenSource } from './rest.ts';
import type { ClientStorage } from './storage.ts';

/** State of the connection as the user may see it. */
export type ClientState =
  | { readonly name: 'idle' }
  | { readonly name: 'connecting' }
  | { readonly name: 'online' }
  /** Lost; the next attempt comes after `retryInMs`. `code` is the close code (1006 = no close frame). */
  | { readonly name: 'waiting'; readonly retryInMs: number; readonly code: number }
  /** It will not reconnect. `closed` by the application, `signedOut` login over, else by the server. */
  | {
      readonly name: 'stopped';
      readonly why: 'closed' | 'signedOut' | 'refused';
      readonly code: number;
      readonly reason: string;
    };

/** What the link needs, and tells. */
export interface LinkHost {
  readonly url: string;
  readonly encoding: Encoding;
  readonly clientName: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly tokens: TokenSource;
  readonly storage: ClientStorage;
  readonly herdKey: string;
  readonly openSocket: OpenSocket;
  state(state: ClientState): void;
  /** Identified on a (new) connection. */
  online(result: IdentifyResult): void;
  /** No connection any more. */
  offline(): void;
  /** Frames of streams. */
  frame(frame: ServerFrame): void;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** An old connection that the server has not closed after a move is given up after this. */
const OLD_CONNECTION_MS = 10_000;
const TOKEN_RETRY_MS = 5_000;
const LOST: Reply = { ok: false, isLost: true };

/** The connection of a client over time. */
export class Link {
  readonly #host: LinkHost;
  readonly #backoff: Backoff;
  #current: Connection | null = null;
  #next: Connection | null = null;
  #timer: unknown = null;
  #authTimer: unknown = null;
  #oldTimer: unknown = null;
  #onlineAt: number | null = null;
  #herdMs = 0;
  #resume: { readonly session: string; readonly key: string } | null = null;
  #needsNewToken = false;
  #isRunning = false;

  constructor(host: LinkHost) {
    this.#host = host;
    this.#backoff = new Backoff(() => host.rng.random());
  }

  /** Starts connecting, at once. */
  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const kept = Number(await this.#host.storage.get(this.#host.herdKey));
    if (Number.isFinite(kept)) this.#herdMs = kept;
    if (this.#isRunning) this.#connect(this.#host.url);
  }

  /** Sends a request on the present connection. Never rejects. */
  request(build: (rid: number) => Frame): Promise<Reply> {
    return this.#current?.request(build) ?? Promise.resolve(LOST);
  }

  /** Sends a frame that has no reply on the present connection; nothing happens without one. */
  send(frame: Frame): void {
    this.#current?.send(frame);
  }

  /** The network has changed: the connection is given up and opened again soon. */
  networkChanged(): void {
    this.#current?.drop();
  }

  /** Ends the session and everything else. */
  close(): void {
    this.#stop('closed', 1000, '');
  }

  #stop(why: 'closed' | 'signedOut' | 'refused', code: number, reason: string): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    const { clock } = this.#host;
    for (const timer of [this.#timer, this.#authTimer, this.#oldTimer]) clock.clearTimeout(timer);
    const [current, next] = [this.#current, this.#next];
    this.#current = null;
    this.#next = null;
    next?.close();
    current?.close();
    if (current !== null) this.#host.offline();
    this.#host.state({ name: 'stopped', why, code, reason });
  }

  // ------------------------------------------------------------- opening

  #connect(url: string): void {
    if (this.#next !== null) return;
    if (this.#current === null) this.#host.state({ name: 'connecting' });
    const { encoding, openSocket, clock } = this.#host;
    const connection: Connection = new Connection({
      url,
      encoding,
      openSocket,
      clock,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      handlers: {
        hello: (hello) => {
          this.#keepHerd(hello.herdMs);
          void this.#identify(connection);
        },
        frame: (frame) => this.#onFrame(connection, frame),
        ended: (end) => this.#onEnded(connection, end),
      },
    });
    this.#next = connection;
  }

  #keepHerd(herdMs: number): void {
    if (herdMs === this.#herdMs) return;
    this.#herdMs = herdMs;
    // Losing it costs a shorter first wait after the next start; nothing to tell.
    this.#host.storage.set(this.#host.herdKey, String(herdMs)).catch(() => undefined);
  }

  async #identify(connection: Connection): Promise<void> {
    const token = await this.#token();
    if (connection.isOver) return;
    if (token === null) {
      connection.drop();
      return;
    }
    const resume = this.#resume;
    const client = this.#host.clientName;
    const reply = await connection.request((rid) => identifyFrame(rid, { token, client, resume }));
    const result = reply.ok ? parseIdentifyResult(reply.result) : null;
    if (result !== null) this.#onIdentified(connection, result);
    else if (!reply.ok && !reply.isLost && isAuthErr(reply.code)) this.#onAuthErr(reply.code);
    else connection.drop();
  }

  /** An access token; null when none can be had now. Stops when the login is over. */
  async #token(): Promise<string | null> {
    try {
      const { tokens } = this.#host;
      const token = await (this.#needsNewToken ? tokens.renew() : tokens.get());
      this.#needsNewToken = false;
      return token;
    } catch (error) {
      if (error instanceof ClientError && error.code === 'DRIFT_CLIENT_SIGNED_OUT') {
        this.#stop('signedOut', Close.AUTH_FAILED, 'auth_failed');
      }
      return null;
    }
  }

  /** The close code that follows (4003 or 4504) decides; this only notes what it will need. */
  #onAuthErr(code: number): void {
    if (code === Err.TOKEN_EXPIRED) this.#needsNewToken = true;
  }

  #onIdentified(connection: Connection, result: IdentifyResult): void {
    if (connection.isOver || connection !== this.#next) return;
    const old = this.#current;
    this.#next = null;
    this.#current = connection;
    this.#onlineAt = this.#host.clock.now();
    this.#resume = { session: result.session, key: result.resumeKey };
    if (old !== null) this.#retire(old);
    this.#host.online(result);
    this.#host.state({ name: 'online' });
  }

  /** The server closes it (the session has moved); what it still delivers is taken. */
  #retire(old: Connection): void {
    const { clock } = this.#host;
    clock.clearTimeout(this.#oldTimer);
    this.#oldTimer = clock.setTimeout(() => old.drop(), OLD_CONNECTION_MS);
  }

  // ------------------------------------------------------------- frames for the link itself

  #onFrame(connection: Connection, frame: ServerFrame): void {
    if (frame.op === Op.AUTH_EXPIRING) {
      if (connection === this.#current) void this.#reauth(connection);
    } else if (frame.op === Op.RECONNECT) {
      if (connection === this.#current) this.#moveLater(frame.minMs, frame.maxMs, frame.url);
    } else if (frame.op !== Op.ERR) {
      this.#host.frame(frame);
    }
  }

  async #reauth(connection: Connection): Promise<void> {
    this.#needsNewToken = true;
    const token = await this.#token();
    if (connection.isOver) return;
    const { clock } = this.#host;
    const retry = (): void => {
      clock.clearTimeout(this.#authTimer);
      this.#authTimer = clock.setTimeout(() => void this.#reauth(connection), TOKEN_RETRY_MS);
    };
    if (token === null) {
      retry();
      return;
    }
    const reply = await connection.request((rid) => reauthFrame(rid, token));
    // A token that the server does not take ends in 4003, and the next connection gets a new one.
    if (!reply.ok && !reply.isLost && !isAuthErr(reply.code)) retry();
  }

  #moveLater(minMs: number, maxMs: number, url: string | null): void {
    const { clock } = this.#host;
    clock.clearTimeout(this.#timer);
    const target = url !== null && isSafeMove(this.#host.url, url) ? url : this.#host.url;
    const delayMs = this.#backoff.within(minMs, maxMs);
    this.#timer = clock.setTimeout(() => {
      this.#timer = null;
      this.#connect(target);
    }, delayMs);
  }

  // ------------------------------------------------------------- ends

  #onEnded(connection: Connection, end: Ended): void {
    if (!this.#isRunning) return;
    const wasCurrent = connection === this.#current;
    const wasNext = connection === this.#next;
    // An old connection after a move: its 4505 is our own doing.
    if (!wasCurrent && !wasNext) return;
    if (wasCurrent) {
      this.#current = null;
      this.#host.offline();
    } else {
      this.#next = null;
    }
    if (end.code === Close.AUTH_EXPIRED) this.#needsNewToken = true;
    // While a second connection takes the session over, the fence may be seen before its OK.
    const isOwnFence = wasCurrent && this.#next !== null && end.code === Close.SESSION_REPLACED;
    if (closeAction(end.code) === 'stop' && !isOwnFence) {
      this.#stop(isLoginOver(end.code) ? 'signedOut' : 'refused', end.code, end.reason);
    } else if (this.#current === null && this.#next === null) {
      this.#reconnectLater(end, wasCurrent);
    }
  }

  #reconnectLater(end: Ended, wasOnline: boolean): void {
    const { clock } = this.#host;
    const now = clock.now();
    const { code, isLocal } = end;
    const onlineAt = wasOnline ? this.#onlineAt : null;
    const delayMs = this.#backoff.next({ code, isLocal, onlineAt, now }, this.#herdMs);
    this.#host.state({ name: 'waiting', retryInMs: Math.round(delayMs), code });
    // RECONNECT has drawn a time already: that window is the server's, ours would widen it.
    if (this.#timer !== null) return;
    this.#timer = clock.setTimeout(() => {
      this.#timer = null;
      this.#connect(this.#host.url);
    }, delayMs);
  }
}

function isAuthErr(code: number): boolean {
  return code >= 200 && code < 300;
}

function isLoginOver(code: number): boolean {
  return code === Close.AUTH_FAILED || code === Close.REVOKED;
}

/** A server may send us elsewhere, but never from wss to ws. */
function isSafeMove(from: string, to: string): boolean {
  return (
    URL.canParse(to) && /^wss?:/.test(to) && (to.startsWith('wss:') || !from.startsWith('wss:'))
  );
}
