/**
 * One WebSocket connection: its native socket behind a wrapper (P10: any method of a closed socket
 * throws), its place in the session's life, requests in flight, and the end of it. Lives in the
 * socket's user data; runs on the gateway thread that accepted it. State is plain fields, created
 * lazily where most connections never need them (8 KB per idle connection is the bound).
 *
 * Nothing here is called from the native `dropped` handler (P1) but `noteDropped`, which sets a flag.
 */
import type { Span } from '../runtime/index.ts';
import {
  closeErrFrame,
  closeName,
  type Encoding,
  encodeFrame,
  errFrame,
  Limits,
  type WireValue,
} from './protocol/index.ts';
import { CLOSE_WAIT_S, REPLY_QUEUE_BYTES_MAX } from './socket-limits.ts';
import type { Subscriber, Subscription } from './topic.ts';
import {
  dropRequests,
  endRequest,
  type RemoteParent,
  type TracedConnection,
} from './trace/index.ts';

/** The part of uWS.WebSocket that is used. Binary data only, no strings (P30). */
export interface NativeSocket {
  /** 1 sent, 0 queued behind a backlog, 2 dropped at the hard limit. */
  send(message: Uint8Array, isBinary: boolean): number;
  getBufferedAmount(): number;
  end(code: number, reason: Uint8Array): void;
  close(): void;
  subscribe(topic: Uint8Array): boolean;
  unsubscribe(topic: Uint8Array): boolean;
  cork(write: () => void): unknown;
}

/** What a connection tells the thread it lives on. */
export interface ConnectionHost {
  /** A send met a backlog. */
  pressed(connection: Connection): void;
  /** The end has begun: no subscription, no session any more. */
  ending(connection: Connection): void;
  /** An ERR with this code is being sent. */
  erred(code: number): void;
  /** Seconds of the monotonic clock, as a small integer. */
  nowS(): number;
}

/** Order matters: everything from CLOSING on takes no part in anything. */
export const Phase = { OPEN: 0, IDENTIFYING: 1, READY: 2, CLOSING: 3, CLOSED: 4 } as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

const NO_SUBSCRIPTIONS: Subscription[] = [];
const NO_RIDS: number[] = [];
const ascii = new TextEncoder();
const reasons = new Map<number, Uint8Array>();

export class Connection implements Subscriber, TracedConnection {
  /** Unique in the life of the thread. */
  readonly no: number;
  readonly encoding: Encoding;
  /** Key of the peer's address for limits (address.ts). */
  readonly addressKey: string;
  readonly #host: ConnectionHost;
  #socket: NativeSocket | null = null;
  phase: Phase = Phase.OPEN;
  /** Index in the thread's list; owned by connections.ts. */
  seat = -1;
  readonly openedS: number;
  /** When the last complete message or pong came. */
  seenS: number;
  // Session (session.ts)
  uid = 0;
  connNo = 0;
  session = '';
  login = '';
  expMs = 0;
  isExpiryTold = false;
  // Subscriptions (fan-out.ts, replay.ts)
  subscriptions: Subscription[] = NO_SUBSCRIPTIONS;
  pulls = 0;
  parked = 0;
  /** Since when in lag mode, -1 = not. */
  laggingSinceS = -1;
  /** Since when the peer has taken nothing of a backlog, -1 = there is none. Owned by backpressure.ts. */
  stuckSinceS = -1;
  /** Backlog when it was last looked at. Owned by backpressure.ts. */
  seenBytes = 0;
  /** Counts against the connections of its user. Owned by session.ts. */
  isCounted = false;
  // Rates (requests.ts): states of Pace
  frames = 0;
  pings = 0;
  entries = 0;
  queries = 0;
  refusals = 0;
  refusalsSinceS = 0;
  // Newest own message by stream, not told to the user entity yet (own-markers.ts)
  ownSid = 0;
  ownSeq = 0;
  ownSinceMs = 0;
  ownOthers: Map<number, number> | null = null;
  // Tracing (trace/)
  trace: RemoteParent | null = null;
  spans: Map<number, Span> | null = null;
  /** Frames that came while IDENTIFY was being answered. */
  held: Uint8Array[] | null = null;
  heldBytes = 0;
  /** Large replies that wait for the backlog. */
  #replies: Uint8Array[] | null = null;
  #replyBytes = 0;
  #rids: number[] = NO_RIDS;
  #isDropped = false;
  #closeCode = 0;
  #closeAtS = 0;

  constructor(no: number, encoding: Encoding, addressKey: string, host: ConnectionHost) {
    this.no = no;
    this.encoding = encoding;
    this.addressKey = addressKey;
    this.#host = host;
    this.openedS = host.nowS();
    this.seenS = this.openedS;
  }

  /** The native socket is there (`open`). */
  opened(socket: NativeSocket): void {
    this.#socket = socket;
  }

  get isBinary(): boolean {
    return this.encoding === 'mp';
  }

  /** May be written to: not closing. */
  get isOpen(): boolean {
    return this.phase < Phase.CLOSING && this.#socket !== null;
  }

  get isReady(): boolean {
    return this.phase === Phase.READY;
  }

  get isClosing(): boolean {
    return this.phase === Phase.CLOSING;
  }

  get isLagging(): boolean {
    return this.laggingSinceS >= 0;
  }

  /** Code that this side closes with, or that the peer closed with. 0 while open. */
  get closeCode(): number {
    return this.#closeCode;
  }

  // -------------------------------------------------------------- writing

  backlogBytes(): number {
    return this.#socket === null ? 0 : this.#socket.getBufferedAmount();
  }

