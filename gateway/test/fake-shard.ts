/**
 * The entities behind a gateway thread, in memory: streams with their logs, one lane in each
 * direction. Test support. In step mode nothing moves until the test says so; in auto mode lanes drain
 * in the next turn. Keeps the order that the real lanes keep, and no more than that.
 */
import type {
  AppendReply,
  AppendRequest,
  Chunk,
  ConnectReply,
  Cursor,
  FanOutP,
  Gap,
  HeadReply,
  HistoryReply,
  HistoryRequest,
  PullRequest,
  ShedClass,
  StreamP,
  SubscribeReply,
} from '../../channels/index.ts';
import { ActorError, type MonitorId, type Ref } from '../../runtime/index.ts';
import { encodeEvent, encodeMp, GapReason, type WireValue } from '../protocol/index.ts';
import type { Disconnected, Upstream } from '../types.ts';
import { createFakePresence } from './fake-presence.ts';

interface FakeEvent {
  readonly ts: number;
  readonly frame: Uint8Array;
}

/** One stream. `events[i]` has seq i + 1. */
export interface FakeStream {
  readonly sid: number;
  epoch: number;
  events: FakeEvent[];
  /** Events before this are not in the ring. */
  ringFirst: number;
  owner: number;
  isInterested: boolean;
  /** Users that may view; null = all. */
  viewers: Set<number> | null;
}

export type Deliver = <K extends keyof FanOutP & string>(
  op: K,
  message: Parameters<FanOutP[K]>[0],
) => void;

export interface FakeShardOptions {
  readonly deliver: Deliver;
  /** Hears of the end of an owner that it monitors. */
  readonly down: (owner: number) => void;
  readonly isAuto: boolean;
  readonly chunkMax?: number;
  readonly replayMax?: number;
}

const FIRST_TS = 1_763_000_000_000;

export class FakeShard implements Upstream {
  readonly presence = createFakePresence();
  readonly #options: FakeShardOptions;
  readonly #streams = new Map<number, FakeStream>();
  readonly toShard: (() => void)[] = [];
  readonly toGateway: { readonly work: () => void; readonly isCast: boolean }[] = [];
  readonly monitored = new Set<number>();
  readonly disconnects: (Disconnected & { readonly uid: number })[] = [];
  readonly abandons: { readonly uid: number; readonly conn: number }[] = [];
  readonly connects: { readonly uid: number; readonly conn: number; readonly login: string }[] = [];
  /** Calls of these kinds are rejected with `failure` instead of being answered. */
  failing = new Set<string>();
  failure: 'unavailable' | 'timeout' = 'unavailable';
  /** Calls of these kinds are never answered. */
  silent = new Set<string>();
  /** Streams whose store or guild cannot answer. */
  readonly away = new Set<number>();
  connectReply: ((uid: number) => ConnectReply) | undefined;
  detaches = 0;
  /** Read markers by `uid sid`. */
  readonly marks = new Map<string, number>();
  readonly written: ({ readonly uid: number } & Parameters<Upstream['wrote']>[1])[] = [];
  #lastOwner = 1000;
  #lastConnNo = 0;
  #isPumping = false;

  constructor(options: FakeShardOptions) {
    this.#options = options;
  }

  stream(sid: number): FakeStream {
    let stream = this.#streams.get(sid);
    if (stream === undefined) {
      this.#lastOwner += 1;
      stream = {
        sid,
        epoch: 7,
        events: [],
        ringFirst: 1,
        owner: this.#lastOwner,
        isInterested: false,
        viewers: null,
      };
      this.#streams.set(sid, stream);
    }
    return stream;
  }

  // -------------------------------------------------------------- what the test does

