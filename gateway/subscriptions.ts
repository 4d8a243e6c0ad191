/**
 * SUB and UNSUB (protocol.md 2.7, 2.17 items 5 to 7): asks every stream of the request, answers once,
 * then starts the deliveries. All or nothing: when one stream cannot answer, new subscriptions are
 * undone, and live ones go on from where they were. Runs on gateway threads.
 *
 * Bound: 100 entries a request (parser), 500 streams a connection (status 4), a request that waits for
 * an earlier replay of the same stream, or for a place among the replays, waits 10 s at most (ERR 502).
 */
import type { Cursor, SubscribeReply } from '../channels/index.ts';
import type { Connection } from './connection.ts';
import { readFailure, retryMs } from './failures.ts';
import type { FanOut } from './fan-out.ts';
import {
  Err,
  encodeFrame,
  gapFrame,
  Limits,
  okFrame,
  okSubFrame,
  type SubEntry,
  type SubResult,
  SubStatus,
} from './protocol/index.ts';
import { type Subscription, UNSUBSCRIBED } from './topic.ts';
import type { SocketContext } from './types.ts';

/** A SUB is answered within this (protocol.md 2.14). */
const ANSWER_MAX_MS = 10_000;
/** Events that a stream has at hand (protocol.md 2.7). */
const RING_EVENTS = 512;

/** One entry of a SUB on its way. */
interface Asked {
  readonly sid: number;
  /** undefined: over the limit of streams. */
  readonly subscription: Subscription | undefined;
  /** Was in its native topic before this request. */
  readonly wasLive: boolean;
  /** `[sid]` on a live stream: nothing changes. */
  readonly isKept: boolean;
}

type Answer = SubscribeReply | Error | undefined;

export class Subscriptions {
  readonly #context: SocketContext;
  readonly #fanOut: FanOut;

  constructor(context: SocketContext, fanOut: FanOut) {
    this.#context = context;
    this.#fanOut = fanOut;
  }

  /** Ends `sids`; returns how many were subscribed. */
  unsubscribe(connection: Connection, rid: number, sids: readonly number[]): Uint8Array {
    let count = 0;
    for (const sid of sids) {
      const subscription = this.#fanOut.find(connection, sid);
      if (subscription === undefined || subscription.voidBy !== 0) continue;
      if (subscription.state === 'pending') subscription.voidBy = UNSUBSCRIBED;
      else this.#fanOut.remove(subscription);
      count += 1;
    }
    return encodeFrame(okFrame(rid, count), connection.encoding);
  }

