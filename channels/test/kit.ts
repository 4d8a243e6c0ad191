/**
 * Test kit of channels/: a clock moved by hand, a readable event codec, a ChannelLog that fails on
 * request, and a StreamCore with ports that record what it casts. Tests only.
 */
import type { MonitorId, Ref, TimerHandle } from '../../runtime/index.ts';
import { pad } from '../ids.ts';
import { newNoticeCounters } from '../notice-counters.ts';
import { PERMS_ALL, PERMS_EVERYONE } from '../permissions.ts';
import { memoryStore, StoreError } from '../store/index.ts';
import { StreamCore } from '../stream-core.ts';
import {
  newStreamCounters,
  type Outcome,
  STREAM_LIMITS,
  type StreamLimits,
  type StreamPorts,
} from '../stream-ports.ts';
import type { StreamType } from '../stream-rules.ts';
import type {
  AppendReply,
  AppendRequest,
  ChannelLog,
  Chunk,
  Commit,
  CommitDone,
  CommitResult,
  Cursor,
  EventFields,
  FanOutP,
  HeadMoved,
  HeadReply,
  HistoryReply,
  Id,
  LogEvent,
  LogHead,
  MessageAnchor,
  MessageRow,
  MessagesReply,
  Ms,
  OpenedLog,
  PullRequest,
  RightsP,
  Seq,
  Store,
  StreamP,
  SubscribeReply,
} from '../types.ts';
import { HandClock, settled } from './hand-clock.ts';
import { decode, jsonCodec } from './json-codec.ts';

export { decode, HandClock, jsonCodec, settled };

/** A timer's time, checked as the runtime checks it. */
function timerMs(ms: Ms): Ms {
  if (!(ms >= 0)) throw new RangeError(`timer: ms: got ${ms}, want >= 0`);
  return ms;
}

/** What a FaultLog does with the next commits. */
export type CommitFault =
  | 'unavailable'
  | 'rejectBefore'
  | 'rejectAfter'
  | 'fenced'
  /** Another owner opens the log in between: the commit is fenced by the store itself. */
  | 'usurp'
  /** Done, but answered with a head that cannot be. */
  | 'wrongHead';

/** A ChannelLog around another that fails on request, and can be slow. */
export class FaultLog implements ChannelLog {
  readonly durability = 0;
  readonly #inner: ChannelLog;
  /** Consumed one per commit. */
  readonly commitFaults: CommitFault[] = [];
  /** While set, opens and reads reject. */
  down = false;
  /** While set, commits wait for `release`. */
  #gate: Promise<void> | undefined;
  #release: (() => void) | undefined;
  commits: Commit[] = [];
  opens = 0;
  nonceLooks = 0;

