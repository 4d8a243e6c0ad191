/**
 * Everything of a client that is no durable event: read markers, typing, the own status, who is there, member
 * windows. What was wanted is told again on every new connection; what comes is never missed for good, since none of it
 * carries a position. Owned by client.ts; all timers are ended by `close`.
 */
import type { Frame, PresenceEntry, ServerFrame, UnreadEntry } from '../gateway/protocol/index.ts';
import {
  markFrame,
  Op,
  parseMarkResult,
  parseWindowResult,
  statusFrame,
  typeFrame,
  windowCloseFrame,
  windowOpenFrame,
} from '../gateway/protocol/index.ts';
import { repairDelayMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Reply } from './connection.ts';
import { MemberWindow, type WindowView } from './member-window.ts';
import { meaningOf } from './outbox.ts';

/** Events about what is no durable event. */
export interface NoticeEvents {
  /** Streams of a view whose head has moved; for what is not subscribed. */
  readonly unread: readonly UnreadEntry[];
  /** How far others have read, in channels of at most 16 members. */
  readonly receipt: {
    readonly sid: number;
    readonly markers: readonly { readonly uid: number; readonly seq: number }[];
  };
  /** Who is typing now: takes the place of what was told before, and lapses after 10 s. */
  readonly typing: {
    readonly sid: number;
    readonly uids: readonly number[];
    readonly total: number;
  };
  /** Changes of a guild, or (gid 0) of partners. `isMissing`: changes before them were not seen. */
  readonly presence: {
    readonly gid: number;
    readonly entries: readonly PresenceEntry[];
    readonly isMissing: boolean;
  };
  /** An open member window shows something else now. */
  readonly window: WindowView;
  /** The own read marker of a stream, moved here or in another session. */
  readonly marker: { readonly sid: number; readonly seq: number };
}

/** What the notices need of the client, and tell it. */
export interface NoticesHost {
  readonly clock: Clock;
  request(build: (rid: number) => Frame): Promise<Reply>;
  /** Sends what has no reply; nothing happens while offline. */
  send(frame: Frame): void;
  emit<Name extends keyof NoticeEvents>(name: Name, argument: NoticeEvents[Name]): void;
  /** The server does not open a window (301: no such guild; 411: 5 leaves are open). */
  windowRefused(gid: number, code: number): void;
}

/** The server takes TYPE once per 8 s and stream. */
const TYPING_EVERY_MS = 8_000;
/** A stale window is opened again after this, once for all that made it stale. */
const REOPEN_MS = 500;
/** Streams with a marker or typing time kept; the oldest is forgotten. */
const STREAMS_MAX = 500;

/** The notices of one client. */
export class Notices {
  readonly #host: NoticesHost;
  /** Markers that the server has not confirmed. */
  readonly #marks = new Map<number, number>();
  readonly #marking = new Set<number>();
  readonly #typedAt = new Map<number, number>();
  readonly #windows = new Map<number, MemberWindow>();
  readonly #versions = new Map<number, number>();
  readonly #timers = new Set<unknown>();
  #status: { readonly status: number; readonly activity: string | null } | null = null;
  #session = '';
  #isOnline = false;
  #isClosed = false;

  constructor(host: NoticesHost) {
    this.#host = host;
  }

