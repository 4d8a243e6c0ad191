/**
 * Everything that reads one stream: SUB, replay chunks, HISTORY, messages for REST, HEAD. Part of a
 * stream actor; it serves from the ring when it can and otherwise from the log, whose answers come
 * back through `ports.later`. It never shows an event before the commit that made it was confirmed.
 */
import type { Ref } from '../runtime/index.ts';
import { may, PERM_HISTORY, PERM_VIEW } from './permissions.ts';
import type { Audience } from './stream-audience.ts';
import {
  GAP_AHEAD,
  GAP_EPOCH,
  GAP_SLOW,
  GAP_TRIMMED,
  judgeCursor,
  seqsToKnow,
  wholeGap,
} from './stream-cursor.ts';
import { PINS_MAX } from './stream-folds.ts';
import type { StreamPerms } from './stream-perms.ts';
import type { StreamPorts } from './stream-ports.ts';
import { RING_OPTIONS } from './stream-ring.ts';
import {
  ERR_BAD_ARGS,
  ERR_FORBIDDEN,
  ERR_NO_HISTORY,
  ERR_UNAVAILABLE,
  isEmoji,
} from './stream-rules.ts';
import { type StreamState, withRewrites } from './stream-state.ts';
import type {
  Chunk,
  Cursor,
  FanOutP,
  Gap,
  HeadReply,
  HistoryReply,
  HistoryRequest,
  Id,
  MessageAnchor,
  MessageRow,
  MessagesReply,
  MessageView,
  Ms,
  PullRequest,
  ReactorsReply,
  ReactorsRequest,
  RingEvent,
  Seq,
  SubscribeReply,
  SubscribeRequest,
  WireValue,
} from './types.ts';

type Answer<T> = (reply: T) => void;

/** HISTORY: `before + after` (protocol.md 2.17 item 1). */
const HISTORY_MAX = 200;
/** Messages per REST page (api.md). */
const MESSAGES_MAX = 100;
/** Users per page of those who reacted; as messages. */
const REACTORS_MAX = 100;
/** A read that failed for a puller is tried again after this. */
const PULL_RETRY_MS: Ms = 500;

export class Reads {
  readonly #ports: StreamPorts;
  readonly #state: StreamState;
  readonly #perms: StreamPerms;
  readonly #audience: Audience;
  #pending = 0;
  /** 'cold' until the tail of the log was read into the ring once. */
  #ring: 'cold' | 'warming' | 'warm' = 'cold';
  #whenWarm: (() => void)[] = [];
  #retries: (() => void)[] = [];

  constructor(ports: StreamPorts, state: StreamState, perms: StreamPerms, audience: Audience) {
    this.#ports = ports;
    this.#state = state;
    this.#perms = perms;
    this.#audience = audience;
  }

  /** True while a reader waits. */
  get busy(): boolean {
    return this.#pending > 0 || this.#whenWarm.length > 0 || this.#retries.length > 0;
  }

