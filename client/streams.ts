/**
 * All subscriptions of a client: asks SUB for them on every new connection, repairs holes in-band (one
 * SUB in flight per stream, 1, 2, 4 ... 30 s apart), follows HEADs and SYNC. Positions are in
 * stream-position.ts. Owned by client.ts; all timers are ended by `offline` and `close`.
 */

import type {
  Cursor,
  Frame,
  ServerFrame,
  StreamEvent,
  SubResult,
} from '../gateway/protocol/index.ts';
import {
  Err,
  isU53,
  Limits,
  Op,
  parseSubResult,
  parseSyncResult,
  SubStatus,
  subFrame,
  syncFrame,
} from '../gateway/protocol/index.ts';
import { repairDelayMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Reply } from './connection.ts';
import { ClientError } from './errors.ts';
import { type Outcome, StreamPosition, type UnknownRange } from './stream-position.ts';

/** What the streams need of the client, and tell it. */
export interface StreamsHost {
  readonly clock: Clock;
  /** Sends on the present connection; `isLost` when there is none. */
  request(build: (rid: number) => Frame): Promise<Reply>;
  event(event: StreamEvent): void;
  gap(range: UnknownRange): void;
  /** The server ended or refused a subscription. */
  ended(end: { readonly sid: number; readonly code: number }): void;
}

interface Waiter {
  readonly resolve: (result: SubResult) => void;
  readonly reject: (error: ClientError) => void;
}

interface Stream {
  readonly position: StreamPosition;
  readonly waiters: Waiter[];
  /** SUB on this connection: not asked yet, asked, answered. */
  phase: 'new' | 'asked' | 'live';
  isRepairing: boolean;
  attempt: number;
  /** seq at the last SUB or check: no progress since then means another SUB. */
  checkedSeq: number;
  hasHole: boolean;
  checkTimer: unknown;
  headTimer: unknown;
  headSeen: Cursor | null;
}

/** A HEAD may be ahead for this long (protocol.md 2.7). */
const HEAD_PATIENCE_MS = 500;
/** A replay that was promised must begin within this. */
const REPLAY_PATIENCE_MS = 5_000;

/** The subscriptions of one client. */
export class Streams {
  readonly #host: StreamsHost;
  readonly #streams = new Map<number, Stream>();
  #isOnline = false;
  #isFlushing = false;
  #retryTimer: unknown = null;
  #retryAttempt = 0;
  /** Counts connections: a reply of an earlier one changes nothing. */
  #generation = 0;

  constructor(host: StreamsHost) {
    this.#host = host;
  }

  /** Positions of all subscriptions that have one. */
  positions(): Map<number, Cursor> {
    const out = new Map<number, Cursor>();
    for (const [sid, { position }] of this.#streams) {
      if (position.at !== null) out.set(sid, position.at);
    }
    return out;
  }

  /** Number of subscriptions. */
  get size(): number {
    return this.#streams.size;
  }

