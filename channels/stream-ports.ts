/**
 * What the parts of a stream actor need from outside: store, codec, clock, timers, the guild, and
 * re-entry of asynchronous results. The actor gives the real ones; tests give their own. Types and
 * defaults only.
 */
import type { Clock, MonitorId, Ref } from '../runtime/index.ts';
import type { NoticeCounters } from './notice-counters.ts';
import type {
  AppendReply,
  AppendRequest,
  ChannelAcl,
  ChannelLog,
  Commit,
  CommitDone,
  DmP,
  DocStore,
  EventCodec,
  FanOutP,
  HeadMoved,
  Id,
  Ms,
  Result,
  RightsP,
  StreamP,
} from './types.ts';

/** Result of asynchronous work as it comes back to the actor. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

export interface StreamLimits {
  /** Events replayed to one cursor (REPLAY_MAX). */
  readonly replayMax: number;
  /** Appends that wait for a commit; beyond it ERR 502. */
  readonly appendQueueMax: number;
  readonly batchEventsMax: number;
  readonly batchBytesMax: number;
  /** Longest wait of an append for the log to come back: shorter than a call's 5 s. */
  readonly appendWaitMaxMs: Ms;
  /** `retry_ms` of a 502. */
  readonly retryMs: Ms;
  /** Requests that wait for the stream to open, or for a read, at most. */
  readonly waitingMax: number;
  /** Users whose permissions are kept. */
  readonly permissionsMax: number;
  readonly chunkEventsMax: number;
  readonly chunkBytesMax: number;
  /** Bytes of one HISTORY answer; the protocol allows 128 KiB with its frame around. */
  readonly historyBytesMax: number;
}

/** Origins: protocol.md 2.7 and 2.13; queue bounds are guesses, see README. */
export const STREAM_LIMITS: StreamLimits = {
  replayMax: 5000,
  appendQueueMax: 2048,
  batchEventsMax: 256,
  batchBytesMax: 512 * 1024,
  appendWaitMaxMs: 4000,
  retryMs: 1000,
  waitingMax: 16_384,
  permissionsMax: 4096,
  chunkEventsMax: 200,
  chunkBytesMax: 60 * 1024,
  historyBytesMax: 120 * 1024,
};

/** Counted since the thread started, over all of its streams. */
export interface StreamCounters {
  opened: number;
  commits: number;
  events: number;
  duplicates: number;
  refused: number;
  /** Appends refused at the queue bound. */
  overflow: number;
  /** Appends answered 502 for other reasons. */
  unavailable: number;
  /** Appends answered 501. */
  unknown: number;
  /** Times a stream was opened again after a failed or fenced commit. */
  reopened: number;
  /** Requests dropped or refused at `waitingMax`. */
  waitingOverflow: number;
  /** Chunks that needed the log. */
  logReads: number;
  /** Requests for streams that do not exist. */
  absent: number;
  /** TYPEs beyond the users kept, and TYPING not sent for the size of the audience. */
  typistsDropped: number;
  typingSuppressed: number;
}

export function newStreamCounters(): StreamCounters {
  return {
    opened: 0,
    commits: 0,
    events: 0,
    duplicates: 0,
    refused: 0,
    overflow: 0,
    unavailable: 0,
    unknown: 0,
    reopened: 0,
    waitingOverflow: 0,
    logReads: 0,
    absent: 0,
    typistsDropped: 0,
    typingSuppressed: 0,
  };
}

/** Casts of a stream to one gateway thread. */
export interface GatewayPort {
  attached(gateway: Ref<FanOutP>, m: Parameters<FanOutP['attached']>[0]): void;
  publish(gateway: Ref<FanOutP>, m: Parameters<FanOutP['publish']>[0]): void;
  chunk(gateway: Ref<FanOutP>, m: Parameters<FanOutP['chunk']>[0]): void;
  head(gateway: Ref<FanOutP>, m: Parameters<FanOutP['head']>[0]): void;
  ephemeral(gateway: Ref<FanOutP>, m: Parameters<FanOutP['ephemeral']>[0]): void;
  revoke(gateway: Ref<FanOutP>, m: Parameters<FanOutP['revoke']>[0]): void;
  monitor(gateway: Ref<FanOutP>): MonitorId;
  demonitor(monitor: MonitorId): void;
}

/** The guild of a stream; `gid` 0: the dm that the stream belongs to. */
export interface GuildPort {
  /** Rights of a user; null when the guild cannot say now. */
  perms(gid: Id, uid: Id, sid: Id): Promise<number | null>;
  acl(gid: Id, sid: Id): Promise<ChannelAcl | null | undefined>;
  /** Registers for permsChanged and remove; gives the guild's ref. */
  watch(gid: Id, sid: Id): Promise<Ref<RightsP>>;
  monitor(guild: Ref<RightsP>): MonitorId;
}

/** The dm of a group's stream. */
export interface DmPort {
  renamed(sid: Id, m: Parameters<DmP['renamed']>[0]): Promise<Result<null>>;
}

/** What a stream tells others beside its events, and asks for it. */
export interface NoticePort {
  /** The head has moved: told to the guild or dm. */
  moved(gid: Id, m: HeadMoved): void;
  everyone(gid: Id, sid: Id): Promise<readonly Id[] | null>;
  /** Emits on the user stream of somebody. */
  emit(uid: Id, event: AppendRequest): Promise<AppendReply>;
}

export interface StreamPorts {
  readonly self: Ref<StreamP>;
  readonly log: ChannelLog;
  readonly docs: DocStore;
  readonly codec: EventCodec;
  readonly clock: Clock;
  readonly limits: StreamLimits;
  readonly counters: StreamCounters;
  readonly gateways: GatewayPort;
  readonly guild: GuildPort;
  readonly dm: DmPort;
  readonly notices: NoticePort;
  readonly noticeCounters: NoticeCounters;
  /** Runs `done` inside the actor, between two messages, unless the actor is gone by then. */
  later<T>(work: Promise<T>, done: (outcome: Outcome<T>) => void): void;
  /** Commits to the log; `done` runs inside the actor as that of `later` does. */
  commit(commit: Commit, done: CommitDone): void;
  /** One timer per key; setting it again replaces it. */
  timer(key: string, ms: Ms, run: () => void): void;
  /** Ends this actor soon; the next message starts a new one. */
  retire(): void;
  /** What kind of stream it is, for operators. */
  label(type: string): void;
}
