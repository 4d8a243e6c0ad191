/**
 * The stream actor: entity 'stream', one per channel, guild view and user inbox, on its home shard
 * thread; the only writer of that stream's log. This file ties `StreamCore` to the runtime: messages
 * in, replies and casts out. Its handlers never await.
 */
import {
  type Behaviour,
  type Clock,
  type Ctx,
  defineActor,
  entity,
  NOREPLY,
  type NoReply,
} from '../runtime/index.ts';
import type { NoticeCounters } from './notice-counters.ts';
import type { AbsentSids } from './stream-absent.ts';
import { StreamCore } from './stream-core.ts';
import type { Outcome, StreamCounters, StreamLimits, StreamPorts } from './stream-ports.ts';
import type { ChannelLog, DmP, DocStore, EventCodec, Id, Ms, RightsP, StreamP } from './types.ts';

/** Given by the boot of a shard thread; the same for all of its streams. */
export interface StreamEnvironment {
  readonly log: ChannelLog;
  readonly docs: DocStore;
  readonly codec: EventCodec;
  readonly clock: Clock;
  readonly limits: StreamLimits;
  readonly counters: StreamCounters;
  readonly absentSids: AbsentSids;
  readonly noticeCounters: NoticeCounters;
}

export interface StreamArg {
  readonly sid: Id;
  readonly environment: StreamEnvironment;
}

/** Ops that the actor sends to itself. */
interface StreamActorP extends StreamP {
  timerFired(key: string): void;
  retire(): void;
}

interface StreamActor {
  readonly core: StreamCore;
  readonly own: OwnWork;
}

/** What the actor has on its way to itself. */
interface OwnWork {
  readonly timers: Map<string, () => void>;
  /** A `retire` is in the mailbox. A second one would be left there and wake the next life, which retires too: for ever. */
  isRetiring: boolean;
}

/** Shorter than the 5 s of the append that waits for it. */
const GUILD_TIMEOUT_MS: Ms = 3000;
/** A queue bound, not a limit that traffic reaches: gateways keep 64 requests per connection. */
const MAILBOX_MAX = 50_000;

const behaviour: Behaviour<StreamActorP, StreamActor, StreamArg> = {
  name: 'stream',
  init: (ctx, { sid, environment }) => {
    const own: OwnWork = { timers: new Map(), isRetiring: false };
    const ports = makePorts(ctx, environment, own);
    return { core: new StreamCore(sid, ports, environment.absentSids), own };
  },
  handle: {
    subscribe: (s, m, ctx) => later(ctx, (answer) => s.core.subscribe(m, answer)),
    pull: (s, m) => s.core.pull(m),
    attach: (s, m) => s.core.attach(m),
    detach: (s, m) => s.core.detach(m),
    append: (s, m, ctx) => {
      s.core.append(m, false, answerTo(ctx));
      return NOREPLY;
    },
    emit: (s, m, ctx) => {
      s.core.append(m, true, answerTo(ctx));
      return NOREPLY;
    },
    history: (s, m, ctx) => later(ctx, (answer) => s.core.history(m, answer)),
    messages: (s, m, ctx) => later(ctx, (answer) => s.core.messages(m, answer)),
    message: (s, m, ctx) => later(ctx, (answer) => s.core.message(m, answer)),
    pins: (s, m, ctx) => later(ctx, (answer) => s.core.pins(m, answer)),
    reactors: (s, m, ctx) => later(ctx, (answer) => s.core.reactors(m, answer)),
    head: (s, m, ctx) => later(ctx, (answer) => s.core.head(m.uid, answer)),
    broadcast: (s, m) => s.core.broadcast(m),
    mark: (s, m, ctx) => later(ctx, (answer) => s.core.mark(m, answer)),
    resume: () => undefined,
    typing: (s, { uid }) => s.core.typing(uid),
    live: (s, m) => s.core.live(m),
    permsChanged: (s, m) => s.core.permsChanged(m.uid),
    remove: (s, _m, ctx) => later(ctx, (answer) => s.core.remove(answer)),
    timerFired: (s, key) => {
      const run = s.own.timers.get(key);
      s.own.timers.delete(key);
      run?.();
    },
    retire: (s, _arg, ctx) => {
      s.own.isRetiring = false;
      if (s.core.idle) ctx.stop('normal');
    },
  },
  onDown: (s, { monitor }) => s.core.down(monitor),
  mayPassivate: (s) => s.core.idle,
  formatStatus: (s) => s.core.status(),
  mailbox: { limit: MAILBOX_MAX, overflow: 'reject' },
};

