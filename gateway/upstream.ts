/**
 * The entities behind a gateway thread, through the runtime: streams, guilds, users. Runs on gateway
 * threads. Reads are asked again for 4 s while their entity is being started again; an APPEND is sent
 * once (a repeat could overtake a later one).
 */
import type { FanOutP, GuildP, Id, StreamP, UserP } from '../channels/index.ts';
import {
  type Clock,
  type Ctx,
  call,
  cast,
  entity,
  isAlive,
  type MonitorId,
  type Ref,
  type Rng,
} from '../runtime/index.ts';
import { isPassing } from './failures.ts';
import type { Upstream } from './types.ts';
import { createPresenceUpstream } from './upstream-presence.ts';

const ASK_MAX_MS = 4000;
const ASK_PAUSE_MS = 100;
const ASK_SPREAD_MS = 200;
const NO_MONITOR = 0 as unknown as MonitorId;

export interface UpstreamOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  /** Context of the living fan-out actor; undefined before its start. */
  readonly fanOut: () => Ctx<FanOutP> | undefined;
}

/** The real Upstream. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const gateway = (): Ref<FanOutP> => (options.fanOut()?.self ?? 0) as Ref<FanOutP>;
  const ask = <T>(question: () => Promise<T>): Promise<T> => askAgain(options, question);
  const monitor = (owner: Ref<unknown>): MonitorId =>
    options.fanOut()?.monitor(owner) ?? NO_MONITOR;
  const demonitor = (id: MonitorId): void => {
    const ctx = options.fanOut();
    if (ctx !== undefined && id !== NO_MONITOR && isAlive(ctx.self)) ctx.demonitor(id);
  };
  return {
    subscribe: (sid, uid, cursor) =>
      ask(() => {
        const base = { gateway: gateway(), uid };
        return call(stream(sid), 'subscribe', cursor === undefined ? base : { ...base, cursor });
      }),
    pull: (sid, request) => cast(stream(sid), 'pull', { ...request, gateway: gateway() }),
    attach: (sid, uids) => cast(stream(sid), 'attach', { gateway: gateway(), sid, uids }),
    detach: (sid) => cast(stream(sid), 'detach', { gateway: gateway() }),
    append: (sid, request) => call(stream(sid), 'append', request),
    history: (sid, request) => ask(() => call(stream(sid), 'history', request)),
    head: (sid, uid) => ask(() => call(stream(sid), 'head', { uid })),
    guildView: (gid, uid) => ask(() => call(entity<GuildP>('guild', gid), 'view', { uid })),
    mark: (uid, m) => ask(() => call(user(uid), 'mark', m)),
    markers: (uid, sids) => ask(() => call(user(uid), 'markers', { sids })),
    wrote: (uid, m) => cast(user(uid), 'wrote', m),
    connect: (uid, request) =>
      ask(() => call(user(uid), 'connect', { ...request, gateway: gateway() })),
    disconnected: (uid, notice) => cast(user(uid), 'disconnected', notice),
    abandoned: (uid, conn) => cast(user(uid), 'abandoned', { gateway: gateway(), conn }),
    presence: createPresenceUpstream({ gateway, ask, monitor, demonitor }),
    monitor,
    demonitor,
  };
}

function stream(sid: Id): ReturnType<typeof entity<StreamP>> {
  return entity<StreamP>('stream', sid);
}

function user(uid: Id): ReturnType<typeof entity<UserP>> {
  return entity<UserP>('user', uid);
}

async function askAgain<T>(options: UpstreamOptions, question: () => Promise<T>): Promise<T> {
  const { clock, rng } = options;
  const untilMs = clock.monotonic() + ASK_MAX_MS;
  for (;;) {
    try {
      return await question();
    } catch (error) {
      if (!isPassing(error) || clock.monotonic() >= untilMs) throw error;
    }
    const pauseMs = ASK_PAUSE_MS + (rng.u32() % ASK_SPREAD_MS);
    await new Promise<void>((resolve) => {
      clock.setTimeout(resolve, pauseMs);
    });
  }
}