  constructor(inner: ChannelLog) {
    this.#inner = inner;
  }

  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    this.#release = resolve;
  }

  async release(): Promise<void> {
    this.#release?.();
    this.#gate = undefined;
    await settled();
  }

  async open(sid: Id): Promise<OpenedLog> {
    this.#check();
    this.opens += 1;
    return await this.#inner.open(sid);
  }

  async commit(commit: Commit): Promise<CommitResult> {
    await this.#gate;
    this.#check();
    this.commits.push(commit);
    const fault = this.commitFaults.shift();
    if (fault === 'unavailable') return { ok: false, why: 'unavailable', retryMs: 250 };
    if (fault === 'fenced') return { ok: false, why: 'fenced', head: commit.after };
    if (fault === 'rejectBefore') throw unknownOutcome();
    if (fault === 'usurp') await this.#inner.open(commit.sid);
    const result = await this.#inner.commit(commit);
    if (fault === 'rejectAfter') throw unknownOutcome();
    if (fault === 'wrongHead' && result.ok) return { ok: true, head: result.head + 1 };
    return result;
  }

  submit(commit: Commit, done: CommitDone): void {
    this.commit(commit).then(done, (error: unknown) => done(undefined, error));
  }

  async replay(sid: Id, after: Seq, limit: number, bytesMax: number): Promise<readonly LogEvent[]> {
    this.#check();
    return await this.#inner.replay(sid, after, limit, bytesMax);
  }
  async history(sid: Id, anchor: Seq, before: number, after: number): Promise<readonly LogEvent[]> {
    this.#check();
    return await this.#inner.history(sid, anchor, before, after);
  }
  async get(sid: Id, seqs: readonly Seq[]): Promise<readonly (LogEvent | undefined)[]> {
    this.#check();
    return await this.#inner.get(sid, seqs);
  }
  async editsOf(sid: Id, target: Seq): Promise<readonly Seq[]> {
    this.#check();
    return await this.#inner.editsOf(sid, target);
  }
  async findNonce(sid: Id, actor: Id, nonce: string): ReturnType<ChannelLog['findNonce']> {
    this.nonceLooks += 1;
    this.#check();
    return await this.#inner.findNonce(sid, actor, nonce);
  }
  async messages(
    sid: Id,
    anchor: MessageAnchor,
    limit: number,
    viewer: Id,
  ): Promise<readonly MessageRow[]> {
    this.#check();
    return await this.#inner.messages(sid, anchor, limit, viewer);
  }
  async pins(...rest: Parameters<ChannelLog['pins']>): ReturnType<ChannelLog['pins']> {
    this.#check();
    return await this.#inner.pins(...rest);
  }
  async reactors(...rest: Parameters<ChannelLog['reactors']>): ReturnType<ChannelLog['reactors']> {
    this.#check();
    return await this.#inner.reactors(...rest);
  }
  async recent(windowMs: Ms): Promise<readonly Id[]> {
    this.#check();
    return await this.#inner.recent(windowMs);
  }
  async heads(sids: readonly Id[]): Promise<readonly LogHead[]> {
    this.#check();
    return await this.#inner.heads(sids);
  }
  async drop(sid: Id): Promise<void> {
    this.#check();
    await this.#inner.drop(sid);
  }

  #check(): void {
    if (this.down) throw unknownOutcome();
  }
}

function unknownOutcome(): StoreError {
  return new StoreError('DRIFT_CHANNELS_STORE_UNKNOWN', 'commit: the store thread died');
}

/** What a gateway heard, in order. */
export type Heard =
  | { readonly op: 'attached'; readonly m: Parameters<FanOutP['attached']>[0] }
  | { readonly op: 'publish'; readonly m: Parameters<FanOutP['publish']>[0] }
  | { readonly op: 'chunk'; readonly m: Chunk }
  | { readonly op: 'head'; readonly m: Parameters<FanOutP['head']>[0] }
  | { readonly op: 'ephemeral'; readonly m: Parameters<FanOutP['ephemeral']>[0] }
  | { readonly op: 'revoke'; readonly m: Parameters<FanOutP['revoke']>[0] };

export const OWNER: Id = 1;
export const SID: Id = 500;
export const GID: Id = 400;

let seed = 0;
export function makeStore(): Store {
  return memoryStore({ rng: { u32: () => (seed = (seed * 1664525 + 1013904223) >>> 0) } });
}

/** One stream with everything around it. */
export class StreamRig {
  readonly clock = new HandClock();
  readonly store: Store;
  readonly log: FaultLog;
  readonly heard = new Map<Ref<FanOutP>, Heard[]>();
  readonly perms = new Map<Id, number | null>();
  /** Times the guild was asked. */
  asked = 0;
  /** Times a life of the stream registered with the guild. */
  watched = 0;
  slowModeS = 0;
  /** Names told to the dm. */
  readonly renamed: string[] = [];
  /** While set, the guild does not answer. */
  guildDown = false;
  retired = 0;
  readonly noticeCounters = newNoticeCounters();
  memberCount = 2;
  /** Heads that the guild was told of. */
  readonly moved: HeadMoved[] = [];
  /** Whom a message to everyone reaches. */
  everyone: readonly Id[] | null = [];
  /** User streams that are away. */
  readonly usersDown = new Set<Id>();
  /** Events on user streams, by user and nonce. */
  readonly emitted = new Map<string, { readonly uid: Id; readonly event: AppendRequest }>();
  readonly absentSids = new Set<Id>();
  readonly ports: StreamPorts;
  core: StreamCore;
  #life = 0;
  #nextMonitor = 1;

