/**
 * One connection's frame log as a walk: which events and gaps each stream brought, and where the
 * wire broke the rules of protocol.md 2.7 (I3, I8, I9, I15). Pure functions, any thread.
 */
import { type LogEntry, unpack } from './support/raw-client.ts';
import { asArray, asNumber, batchSlices, OP, type WireFrame } from './support/wire.ts';

/** The frame log of one connection. */
export interface ConnTrace {
  /** Name of the client; its connections are ordered by `conn`. */
  readonly client: string;
  readonly uid: number;
  readonly conn: number;
  readonly encoding: 'mp' | 'json';
  readonly entries: readonly LogEntry[];
}

export interface Violation {
  readonly invariant:
    | 'I1'
    | 'I2'
    | 'I3'
    | 'I4'
    | 'I5'
    | 'I6'
    | 'I7'
    | 'I8'
    | 'I9'
    | 'I11'
    | 'I15'
    | 'I16';
  readonly client: string;
  readonly conn: number;
  readonly sid: number;
  readonly what: string;
}

/** An EV frame as it came over a connection or out of HISTORY. */
export interface Delivery {
  readonly sid: number;
  readonly epoch: number;
  readonly seq: number;
  readonly ts: number;
  readonly kind: number;
  readonly actor: number;
  readonly body: WireFrame;
  /** Bytes of the EV frame, where the log has them on their own. */
  readonly raw?: Buffer | undefined;
}

export interface GapRange {
  readonly sid: number;
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
  readonly reason: number;
}

/** One APPEND frame and what came of it. */
export interface Attempt {
  readonly client: string;
  readonly uid: number;
  readonly conn: number;
  readonly sid: number;
  readonly nonce: string;
  readonly kind: number;
  readonly body: WireFrame;
  /** Present once an OK came. */
  ok?: { epoch: number; seq: number; ts: number; duplicate: boolean };
  /** ERR code where one came. */
  code?: number;
}

export interface Walk {
  readonly trace: ConnTrace;
  readonly violations: readonly Violation[];
  readonly deliveries: readonly Delivery[];
  readonly gaps: readonly GapRange[];
  readonly attempts: readonly Attempt[];
  /** Position right after the first OK to SUB, per stream. */
  readonly starts: ReadonlyMap<number, Position>;
  /** Position of each subscription that was alive at the end of the log. */
  readonly ends: ReadonlyMap<number, Position>;
}

export interface Position {
  readonly epoch: number;
  readonly seq: number;
}

interface Subscription {
  epoch: number;
  pos: number;
  /** Head in the OK to SUB: up to here the stream is being replayed. */
  headAtJoin: number;
  /** Set between an OK with status 2 and its GAP. */
  awaitedGap: { readonly after: number; readonly to: number } | undefined;
}

/** Walks one connection's log. */
export function walk(trace: ConnTrace): Walk {
  const walker = new Walker(trace);
  for (const entry of trace.entries) walker.take(entry);
  return walker.result();
}

/** An EV frame's fields. */
export function asDelivery(frame: WireFrame, raw?: Buffer): Delivery {
  return {
    sid: asNumber(frame[1], 'EV sid'),
    epoch: asNumber(frame[2], 'EV epoch'),
    seq: asNumber(frame[3], 'EV seq'),
    ts: asNumber(frame[4], 'EV ts'),
    kind: asNumber(frame[5], 'EV kind'),
    actor: asNumber(frame[6], 'EV actor'),
    body: frame.slice(7),
    raw,
  };
}

class Walker {
  readonly #trace: ConnTrace;
  readonly #violations: Violation[] = [];
  readonly #deliveries: Delivery[] = [];
  readonly #gaps: GapRange[] = [];
  readonly #attempts: Attempt[] = [];
  readonly #starts = new Map<number, Position>();
  readonly #live = new Map<number, Subscription>();
  readonly #subs = new Map<number, WireFrame[]>();
  readonly #unsubs = new Map<number, number[]>();
  readonly #appends = new Map<number, Attempt>();
  /** Requests without a reply so far. */
  readonly #open = new Set<number>();

  constructor(trace: ConnTrace) {
    this.#trace = trace;
  }