  /** The ring starts anew after the log was opened again. */
  reopened(): void {
    if (this.#ring === 'warm') this.#ring = 'cold';
  }

  // -------------------------------------------------------------- SUB

  subscribe(m: SubscribeRequest, answer: Answer<SubscribeReply>): void {
    const retry: SubscribeReply = { ok: false, retryMs: this.#ports.limits.retryMs };
    this.#perms.get(m.uid, (perms) => {
      if (perms === undefined) {
        answer(retry);
        return;
      }
      if (!may(perms, PERM_VIEW)) {
        answer({ ok: false });
        return;
      }
      const extent = this.#state.extent();
      const mayReadHistory = may(perms, PERM_HISTORY);
      const options = { mayReadHistory, replayMax: this.#ports.limits.replayMax };
      const wanted = seqsToKnow(extent, m.cursor, options);
      this.#timesOf(wanted, (times) => {
        if (times === undefined || extent.epoch !== this.#state.epoch) {
          answer(retry);
          return;
        }
        const verdict = judgeCursor(extent, m.cursor, options, (seq) => times.get(seq));
        this.#audience.join(m.gateway, this.#state);
        this.#perms.keepWatch(() => this.#audience.size > 0);
        answer({ ok: true, ...verdict, first: extent.first, head: extent.head });
      });
    });
  }

  /** ts of events, at once when the ring has them; undefined when the log cannot be read. */
  #timesOf(seqs: readonly Seq[], done: (times: Map<Seq, Ms> | undefined) => void): void {
    const times = new Map<Seq, Ms>();
    const missing: Seq[] = [];
    for (const seq of seqs) {
      const ts = this.#state.ring.tsOf(seq);
      if (ts === undefined) missing.push(seq);
      else times.set(seq, ts);
    }
    if (missing.length === 0) {
      done(times);
      return;
    }
    this.#read(this.#ports.log.get(this.#state.sid, missing), (events) => {
      for (const event of events ?? []) {
        if (event !== undefined) times.set(event.seq, event.ts);
      }
      done(events === undefined ? undefined : times);
    });
  }

  // -------------------------------------------------------------- replay

  pull(m: PullRequest): void {
    // uid 0 is the gateway thread itself, repairing its topic.
    if (m.uid === 0) {
      this.#serve(m, undefined);
      return;
    }
    this.#perms.get(m.uid, (perms) => {
      if (perms === undefined) this.#retry(() => this.pull(m));
      else if (may(perms, PERM_VIEW)) this.#serve(m, undefined);
      else this.#send(m, { frames: [], at: m.after, atHead: false, forbidden: true });
    });
  }

  /** Sends the next chunk; `gap` is what was found missing on the way. */
  #serve(m: PullRequest, gap: Gap | undefined): void {
    const state = this.#state;
    const { after } = m;
    if (after.epoch !== state.epoch || after.seq > state.head) {
      const reason = after.epoch !== state.epoch ? GAP_EPOCH : GAP_AHEAD;
      this.#send(m, { gap: wholeGap(state, reason), frames: [], at: this.#head(), atHead: true });
      return;
    }
    const position = gap?.to ?? after.seq;
    if (state.ring.covers(position)) {
      const { chunkEventsMax, chunkBytesMax } = this.#ports.limits;
      this.#sendEvents(m, gap, state.ring.after(position, chunkEventsMax, chunkBytesMax));
    } else if (this.#ring !== 'warm' && (m.ringOnly === true || this.#nearHead(position))) {
      this.#warm(() => this.#serve(m, gap));
    } else if (m.ringOnly === true) {
      const { floor, floorTs } = state.ring;
      const { epoch } = state;
      const missing = { reason: GAP_SLOW, epoch, from: position + 1, to: floor, ts: floorTs };
      this.#serve(m, missing);
    } else {
      this.#serveFromLog(m, position);
    }
  }

  /** So near that the ring, once filled from the log, reaches it. */
  #nearHead(position: Seq): boolean {
    return position >= this.#state.head - RING_OPTIONS.eventsMax;
  }

  #serveFromLog(m: PullRequest, position: Seq): void {
    const { log, limits, counters } = this.#ports;
    const { sid, epoch } = this.#state;
    const wanted = log.replay(sid, position, limits.chunkEventsMax, limits.chunkBytesMax);
    counters.logReads += 1;
    this.#read(wanted, (events) => {
      if (events === undefined || this.#state.epoch !== epoch) {
        this.#retry(() => this.pull(m));
        return;
      }
      // What the log has beyond the confirmed head is published after its commit is confirmed.
      const confirmed = events.filter((event) => event.seq <= this.#state.head);
      const first = confirmed[0]?.seq ?? this.#state.head + 1;
      if (first === position + 1) {
        this.#sendEvents(m, undefined, confirmed);
        return;
      }
      const ts = first > this.#state.head ? this.#state.headTs : 0;
      const gap = { reason: GAP_TRIMMED, epoch, from: position + 1, to: first - 1, ts };
      this.#sendEvents(m, gap, confirmed);
    });
  }

  #sendEvents(m: PullRequest, gap: Gap | undefined, events: readonly RingEvent[]): void {
    const { epoch, head } = this.#state;
    const last = events.at(-1) ?? (gap === undefined ? m.after : { seq: gap.to, ts: gap.ts });
    const at: Cursor = { epoch, seq: last.seq, ts: last.ts };
    const frames = events.map((event) => event.frame);
    const body = { frames, at, atHead: at.seq === head };
    this.#send(m, gap === undefined ? body : { ...body, gap });
  }

  #send(m: PullRequest, body: Omit<Chunk, 'sid' | 'token' | 'epoch'>): void {
    const { sid, epoch } = this.#state;
    const gateway: Ref<FanOutP> = m.gateway;
    this.#ports.gateways.chunk(gateway, { sid, token: m.token, epoch, ...body });
  }

  /** Reads the tail of the log into the ring, once; many readers come back at the same time. */
  #warm(then: () => void): void {
    if (this.#whenWarm.length >= this.#ports.limits.waitingMax) {
      this.#ports.counters.waitingOverflow += 1;
      return;
    }
    this.#whenWarm.push(then);
    if (this.#ring === 'warming') return;
    this.#ring = 'warming';
    const { sid, epoch } = this.#state;
    const { floor } = this.#state.ring;
    const changed = this.#state.beginRead();
    this.#ports.counters.logReads += 1;
    const wanted = this.#ports.log.history(sid, floor, RING_OPTIONS.eventsMax, 0);
    this.#ports.later(wanted, (outcome) => {
      this.#state.endRead(changed);
      const { ring } = this.#state;
      if (outcome.ok && this.#state.epoch === epoch) {
        // The floor may have risen meanwhile: what lies above it is in the ring already.
        const older = outcome.value.filter((event) => event.seq <= ring.floor);
        ring.prepend(withRewrites(older, changed));
      }
      this.#ring = 'warm';
      const waiting = this.#whenWarm;
      this.#whenWarm = [];
      for (const next of waiting) next();
    });
  }

  /** A puller has no answer to wait for: its read is tried until the store is back. */
  #retry(run: () => void): void {
    if (this.#retries.length >= this.#ports.limits.waitingMax) {
      this.#ports.counters.waitingOverflow += 1;
      return;
    }
    this.#retries.push(run);
    if (this.#retries.length > 1) return;
    this.#ports.timer('pulls', PULL_RETRY_MS, () => {
      const waiting = this.#retries;
      this.#retries = [];
      for (const again of waiting) again();
    });
  }

  // -------------------------------------------------------------- HISTORY, REST, HEAD

  history(m: HistoryRequest, answer: Answer<HistoryReply>): void {
    this.#readable(m.uid, answer, () => {
      const counts = Number.isSafeInteger(m.before) && Number.isSafeInteger(m.after);
      if (!counts || m.before < 0 || m.after < 0 || m.before + m.after > HISTORY_MAX) {
        answer({ ok: false, code: ERR_BAD_ARGS });
        return;
      }
      const { sid, head, ring, first } = this.#state;
      const anchor = m.anchor <= 0 || m.anchor > head ? head : m.anchor;
      const below = Math.max(anchor - m.before, first - 1);
      if (ring.covers(below)) {
        const upTo = Math.min(anchor + m.after, head);
        const events = ring.after(below, upTo - below, Number.POSITIVE_INFINITY);
        this.#answerHistory(anchor, events, answer);
        return;
      }
      this.#read(this.#ports.log.history(sid, anchor, m.before, m.after), (events) => {
        if (events === undefined) answer(this.#unavailable());
        else this.#answerHistory(anchor, events, answer);
      });
    });
  }

  #answerHistory(anchor: Seq, events: readonly RingEvent[], answer: Answer<HistoryReply>): void {
    const { epoch, first, head } = this.#state;
    const confirmed = events.filter((event) => event.seq <= head);
    const near = nearest(confirmed, anchor, this.#ports.limits.historyBytesMax);
    answer({ ok: true, epoch, first, head, frames: near.map((event) => event.frame) });
  }

  messages(
    m: { readonly uid: Id; readonly anchor: MessageAnchor; readonly limit: number },
    answer: Answer<MessagesReply>,
  ): void {
    this.#readable(m.uid, answer, () => {
      const { uid, anchor, limit } = m;
      if (!Number.isSafeInteger(limit) || limit < 1 || limit > MESSAGES_MAX) {
        answer({ ok: false, code: ERR_BAD_ARGS });
        return;
      }
      this.#read(this.#ports.log.messages(this.#state.sid, anchor, limit, uid), (rows) => {
        this.#answerRows(rows, answer);
      });
    });
  }

  /** One message; no items when there is none at this seq (absent, deleted, or not a message). */
  message(m: { readonly uid: Id; readonly seq: Seq }, answer: Answer<MessagesReply>): void {
    this.#readable(m.uid, answer, () => {
      const { sid } = this.#state;
      this.#read(this.#ports.log.messages(sid, { around: m.seq }, 1, m.uid), (rows) => {
        this.#answerRows(
          rows?.filter((row) => row.event.seq === m.seq),
          answer,
        );
      });
    });
  }

  /** Pinned messages, the newest pin first. */
  pins(m: { readonly uid: Id }, answer: Answer<MessagesReply>): void {
    this.#readable(m.uid, answer, () => {
      this.#read(this.#ports.log.pins(this.#state.sid, PINS_MAX, m.uid), (rows) => {
        this.#answerRows(rows, answer);
      });
    });
  }

  reactors(m: ReactorsRequest, answer: Answer<ReactorsReply>): void {
    this.#readable(m.uid, answer, () => {
      const { seq, emoji, after, limit } = m;
      const counts = [seq, after, limit].every((n) => Number.isSafeInteger(n) && n >= 0);
      if (!counts || limit < 1 || limit > REACTORS_MAX || !isEmoji(emoji)) {
        answer({ ok: false, code: ERR_BAD_ARGS });
        return;
      }
      this.#read(this.#ports.log.reactors(this.#state.sid, seq, emoji, after, limit), (uids) => {
        answer(uids === undefined ? this.#unavailable() : { ok: true, uids });
      });
    });
  }

  head(uid: Id, answer: Answer<HeadReply>): void {
    this.#perms.get(uid, (perms) => {
      if (perms === undefined) answer('unavailable');
      else if (!may(perms, PERM_VIEW)) answer(undefined);
      else answer({ sid: this.#state.sid, ...this.#state.extent() });
    });
  }

  #answerRows(rows: readonly MessageRow[] | undefined, answer: Answer<MessagesReply>): void {
    if (rows === undefined) {
      answer(this.#unavailable());
      return;
    }
    const { epoch, first, head } = this.#state;
    const confirmed = rows.filter((row) => row.event.seq <= head);
    const items = confirmed.map((row) => this.#view(row));
    answer({ ok: true, epoch, first, head, items });
  }

  #view(row: MessageRow): MessageView {
    const { body } = this.#ports.codec.decodeEvent(row.event.frame);
    const attachments = Array.isArray(body[3]) ? (body[3] as (readonly WireValue[])[]) : [];
    return {
      seq: row.event.seq,
      ts: row.event.ts,
      actor: row.event.actor,
      content: typeof body[0] === 'string' ? body[0] : '',
      replyTo: typeof body[1] === 'number' ? body[1] : null,
      editedAt: row.editedAt > 0 ? row.editedAt : null,
      reactions: row.reactions,
      attachments,
    };
  }

  /** Runs `run` for a user who may view and read history; answers the others. */
  #readable(
    uid: Id,
    answer: (reply: { ok: false; code: number; retryMs?: number }) => void,
    run: () => void,
  ): void {
    this.#perms.get(uid, (perms) => {
      if (perms === undefined) answer(this.#unavailable());
      else if (!may(perms, PERM_VIEW)) answer({ ok: false, code: ERR_FORBIDDEN });
      else if (!may(perms, PERM_HISTORY)) answer({ ok: false, code: ERR_NO_HISTORY });
      else run();
    });
  }

  #read<T>(work: Promise<T>, done: (value: T | undefined) => void): void {
    this.#pending += 1;
    this.#ports.later(work, (outcome) => {
      this.#pending -= 1;
      done(outcome.ok ? outcome.value : undefined);
    });
  }

  #head(): Cursor {
    const { epoch, head, headTs } = this.#state;
    return { epoch, seq: head, ts: headTs };
  }

  #unavailable(): { ok: false; code: number; retryMs: number } {
    return { ok: false, code: ERR_UNAVAILABLE, retryMs: this.#ports.limits.retryMs };
  }
}

/** The contiguous events around an anchor that fit, the nearest first. */
function nearest(
  events: readonly RingEvent[],
  anchor: Seq,
  bytesMax: number,
): readonly RingEvent[] {
  let from = 0;
  let to = events.length;
  let bytes = events.reduce((sum, event) => sum + event.frame.byteLength + 4, 0);
  while (bytes > bytesMax && to - from > 1) {
    const low = events[from] as RingEvent;
    const high = events[to - 1] as RingEvent;
    const dropLow = anchor - low.seq >= high.seq - anchor;
    if (dropLow) from += 1;
    else to -= 1;
    bytes -= (dropLow ? low : high).frame.byteLength + 4;
  }
  return from === 0 && to === events.length ? events : events.slice(from, to);
}