  send(message: Uint8Array): void {
    if (!this.isOpen) return;
    // 2 (dropped) has called the `dropped` handler already.
    if ((this.#socket as NativeSocket).send(message, this.isBinary) === 0) this.#host.pressed(this);
  }

  sendFrame(frame: readonly WireValue[]): void {
    this.send(encodeFrame(frame, this.encoding));
  }

  /** Several sends in one write. Use it outside of this socket's own message handler (P9). */
  cork(write: () => void): void {
    if (this.isOpen) (this.#socket as NativeSocket).cork(write);
  }

  /**
   * A reply of up to 128 KiB: behind others when the backlog is above the bound, so that a burst of
   * large replies never reaches the hard limit. Over 4 MiB of them: close 4002.
   * @returns false when it had to be queued
   */
  sendPaced(message: Uint8Array, backlogBytesMax: number): boolean {
    if (this.#replies === null && this.backlogBytes() < backlogBytesMax) {
      this.send(message);
      return true;
    }
    this.#replies ??= [];
    this.#replies.push(message);
    this.#replyBytes += message.length;
    return false;
  }

  get hasQueuedReplies(): boolean {
    return this.#replies !== null;
  }

  /** Bytes of the replies that wait. */
  get queuedBytes(): number {
    return this.#replyBytes;
  }

  get isReplyQueueFull(): boolean {
    return this.#replyBytes > REPLY_QUEUE_BYTES_MAX;
  }

  /** Sends queued replies as far as the backlog allows. */
  resumeReplies(backlogBytesMax: number): void {
    while (this.#replies !== null && this.isOpen && this.backlogBytes() < backlogBytesMax) {
      const message = this.#replies.shift() as Uint8Array;
      this.#replyBytes -= message.length;
      if (this.#replies.length === 0) this.#replies = null;
      this.send(message);
    }
  }

  join(topic: Uint8Array): void {
    if (this.#socket !== null) this.#socket.subscribe(topic);
  }

  leave(topic: Uint8Array): void {
    if (this.#socket !== null) this.#socket.unsubscribe(topic);
  }

  // -------------------------------------------------------------- requests

  /** A request with this rid begins, unless the rid is in use or too many are in flight. */
  begin(rid: number): 'ok' | 'inUse' | 'full' {
    if (this.#rids.includes(rid)) return 'inUse';
    if (this.#rids.length >= Limits.inflightMax) return 'full';
    if (this.#rids === NO_RIDS) this.#rids = [rid];
    else this.#rids.push(rid);
    return 'ok';
  }

  /** The request is being answered. */
  finish(rid: number): void {
    const at = this.#rids.indexOf(rid);
    const last = this.#rids.pop();
    if (last !== undefined && at >= 0 && last !== rid) this.#rids[at] = last;
    if (this.spans !== null) endRequest(this, rid);
  }

  get inFlight(): number {
    return this.#rids.length;
  }

  sendErr(rid: number, code: number, retryMs?: number): void {
    if (this.isOpen) this.#host.erred(code);
    this.sendFrame(errFrame(rid, code, retryMs));
  }

  // -------------------------------------------------------------- the end

  /** Something was dropped at the hard limit: the stream of this socket has a hole (P2). Flag only. */
  noteDropped(): boolean {
    const isFirst = !this.#isDropped;
    this.#isDropped = true;
    return isFirst;
  }

  /**
   * Begins the end. The close frame is sent when there is no backlog in front of it, since it could be
   * dropped (P27); the sweep calls `forceClose` when that takes longer than CLOSE_WAIT_S. After the
   * native `end` the library itself closes a peer that does not answer, within 16 s (idleTimeout 60).
   * @param code close code
   * @param withErr an ERR with rid 0 goes before it (protocol.md 2.17 item 10)
   */
  close(code: number, withErr = true): void {
    if (this.phase >= Phase.CLOSING) return;
    if (withErr) this.sendFrame(closeErrFrame(code));
    this.phase = Phase.CLOSING;
    this.#closeCode = code;
    this.#closeAtS = this.#host.nowS() + CLOSE_WAIT_S;
    this.#drop();
    this.#host.ending(this);
    this.tryEnd();
  }

  /** Sends the close frame if nothing is in front of it. The native close handler runs inside. */
  tryEnd(): void {
    if (this.phase !== Phase.CLOSING || this.#socket === null) return;
    if (this.#socket.getBufferedAmount() === 0) {
      this.#socket.end(this.#closeCode, reasonOf(this.#closeCode));
    }
  }

  /** True when the close frame has had its time. */
  isCloseDue(nowS: number): boolean {
    return this.phase === Phase.CLOSING && nowS >= this.#closeAtS;
  }

  /** Ends the connection without a close frame. */
  forceClose(): void {
    if (this.#socket !== null) this.#socket.close();
  }

  /** The native socket is gone (`close` handler): no method of it may be called any more. */
  closed(code: number): void {
    const wasOpen = this.phase < Phase.CLOSING;
    this.#socket = null;
    this.#drop();
    if (wasOpen) this.#closeCode = code;
    if (wasOpen) this.#host.ending(this);
    this.phase = Phase.CLOSED;
  }

  /** Nothing that waits will be sent or served any more. */
  #drop(): void {
    if (this.spans !== null) dropRequests(this);
    this.#replies = null;
    this.#replyBytes = 0;
    this.held = null;
    this.heldBytes = 0;
  }
}

function reasonOf(code: number): Uint8Array {
  let reason = reasons.get(code);
  if (reason === undefined) {
    reason = ascii.encode(closeName(code));
    reasons.set(code, reason);
  }
  return reason;
}