  /** Serves one SUB, the reply included. Calls `finish` just before it answers. */
  async subscribe(
    connection: Connection,
    rid: number,
    entries: readonly SubEntry[],
    finish: () => void,
  ): Promise<void> {
    const { clock, rng } = this.#context;
    const untilMs = clock.monotonic() + ANSWER_MAX_MS;
    // No await between the last look and #prepare, or two waiting requests would go on together.
    for (let busy = this.#busy(connection, entries); busy !== undefined; ) {
      const leftMs = untilMs - clock.monotonic();
      if (leftMs <= 0) {
        finish();
        connection.sendErr(rid, Err.UNAVAILABLE, retryMs(rng.u32()));
        return;
      }
      await this.#settled(busy, leftMs);
      if (!connection.isReady) return;
      busy = this.#busy(connection, entries);
    }
    const asked = entries.map((entry) => this.#prepare(connection, entry));
    const answers = await Promise.all(
      asked.map((item, i) => this.#ask(connection, item, entries[i] as SubEntry)),
    );
    const failed = answers.find((answer) => answer instanceof Error);
    const isAdmitted =
      failed === undefined &&
      (!answers.some(isFarBehind) ||
        (await this.#fanOut.replay.admission.enter(untilMs - clock.monotonic())));
    if (!connection.isReady) return;
    finish();
    if (isAdmitted) {
      this.#answer(connection, rid, asked, answers);
    } else {
      this.#undo(asked);
      const busy = { code: Err.UNAVAILABLE, retryMs: retryMs(rng.u32()) };
      const failure = failed === undefined ? busy : readFailure(failed, rng.u32());
      connection.sendErr(rid, failure.code, failure.retryMs);
    }
  }

  /** A subscription of these streams that is asked or catching up (2.17 item 7). */
  #busy(connection: Connection, entries: readonly SubEntry[]): Subscription | undefined {
    for (const { sid } of entries) {
      const subscription = this.#fanOut.find(connection, sid);
      if (subscription !== undefined && subscription.state !== 'live') return subscription;
    }
    return undefined;
  }

  /** Resolves when the subscription is live or ended, or when `maxMs` have passed. */
  #settled(subscription: Subscription, maxMs: number): Promise<void> {
    const { clock } = this.#context;
    return new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, maxMs);
      subscription.waiters ??= [];
      subscription.waiters.push(() => {
        clock.clearTimeout(timer);
        resolve();
      });
    });
  }

  #prepare(connection: Connection, entry: SubEntry): Asked {
    const { sid } = entry;
    const present = this.#fanOut.find(connection, sid);
    if (present !== undefined) {
      const isKept = entry.cursor === null;
      if (!isKept) this.#fanOut.suspend(present);
      return { sid, subscription: present, wasLive: true, isKept };
    }
    if (connection.subscriptions.length >= Limits.streamsMax) {
      return { sid, subscription: undefined, wasLive: false, isKept: false };
    }
    const subscription = this.#fanOut.add(connection, sid);
    return { sid, subscription, wasLive: false, isKept: false };
  }

  async #ask(connection: Connection, item: Asked, entry: SubEntry): Promise<Answer> {
    if (item.subscription === undefined) return undefined;
    const cursor = entry.cursor ?? undefined;
    try {
      return await this.#context.upstream.subscribe(item.sid, connection.uid, cursor);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** OK, then the GAPs, then the deliveries. One synchronous step. */
  #answer(
    connection: Connection,
    rid: number,
    asked: readonly Asked[],
    answers: readonly Answer[],
  ): void {
    const results: SubResult[] = [];
    const starts: { readonly subscription: Subscription; readonly at: Cursor }[] = [];
    const gaps: Uint8Array[] = [];
    for (const [i, { sid, subscription, isKept }] of asked.entries()) {
      const reply = answers[i];
      if (subscription === undefined || reply === undefined || reply instanceof Error) {
        this.#context.metrics.streamsOverLimit += 1;
        results.push(refused(sid, SubStatus.OVER_LIMIT));
      } else if (!reply.ok || isVoid(subscription)) {
        this.#fanOut.remove(subscription);
        results.push(refused(sid, SubStatus.REFUSED));
      } else {
        const { at, first, head, status, gap } = reply;
        results.push({ sid, status: isKept ? SubStatus.LIVE : status, ...at, first, head });
        if (isKept) continue;
        subscription.isAtHead = at.seq === head;
        starts.push({ subscription, at });
        if (gap !== undefined)
          gaps.push(encodeFrame(gapFrame({ sid, ...gap }), connection.encoding));
      }
    }
    connection.cork(() => {
      connection.sendFrame(okSubFrame(rid, results));
      for (const gap of gaps) connection.send(gap);
    });
    for (const { subscription, at } of starts) this.#fanOut.start(subscription, at);
  }

  #undo(asked: readonly Asked[]): void {
    for (const { subscription, wasLive, isKept } of asked) {
      if (subscription === undefined || isKept) continue;
      const { voidBy } = subscription;
      if (voidBy > 0) this.#fanOut.end(subscription, voidBy);
      else if (wasLive && voidBy === 0) this.#fanOut.start(subscription, subscription);
      else this.#fanOut.remove(subscription);
    }
  }
}

/** The stream has to read its log: its ring does not reach back so far. */
function isFarBehind(answer: Answer): boolean {
  if (answer === undefined || answer instanceof Error || !answer.ok) return false;
  return answer.head - answer.at.seq > RING_EVENTS;
}

function refused(sid: number, status: number): SubResult {
  return { sid, status, epoch: 0, seq: 0, ts: 0, first: 0, head: 0 };
}

/** Revoked or unsubscribed while the stream was asked. */
function isVoid(subscription: Subscription): boolean {
  return subscription.voidBy !== 0 || subscription.state === 'ended';
}