  /** On a connection; what is wanted is told. A new session does not know the status. */
  online(session: string): void {
    this.#isOnline = true;
    this.#versions.clear();
    if (session !== this.#session && this.#status !== null) this.#tellStatus(0);
    this.#session = session;
    for (const sid of this.#marks.keys()) this.#tellMark(sid, 0);
    for (const window of this.#windows.values()) this.#open(window, 0);
  }

  offline(): void {
    this.#isOnline = false;
  }

  close(): void {
    this.#isClosed = true;
    this.#isOnline = false;
    for (const timer of this.#timers) this.#host.clock.clearTimeout(timer);
    this.#timers.clear();
  }

  /** Moves the own marker; sent now or on the next connection, the newest only. */
  mark(sid: number, seq: number): void {
    const wanted = Math.max(this.#marks.get(sid) ?? 0, seq);
    this.#marks.delete(sid);
    this.#marks.set(sid, wanted);
    forgetOldest(this.#marks);
    this.#tellMark(sid, 0);
  }

  /** The user is typing; call it as often as keys are pressed. */
  typing(sid: number): void {
    const now = this.#host.clock.now();
    if (!this.#isOnline || now - (this.#typedAt.get(sid) ?? 0) < TYPING_EVERY_MS) return;
    this.#typedAt.delete(sid);
    this.#typedAt.set(sid, now);
    forgetOldest(this.#typedAt);
    this.#host.send(typeFrame(sid));
  }

  /** A message was sent: the next key is told at once. */
  typed(sid: number): void {
    this.#typedAt.delete(sid);
  }

  setStatus(status: number, activity: string | null): void {
    this.#status = { status, activity };
    this.#tellStatus(0);
  }

  /** Shows part of a guild's member list, over all reconnects; one window per guild. */
  openWindow(gid: number, from: number, count: number): void {
    const window = new MemberWindow(gid, from, count);
    this.#windows.set(gid, window);
    this.#open(window, 0);
  }

  closeWindow(gid: number): void {
    if (!this.#windows.delete(gid) || !this.#isOnline) return;
    void this.#host.request((rid) => windowCloseFrame(rid, gid));
  }

  /** A frame of the server; false when it is none of these. */
  frame(frame: ServerFrame): boolean {
    const { emit } = this.#host;
    switch (frame.op) {
      case Op.UNREAD:
        emit('unread', frame.moved);
        return true;
      case Op.RECEIPT:
        emit('receipt', { sid: frame.sid, markers: frame.markers });
        return true;
      case Op.TYPING:
        emit('typing', { sid: frame.sid, uids: frame.uids, total: frame.total });
        return true;
      case Op.PRESENCE: {
        const { gid, ver, entries } = frame;
        const last = this.#versions.get(gid);
        this.#versions.set(gid, ver);
        emit('presence', { gid, entries, isMissing: last !== undefined && ver !== last + 1 });
        return true;
      }
      case Op.MWIN: {
        const window = this.#windows.get(frame.gid);
        const outcome = window?.take(frame);
        if (window !== undefined && outcome === 'changed') emit('window', window.view());
        if (window !== undefined && outcome === 'stale') this.#open(window, REOPEN_MS);
        return true;
      }
      default:
        return false;
    }
  }

  // ------------------------------------------------------------- telling

  #tellMark(sid: number, attempt: number): void {
    const seq = this.#marks.get(sid);
    if (seq === undefined || !this.#isOnline || this.#marking.has(sid)) return;
    this.#marking.add(sid);
    void this.#host
      .request((rid) => markFrame(rid, sid, seq))
      .then((reply) => {
        this.#marking.delete(sid);
        if (reply.ok) {
          this.#host.emit('marker', { sid, seq: parseMarkResult(reply.result) ?? seq });
        } else if (reply.isLost) return;
        else if (meaningOf(reply.code) !== 'final') {
          this.#later(() => this.#tellMark(sid, attempt + 1), reply.retryMs, attempt);
          return;
        }
        if (this.#marks.get(sid) === seq) this.#marks.delete(sid);
        else this.#tellMark(sid, 0);
      });
  }

  #tellStatus(attempt: number): void {
    const wanted = this.#status;
    if (wanted === null || !this.#isOnline) return;
    void this.#host
      .request((rid) => statusFrame(rid, wanted.status, wanted.activity))
      .then((reply) => {
        if (reply.ok || reply.isLost || wanted !== this.#status) return;
        if (meaningOf(reply.code) === 'final') return;
        this.#later(() => this.#tellStatus(attempt + 1), reply.retryMs, attempt);
      });
  }

  #open(window: MemberWindow, delayMs: number, attempt = 0): void {
    if (delayMs > 0) {
      this.#later(() => this.#open(window, 0, attempt), delayMs, 0);
      return;
    }
    const { gid, from, count } = window;
    if (!this.#isOnline || this.#windows.get(gid) !== window) return;
    void this.#host
      .request((rid) => windowOpenFrame(rid, gid, from, count))
      .then((reply) => {
        if (this.#windows.get(gid) !== window) return;
        const result = reply.ok ? parseWindowResult(reply.result) : null;
        if (result !== null) {
          window.opened(result);
          this.#host.emit('window', window.view());
        } else if (!reply.ok && !reply.isLost && meaningOf(reply.code) !== 'final') {
          this.#open(window, reply.retryMs ?? repairDelayMs(attempt), attempt + 1);
        } else if (!reply.ok && !reply.isLost) {
          this.#windows.delete(gid);
          this.#host.windowRefused(gid, reply.code);
        }
      });
  }

  #later(what: () => void, retryMs: number | null, attempt: number): void {
    if (this.#isClosed) return;
    const timer = this.#host.clock.setTimeout(() => {
      this.#timers.delete(timer);
      what();
    }, retryMs ?? repairDelayMs(attempt));
    this.#timers.add(timer);
  }
}

function forgetOldest(map: Map<number, number>): void {
  if (map.size <= STREAMS_MAX) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
