/**
 * Starts the domain on a shard thread: hosts the entities 'stream', 'guild', 'dm' and 'user' there, with
 * what the composition root injects, and wakes the guilds that a crash left with something to tell.
 * Called once in the boot of every shard thread, before anything is sent to its entities.
 */
import {
  type AnyRef,
  type Behaviour,
  type Clock,
  type Ctx,
  cast,
  child,
  defineActor,
  entity,
  hostEntity,
  type Ms,
  type Rng,
  startSupervisor,
  stop,
} from '../runtime/index.ts';
import { DmEntity, type DmEnvironment } from './dm.ts';
import { GuildEntity } from './guild.ts';
import type { GuildEnvironment } from './guild-actor.ts';
import { type GuildCounters, newGuildCounters } from './guild-outbox.ts';
import { newPresenceCounters, type PresenceCounters } from './guild-presence.ts';
import { IdAllocator } from './ids.ts';
import { type NoticeCounters, newNoticeCounters } from './notice-counters.ts';
import { hubName, PresenceHub, PresenceIndex } from './presence-hub.ts';
import { Stream, type StreamEnvironment } from './stream.ts';
import { createAbsentSids } from './stream-absent.ts';
import {
  newStreamCounters,
  STREAM_LIMITS,
  type StreamCounters,
  type StreamLimits,
} from './stream-ports.ts';
import type { DmP, EventCodec, GuildP, Id, PresenceTimes, Store, StreamP } from './types.ts';
import { readUntold, type Untold } from './untold.ts';
import { UserEntity, type UserEnvironment } from './user.ts';
import { PRESENCE_TIMES } from './user-presence.ts';

export interface HostOptions {
  /** The store as seen from this thread. */
  readonly store: Pick<Store, 'log' | 'docs'>;
  readonly codec: EventCodec;
  readonly clock: Clock;
  readonly rng: Rng;
  /** 0 to 63, unique in the process: part of the ids made here. */
  readonly slotNumber: number;
  /** Multiplies rates and connection counts (LIMITS); default 1. */
  readonly limitsFactor?: number;
  /** REPLAY_MAX, at least 0. */
  readonly replayMax: number;
  /** ACCESS_TOKEN_TTL_S in ms. */
  readonly accessTokenTtlMs: Ms;
  /** Runtime group of the gateway threads; default 'gateway'. */
  readonly gatewayGroup?: string;
  /** Runtime group of the threads that call this; default 'shard'. */
  readonly shardGroup?: string;
  /** Times of presence that a test wants otherwise. */
  readonly presence?: Partial<PresenceTimes>;
  /** Bounds of streams that a test wants otherwise. */
  readonly limits?: Partial<StreamLimits>;
}

/** What runs on the thread now. */
export interface HostedChannels {
  /** Supervisor of the hosts: stopping it ends their entities. */
  readonly supervisor: AnyRef;
  /** Counters over all streams of this thread; read only. */
  readonly counters: Readonly<StreamCounters>;
  /** The same over all guilds. */
  readonly guildCounters: Readonly<GuildCounters>;
  /** Of markers, unread notices and mentions. */
  readonly noticeCounters: Readonly<NoticeCounters>;
  /** Of PRESENCE and member lists. */
  readonly presenceCounters: Readonly<PresenceCounters>;
}

/** protocol.md 2.13. */
const CONNECTIONS_PER_USER_MAX = 10;
/** Guesses: opening a stream costs one commit, a guild five reads, a dm and a user two. */
const STREAM_IDLE_MS: Ms = 5 * 60_000;
const GUILD_IDLE_MS: Ms = 5 * 60_000;
const DM_IDLE_MS: Ms = 2 * 60_000;
const USER_IDLE_MS: Ms = 2 * 60_000;
const RESUME_RETRY_MS: Ms = 1000;

/**
 * Hosts streams, guilds, dms and users on this shard thread until `supervisor` is stopped. Resolves when
 * they can be reached. RangeError for a bad `slotNumber`.
 */
