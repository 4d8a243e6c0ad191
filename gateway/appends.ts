/**
 * APPEND: rates, the call of the stream, the reply. It is what a gateway thread does most often, so its
 * bookkeeping is pooled: a request makes no closures of its own. Runs on gateway threads; synchronous up
 * to the call, and sent once: a repeat could overtake a later APPEND of the same connection (I11).
 */
import type { AppendReply } from '../channels/index.ts';
import type { Connection } from './connection.ts';
import { appendFailure, type Failure } from './failures.ts';
import { Err, encodeOkAppend, Kind, type Op, type Request } from './protocol/index.ts';
import { RATE_LIMITS } from './rates/index.ts';
import { noteCommitted } from './trace/index.ts';
import type { SocketContext } from './types.ts';

type AppendRequest = Extract<Request, { op: typeof Op.APPEND }>;

/** Most records kept for reuse; more than this in flight are made and dropped. */
const POOL_MAX = 4096;

export interface AppendsOptions {
  readonly context: SocketContext;
  /** ERR for a request that was begun. */
  readonly fail: (connection: Connection, rid: number, failure: Failure) => void;
  /** A failure that nobody foresaw. */
  readonly crashed: (connection: Connection, rid: number, error: unknown) => void;
  /** A message of this connection is committed. */
  readonly wrote: (connection: Connection, sid: number, seq: number) => void;
}

/** One APPEND on its way: who gets the answer. Its two functions live as long as the record. */
interface Pending {
  connection: Connection | null;
  rid: number;
  /** The stream of a message; 0 for other kinds, which say nothing of what was read. */
  sid: number;
  /** Monotonic. */
  startedMs: number;
  readonly answered: (reply: AppendReply) => void;
  readonly failed: (error: unknown) => void;
}

export class Appends {
  readonly #options: AppendsOptions;
  readonly #context: SocketContext;
  readonly #pool: Pending[] = [];
  /** Key of a bucket, reused. */
  readonly #userStream: [uid: number, sid: number] = [0, 0];

  constructor(options: AppendsOptions) {
    this.#options = options;
    this.#context = options.context;
  }

  /**
   * The call leaves in this turn, so APPENDs of one connection to one stream travel one lane in the
   * order sent, and the stream commits them in that order. `nowMs` = the monotonic clock as just read.
   */
  serve(connection: Connection, request: AppendRequest, nowMs: number): void {
    const { rid, sid, nonce, kind, body } = request;
    const { uid } = connection;
    const waitMs = this.#takeRates(uid, sid, nowMs);
    if (waitMs > 0) {
      this.#options.fail(connection, rid, { code: Err.RATE, retryMs: waitMs });
      return;
    }
    const reply = this.#context.upstream.append(sid, { uid, nonce, kind, body });
    const pending = this.#pool.pop() ?? this.#createPending();
    pending.connection = connection;
    pending.rid = rid;
    pending.sid = kind === Kind.MSG_CREATE ? sid : 0;
    pending.startedMs = nowMs;
    // Neither of the two throws.
    void reply.then(pending.answered, pending.failed);
  }

  #takeRates(uid: number, sid: number, nowMs: number): number {
    const { rates } = this.#context;
    const key = this.#userStream;
    key[0] = uid;
    key[1] = sid;
    // The stream first: what it refuses does not use up what the user may write elsewhere.
    const waitMs = rates.take(RATE_LIMITS.appendPerUserStream, key, 1, nowMs);
    return waitMs > 0 ? waitMs : rates.take(RATE_LIMITS.appendPerUser, uid, 1, nowMs);
  }

  #createPending(): Pending {
    const pending: Pending = {
      connection: null,
      rid: 0,
      sid: 0,
      startedMs: 0,
      answered: (reply) => this.#settle(pending, reply, undefined),
      failed: (error) => this.#settle(pending, undefined, error),
    };
    return pending;
  }

  #settle(pending: Pending, reply: AppendReply | undefined, error: unknown): void {
    const connection = pending.connection as Connection;
    const { rid, sid, startedMs } = pending;
    const { clock, metrics } = this.#context;
    metrics.timings.appended(clock.monotonic() - startedMs);
    pending.connection = null;
    if (this.#pool.length < POOL_MAX) this.#pool.push(pending);
    try {
      this.#answer(connection, rid, reply, error);
      if (sid !== 0 && reply?.ok === true) this.#options.wrote(connection, sid, reply.seq);
    } catch (cause) {
      this.#options.crashed(connection, rid, cause);
    }
  }

  #answer(
    connection: Connection,
    rid: number,
    reply: AppendReply | undefined,
    error: unknown,
  ): void {
    if (reply === undefined) {
      this.#options.fail(connection, rid, appendFailure(error, this.#context.rng.u32()));
    } else if (reply.ok) {
      if (connection.spans !== null) noteCommitted(connection, rid, reply.seq);
      connection.finish(rid);
      connection.send(encodeOkAppend(rid, reply, connection.encoding));
    } else {
      this.#options.fail(connection, rid, reply);
    }
  }
}