  result(): Walk {
    const ends = new Map<number, Position>();
    for (const [sid, sub] of this.#live) ends.set(sid, { epoch: sub.epoch, seq: sub.pos });
    return {
      trace: this.#trace,
      violations: this.#violations,
      deliveries: this.#deliveries,
      gaps: this.#gaps,
      attempts: this.#attempts,
      starts: this.#starts,
      ends,
    };
  }

  take(entry: LogEntry): void {
    if (entry.dir === 'sent') {
      this.#sent(entry.frame);
      return;
    }
    if (entry.frame[0] !== OP.batch) {
      this.#received(entry.frame, entry.raw);
      return;
    }
    const inner = unpack(entry.frame);
    const slices =
      this.#trace.encoding === 'mp' && entry.raw.length > 0 ? batchSlices(entry.raw) : [];
    for (const [i, frame] of inner.entries()) this.#received(frame, slices[i]);
  }

  #sent(frame: WireFrame): void {
    const rid = frame[1];
    if (typeof rid !== 'number' || rid < 1) return;
    this.#open.add(rid);
    if (frame[0] === OP.sub) this.#subs.set(rid, asArray(frame[2], 'SUB') as WireFrame[]);
    if (frame[0] === OP.unsub) this.#unsubs.set(rid, asArray(frame[2], 'UNSUB') as number[]);
    if (frame[0] !== OP.append) return;
    const attempt: Attempt = {
      client: this.#trace.client,
      uid: this.#trace.uid,
      conn: this.#trace.conn,
      sid: asNumber(frame[2], 'APPEND sid'),
      nonce: String(frame[3]),
      kind: asNumber(frame[4], 'APPEND kind'),
      body: frame.slice(5),
    };
    this.#attempts.push(attempt);
    this.#appends.set(rid, attempt);
  }