export async function hostChannels(options: HostOptions): Promise<HostedChannels> {
  const { codec, clock, rng, accessTokenTtlMs } = options;
  const { log, docs } = options.store;
  const counters = newStreamCounters();
  const guildCounters = newGuildCounters();
  const noticeCounters = newNoticeCounters();
  const limits = { ...STREAM_LIMITS, replayMax: options.replayMax, ...options.limits };
  const absentSids = createAbsentSids(clock);
  const connectionsMax = CONNECTIONS_PER_USER_MAX * (options.limitsFactor ?? 1);
  const gatewayGroup = options.gatewayGroup ?? 'gateway';
  const times = { ...PRESENCE_TIMES, ...options.presence };
  const presenceCounters = newPresenceCounters();
  const shardGroup = options.shardGroup ?? 'shard';
  const guildPresence = { times, codec, shardGroup, counters: presenceCounters };
  const index = new PresenceIndex();
  const userPresence = { times, codec, index, shardGroup };
  const ids = new IdAllocator(options.slotNumber, clock);
  const environments: Environments = {
    streams: { log, docs, codec, clock, limits, counters, absentSids, noticeCounters },
    guilds: {
      ...{ log, docs, codec, clock, rng, ids, noticeCounters },
      counters: guildCounters,
      presence: guildPresence,
    },
    dms: { docs, codec, counters: guildCounters },
    users: {
      ...{ docs, clock, rng, connectionsMax, accessTokenTtlMs, gatewayGroup, noticeCounters },
      presence: userPresence,
    },
  };
  const supervisor = await startSupervisor({
    // Transient: hosts that the end of the thread has stopped are not to be started again.
    strategy: 'restForOne',
    children: [
      child('hosts', Hosts, environments, { restart: 'transient' }),
      // Behind the hosts: when they start anew it does too, and has forgotten users told again.
      child('presence', PresenceHub, { index, gatewayGroup }, { name: hubName }),
    ],
  });
  return { supervisor, counters, guildCounters, noticeCounters, presenceCounters };
}

interface Environments {
  readonly streams: StreamEnvironment;
  readonly guilds: GuildEnvironment;
  readonly dms: DmEnvironment;
  readonly users: UserEnvironment;
}

interface HostsP {
  resume(): void;
}

interface HostsState {
  readonly environment: StreamEnvironment;
  readonly hosts: readonly AnyRef[];
}

/** Keeps the hosts: when one of them ends, all start anew. */
const behaviour: Behaviour<HostsP, HostsState, Environments> = {
  name: 'channels',
  init: async (ctx, environments) => {
    ctx.trapExit(true);
    const hosts = await startHosts(environments);
    for (const host of hosts) ctx.link(host);
    ctx.next('resume');
    return { environment: environments.streams, hosts };
  },
  handle: { resume: (s, _arg, ctx) => resume(s, ctx) },
  onExit: (s, { from, reason }, ctx) => {
    if (s.hosts.includes(from)) ctx.stop(reason);
  },
  terminate: async (s) => {
    // Users and guilds first: what they still tell goes through streams. One may have ended already.
    for (const host of s.hosts.toReversed()) await Promise.allSettled([stop(host, 'shutdown')]);
  },
};

const Hosts = defineActor<HostsP, HostsState, Environments>(behaviour);

async function startHosts({ streams, guilds, dms, users }: Environments): Promise<AnyRef[]> {
  const stream = await hostEntity('stream', {
    behaviour: Stream,
    arg: (sid: Id) => ({ sid, environment: streams }),
    idleMs: STREAM_IDLE_MS,
  });
  const guild = await hostEntity('guild', {
    behaviour: GuildEntity,
    arg: (gid: Id) => ({ gid, environment: guilds }),
    idleMs: GUILD_IDLE_MS,
  });
  const dm = await hostEntity('dm', {
    behaviour: DmEntity,
    arg: (sid: Id) => ({ sid, environment: dms }),
    idleMs: DM_IDLE_MS,
  });
  const user = await hostEntity('user', {
    behaviour: UserEntity,
    arg: (uid: Id) => ({ uid, environment: users }),
    idleMs: USER_IDLE_MS,
  });
  return [stream, guild, dm, user];
}

/**
 * Wakes whatever has something left to tell. What lives on other shards is woken too when these are up;
 * when they are not, they do it themselves.
 */
function resume(s: HostsState, ctx: Ctx<HostsP>): void {
  const { log, docs, noticeCounters } = s.environment;
  const wake = ctx.wrap(({ guilds, dms, streams }: Untold) => {
    for (const gid of guilds) cast(entity<GuildP>('guild', gid), 'resume', {});
    for (const sid of dms) cast(entity<DmP>('dm', sid), 'resume', {});
    for (const sid of streams) cast(entity<StreamP>('stream', sid), 'resume', {});
    noticeCounters.mentionsResumed += streams.length;
  });
  const again = ctx.wrap(() => ctx.timer('resume', RESUME_RETRY_MS, 'resume'));
  readUntold(log, docs).then(wake, again);
}
