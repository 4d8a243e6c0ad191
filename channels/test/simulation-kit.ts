/**
 * What the simulated stream actor runs against: a log and documents that answer when the schedule says
 * so, or not at all; a guild; a gateway thread's fan-out actor that checks what it hears. Tests only.
 */
import {
  type Behaviour,
  type Ctx,
  entity,
  type From,
  type MonitorId,
  NOREPLY,
  type Ref,
} from '../../runtime/index.ts';
import type { Simulation } from '../../runtime/testkit/index.ts';
import { PERMS_ALL } from '../permissions.ts';
import { StoreError } from '../store/index.ts';
import type {
  ChannelLog,
  Commit,
  CommitDone,
  CommitResult,
  Cursor,
  DocStore,
  FanOutP,
  GuildP,
  Id,
  OpenedLog,
  StreamP,
} from '../types.ts';
import { decode } from './kit.ts';

/** What the log does with a commit, besides taking its time. */
export type LogFault = 'none' | 'unavailable' | 'lost' | 'answerLost' | 'usurped';

/** A ChannelLog whose every request travels there and back, each way for as long as the schedule likes. */
export function simulatedLog(
  sim: Simulation,
  inner: ChannelLog,
  truth: Truth,
  fault: () => LogFault,
): ChannelLog {
  const unknown = () => new StoreError('DRIFT_CHANNELS_STORE_UNKNOWN', 'simulated: the store died');
  const there = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    await sim.io(name);
    if (sim.phase === 'run' && sim.chance(0.02)) throw unknown();
    const result = await work();
    await sim.io(`${name} back`);
    return result;
  };
  const commit = async (request: Commit): Promise<CommitResult> => {
    await sim.io('commit');
    const what = sim.phase === 'run' ? fault() : 'none';
    if (what === 'unavailable') return { ok: false, why: 'unavailable', retryMs: 50 };
    if (what === 'lost') throw unknown();
    if (what === 'usurped') await inner.open(request.sid);
    const result = await inner.commit(request);
    if (result.ok) truth.head = Math.max(truth.head, result.head);
    // Committed, not answered yet: an owner that dies now must find it out by itself.
    await sim.io('commit back');
    if (what === 'answerLost') throw unknown();
    return result;
  };
  const submit = (request: Commit, done: CommitDone): void => {
    commit(request).then(done, (error: unknown) => done(undefined, error));
  };
  return {
    durability: 0,
    commit,
    submit,
    open: (sid): Promise<OpenedLog> => there('open', () => inner.open(sid)),
    replay: (...rest) => there('replay', () => inner.replay(...rest)),
    history: (...rest) => there('history', () => inner.history(...rest)),
    get: (...rest) => there('get', () => inner.get(...rest)),
    editsOf: (...rest) => there('editsOf', () => inner.editsOf(...rest)),
    findNonce: (...rest) => there('findNonce', () => inner.findNonce(...rest)),
    messages: (...rest) => there('messages', () => inner.messages(...rest)),
    pins: (...rest) => there('pins', () => inner.pins(...rest)),
    reactors: (...rest) => there('reactors', () => inner.reactors(...rest)),
    recent: (...rest) => there('recent', () => inner.recent(...rest)),
    heads: (...rest) => there('heads', () => inner.heads(...rest)),
    drop: (...rest) => there('drop', () => inner.drop(...rest)),
  };
}

/** Documents that take their time. */
export function simulatedDocs(sim: Simulation, inner: DocStore): DocStore {
  const slowly = async <T>(work: () => Promise<T>): Promise<T> => {
    await sim.io('docs');
    return await work();
  };
  return {
    get: (kind, keys) => slowly(() => inner.get(kind, keys)),
    find: (kind, unique) => slowly(() => inner.find(kind, unique)),
    list: (...rest) => slowly(() => inner.list(...rest)),
    write: (batch) => slowly(() => inner.write(batch)),
  };
}

/** A guild that allows everything, sometimes after a while. */
export function guildOf(sim: Simulation): Behaviour<GuildP, null, number> {
  return {
    name: 'guild',
    init: () => null,
    // The other ops of a guild are none of a stream's business.
    handle: {
      perms: async () => {
        if (sim.chance(0.3)) await sim.io('perms');
        return PERMS_ALL;
      },
      acl: () => undefined,
      moved: () => undefined,
      everyone: () => [],
      watch: (_s: null, _m: unknown, ctx: Ctx<GuildP>) => ctx.self,
    } as unknown as Behaviour<GuildP, null, number>['handle'],
  };
}

