/**
 * Owns what waits for one admin connection: answers, which are never dropped, and events, which are. Bounded; decides what a slow
 * reader loses. Main thread.
 */
import {
  type AdminEncoding,
  AdminLimits,
  encodeAdmin,
  eventFrame,
} from '../../gateway/admin-wire/index.ts';
import type { AdminCounters } from './counters.ts';
import { ADMIN_LIMITS } from './limits.ts';

/** Where bytes leave: a WebSocket of this process, or a gateway thread. */
export interface AdminTransport {
  readonly encoding: AdminEncoding;
  send(bytes: Uint8Array): void;
  /** Bytes given to `send` that have not reached the peer's system yet. */
  backlogBytes(): number;
  /** Sends what is under way, then closes. Idempotent. */
  close(code: number): void;
}

/** One source of events: a subscription, or a call that reports progress. */
export interface Lane {
  /** Subscription, or minus the rid of a call. */
  readonly sub: number;
  readonly onSlow: 'drop' | 'resync';
  /** Most events that may wait; the oldest go. */
  readonly waitingMax: number;
  /** Number of the last event. */
  n: number;
  /** Events dropped that the client has not been told of. */
  untold: number;
  /** Nothing is taken until the client reads again. */
  isStale: boolean;
  waiting: number;
}

/** A lane without anything in it. */
export function createLane(
  sub: number,
  onSlow: Lane['onSlow'],
  waitingMax: number = Number.POSITIVE_INFINITY,
): Lane {
  return { sub, onSlow, waitingMax, n: 0, untold: 0, isStale: false, waiting: 0 };
}

interface Item {
  readonly bytes: Uint8Array;
  /** null: an answer. */
  readonly lane: Lane | null;
}

export class Outbox {
  readonly #transport: AdminTransport;
  readonly #counters: AdminCounters;
  #items: Item[] = [];
  #bytes = 0;
  readonly #stale = new Set<Lane>();
  /** Those with `untold`. */
  readonly #indebted = new Set<Lane>();
  #isClosed = false;

  constructor(transport: AdminTransport, counters: AdminCounters) {
    this.#transport = transport;
    this.#counters = counters;
  }

  /** Bytes that wait, those of the transport included. */
  get backlogBytes(): number {
    return this.#bytes + this.#transport.backlogBytes();
  }

  /** False: it is longer than a frame may be, nothing was sent. */
  answer(frame: readonly unknown[]): boolean {
    if (this.#isClosed) return true;
    const bytes = encodeAdmin(frame, this.#transport.encoding);
    if (bytes.length > AdminLimits.outboundBytesMax) return false;
    this.#push({ bytes, lane: null });
    return true;
  }

  /** False: the lane has lost what waited and takes nothing until the client reads again. */
  event(lane: Lane, kind: string, data: unknown): boolean {
    if (this.#isClosed) return true;
    if (lane.isStale) return false;
    if (lane.untold > 0 && this.#hasRoom()) this.#tell(lane);
    this.#put(lane, kind, data);
    return !lane.isStale;
  }

  /** The lane has ended; what waits for it is of no use. */
  forget(lane: Lane): void {
    this.#stale.delete(lane);
    this.#indebted.delete(lane);
    lane.isStale = true;
    if (lane.waiting > 0) this.#remove((item) => item.lane === lane);
  }

  /** The transport has room again. */
  drained(): void {
    if (this.#isClosed) return;
    let sent = 0;
    for (const item of this.#items) {
      if (!this.#hasRoom()) break;
      this.#leave(item);
      sent += 1;
    }
    this.#items = this.#items.slice(sent);
    if (this.#items.length > 0) return;
    for (const lane of this.#stale) lane.isStale = false;
    this.#stale.clear();
    for (const lane of [...this.#indebted]) this.#tell(lane);
  }

  close(): void {
    this.#isClosed = true;
    this.#items = [];
    this.#bytes = 0;
    this.#stale.clear();
    this.#indebted.clear();
  }

  #tell(lane: Lane): void {
    const count = lane.untold;
    lane.untold = 0;
    this.#indebted.delete(lane);
    this.#put(lane, 'dropped', { count });
  }

  #hasRoom(): boolean {
    return this.#transport.backlogBytes() < ADMIN_LIMITS.transportBytes;
  }

  #put(lane: Lane, kind: string, data: unknown): void {
    lane.n += 1;
    const bytes = encodeAdmin(eventFrame(lane.sub, lane.n, kind, data), this.#transport.encoding);
    if (bytes.length > AdminLimits.outboundBytesMax) {
      this.#lost(lane, 1);
      return;
    }
    if (lane.waiting >= lane.waitingMax) {
      const oldest = this.#items.findIndex((item) => item.lane === lane);
      this.#dropAt(oldest);
    }
    this.#push({ bytes, lane });
  }

  #push(item: Item): void {
    if (this.#items.length === 0 && this.#hasRoom()) {
      this.#transport.send(item.bytes);
      if (item.lane !== null) this.#counters.eventsSent += 1;
      return;
    }
    this.#items.push(item);
    this.#bytes += item.bytes.length;
    if (item.lane !== null) item.lane.waiting += 1;
    while (this.backlogBytes > ADMIN_LIMITS.backlogBytes && this.#relieve());
  }

  #leave(item: Item): void {
    this.#bytes -= item.bytes.length;
    if (item.lane !== null) {
      item.lane.waiting -= 1;
      this.#counters.eventsSent += 1;
    }
    this.#transport.send(item.bytes);
  }

  /** Gives up the oldest event, with all of its lane where the lane can start over. False: only answers are left. */
  #relieve(): boolean {
    const at = this.#items.findIndex(({ lane }) => lane !== null);
    const lane = this.#items[at]?.lane;
    if (lane === null || lane === undefined) return false;
    if (lane.onSlow === 'drop') this.#dropAt(at);
    else this.#startOver(lane);
    return true;
  }

  #dropAt(at: number): void {
    const [item] = this.#items.splice(at, 1);
    if (item?.lane === null || item === undefined) return;
    this.#bytes -= item.bytes.length;
    item.lane.waiting -= 1;
    this.#lost(item.lane, 1);
  }

  #startOver(lane: Lane): void {
    this.#counters.eventsDropped += lane.waiting;
    this.#counters.resyncs += 1;
    this.#remove((item) => item.lane === lane);
    lane.isStale = true;
    this.#stale.add(lane);
  }

  #remove(isGone: (item: Item) => boolean): void {
    const left: Item[] = [];
    for (const item of this.#items) {
      if (!isGone(item)) left.push(item);
      else {
        this.#bytes -= item.bytes.length;
        if (item.lane !== null) item.lane.waiting -= 1;
      }
    }
    this.#items = left;
  }

  #lost(lane: Lane, count: number): void {
    lane.untold += count;
    this.#indebted.add(lane);
    this.#counters.eventsDropped += count;
  }
}
