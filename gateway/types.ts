/**
 * Types that cross files of the socket side, and what a gateway thread is given from outside: the
 * entities behind it (Upstream), and what its connections share. Types only.
 */
import type {
  AppendReply,
  AppendRequest,
  ConnectReply,
  ConnectRequest,
  Cursor,
  GuildView,
  HeadReply,
  HistoryReply,
  HistoryRequest,
  Id,
  PullRequest,
  Result,
  Seq,
  StreamP,
  SubscribeReply,
  UserP,
} from '../channels/index.ts';
import type { Clock, MonitorId, Ref, Rng } from '../runtime/index.ts';
import type { RevokedLogins, TokenVerifier } from './auth/index.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { RateTable } from './rates/index.ts';
import type { PresenceUpstream } from './upstream-presence.ts';

/** What the socket side asks of the entities. Calls reject with the runtime's ActorError. */
export interface Upstream {
  subscribe(sid: Id, uid: Id, cursor: Cursor | undefined): Promise<SubscribeReply>;
  pull(sid: Id, request: Omit<PullRequest, 'gateway'>): void;
  /** `uids`: who is subscribed here, so that a right lost without an owner still ends (I14). */
  attach(sid: Id, uids: readonly Id[]): void;
  detach(sid: Id): void;
  append(sid: Id, request: AppendRequest): Promise<AppendReply>;
  history(sid: Id, request: HistoryRequest): Promise<HistoryReply>;
  head(sid: Id, uid: Id): Promise<HeadReply>;
  guildView(gid: Id, uid: Id): Promise<Result<GuildView>>;
  mark(uid: Id, m: Parameters<UserP['mark']>[0]): Promise<Result<{ readonly seq: Seq }>>;
  /** Read markers of a user, in the order of `sids`. */
  markers(uid: Id, sids: readonly Id[]): Promise<Result<readonly Seq[]>>;
  /** Own messages that were committed. */
  wrote(uid: Id, m: Parameters<UserP['wrote']>[0]): void;
  connect(uid: Id, request: Omit<ConnectRequest, 'gateway'>): Promise<ConnectReply>;
  disconnected(uid: Id, notice: Disconnected): void;
  /** What became of `connect` for this connection is unknown: it has ended. */
  abandoned(uid: Id, conn: number): void;
  readonly presence: PresenceUpstream;
  /** The fan-out actor hears of the end of a stream's owner. */
  monitor(owner: Ref<StreamP>): MonitorId;
  demonitor(monitor: MonitorId): void;
}

/** Keyed by connNo, so that the late death of an old connection changes nothing on a newer one. */
export interface Disconnected {
  readonly session: string;
  readonly connNo: number;
  /** The client said good-bye (1000 or 1001). */
  readonly ended: boolean;
}

/** The socket side's log; pino satisfies it. No tokens, no content. */
export interface GatewayLog {
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}

/** What the connections of a thread have in common. */
export interface SocketContext {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: GatewayLog;
  readonly metrics: GatewayMetrics;
  readonly rates: RateTable;
  readonly upstream: Upstream;
  readonly verifier: TokenVerifier;
  readonly revoked: RevokedLogins;
  /** `LIMITS=trusted` multiplies rates and counts by this. */
  readonly limitsFactor: number;
  readonly nodeName: string;
  /** 0 memory, 1 survives death of the process, 2 fsynced, 3 quorum. */
  readonly durability: number;
  readonly replayMax: number;
}
