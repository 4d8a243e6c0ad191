/**
 * The session of a connection (protocol.md 2.6, 2.17 items 10, 15, 21): IDENTIFY, REAUTH, the life of
 * its token, and its end. Runs on gateway threads. Never logs a token or a resume key.
 *
 * A session is a matter of the user entity; this thread only keeps what fences and ends it.
 */
import type { ConnectReply, ConnectRequest } from '../channels/index.ts';
import type { TokenVerdict } from './auth/index.ts';
import { type Connection, Phase } from './connection.ts';
import { retryMs, wasRefused } from './failures.ts';
import {
  authExpiringFrame,
  Close,
  closeName,
  Err,
  encodeFrame,
  Op,
  okFrame,
  okIdentifyFrame,
  type Request,
} from './protocol/index.ts';
import { COUNT_LIMITS, RATE_LIMITS } from './rates/index.ts';
import { AUTH_EXPIRING_MS, AUTH_GRACE_MS } from './socket-limits.ts';
import type { SocketContext } from './types.ts';

type IdentifyRequest = Extract<Request, { op: typeof Op.IDENTIFY }>;
type ReauthRequest = Extract<Request, { op: typeof Op.REAUTH }>;

type RefusedConnect = Extract<ConnectReply, { ok: false }>;

/** What is offered of protocol.md 2.6 `caps`: receipts (bit 2). */
const SERVER_CAPS = 4;
/** A login that was ended keeps its sockets this long, so that EV 47 comes before the close. */
const REVOKE_GRACE_MS = 1000;

/**
 * With `resume` the connection takes the place of another, which may not be gone yet, or whose session
 * was forgotten in a crash of the user entity.
 */
const RESUMING_PER_USER = {
  ...COUNT_LIMITS.connectionsPerUser,
  max: 2 * COUNT_LIMITS.connectionsPerUser.max,
};

/** ERR with the request's rid, and the close code that follows it. */
const TOKEN_REFUSALS = {
  forged: { err: Err.AUTH_FAILED, close: Close.AUTH_FAILED },
  expired: { err: Err.TOKEN_EXPIRED, close: Close.AUTH_EXPIRED },
  revoked: { err: Err.AUTH_FAILED, close: Close.REVOKED },
} as const;

