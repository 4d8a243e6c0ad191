/**
 * The log of one connection, frame after frame, against the rules that need no other log: I3 (nothing twice), I8 (exact after a cursor),
 * I9 (contiguous), I14 (nothing after SUBEND), I15 (one reply). Pure; also collects what the other invariants compare.
 */
import type { Appended } from '../peer/connection.ts';
import {
  asEvent,
  asGap,
  type ConnectionLog,
  type Event,
  framesOf,
  type Gap,
  type LogEntry,
  type Received,
} from '../peer/log.ts';
import { Op, Status } from '../wire/codes.ts';
import type { Frame, Wire } from '../wire/types.ts';

/** A broken invariant of protocol.md section 4. */
export interface Violation {
  readonly invariant: string;
  readonly client: string;
  readonly sid: number;
  readonly what: string;
}

/** One APPEND and what it was answered. */
export interface Append {
  readonly client: string;
  readonly uid: number;
  readonly sid: number;
  readonly nonce: string;
  readonly kind: number;
  readonly body: readonly Wire[];
  ok: Appended | undefined;
  okAtMs: number;
  errCode: number | undefined;
}

/** A head that the server named in the OK to HISTORY or SYNC. */
export interface HeadSeen {
  readonly client: string;
  readonly sid: number;
  readonly epoch: number;
  readonly head: number;
  /** When it was asked for. */
  readonly askedAtMs: number;
}

/** What one connection's log tells. */
export interface Walk {
  readonly log: ConnectionLog;
  readonly violations: readonly Violation[];
  readonly events: readonly Event[];
  readonly gaps: readonly Gap[];
  readonly appends: readonly Append[];
  readonly heads: readonly HeadSeen[];
}

interface Subscription {
  epoch: number;
  pos: number;
  /** Head at the time of the OK: up to here it is a replay. */
  readonly head: number;
  /** The end of the GAP that status 2 promised. */
  gapTo: number | undefined;
}

/** Walks the log of one connection. */
export function walk(log: ConnectionLog): Walk {
  const walker = new Walker(log);
  for (const entry of log.entries) walker.take(entry);
  return walker;
}

class Walker implements Walk {
  readonly log: ConnectionLog;
  readonly violations: Violation[] = [];
  readonly events: Event[] = [];
  readonly gaps: Gap[] = [];
  readonly appends: Append[] = [];
  readonly heads: HeadSeen[] = [];
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #ended = new Set<number>();
  readonly #asked = new Map<number, LogEntry>();
  readonly #appends = new Map<number, Append>();

  constructor(log: ConnectionLog) {
    this.log = log;
  }

  take(entry: LogEntry): void {
    if (entry.dir === 'out') this.#onSent(entry);
    else for (const frame of framesOf(entry, this.log.encoding)) this.#onReceived(frame);
  }