/** Behaviour of entity 'stream'. */
export const Stream = defineActor<StreamActorP, StreamActor, StreamArg>(behaviour);

/** Answers a call when the core has the answer, at once or later. */
function later<T>(ctx: Ctx<StreamActorP>, run: (answer: (reply: T) => void) => void): NoReply {
  run(answerTo(ctx));
  return NOREPLY;
}

function answerTo<T>(ctx: Ctx<StreamActorP>): (reply: T) => void {
  const { from } = ctx;
  return (reply) => {
    if (from !== undefined) ctx.reply(from, reply);
  };
}

function makePorts(
  ctx: Ctx<StreamActorP>,
  environment: StreamEnvironment,
  own: OwnWork,
): StreamPorts {
  const { log, docs, codec, clock, limits, counters, noticeCounters } = environment;
  const guild = (gid: Id, sid: Id) => entity<RightsP>(gid === 0 ? 'dm' : 'guild', gid || sid);
  const timeoutMs = GUILD_TIMEOUT_MS;
  return {
    self: ctx.self,
    log,
    docs,
    codec,
    clock,
    limits,
    counters,
    gateways: {
      attached: (gateway, m) => ctx.cast(gateway, 'attached', m),
      publish: (gateway, m) => ctx.cast(gateway, 'publish', m),
      chunk: (gateway, m) => ctx.cast(gateway, 'chunk', m),
      head: (gateway, m) => ctx.cast(gateway, 'head', m),
      ephemeral: (gateway, m) => ctx.cast(gateway, 'ephemeral', m),
      revoke: (gateway, m) => ctx.cast(gateway, 'revoke', m),
      monitor: (gateway) => ctx.monitor(gateway),
      demonitor: (monitor) => ctx.demonitor(monitor),
    },
    guild: {
      perms: (gid, uid, sid) => ctx.call(guild(gid, sid), 'perms', { uid, sid }, { timeoutMs }),
      acl: (gid, sid) => ctx.call(guild(gid, sid), 'acl', { sid }, { timeoutMs }),
      watch: (gid, sid) =>
        ctx.call(guild(gid, sid), 'watch', { sid, stream: ctx.self }, { timeoutMs }),
      monitor: (ref) => ctx.monitor(ref),
    },
    dm: {
      renamed: (sid, m) => ctx.call(entity<DmP>('dm', sid), 'renamed', m, { timeoutMs }),
    },
    notices: {
      moved: (gid, m) => ctx.cast(guild(gid, m.sid), 'moved', m),
      everyone: (gid, sid) => ctx.call(guild(gid, sid), 'everyone', { sid }, { timeoutMs }),
      emit: (uid, event) => ctx.call(entity<StreamP>('stream', uid), 'emit', event, { timeoutMs }),
    },
    noticeCounters,
    later: (work, done) => reenter(ctx, work, done),
    commit: (commit, done) => log.submit(commit, ctx.wrap(done)),
    timer: (key, ms, run) => {
      own.timers.set(key, run);
      ctx.timer(key, ms, 'timerFired', key);
    },
    retire: () => {
      if (!own.isRetiring) ctx.cast(ctx.self, 'retire');
      own.isRetiring = true;
    },
    label: (type) => ctx.label(type),
  };
}

/** Brings a result back into the actor; a throw in `done` is the actor's crash. */
function reenter<T>(
  ctx: Ctx<StreamActorP>,
  work: Promise<T>,
  done: (outcome: Outcome<T>) => void,
): void {
  const enter = ctx.wrap(done);
  work.then(
    (value) => enter({ ok: true, value }),
    (error: unknown) => enter({ ok: false, error }),
  );
}