  constructor(options: { limits?: Partial<StreamLimits>; store?: Store } = {}) {
    this.store = options.store ?? makeStore();
    this.log = new FaultLog(this.store.log);
    this.ports = this.#makePorts({ ...STREAM_LIMITS, ...options.limits });
    this.core = undefined as unknown as StreamCore;
  }

  /** Writes the stream's document and starts the actor's core. */
  async start(type: StreamType = 'channel', sid: Id = SID): Promise<this> {
    await this.store.docs.write([
      { kind: 'stream', key: pad(sid), expect: 'any', value: { type, gid: GID } },
    ]);
    return await this.restart(sid);
  }

  /** The actor dies and starts again: what it awaited is forgotten. */
  async restart(sid: Id = SID): Promise<this> {
    this.#life += 1;
    this.heard.clear();
    this.core = new StreamCore(sid, this.ports, this.absentSids);
    await settled();
    return this;
  }

  gateway(n: number): Ref<FanOutP> {
    return n as unknown as Ref<FanOutP>;
  }

  listen(gateway = this.gateway(1)): Heard[] {
    let heard = this.heard.get(gateway);
    if (heard === undefined) {
      heard = [];
      this.heard.set(gateway, heard);
    }
    return heard;
  }

  async append(
    uid: Id,
    nonce: string,
    kind: number,
    body: AppendRequest['body'],
  ): Promise<AppendReply> {
    const reply = this.send(uid, nonce, kind, body);
    await settled();
    return await reply;
  }

  /** As `append`, without waiting for anything. */
  send(uid: Id, nonce: string, kind: number, body: AppendRequest['body']): Promise<AppendReply> {
    return new Promise((resolve) => {
      this.core.append({ uid, nonce, kind, body }, false, resolve);
    });
  }

  emit(uid: Id, nonce: string, kind: number, body: AppendRequest['body']): Promise<AppendReply> {
    return new Promise((resolve) => {
      this.core.append({ uid, nonce, kind, body }, true, resolve);
    });
  }

  async subscribe(uid: Id, cursor?: Cursor, gateway = this.gateway(1)): Promise<SubscribeReply> {
    this.listen(gateway);
    const base = { gateway, uid };
    return await new Promise((resolve) => {
      this.core.subscribe(cursor === undefined ? base : { ...base, cursor }, resolve);
    });
  }

  pull(m: Omit<PullRequest, 'gateway' | 'token'> & { token?: number }): void {
    this.core.pull({ gateway: this.gateway(1), token: 7, ...m });
  }

  /** Pulls until the head is reached; gives the chunks. */
  async pullAll(uid: Id, from: Cursor, ringOnly = false): Promise<Chunk[]> {
    const chunks: Chunk[] = [];
    let after = from;
    for (let i = 0; i < 1000; i += 1) {
      const heard = this.listen();
      const before = heard.length;
      this.pull({ uid, after, ringOnly });
      await settled();
      const chunk = heard.slice(before).find((h) => h.op === 'chunk');
      if (chunk?.op !== 'chunk') return chunks;
      chunks.push(chunk.m);
      if (chunk.m.atHead || chunk.m.forbidden === true) return chunks;
      after = chunk.m.at;
    }
    throw new Error('pullAll: never at the head');
  }

  history(uid: Id, anchor: Seq, before: number, after: number): Promise<HistoryReply> {
    return new Promise((resolve) => this.core.history({ uid, anchor, before, after }, resolve));
  }

  messages(uid: Id, anchor: MessageAnchor, limit: number): Promise<MessagesReply> {
    return new Promise((resolve) => this.core.messages({ uid, anchor, limit }, resolve));
  }

  askHead(uid: Id): Promise<HeadReply> {
    return new Promise((resolve) => this.core.head(uid, resolve));
  }

  /** The head of a stream that is there. */
  async head(uid: Id): Promise<LogHead | undefined> {
    const head = await this.askHead(uid);
    if (head === 'unavailable') throw new Error('head: unavailable');
    return head;
  }