  /** Commits events and publishes them, as one message, to an interested gateway. */
  commit(sid: number, texts: readonly string[], actor = 1): void {
    const stream = this.stream(sid);
    const seq = stream.events.length + 1;
    const frames = texts.map((text) => this.#push(stream, text, actor));
    const { epoch, isInterested } = stream;
    if (!isInterested || frames.length === 0) return;
    const ts = FIRST_TS + stream.events.length;
    this.#cast('publish', { sid, epoch, seq, ts, frames });
  }

  /** The owner dies; the next message starts another one, which knows nothing of the gateway. */
  crash(sid: number): void {
    const stream = this.stream(sid);
    const { owner } = stream;
    this.#lastOwner += 1;
    stream.owner = this.#lastOwner;
    stream.isInterested = false;
    stream.ringFirst = stream.events.length + 1;
    this.#reply(() => {
      if (this.monitored.delete(owner)) this.#options.down(owner);
    });
  }

  /** The owner dies and its log is another one. */
  renew(sid: number, events: number): void {
    const stream = this.stream(sid);
    stream.epoch += 1;
    stream.events = [];
    for (let i = 0; i < events; i += 1) this.#push(stream, `new ${i}`, 1);
    this.crash(sid);
  }

  revoke(sid: number, uid: number): void {
    const stream = this.stream(sid);
    stream.viewers ??= new Set();
    stream.viewers.delete(uid);
    if (!stream.isInterested) return;
    this.#cast('revoke', { sid, uid, code: 301 });
  }

  /** A notice of the stream's owner. */
  broadcast(sid: number, shedClass: ShedClass, frame: readonly WireValue[]): void {
    if (!this.stream(sid).isInterested) return;
    this.#cast('ephemeral', { sid, class: shedClass, frame: encodeMp(frame) });
  }

  tellHead(sid: number): void {
    const stream = this.stream(sid);
    if (!stream.isInterested) return;
    const message = { sid, ...headOf(stream) };
    this.#cast('head', message);
  }

  /** Loses the next cast to the gateway (a full mailbox); replies and signals are never lost. */
  loseOne(): void {
    const at = this.toGateway.findIndex((item) => item.isCast);
    if (at >= 0) this.toGateway.splice(at, 1);
  }

  /** Step mode: moves one message. Returns false when there was none. */
  step(lane: 'toShard' | 'toGateway'): boolean {
    const work = lane === 'toShard' ? this.toShard.shift() : this.toGateway.shift()?.work;
    work?.();
    return work !== undefined;
  }

  // -------------------------------------------------------------- Upstream

  subscribe(sid: number, uid: number, cursor: Cursor | undefined): Promise<SubscribeReply> {
    return this.#call('subscribe', () => {
      const stream = this.stream(sid);
      if (!mayView(stream, uid)) return { ok: false } as const;
      this.#attach(stream);
      const at = headOf(stream);
      if (cursor === undefined) return { ok: true, status: 0, at, first: 1, head: at.seq } as const;
      const gap = this.#gapFor(stream, cursor, false);
      if (gap !== undefined) {
        const after = { epoch: gap.epoch, seq: gap.to, ts: gap.ts };
        return { ok: true, status: 2, at: after, first: 1, head: at.seq, gap } as const;
      }
      const status = cursor.seq === at.seq ? 0 : 1;
      return { ok: true, status, at: cursor, first: 1, head: at.seq } as const;
    });
  }

  pull(sid: number, request: Omit<PullRequest, 'gateway'>): void {
    this.#send(() => {
      const stream = this.stream(sid);
      const chunk = this.#chunk(stream, request);
      this.#cast('chunk', chunk);
    });
  }

  attach(sid: number, uids: readonly number[] = []): void {
    this.#send(() => {
      const stream = this.stream(sid);
      this.#attach(stream, true);
      for (const uid of uids) if (!mayView(stream, uid)) this.revoke(sid, uid);
    });
  }

  /** Wants to hear who is subscribed. */
  ask(sid: number): void {
    const stream = this.stream(sid);
    const owner = stream.owner as Ref<StreamP>;
    this.#cast('attached', { sid, owner, asks: true, ...headOf(stream) });
  }

  detach(sid: number): void {
    this.detaches += 1;
    this.#send(() => {
      this.stream(sid).isInterested = false;
    });
  }

  append(sid: number, request: AppendRequest): Promise<AppendReply> {
    return this.#call('append', () => {
      const stream = this.stream(sid);
      if (!mayView(stream, request.uid)) return { ok: false, code: 301 } as const;
      this.commit(sid, [String(request.body[0])], request.uid);
      return { ok: true, ...headOf(stream), duplicate: false } as const;
    });
  }

  history(sid: number, request: HistoryRequest): Promise<HistoryReply> {
    return this.#call('history', () => {
      const stream = this.stream(sid);
      if (!mayView(stream, request.uid)) return { ok: false, code: 301 } as const;
      const head = stream.events.length;
      const anchor = request.anchor === 0 || request.anchor > head ? head : request.anchor;
      const from = Math.max(0, anchor - request.before);
      const frames = stream.events.slice(from, anchor + request.after).map((event) => event.frame);
      return { ok: true, epoch: stream.epoch, first: 1, head, frames } as const;
    });
  }

  head(sid: number, uid: number): Promise<HeadReply> {
    return this.#call<HeadReply>('head', () => {
      if (this.away.has(sid)) return 'unavailable';
      const stream = this.stream(sid);
      if (!mayView(stream, uid)) return undefined;
      const { epoch, seq, ts } = headOf(stream);
      return { sid, epoch, first: 1, head: seq, headTs: ts };
    });
  }

  guildView(gid: number): ReturnType<Upstream['guildView']> {
    return this.#call('guildView', () => {
      if (gid === 404) return { ok: false, code: 'not_found' } as const;
      const channel = { sid: 5, type: 1, name: 'general', perms: 15, ...headOf(this.stream(5)) };
      const channels = [{ ...channel, marker: 0 }];
      const roles = [[gid, 'everyone', 0, 0, 7]] as const;
      const value = { aclVer: 3, channels, roles, viewSids: [gid + 1], large: false };
      return { ok: true, value } as const;
    });
  }

  connect(
    uid: number,
    request: { readonly conn: number; readonly login: string; readonly resume?: unknown },
  ): Promise<ConnectReply> {
    return this.#call('connect', () => {
      this.connects.push({ uid, conn: request.conn, login: request.login });
      if (this.connectReply !== undefined) return this.connectReply(uid);
      this.#lastConnNo += 1;
      const guilds = [{ gid: 18, name: 'Games', large: false }];
      const session = `session-${uid}-${this.#lastConnNo}`;
      return { ok: true, session, resumeKey: 'key', connNo: this.#lastConnNo, guilds } as const;
    });
  }

  disconnected(uid: number, notice: Disconnected): void {
    this.disconnects.push({ uid, ...notice });
  }

  mark(uid: number, m: Parameters<Upstream['mark']>[1]): ReturnType<Upstream['mark']> {
    return this.#call('mark', () => {
      const stream = this.stream(m.sid);
      if (this.away.has(m.sid)) return { ok: false, code: 'unavailable', retryMs: 70 } as const;
      if (!mayView(stream, uid)) return { ok: false, code: 'not_found' } as const;
      const key = `${uid} ${m.sid}`;
      const seq = Math.max(this.marks.get(key) ?? 0, Math.min(m.seq, stream.events.length));
      this.marks.set(key, seq);
      return { ok: true, value: { seq } } as const;
    });
  }

  markers(uid: number, sids: readonly number[]): ReturnType<Upstream['markers']> {
    return this.#call('markers', () => {
      const value = sids.map((sid) => this.marks.get(`${uid} ${sid}`) ?? 0);
      return { ok: true, value } as const;
    });
  }

  wrote(uid: number, m: Parameters<Upstream['wrote']>[1]): void {
    this.written.push({ uid, ...m });
  }

  abandoned(uid: number, conn: number): void {
    this.abandons.push({ uid, conn });
  }

  monitor(owner: Ref<StreamP>): MonitorId {
    this.monitored.add(owner);
    return owner as number as MonitorId;
  }

  demonitor(monitor: MonitorId): void {
    this.monitored.delete(monitor);
  }

  // -------------------------------------------------------------- inside

  #push(stream: FakeStream, text: string, actor: number): Uint8Array {
    const seq = stream.events.length + 1;
    const ts = FIRST_TS + seq;
    const frame = encodeEvent(stream.sid, stream.epoch, { seq, ts, kind: 1, actor, body: [text] });
    stream.events.push({ ts, frame });
    return frame;
  }

  #attach(stream: FakeStream, isAsked = false): void {
    const { owner, sid } = stream;
    if (stream.isInterested && !isAsked) return;
    stream.isInterested = true;
    const message = { sid, owner: owner as Ref<StreamP>, ...headOf(stream) };
    this.#cast('attached', message);
  }

  #gapFor(stream: FakeStream, cursor: Cursor, isRingOnly: boolean): Gap | undefined {
    const head = headOf(stream);
    const whole = { epoch: stream.epoch, from: 1, to: head.seq, ts: head.ts };
    if (cursor.epoch !== stream.epoch) return { reason: GapReason.EPOCH, ...whole };
    if (cursor.seq > head.seq) return { reason: GapReason.AHEAD, ...whole };
    const replayMax = this.#options.replayMax ?? 5000;
    const oldest = isRingOnly ? stream.ringFirst : head.seq - replayMax + 1;
    if (cursor.seq + 1 >= oldest) return undefined;
    const to = oldest - 1;
    const reason = isRingOnly ? GapReason.SLOW : GapReason.TOO_FAR;
    return { reason, epoch: stream.epoch, from: cursor.seq + 1, to, ts: FIRST_TS + to };
  }

  #chunk(stream: FakeStream, request: Omit<PullRequest, 'gateway'>): Chunk {
    const { after, ringOnly, token, uid } = request;
    const { epoch, sid } = stream;
    if (uid !== 0 && !mayView(stream, uid)) {
      return { sid, token, epoch, frames: [], at: after, atHead: false, forbidden: true };
    }
    const gap = this.#gapFor(stream, after, ringOnly === true);
    const from = gap?.to ?? after.seq;
    const events = stream.events.slice(from, from + (this.#options.chunkMax ?? 200));
    const seq = from + events.length;
    const at = { epoch, seq, ts: seq === 0 ? 0 : FIRST_TS + seq };
    const atHead = seq === stream.events.length;
    const base = { sid, token, epoch, frames: events.map((event) => event.frame), at, atHead };
    return gap === undefined ? base : { ...base, gap };
  }

  #call<T>(kind: string, answer: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#send(() => {
        if (this.silent.has(kind)) return;
        if (this.failing.has(kind)) {
          const reason = this.failure;
          this.#reply(() => reject(new ActorError(reason, kind)));
          return;
        }
        const value = answer();
        this.#reply(() => resolve(value));
      });
    });
  }

  #send(work: () => void): void {
    this.toShard.push(work);
    this.#pump();
  }

  #reply(work: () => void): void {
    this.toGateway.push({ work, isCast: false });
    this.#pump();
  }

  #cast<K extends keyof FanOutP & string>(op: K, message: Parameters<FanOutP[K]>[0]): void {
    this.toGateway.push({ work: () => this.#options.deliver(op, message), isCast: true });
    this.#pump();
  }

  #pump(): void {
    if (!this.#options.isAuto || this.#isPumping) return;
    this.#isPumping = true;
    setImmediate(() => {
      this.#isPumping = false;
      while (this.step('toShard') || this.step('toGateway'));
    });
  }
}

function mayView(stream: FakeStream, uid: number): boolean {
  return stream.viewers === null || stream.viewers.has(uid);
}

function headOf(stream: FakeStream): Cursor {
  const seq = stream.events.length;
  return { epoch: stream.epoch, seq, ts: seq === 0 ? 0 : FIRST_TS + seq };
}
