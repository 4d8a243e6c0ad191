/**
 * What a client sends: one frame in, one reply out. Decodes strictly, keeps the frame rate and the
 * bookkeeping of rids (every rid exactly one OK or ERR), and hands the request to its op. Runs on
 * gateway threads, synchronously up to the first call of an entity; the message buffer is not used
 * after that (P11).
 */

import { isTraceDrawn, withTrace } from '../runtime/index.ts';
import { Appends } from './appends.ts';
import { type Connection, Phase } from './connection.ts';
import type { Failure } from './failures.ts';
import type { OwnMarkers } from './own-markers.ts';
import { Pace } from './pace.ts';
import type { PresenceOps } from './presence-ops.ts';
import {
  Close,
  decodeFrame,
  Err,
  encodeFrame,
  type Frame,
  Limits,
  Op,
  okFrame,
  type PresenceRequest,
  parseRequest,
  type Request,
  ridOf,
  type VoiceRequest,
} from './protocol/index.ts';
import * as queries from './queries.ts';
import { CONNECTION_LIMITS, type RateLimit } from './rates/index.ts';
import type { Sessions } from './session.ts';
import {
  BACKLOG_SOFT_BYTES,
  HELD_BYTES_MAX,
  HELD_FRAMES_MAX,
  REFUSAL_WINDOW_S,
  REFUSALS_MAX,
} from './socket-limits.ts';
import type { Subscriptions } from './subscriptions.ts';
import { beginRequest, noteRefused } from './trace/index.ts';
import type { SocketContext } from './types.ts';
import type { VoiceOps } from './voice-ops.ts';

const ADMIN_OP_FIRST = 96;
const ADMIN_OP_LAST = 127;
const DRAIN_RETRY_MS = 1000;

export interface RequestsOptions {
  readonly context: SocketContext;
  readonly sessions: Sessions;
  readonly subscriptions: Subscriptions;
  readonly ownMarkers: OwnMarkers;
  readonly presence: PresenceOps;
  readonly voice: VoiceOps;
  readonly isDraining: () => boolean;
  /** Seconds of the thread; `nowMs` = the monotonic clock as just read. */
  readonly nowS: (nowMs?: number) => number;
}