  /**
   * Wants a stream from now on, over all reconnects.
   * @param sid stream
   * @param cursor position of the application; null = from now; ignored when subscribed already
   * @returns the server's answer; rejects when it refuses, or at unsubscribe and close
   */
  subscribe(sid: number, cursor: Cursor | null): Promise<SubResult> {
    if (!isU53(sid)) throw new TypeError(`Subscribe: got stream ${sid}, wanted a u53`);
    let stream = this.#streams.get(sid);
    const at = stream?.position.at;
    if (stream?.phase === 'live' && at) {
      return Promise.resolve({ sid, status: SubStatus.LIVE, ...at, first: 0, head: at.seq });
    }
    if (stream === undefined) {
      if (this.#streams.size >= Limits.streamsMax) return Promise.reject(refusal(Err.STREAM_LIMIT));
      stream = newStream(sid, cursor);
      this.#streams.set(sid, stream);
    }
    const { waiters } = stream;
    const answer = new Promise<SubResult>((resolve, reject) => waiters.push({ resolve, reject }));
    this.#flushSoon();
    return answer;
  }

  /**
   * Ends a subscription on this side; the caller tells the server.
   * @returns whether there was one
   */
  unsubscribe(sid: number): boolean {
    const stream = this.#streams.get(sid);
    if (stream === undefined) return false;
    const cancelled = new ClientError('DRIFT_CLIENT_CANCELLED', 'Subscribe: unsubscribed before');
    this.#remove(stream, cancelled);
    return true;
  }

  /** A connection is identified: asks for everything, from the positions reached. */
  online(): void {
    this.#generation += 1;
    this.#isOnline = true;
    for (const stream of this.#streams.values()) this.#reset(stream);
    this.#flushSoon();
  }

  /** The connection is gone: positions stay, held events and timers go. */
  offline(): void {
    this.#generation += 1;
    this.#isOnline = false;
    this.#host.clock.clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    for (const stream of this.#streams.values()) {
      this.#reset(stream);
      stream.position.onDisconnect();
    }
  }

  /** Ends everything. */
  close(): void {
    this.offline();
    const stopped = new ClientError('DRIFT_CLIENT_STOPPED', 'Subscribe: the client was closed');
    for (const stream of [...this.#streams.values()]) this.#remove(stream, stopped);
  }

  /** A frame of a stream, from any connection of this client. */
  frame(frame: ServerFrame): void {
    switch (frame.op) {
      case Op.EV: {
        const stream = this.#streams.get(frame.event.sid);
        if (stream !== undefined) this.#apply(stream, stream.position.onEvent(frame.event));
        break;
      }
      case Op.GAP: {
        const stream = this.#streams.get(frame.sid);
        if (stream !== undefined) this.#apply(stream, stream.position.onGap(frame));
        break;
      }
      case Op.HEAD: {
        const stream = this.#streams.get(frame.sid);
        if (stream !== undefined) this.#onHead(stream, frame);
        break;
      }
      case Op.SUBEND: {
        const stream = this.#streams.get(frame.sid);
        if (stream !== undefined) this.#end(stream, frame.code);
        break;
      }
    }
  }

  /** Asks the server which streams have moved and repairs those that did so unseen. */
  async sync(): Promise<void> {
    const generation = this.#generation;
    const all = [...this.positions()].map(([sid, { epoch, seq }]) => ({ sid, epoch, seq }));
    for (let from = 0; from < all.length; from += Limits.subEntriesMax) {
      const entries = all.slice(from, from + Limits.subEntriesMax);
      const reply = await this.#host.request((rid) => syncFrame(rid, entries));
      if (!reply.ok || generation !== this.#generation) return;
      for (const { sid, epoch, seq, ts } of parseSyncResult(reply.result) ?? []) {
        const stream = this.#streams.get(sid);
        if (stream !== undefined && epoch !== 0) this.#onHead(stream, { epoch, seq, ts });
      }
    }
  }

  #reset(stream: Stream): void {
    const { clock } = this.#host;
    clock.clearTimeout(stream.checkTimer);
    clock.clearTimeout(stream.headTimer);
    stream.checkTimer = null;
    stream.headTimer = null;
    stream.headSeen = null;
    stream.phase = 'new';
    stream.isRepairing = false;
    stream.attempt = 0;
    stream.hasHole = false;
  }

  #remove(stream: Stream, error: ClientError): void {
    this.#reset(stream);
    this.#streams.delete(stream.position.sid);
    for (const waiter of stream.waiters.splice(0)) waiter.reject(error);
  }

  #end(stream: Stream, code: number): void {
    this.#remove(stream, refusal(code));
    this.#host.ended({ sid: stream.position.sid, code });
  }

  // ------------------------------------------------------------- first SUB of a connection

  /** Streams wanted in one turn go into one SUB. */
  #flushSoon(): void {
    if (this.#isFlushing || !this.#isOnline || this.#retryTimer !== null) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      if (this.#isOnline) this.#flush();
    });
  }

  #flush(): void {
    const wanted = [...this.#streams.values()].filter((stream) => stream.phase === 'new');
    for (let from = 0; from < wanted.length; from += Limits.subEntriesMax) {
      void this.#ask(wanted.slice(from, from + Limits.subEntriesMax));
    }
  }

  async #ask(streams: readonly Stream[]): Promise<void> {
    const generation = this.#generation;
    for (const stream of streams) stream.phase = 'asked';
    const reply = await this.#host.request((rid) => subFrame(rid, streams.map(entryOf)));
    if (generation !== this.#generation) return;
    if (reply.ok) {
      this.#retryAttempt = 0;
      this.#onSubResults(parseSubResult(reply.result) ?? []);
      return;
    }
    if (reply.isLost) return;
    for (const stream of streams) if (stream.phase === 'asked') stream.phase = 'new';
    this.#retryLater(reply.retryMs);
  }

  #retryLater(retryMs: number | null): void {
    if (this.#retryTimer !== null) return;
    const delayMs = retryMs ?? repairDelayMs(this.#retryAttempt);
    this.#retryAttempt += 1;
    this.#retryTimer = this.#host.clock.setTimeout(() => {
      this.#retryTimer = null;
      this.#flushSoon();
    }, delayMs);
  }

  #onSubResults(results: readonly SubResult[]): void {
    for (const result of results) {
      const stream = this.#streams.get(result.sid);
      if (stream === undefined) continue;
      if (result.status === SubStatus.REFUSED) this.#end(stream, Err.FORBIDDEN_OR_ABSENT);
      else if (result.status === SubStatus.OVER_LIMIT) this.#end(stream, Err.STREAM_LIMIT);
      else this.#onSubbed(stream, result);
    }
  }

  #onSubbed(stream: Stream, result: SubResult): void {
    const isFirst = stream.phase !== 'live';
    stream.phase = 'live';
    const range = stream.position.onSub(result);
    if (range !== null) this.#host.gap(range);
    for (const waiter of stream.waiters.splice(0)) waiter.resolve(result);
    if (isFirst && stream.position.isBehind) this.#checkLater(stream, REPLAY_PATIENCE_MS);
  }

  // ------------------------------------------------------------- holes

  #apply(stream: Stream, outcome: Outcome): void {
    const { sid } = stream.position;
    if (outcome.gap !== null) this.#host.gap(outcome.gap);
    for (const event of outcome.deliver) {
      // A listener may have unsubscribed in between.
      if (this.#streams.get(sid) !== stream) return;
      this.#host.event(event);
    }
    if (outcome.hasHole && this.#streams.get(sid) === stream) this.#repair(stream);
  }

  #onHead(stream: Stream, head: Cursor): void {
    if (!stream.position.onHead(head)) return;
    stream.headSeen = head;
    if (stream.headTimer !== null) return;
    stream.headTimer = this.#host.clock.setTimeout(() => {
      stream.headTimer = null;
      const seen = stream.headSeen;
      if (seen !== null && !stream.position.hasReached(seen)) this.#repair(stream);
    }, HEAD_PATIENCE_MS);
  }

  #repair(stream: Stream): void {
    stream.hasHole = true;
    if (!this.#isOnline || stream.phase !== 'live') return;
    if (stream.isRepairing) return;
    // A pending check of a repair is its back-off; that of a first replay is not: a hole is a hole.
    if (stream.checkTimer !== null && stream.attempt > 0) return;
    this.#host.clock.clearTimeout(stream.checkTimer);
    stream.checkTimer = null;
    void this.#repairNow(stream);
  }

  async #repairNow(stream: Stream): Promise<void> {
    const generation = this.#generation;
    stream.isRepairing = true;
    stream.hasHole = false;
    stream.checkedSeq = stream.position.at?.seq ?? 0;
    const reply = await this.#host.request((rid) => subFrame(rid, [entryOf(stream)]));
    if (generation !== this.#generation) return;
    stream.isRepairing = false;
    if (this.#streams.get(stream.position.sid) !== stream) return;
    const delayMs = repairDelayMs(stream.attempt);
    stream.attempt += 1;
    if (reply.ok) {
      this.#onSubResults(parseSubResult(reply.result) ?? []);
      if (this.#streams.get(stream.position.sid) !== stream) return;
      this.#checkLater(stream, delayMs);
    } else if (!reply.isLost) {
      stream.hasHole = true;
      this.#checkLater(stream, Math.max(delayMs, reply.retryMs ?? 0));
    }
  }

  #checkLater(stream: Stream, delayMs: number): void {
    this.#host.clock.clearTimeout(stream.checkTimer);
    stream.checkTimer = this.#host.clock.setTimeout(() => {
      stream.checkTimer = null;
      this.#check(stream, delayMs);
    }, delayMs);
  }

  /** Whether the last SUB has closed the hole; a replay that goes on is left in peace. */
  #check(stream: Stream, delayMs: number): void {
    const seq = stream.position.at?.seq ?? 0;
    if (!stream.position.isBehind && !stream.hasHole) {
      stream.attempt = 0;
      return;
    }
    if (seq === stream.checkedSeq) {
      void this.#repairNow(stream);
      return;
    }
    stream.checkedSeq = seq;
    stream.hasHole = false;
    this.#checkLater(stream, delayMs);
  }
}

function newStream(sid: number, cursor: Cursor | null): Stream {
  return {
    position: new StreamPosition(sid, cursor),
    waiters: [],
    phase: 'new',
    isRepairing: false,
    attempt: 0,
    checkedSeq: cursor?.seq ?? 0,
    hasHole: false,
    checkTimer: null,
    headTimer: null,
    headSeen: null,
  };
}

function entryOf(stream: Stream): { readonly sid: number; readonly cursor: Cursor | null } {
  return { sid: stream.position.sid, cursor: stream.position.at };
}

function refusal(code: number): ClientError {
  return new ClientError('DRIFT_CLIENT_REFUSED', `Subscribe: the server answered ${code}`, {
    err: code,
  });
}