export interface SessionsOptions {
  readonly context: SocketContext;
  /** The connection is identified, before its OK is sent. */
  readonly ready: (connection: Connection) => void;
  /** All connections of this thread. */
  readonly connections: () => readonly Connection[];
}

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #context: SocketContext;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#context = options.context;
  }

  /** Serves IDENTIFY on an open connection. Calls `finish` just before it answers. */
  async identify(
    connection: Connection,
    request: IdentifyRequest,
    finish: () => void,
  ): Promise<void> {
    connection.phase = Phase.IDENTIFYING;
    const { metrics, verifier } = this.#context;
    const verdict = await verifier.verify(request.token);
    if (!connection.isOpen) return;
    if (!verdict.ok) {
      finish();
      metrics.identifyFailed += 1;
      this.#refuseToken(connection, request.rid, verdict.code);
      return;
    }
    const reply = await this.#connect(connection, verdict, request);
    if (reply?.ok === true && (!connection.isOpen || this.#isEnded(verdict.login))) {
      this.#tellDisconnected(verdict.uid, reply, false);
      connection.close(Close.REVOKED);
      return;
    }
    if (!connection.isOpen) return;
    if (reply?.ok === true && !this.#count(connection, verdict.uid, request)) {
      this.#tellDisconnected(verdict.uid, reply, false);
      finish();
      this.#refuseConnect(connection, request.rid, Close.CONNECTION_LIMIT);
      return;
    }
    finish();
    if (reply === undefined) {
      connection.phase = Phase.OPEN;
      connection.sendErr(request.rid, Err.UNAVAILABLE, retryMs(this.#context.rng.u32()));
    } else if (reply.ok) {
      this.#accept(connection, verdict, reply, request);
    } else {
      metrics.identifyFailed += 1;
      this.#refuseConnect(connection, request.rid, reply.close);
    }
  }

  /** Serves REAUTH. Returns nothing; the answer is sent. Calls `finish` just before it. */
  async reauth(connection: Connection, request: ReauthRequest, finish: () => void): Promise<void> {
    const { rid, token } = request;
    const verdict = await this.#context.verifier.verify(token);
    if (!connection.isReady) return;
    finish();
    if (!verdict.ok) {
      const isRevoked = verdict.code === 'revoked';
      connection.sendErr(rid, TOKEN_REFUSALS[verdict.code].err);
      if (isRevoked) connection.close(Close.REVOKED);
    } else if (verdict.uid !== connection.uid) {
      connection.sendErr(rid, Err.AUTH_FAILED);
      connection.close(Close.AUTH_FAILED, false);
    } else if (verdict.login !== connection.login) {
      connection.sendErr(rid, Err.AUTH_FAILED);
    } else {
      connection.expMs = verdict.expMs;
      connection.isExpiryTold = false;
      connection.sendFrame(okFrame(rid, verdict.expMs));
    }
  }

  /** Once per second: AUTH_EXPIRING 60 s before the token ends, 4003 15 s after. */
  visit(connection: Connection): void {
    if (!connection.isReady) return;
    const leftMs = connection.expMs - this.#context.clock.now();
    if (leftMs > AUTH_EXPIRING_MS) return;
    if (leftMs <= -AUTH_GRACE_MS) {
      connection.close(Close.AUTH_EXPIRED);
    } else if (!connection.isExpiryTold) {
      connection.isExpiryTold = true;
      connection.sendFrame(authExpiringFrame(Math.max(0, leftMs)));
    }
  }

  /** The connection has ended: its user hears of it. */
  ended(connection: Connection): void {
    this.#uncount(connection);
    if (connection.uid === 0) return;
    const { session, connNo, closeCode } = connection;
    const ended = closeCode === 1000 || closeCode === 1001;
    this.#context.upstream.disconnected(connection.uid, { session, connNo, ended });
  }

  /** A login was ended: no new connection, and what is still there in a second is closed. */
  loginRevoked(login: string, untilMs: number): void {
    const { clock, revoked } = this.#context;
    revoked.add(login, untilMs);
    const ending = this.#options.connections().filter((connection) => connection.login === login);
    // They are as good as gone: the user may connect again at once.
    for (const connection of ending) this.#uncount(connection);
    const timer = clock.setTimeout(() => {
      for (const connection of ending) connection.close(Close.REVOKED);
    }, REVOKE_GRACE_MS);
    timer.unref?.();
  }

  /** One more connection of the user, unless there are too many in the process. */
  #count(connection: Connection, uid: number, request: IdentifyRequest): boolean {
    const { metrics, rates } = this.#context;
    const limit = request.resume === null ? COUNT_LIMITS.connectionsPerUser : RESUMING_PER_USER;
    connection.uid = uid;
    connection.isCounted = rates.claim(limit, uid);
    if (connection.isCounted) return true;
    connection.uid = 0;
    metrics.refusedPerUser += 1;
    metrics.identifyFailed += 1;
    return false;
  }

  #uncount(connection: Connection): void {
    if (!connection.isCounted) return;
    connection.isCounted = false;
    this.#context.rates.release(COUNT_LIMITS.connectionsPerUser, connection.uid);
  }

  #isEnded(login: string): boolean {
    return this.#context.revoked.isRevoked(login);
  }

  #refuseToken(connection: Connection, rid: number, code: keyof typeof TOKEN_REFUSALS): void {
    const refusal = TOKEN_REFUSALS[code];
    connection.sendErr(rid, refusal.err);
    connection.close(refusal.close, refusal.close === Close.REVOKED);
  }

  #refuseConnect(connection: Connection, rid: number, close: RefusedConnect['close']): void {
    if (close === Close.CONNECTION_LIMIT) {
      connection.sendFrame([Op.ERR, rid, close, closeName(close)]);
    } else {
      connection.sendErr(rid, close === Close.SERVER_ERROR ? Err.INTERNAL : Err.AUTH_FAILED);
    }
    connection.close(close, close === Close.REVOKED);
  }

  /**
   * undefined when the user entity cannot be reached. If it may have connected all the same, it is
   * told that this connection is none, or it would count against the user for good.
   */
  async #connect(
    connection: Connection,
    verdict: TokenVerdict & { ok: true },
    request: IdentifyRequest,
  ): Promise<ConnectReply | undefined> {
    const base = { conn: connection.no, login: verdict.login };
    const connect: Omit<ConnectRequest, 'gateway'> =
      request.resume === null ? base : { ...base, resume: request.resume };
    try {
      return await this.#context.upstream.connect(verdict.uid, connect);
    } catch (error) {
      this.#context.log.warn({ err: error, uid: verdict.uid }, 'connect a user: no answer');
      if (!wasRefused(error)) this.#context.upstream.abandoned(verdict.uid, connection.no);
      return undefined;
    }
  }

  #accept(
    connection: Connection,
    verdict: TokenVerdict & { ok: true },
    reply: ConnectReply & { ok: true },
    request: IdentifyRequest,
  ): void {
    const { clock, durability, metrics } = this.#context;
    const { uid, login, expMs } = verdict;
    const { session, resumeKey, connNo, guilds } = reply;
    this.#countResume(connection, request, session);
    connection.uid = uid;
    connection.login = login;
    connection.expMs = expMs;
    connection.session = session;
    connection.connNo = connNo;
    connection.phase = Phase.READY;
    metrics.identified += 1;
    this.#options.ready(connection);
    const caps = (request.caps & SERVER_CAPS) >>> 0;
    const now = clock.now();
    const result = { session, resumeKey, connNo, uid, userSid: uid, expMs, durability, caps, now };
    const frame = okIdentifyFrame(request.rid, { ...result, guilds });
    connection.send(encodeFrame(frame, connection.encoding));
  }

  /** A wrong key gives a new session without a hint; many of them give 429 at the upgrade (H25). */
  #countResume(connection: Connection, request: IdentifyRequest, session: string): void {
    const { metrics, rates } = this.#context;
    if (request.resume === null) return;
    if (request.resume.session === session) {
      metrics.resumed += 1;
      return;
    }
    metrics.resumeFailed += 1;
    rates.take(RATE_LIMITS.resumeFailurePerIp, connection.addressKey);
  }

  #tellDisconnected(uid: number, reply: ConnectReply & { ok: true }, ended: boolean): void {
    const { session, connNo } = reply;
    this.#context.upstream.disconnected(uid, { session, connNo, ended });
  }
}