export class Requests {
  readonly #options: RequestsOptions;
  readonly #context: SocketContext;
  readonly #appends: Appends;
  readonly #framePace: Pace;
  readonly #entryPace: Pace;
  readonly #queryPace: Pace;
  readonly #pingPace: Pace;

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#context = options.context;
    this.#appends = new Appends({
      context: options.context,
      fail: (connection, rid, failure) => this.#fail(connection, rid, failure),
      crashed: (connection, rid, error) => this.#crashed(connection, rid, error),
      wrote: (connection, sid, seq) => options.ownMarkers.wrote(connection, sid, seq),
    });
    const factor = options.context.limitsFactor;
    this.#framePace = new Pace(CONNECTION_LIMITS.frames, factor);
    this.#entryPace = new Pace(CONNECTION_LIMITS.subEntries, factor);
    this.#queryPace = new Pace(CONNECTION_LIMITS.history, factor);
    this.#pingPace = new Pace(CONNECTION_LIMITS.pings, factor);
  }

  /** One WebSocket message. `message` is valid until this returns. */
  receive(connection: Connection, message: Uint8Array, isBinary: boolean): void {
    if (!connection.isOpen) return;
    const { metrics } = this.#context;
    const nowMs = this.#context.clock.monotonic();
    metrics.framesIn += 1;
    connection.seenS = this.#options.nowS(nowMs);
    if (isBinary !== connection.isBinary) {
      this.#badFrame(connection);
    } else if (message.length > Limits.inboundFrameBytesMax) {
      connection.close(Close.TOO_LARGE);
    } else if (connection.phase === Phase.IDENTIFYING) {
      this.#hold(connection, message);
    } else {
      const decoded = decodeFrame(message, connection.encoding);
      if (decoded.ok) this.#dispatch(connection, decoded.frame, nowMs);
      else this.#badFrame(connection);
    }
  }

  /** A WebSocket ping of the client (answered natively). */
  pinged(connection: Connection): void {
    if (!connection.isOpen) return;
    const nowMs = this.#context.clock.monotonic();
    if (this.#pingPace.waitMs(connection.pings, nowMs) === 0) {
      connection.pings = this.#pingPace.taken(connection.pings, nowMs);
      return;
    }
    this.#context.rates.noteRefusal(CONNECTION_LIMITS.pings);
    connection.close(Close.RATE_ABUSE);
  }

  // -------------------------------------------------------------- before the op

  #badFrame(connection: Connection): void {
    this.#context.metrics.framesBad += 1;
    connection.close(Close.BAD_FRAME);
  }

  /** Frames that come while IDENTIFY is being answered wait for it; the copy is for P11. */
  #hold(connection: Connection, message: Uint8Array): void {
    connection.held ??= [];
    connection.heldBytes += message.length;
    if (connection.held.length < HELD_FRAMES_MAX && connection.heldBytes <= HELD_BYTES_MAX) {
      connection.held.push(message.slice());
      return;
    }
    this.#context.metrics.heldOverflows += 1;
    connection.close(Close.NOT_IDENTIFIED);
  }

  /** IDENTIFY was answered: what waited goes on, or is refused when there is still no session. */
  #release(connection: Connection): void {
    const held = connection.held;
    connection.held = null;
    connection.heldBytes = 0;
    if (held === null) return;
    for (const message of held) {
      if (!connection.isOpen) return;
      if (connection.phase !== Phase.OPEN) {
        this.receive(connection, message, connection.isBinary);
        continue;
      }
      const decoded = decodeFrame(message, connection.encoding);
      if (decoded.ok) connection.sendErr(ridOf(decoded.frame), Err.UNAVAILABLE);
      else this.#badFrame(connection);
    }
  }

  #dispatch(connection: Connection, frame: Frame, nowMs: number): void {
    const op = frame[0];
    if (connection.phase === Phase.OPEN && op !== Op.IDENTIFY && op !== Op.TIME) {
      connection.close(Close.NOT_IDENTIFIED);
      return;
    }
    if (connection.phase === Phase.READY && op === Op.IDENTIFY) {
      connection.close(Close.ALREADY_IDENTIFIED);
      return;
    }
    if (!this.#admit(connection, frame, nowMs)) return;
    const parsed = parseRequest(frame);
    if (!parsed.ok) {
      if (op >= ADMIN_OP_FIRST && op <= ADMIN_OP_LAST) this.#context.metrics.adminOps += 1;
      this.#refuse(connection, parsed.rid, { code: parsed.code });
      return;
    }
    this.#begin(connection, parsed.request, nowMs);
  }

  /** The rate of all frames: ERR 420, silence without a rid, 4008 for those who do not listen. */
  #admit(connection: Connection, frame: Frame, nowMs: number): boolean {
    const waitMs = this.#framePace.waitMs(connection.frames, nowMs);
    if (waitMs === 0) {
      connection.frames = this.#framePace.taken(connection.frames, nowMs);
      return true;
    }
    this.#context.metrics.framesRefused += 1;
    this.#context.rates.noteRefusal(CONNECTION_LIMITS.frames);
    const nowS = this.#options.nowS(nowMs);
    if (nowS - connection.refusalsSinceS >= REFUSAL_WINDOW_S) {
      connection.refusalsSinceS = nowS;
      connection.refusals = 0;
    }
    connection.refusals += 1;
    const rid = ridOf(frame);
    if (connection.refusals >= REFUSALS_MAX) connection.close(Close.RATE_ABUSE);
    else if (rid !== 0) connection.sendErr(rid, Err.RATE, waitMs);
    return false;
  }

  #begin(connection: Connection, request: Request, nowMs: number): void {
    const { rid } = request;
    this.#context.metrics.requests += 1;
    if (this.#options.isDraining() && request.op !== Op.TIME) {
      this.#refuse(connection, rid, { code: Err.DRAINING, retryMs: DRAIN_RETRY_MS });
      return;
    }
    if (request.op === Op.TYPE) {
      this.#options.presence.type(connection, request.sid, nowMs);
      return;
    }
    const begun = connection.begin(rid);
    if (begun !== 'ok') {
      const code = begun === 'inUse' ? Err.RID_IN_USE : Err.INFLIGHT_LIMIT;
      this.#refuse(connection, rid, { code });
      return;
    }
    if (connection.trace === null && !isTraceDrawn()) this.#serve(connection, request, nowMs);
    else this.#serveTraced(connection, request, nowMs);
  }

  #serveTraced(connection: Connection, request: Request, nowMs: number): void {
    const span = beginRequest(connection, request, nowMs);
    if (span === null) this.#serve(connection, request, nowMs);
    else withTrace(span.context, () => this.#serve(connection, request, nowMs));
  }

  // -------------------------------------------------------------- the ops

  #serve(connection: Connection, request: Request, nowMs: number): void {
    const { rid } = request;
    const { subscriptions } = this.#options;
    switch (request.op) {
      case Op.APPEND:
        this.#appends.serve(connection, request, nowMs);
        break;
      case Op.TIME:
        this.#reply(connection, rid, this.#time(connection, rid));
        break;
      case Op.IDENTIFY:
        this.#identify(connection, request);
        break;
      case Op.REAUTH:
        this.#reauth(connection, request);
        break;
      case Op.SUB:
        this.#subscribe(connection, request);
        break;
      case Op.UNSUB:
        this.#reply(connection, rid, subscriptions.unsubscribe(connection, rid, request.sids));
        break;
      case Op.HISTORY:
        this.#history(connection, request);
        break;
      case Op.GUILD:
        this.#guild(connection, request);
        break;
      case Op.SYNC:
        this.#sync(connection, request);
        break;
      case Op.STATUS:
      case Op.MWIN_CLOSE:
        this.#presence(connection, request);
        break;
      case Op.MWIN_OPEN:
      case Op.MEMBERS:
        if (this.#takeQuery(connection, rid, nowMs)) this.#presence(connection, request);
        break;
      case Op.MARK:
        this.#mark(connection, request);
        break;
      case Op.TYPE:
        // Served before: it has no rid.
        break;
      default:
        this.#voice(connection, request, nowMs);
    }
  }

  #time(connection: Connection, rid: number): Uint8Array {
    return encodeFrame(okFrame(rid, this.#context.clock.now()), connection.encoding);
  }

  #identify(connection: Connection, request: Extract<Request, { op: typeof Op.IDENTIFY }>): void {
    const { rid } = request;
    const finish = (): void => connection.finish(rid);
    const identified = this.#options.sessions
      .identify(connection, request, finish)
      .then(() => this.#release(connection));
    this.#run(connection, rid, identified);
  }

  #reauth(connection: Connection, request: Extract<Request, { op: typeof Op.REAUTH }>): void {
    const { rid } = request;
    const finish = (): void => connection.finish(rid);
    this.#run(connection, rid, this.#options.sessions.reauth(connection, request, finish));
  }

  #history(connection: Connection, request: Extract<Request, { op: typeof Op.HISTORY }>): void {
    const ask = (): Promise<queries.Answer> => queries.history(this.#context, connection, request);
    this.#query(connection, request.rid, ask);
  }

  #guild(connection: Connection, request: Extract<Request, { op: typeof Op.GUILD }>): void {
    this.#options.ownMarkers.flush(connection);
    const ask = (): Promise<queries.Answer> => queries.guild(this.#context, connection, request);
    this.#query(connection, request.rid, ask);
  }

  #mark(connection: Connection, request: Extract<Request, { op: typeof Op.MARK }>): void {
    const { rid } = request;
    this.#options.ownMarkers.flush(connection);
    const answer = queries.mark(this.#context, connection, request);
    this.#run(connection, rid, this.#answer(connection, rid, answer));
  }

  #subscribe(connection: Connection, request: Extract<Request, { op: typeof Op.SUB }>): void {
    const { rid, entries } = request;
    if (!this.#takeEntries(connection, rid, entries.length)) return;
    const finish = (): void => connection.finish(rid);
    const { subscriptions } = this.#options;
    this.#run(connection, rid, subscriptions.subscribe(connection, rid, entries, finish));
  }

  /** Charged like SUB: one question to a stream per entry. */
  #sync(connection: Connection, request: Extract<Request, { op: typeof Op.SYNC }>): void {
    const { rid, entries } = request;
    if (!this.#takeEntries(connection, rid, entries.length)) return;
    this.#run(
      connection,
      rid,
      this.#answer(connection, rid, queries.sync(this.#context, connection, request)),
    );
  }

  #takeEntries(connection: Connection, rid: number, count: number): boolean {
    const nowMs = this.#context.clock.monotonic();
    const waitMs = this.#entryPace.waitMs(connection.entries, nowMs, count);
    if (waitMs === 0) connection.entries = this.#entryPace.taken(connection.entries, nowMs, count);
    else this.#refuseRate(connection, rid, CONNECTION_LIMITS.subEntries, waitMs);
    return waitMs === 0;
  }

  #takeQuery(connection: Connection, rid: number, nowMs: number): boolean {
    const waitMs = this.#queryPace.waitMs(connection.queries, nowMs);
    if (waitMs === 0) connection.queries = this.#queryPace.taken(connection.queries, nowMs);
    else this.#refuseRate(connection, rid, CONNECTION_LIMITS.history, waitMs);
    return waitMs === 0;
  }

  #refuseRate(connection: Connection, rid: number, limit: RateLimit, waitMs: number): void {
    this.#context.rates.noteRefusal(limit);
    this.#fail(connection, rid, { code: Err.RATE, retryMs: waitMs });
  }

  #query(connection: Connection, rid: number, ask: () => Promise<queries.Answer>): void {
    if (!this.#takeQuery(connection, rid, this.#context.clock.monotonic())) return;
    this.#run(connection, rid, this.#answer(connection, rid, ask()));
  }

  /** The OK of a window goes out in the step that joins its leaves: nothing may come between. */
  #presence(
    connection: Connection,
    request: Exclude<PresenceRequest, { op: typeof Op.TYPE }>,
  ): void {
    const { rid } = request;
    this.#options.presence.serve(connection, request, (answer) => {
      if (answer instanceof Uint8Array) this.#reply(connection, rid, answer);
      else this.#fail(connection, rid, answer);
    });
  }

  /** The OK of V_JOIN goes out before anything that its room tells. */
  #voice(connection: Connection, request: VoiceRequest, nowMs: number): void {
    const { rid } = request;
    this.#options.voice.serve(
      connection,
      request,
      nowMs,
      (answer) => {
        if (answer instanceof Uint8Array) this.#reply(connection, rid, answer);
        else this.#fail(connection, rid, answer);
      },
      (error) => this.#crashed(connection, rid, error),
    );
  }

  // -------------------------------------------------------------- after the op

  async #answer(
    connection: Connection,
    rid: number,
    asked: Promise<queries.Answer>,
  ): Promise<void> {
    const answer = await asked;
    if (!(answer instanceof Uint8Array)) {
      this.#fail(connection, rid, answer);
      return;
    }
    connection.finish(rid);
    if (connection.sendPaced(answer, BACKLOG_SOFT_BYTES / 2)) return;
    this.#context.metrics.repliesQueued += 1;
    if (!connection.isReplyQueueFull) return;
    this.#context.metrics.queueOverflows += 1;
    connection.close(Close.TOO_SLOW);
  }

  #reply(connection: Connection, rid: number, reply: Uint8Array): void {
    connection.finish(rid);
    connection.send(reply);
  }

  /** ERR for a request that was begun. */
  #fail(connection: Connection, rid: number, failure: Failure): void {
    if (connection.spans !== null) noteRefused(connection, rid, failure.code);
    connection.finish(rid);
    this.#refuse(connection, rid, failure);
  }

  #refuse(connection: Connection, rid: number, failure: Failure): void {
    connection.sendErr(rid, failure.code, failure.retryMs);
  }

  /** A failure that no op foresaw is a bug: the connection ends with 4000, the thread lives (P12). */
  #run(connection: Connection, rid: number, work: Promise<void>): void {
    work.catch((error: unknown) => this.#crashed(connection, rid, error));
  }

  #crashed(connection: Connection, rid: number, error: unknown): void {
    this.#context.metrics.handlerErrors += 1;
    this.#context.log.error({ err: error, conn: connection.no, rid }, 'serve a request');
    connection.close(Close.SERVER_ERROR);
  }
}