  #received(frame: WireFrame, raw: Buffer | undefined): void {
    switch (frame[0]) {
      case OP.ok:
      case OP.err:
        this.#reply(frame);
        break;
      case OP.ev:
        this.#event(asDelivery(frame, raw));
        break;
      case OP.gap:
        this.#gap(frame);
        break;
      case OP.head:
        this.#head(frame);
        break;
      case OP.subend:
        this.#live.delete(asNumber(frame[1], 'SUBEND sid'));
        break;
      default:
    }
  }

  #reply(frame: WireFrame): void {
    const rid = asNumber(frame[1], 'rid');
    if (rid === 0) return;
    if (!this.#open.delete(rid)) this.#blame('I15', 0, `second reply to rid ${rid}, or no request`);
    const entries = this.#subs.get(rid);
    const removed = this.#unsubs.get(rid);
    const attempt = this.#appends.get(rid);
    this.#subs.delete(rid);
    this.#unsubs.delete(rid);
    this.#appends.delete(rid);
    if (frame[0] === OP.err) {
      if (attempt !== undefined) attempt.code = asNumber(frame[2], 'ERR code');
      return;
    }
    if (entries !== undefined)
      this.#subscribed(entries, asArray(frame[2], 'OK of SUB') as WireFrame[]);
    if (removed !== undefined) for (const sid of removed) this.#live.delete(sid);
    if (attempt !== undefined) {
      attempt.ok = {
        epoch: asNumber(frame[2], 'OK epoch'),
        seq: asNumber(frame[3], 'OK seq'),
        ts: asNumber(frame[4], 'OK ts'),
        duplicate: frame[5] === true,
      };
    }
  }

  #subscribed(entries: readonly WireFrame[], answers: readonly WireFrame[]): void {
    entries.forEach((entry, i) => {
      const answer = answers[i];
      if (answer === undefined || answer[0] !== entry[0]) {
        this.#blame('I8', Number(entry[0]), 'OK to SUB without this entry');
        return;
      }
      this.#subscribe(entry, answer as readonly number[]);
    });
  }

  #subscribe(entry: WireFrame, answer: readonly number[]): void {
    const [sid, status, epoch, seq, , , head] = answer as readonly [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    if (status === 3) this.#live.delete(sid);
    if (status >= 3) return;
    const cursor =
      entry.length > 1 ? { epoch: Number(entry[1]), seq: Number(entry[2]) } : undefined;
    if (cursor === undefined && this.#live.has(sid)) return;
    const sub: Subscription = { epoch, pos: seq, headAtJoin: head, awaitedGap: undefined };
    if (status === 2) {
      sub.awaitedGap = { after: cursor?.seq ?? 0, to: seq };
      sub.pos = cursor?.seq ?? 0;
      sub.epoch = cursor?.epoch ?? epoch;
    } else if (cursor !== undefined && (cursor.epoch !== epoch || cursor.seq !== seq)) {
      const got = `${epoch}/${seq}`;
      this.#blame(
        'I8',
        sid,
        `status ${status} at ${got}, cursor was ${cursor.epoch}/${cursor.seq}`,
      );
    }
    if (status === 0 && seq !== head) this.#blame('I8', sid, `status 0 at ${seq}, head ${head}`);
    if (status === 1 && seq >= head) this.#blame('I8', sid, `status 1 at ${seq}, head ${head}`);
    this.#live.set(sid, sub);
    if (!this.#starts.has(sid)) this.#starts.set(sid, { epoch: sub.epoch, seq: sub.pos });
  }

  #event(event: Delivery): void {
    const sub = this.#live.get(event.sid);
    if (sub === undefined) {
      this.#blame('I9', event.sid, `EV ${event.seq} without a subscription`);
      return;
    }
    this.#deliveries.push(event);
    if (sub.awaitedGap !== undefined) {
      this.#blame('I8', event.sid, `EV ${event.seq} where the GAP of status 2 was due`);
      sub.awaitedGap = undefined;
    }
    if (event.epoch !== sub.epoch) {
      this.#blame('I9', event.sid, `EV ${event.seq} of epoch ${event.epoch}, wanted ${sub.epoch}`);
    } else if (event.seq <= sub.pos) {
      this.#blame('I3', event.sid, `EV ${event.seq} again, position is ${sub.pos}`);
    } else if (event.seq !== sub.pos + 1) {
      const invariant = sub.pos < sub.headAtJoin ? 'I8' : 'I9';
      this.#blame(invariant, event.sid, `EV ${event.seq} after ${sub.pos}`);
    }
    sub.pos = Math.max(sub.pos, event.seq);
  }

  #gap(frame: WireFrame): void {
    const [, sid, reason, epoch, from, to] = frame as readonly number[] as readonly [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const sub = this.#live.get(sid);
    if (sub === undefined) {
      this.#blame('I9', sid, `GAP ${from}..${to} without a subscription`);
      return;
    }
    const fromStart = reason >= 2 && reason <= 4;
    const wantedFrom = fromStart ? 1 : sub.pos + 1;
    const invariant = sub.awaitedGap === undefined ? 'I9' : 'I8';
    if (from !== wantedFrom || to < from - 1) {
      this.#blame(invariant, sid, `GAP ${from}..${to} reason ${reason}, position is ${sub.pos}`);
    }
    if (sub.awaitedGap !== undefined && to !== sub.awaitedGap.to) {
      this.#blame('I8', sid, `GAP to ${to}, the OK to SUB said ${sub.awaitedGap.to}`);
    }
    if (!fromStart && epoch !== sub.epoch) {
      this.#blame(invariant, sid, `GAP reason ${reason} of epoch ${epoch}, wanted ${sub.epoch}`);
    }
    this.#gaps.push({ sid, epoch, from, to, reason });
    sub.awaitedGap = undefined;
    sub.epoch = epoch;
    sub.pos = fromStart ? to : Math.max(sub.pos, to);
  }

  #head(frame: WireFrame): void {
    const [, sid, epoch, seq] = frame as readonly number[] as readonly [
      number,
      number,
      number,
      number,
    ];
    const sub = this.#live.get(sid);
    if (sub === undefined || sub.epoch !== epoch || seq <= sub.pos) return;
    this.#blame('I9', sid, `HEAD ${seq} overtook, position is ${sub.pos}`);
  }

  #blame(invariant: Violation['invariant'], sid: number, what: string): void {
    const { client, conn } = this.#trace;
    this.#violations.push({ invariant, client, conn, sid, what });
  }
}