  /** Frames published to a gateway so far, in order. */
  published(gateway = this.gateway(1)): EventFields[] {
    return this.listen(gateway).flatMap((h) => (h.op === 'publish' ? h.m.frames.map(decode) : []));
  }

  /** Everything in the log, decoded. */
  async logged(sid: Id = SID): Promise<EventFields[]> {
    const events = await this.store.log.replay(sid, 0, 10_000, Number.MAX_SAFE_INTEGER);
    return events.map((event) => decode(event.frame));
  }

  #makeGateways(): StreamPorts['gateways'] {
    const record = <K extends Heard['op']>(op: K) => {
      return (gateway: Ref<FanOutP>, m: Extract<Heard, { op: K }>['m']) => {
        this.listen(gateway).push({ op, m } as Heard);
      };
    };
    return {
      attached: record('attached'),
      publish: record('publish'),
      chunk: record('chunk'),
      head: record('head'),
      ephemeral: record('ephemeral'),
      revoke: record('revoke'),
      monitor: () => this.#nextMonitor++ as unknown as MonitorId,
      demonitor: () => undefined,
    };
  }

  #makeNotices(): StreamPorts['notices'] {
    return {
      moved: (_gid, m) => void this.moved.push(m),
      everyone: async () => {
        if (this.guildDown) throw unknownOutcome();
        return this.everyone;
      },
      emit: async (uid, event) => {
        if (this.usersDown.has(uid)) throw unknownOutcome();
        const key = `${uid} ${event.nonce}`;
        const duplicate = this.emitted.has(key);
        if (!duplicate) this.emitted.set(key, { uid, event });
        return { ok: true, epoch: 1, seq: 1, ts: 1, duplicate };
      },
    };
  }

  #makeGuild(): Pick<StreamPorts, 'guild' | 'dm'> {
    return {
      guild: {
        perms: async (_gid, uid) => {
          this.asked += 1;
          if (this.guildDown) throw unknownOutcome();
          const perms = this.perms.get(uid);
          return perms === undefined ? (uid === OWNER ? PERMS_ALL : PERMS_EVERYONE) : perms;
        },
        acl: async () => {
          if (this.guildDown) throw unknownOutcome();
          const { memberCount, slowModeS } = this;
          return { memberCount, large: false, open: true, viewSid: GID, slowModeS };
        },
        watch: async () => {
          if (this.guildDown) throw unknownOutcome();
          this.watched += 1;
          return 98 as unknown as Ref<RightsP>;
        },
        monitor: () => this.#nextMonitor++ as unknown as MonitorId,
      },
      dm: {
        renamed: async (_sid, m) => {
          if (this.guildDown) throw unknownOutcome();
          this.renamed.push(m.name);
          return { ok: true, value: null };
        },
      },
    };
  }

  #makePorts(limits: StreamLimits): StreamPorts {
    const timers = new Map<string, TimerHandle>();
    return {
      self: 99 as unknown as Ref<StreamP>,
      log: this.log,
      docs: this.store.docs,
      codec: jsonCodec,
      clock: this.clock,
      limits,
      counters: newStreamCounters(),
      gateways: this.#makeGateways(),
      ...this.#makeGuild(),
      notices: this.#makeNotices(),
      noticeCounters: this.noticeCounters,
      later: (work, done) => {
        const life = this.#life;
        const enter = <T>(outcome: Outcome<T>, next: (o: Outcome<T>) => void): void => {
          if (life === this.#life || this.#life === 0) next(outcome);
        };
        work.then(
          (value) => enter({ ok: true, value }, done),
          (error: unknown) => enter({ ok: false, error }, done),
        );
      },
      commit: (commit, done) => {
        const life = this.#life;
        this.log.submit(commit, (result, error) => {
          if (life === this.#life || this.#life === 0) done(result, error);
        });
      },
      timer: (key, ms, run) => {
        const life = this.#life;
        const old = timers.get(key);
        if (old !== undefined) this.clock.clearTimeout(old);
        timers.set(
          key,
          this.clock.setTimeout(() => {
            if (life === this.#life) run();
          }, timerMs(ms)),
        );
      },
      label: () => undefined,
      retire: () => {
        this.retired += 1;
      },
    };
  }
}