/** What the log holds, and everything that a stream actor ever published or served: one content for each seq. */
export class Truth {
  readonly frames = new Map<number, string>();
  /** Head of the log itself, past all delays. */
  head = 0;

  saw(seq: number, frame: Uint8Array): void {
    const text = JSON.stringify(decode(frame));
    const known = this.frames.get(seq) ?? text;
    if (known !== text) throw new Error(`seq ${seq} has two contents: ${known} and ${text}`);
    this.frames.set(seq, text);
    if (this.head < seq) throw new Error(`seq ${seq} was told before its commit`);
  }
}

export interface GatewayP extends FanOutP {
  join(): void;
  /** Pulls everything from the start; the answer is every frame served. */
  pullAll(): readonly string[];
}

interface GatewayState {
  /** Last seq heard from the present owner; undefined without one. */
  heard: number | undefined;
  /** Of the present owner: it may answer `attach` twice, and its end must be heard once. */
  owner: { readonly ref: Ref<StreamP>; readonly monitor: MonitorId } | undefined;
  epoch: number;
  pulled: string[];
  /** Who waits for everything. */
  from: From | undefined;
}

type GatewayCtx = Ctx<GatewayP>;

/** The fan-out actor of a gateway thread: holds that each owner's events come without hole and repetition. */
export function gatewayOf(sid: Id, truth: Truth): Behaviour<GatewayP, GatewayState, undefined> {
  const stream = entity<StreamP>('stream', sid);
  const ask = (ctx: GatewayCtx): void => {
    ctx.cast(stream, 'attach', { gateway: ctx.self, sid });
    ctx.timer('ask', 1000, 'join');
  };
  const pull = (ctx: GatewayCtx, after: Cursor): void => {
    ctx.cast(stream, 'pull', { gateway: ctx.self, token: 1, uid: 1, after });
  };
  return {
    name: 'fan-out',
    init: () => ({ heard: undefined, owner: undefined, epoch: 0, pulled: [], from: undefined }),
    handle: {
      join: (s, _arg, ctx) => {
        if (s.heard === undefined) ask(ctx);
      },
      attached: (s, { owner, seq, epoch }, ctx) => {
        ctx.cancel('ask');
        if (s.owner?.ref !== owner) s.owner = { ref: owner, monitor: ctx.monitor(owner) };
        s.heard = seq;
        s.epoch = epoch;
      },
      publish: (s, { seq, frames }) => {
        if (s.heard === undefined) throw new Error('publish without attached');
        if (seq !== s.heard + 1) throw new Error(`publish ${seq} after ${s.heard}`);
        for (const [i, frame] of frames.entries()) truth.saw(seq + i, frame);
        s.heard += frames.length;
      },
      chunk: (s, m, ctx) => {
        for (const frame of m.frames) {
          const { seq } = decode(frame);
          truth.saw(seq, frame);
          if (seq !== s.pulled.length + 1) throw new Error(`chunk ${seq} after ${s.pulled.length}`);
          s.pulled.push(JSON.stringify(decode(frame)));
        }
        if (!m.atHead) pull(ctx, m.at);
        else if (s.from !== undefined) ctx.reply(s.from, s.pulled);
      },
      head: () => undefined,
      ephemeral: () => undefined,
      revoke: () => undefined,
      closeConn: () => undefined,
      loginRevoked: () => undefined,
      windowOpened: () => undefined,
      leaves: () => undefined,
      windowEnd: () => undefined,
      windowsLost: () => undefined,
      whoIs: () => undefined,
      tellAll: () => undefined,
      pullAll: (s, _arg, ctx) => {
        s.pulled = [];
        s.from = ctx.from;
        pull(ctx, { epoch: s.epoch, seq: 0, ts: 0 });
        return NOREPLY;
      },
    },
    onDown: (s, { monitor }, ctx) => {
      if (monitor !== s.owner?.monitor) return;
      s.owner = undefined;
      s.heard = undefined;
      ask(ctx);
    },
  };
}