  #onSent(entry: LogEntry): void {
    const { frame } = entry;
    const [op, rid, sid, nonce, kind, ...body] = frame;
    if (typeof rid !== 'number' || rid < 1) return;
    this.#asked.set(rid, entry);
    if (op !== Op.APPEND) return;
    const { client, uid } = this.log;
    const append: Append = {
      client,
      uid,
      sid: Number(sid),
      nonce: String(nonce),
      kind: Number(kind),
      body,
      ok: undefined,
      okAtMs: 0,
      errCode: undefined,
    };
    this.appends.push(append);
    this.#appends.set(rid, append);
  }

  #onReceived(received: Received): void {
    const { frame } = received;
    switch (frame[0]) {
      case Op.OK:
      case Op.ERR:
        this.#onReply(received);
        break;
      case Op.EV:
        this.#onEvent(asEvent(received));
        break;
      case Op.GAP:
        this.#onGap(asGap(frame));
        break;
      case Op.HEAD:
        this.#onHead(frame);
        break;
      case Op.SUBEND:
        this.#subscriptions.delete(Number(frame[1]));
        this.#ended.add(Number(frame[1]));
        break;
      default:
    }
  }

  #onReply({ frame, atMs }: Received): void {
    const rid = Number(frame[1]);
    if (rid === 0) return;
    const asked = this.#asked.get(rid);
    if (asked === undefined) {
      if (!this.log.isTampered) this.#blame('I15', 0, `a second reply to rid ${rid}, or to none`);
      return;
    }
    this.#asked.delete(rid);
    const append = this.#appends.get(rid);
    this.#appends.delete(rid);
    if (append !== undefined) settle(append, frame, atMs);
    if (frame[0] === Op.ERR) return;
    if (asked.frame[0] === Op.SUB) this.#onSubbed(asked.frame, frame);
    if (asked.frame[0] === Op.UNSUB)
      for (const sid of asked.frame[2] as readonly number[]) this.#subscriptions.delete(sid);
    this.#noteHeads(asked, frame);
  }

  #noteHeads(asked: LogEntry, reply: Frame): void {
    const { client } = this.log;
    const askedAtMs = asked.atMs;
    if (asked.frame[0] === Op.HISTORY) {
      const sid = Number(asked.frame[2]);
      const [epoch, head] = [Number(reply[2]), Number(reply[4])];
      this.heads.push({ client, sid, epoch, head, askedAtMs });
    }
    if (asked.frame[0] !== Op.SYNC) return;
    for (const [sid, epoch, seq] of reply[2] as readonly (readonly number[])[])
      this.heads.push({ client, sid: sid!, epoch: epoch!, head: seq!, askedAtMs });
  }

  #onSubbed(request: Frame, reply: Frame): void {
    const entries = request[2] as readonly Frame[];
    const answers = reply[2] as readonly (readonly number[])[];
    for (const [i, entry] of entries.entries()) {
      const answer = answers[i];
      if (answer === undefined || answer[0] !== entry[0])
        this.#blame('I8', Number(entry[0]), 'the OK to SUB leaves it out');
      else this.#subscribe(entry, answer);
    }
  }

  #subscribe(entry: Frame, answer: readonly number[]): void {
    const [sid = 0, status = 0, epoch = 0, seq = 0, , , head = 0] = answer;
    if (status >= Status.REFUSED) {
      if (status === Status.REFUSED) this.#subscriptions.delete(sid);
      return;
    }
    const asked = entry.length > 1 ? { epoch: Number(entry[1]), seq: Number(entry[2]) } : undefined;
    if (asked === undefined && this.#subscriptions.has(sid)) return;
    this.#ended.delete(sid);
    if (status === Status.GAP) {
      const at = asked ?? { epoch, seq };
      this.#subscriptions.set(sid, { epoch: at.epoch, pos: at.seq, head, gapTo: seq });
      return;
    }
    if (asked !== undefined && (asked.epoch !== epoch || asked.seq !== seq))
      this.#blame('I8', sid, `status ${status} at ${seq}, the cursor was ${asked.seq}`);
    if ((status === Status.LIVE) !== (seq === head))
      this.#blame('I8', sid, `status ${status} at ${seq} with head ${head}`);
    this.#subscriptions.set(sid, { epoch, pos: seq, head, gapTo: undefined });
  }

  #onEvent(event: Event): void {
    const { sid, seq, epoch } = event;
    this.events.push(event);
    const at = this.#subscriptions.get(sid);
    if (at === undefined) {
      this.#blame(this.#ended.has(sid) ? 'I14' : 'I9', sid, `EV ${seq} without a subscription`);
      return;
    }
    if (at.gapTo !== undefined) this.#blame('I8', sid, `EV ${seq} before the GAP of status 2`);
    at.gapTo = undefined;
    if (epoch !== at.epoch) this.#blame('I9', sid, `EV ${seq} in epoch ${epoch}, not ${at.epoch}`);
    else if (seq <= at.pos) this.#blame('I3', sid, `EV ${seq} at position ${at.pos}`);
    else if (seq > at.pos + 1)
      this.#blame(at.pos < at.head ? 'I8' : 'I9', sid, `EV ${seq} at position ${at.pos}`);
    at.pos = Math.max(at.pos, seq);
  }

  #onGap(gap: Gap): void {
    const { sid, from, to, reason, epoch } = gap;
    this.gaps.push(gap);
    const at = this.#subscriptions.get(sid);
    if (at === undefined) {
      this.#blame('I9', sid, `GAP ${from}..${to} without a subscription`);
      return;
    }
    const isVoid = reason >= 2 && reason <= 4;
    const invariant = at.gapTo === undefined ? 'I9' : 'I8';
    const text = `GAP ${from}..${to} reason ${reason} at position ${at.pos}`;
    if (from !== (isVoid ? 1 : at.pos + 1) || to < from - 1) this.#blame(invariant, sid, text);
    if (at.gapTo !== undefined && to !== at.gapTo)
      this.#blame('I8', sid, `${text}; the OK said ${at.gapTo}`);
    if (!isVoid && epoch !== at.epoch) this.#blame(invariant, sid, `${text}, epoch ${epoch}`);
    at.gapTo = undefined;
    at.epoch = epoch;
    at.pos = to;
  }

  #onHead(frame: Frame): void {
    const [, sid, epoch, seq] = frame as readonly number[];
    const at = this.#subscriptions.get(sid!);
    if (at !== undefined && at.epoch === epoch && seq! > at.pos)
      this.#blame('I9', sid!, `HEAD ${seq} overtook position ${at.pos}`);
  }

  #blame(invariant: string, sid: number, what: string): void {
    this.violations.push({ invariant, client: this.log.client, sid, what });
  }
}

function settle(append: Append, reply: Frame, atMs: number): void {
  if (reply[0] === Op.ERR) {
    append.errCode = Number(reply[2]);
    return;
  }
  const [, , epoch, seq, ts, duplicate] = reply;
  append.ok = {
    epoch: Number(epoch),
    seq: Number(seq),
    ts: Number(ts),
    duplicate: duplicate === true,
  };
  append.okAtMs = atMs;
}
