/**
 * The entities behind a gateway thread as far as typing, presence and member lists go, through the
 * runtime. Runs on gateway threads.
 */
import type {
  FanOutP,
  GuildP,
  HeldConnection,
  Id,
  MemberEntry,
  Result,
  Shown,
  StreamP,
  UserP,
  WindowRequest,
} from '../channels/index.ts';
import { call, cast, entity, type MonitorId, type Ref } from '../runtime/index.ts';

/** What the socket side asks and tells about who is there. Calls reject with ActorError. */
export interface PresenceUpstream {
  typing(sid: Id, uid: Id): void;
  /** Sockets of this thread in the native topics of a stream. */
  live(sid: Id, count: number): void;
  setStatus(uid: Id, shown: Shown): Promise<Result<null>>;
  /** Connections of a user that this thread holds. */
  present(uid: Id, conns: readonly HeldConnection[]): void;
  /** Answered by FanOutP.windowOpened. */
  windowOpen(gid: Id, request: Omit<WindowRequest, 'gateway'>): void;
  windowClose(gid: Id, token: number, leaves: readonly number[]): void;
  members(gid: Id, query: Parameters<GuildP['membersQuery']>[0]): Promise<MembersReply>;
  /** DM partners of a user. */
  partners(uid: Id, query: Parameters<UserP['partnersQuery']>[0]): Promise<MembersReply>;
  /** The fan-out actor hears of the end of a guild that it shows lists of. */
  monitorGuild(guild: Ref<unknown>): MonitorId;
  demonitor(monitor: MonitorId): void;
}

export type MembersReply = Result<readonly MemberEntry[]>;

/** The real one. */
export function createPresenceUpstream(options: {
  readonly gateway: () => Ref<FanOutP>;
  /** Asks again while the entity is being started again. */
  readonly ask: <T>(question: () => Promise<T>) => Promise<T>;
  readonly monitor: (owner: Ref<unknown>) => MonitorId;
  readonly demonitor: (monitor: MonitorId) => void;
}): PresenceUpstream {
  const { ask, demonitor, gateway, monitor } = options;
  const guild = (gid: Id) => entity<GuildP>('guild', gid);
  const stream = (sid: Id) => entity<StreamP>('stream', sid);
  const user = (uid: Id) => entity<UserP>('user', uid);
  return {
    typing: (sid, uid) => cast(stream(sid), 'typing', { uid }),
    live: (sid, count) => cast(stream(sid), 'live', { gateway: gateway(), count }),
    setStatus: (uid, shown) => ask(() => call(user(uid), 'setStatus', shown)),
    present: (uid, conns) => cast(user(uid), 'present', { gateway: gateway(), conns }),
    windowOpen: (gid, request) =>
      cast(guild(gid), 'windowOpen', { ...request, gateway: gateway() }),
    windowClose: (gid, token, leaves) =>
      cast(guild(gid), 'windowClose', { gateway: gateway(), token, leaves }),
    members: (gid, query) => ask(() => call(guild(gid), 'membersQuery', query)),
    partners: (uid, query) => ask(() => call(user(uid), 'partnersQuery', query)),
    monitorGuild: monitor,
    demonitor,
  };
}
