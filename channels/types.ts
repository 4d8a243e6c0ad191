/**
 * The contracts of channels/: the ops of the entities (stream, guild, user), the ops that they
 * expect of a gateway thread (FanOutP), and through `store-contract.ts` the two stores.
 * Types only: every thread imports this file, nothing here runs.
 */
import type { Ref } from '../runtime/index.ts';

import type { Id, LogHead, MessageAnchor, Ms, Seq } from './store-contract.ts';
import type { ChannelAcl, GuildRightsP } from './types-acl.ts';
import type {
  DmAccounts,
  DmMembersP,
  GuildThreadsP,
  ReactorsReply,
  ReactorsRequest,
} from './types-dm.ts';
import type {
  Channel,
  Guild,
  Invite,
  Member,
  Result,
  User,
  VoiceSettings,
} from './types-domain.ts';
import type {
  Notice,
  NoticeCodec,
  StreamNoticesP,
  UnreadP,
  UserMarkersP,
} from './types-notices.ts';
import type {
  FanOutPresenceP,
  GuildPresenceP,
  HeldConnection,
  StreamTypingP,
  UserPresenceP,
} from './types-presence.ts';
import type { GuildVoiceP } from './types-voice.ts';

export type * from './store-contract.ts';
export type * from './types-acl.ts';
export type * from './types-dm.ts';
export type * from './types-domain.ts';
export type * from './types-notices.ts';
export type * from './types-presence.ts';
export type * from './types-voice.ts';

// ---------------------------------------------------------------- event codec (given by the composition root)

/** Wire encoding that channels/ needs but does not own; gateway/protocol implements it. */
export interface EventCodec extends NoticeCodec {
  /** The bytes may be the codec's own: they are valid until the next call, so the caller copies them. */
  encodeEvent(sid: Id, epoch: number, event: EventFields): Uint8Array;
  decodeEvent(frame: Uint8Array): EventFields & { sid: Id; epoch: number };
  /** A frame that is no event, opcode first (protocol.md 2.4). Fresh bytes. */
  encodeNotice(frame: readonly WireValue[]): Uint8Array;
}

export interface EventFields {
  readonly seq: Seq;
  readonly ts: Ms;
  readonly kind: number;
  readonly actor: Id;
  /** Body elements of protocol.md 2.5 in order, trailing nil, 0 and empty arrays left out. */
  readonly body: readonly WireValue[];
}

export type WireValue = null | boolean | number | string | readonly WireValue[];

// ---------------------------------------------------------------- stream entity: entity('stream', sid)

export interface Cursor {
  readonly epoch: number;
  readonly seq: Seq;
  readonly ts: Ms;
}

/** `[18, sid, reason, epoch, from, to, ts]`; after it the position is (epoch, to, ts). */
export interface Gap {
  readonly reason: number;
  readonly epoch: number;
  readonly from: Seq;
  readonly to: Seq;
  readonly ts: Ms;
}

export interface SubscribeRequest {
  /** The gateway thread's fan-out actor: becomes interested in the stream when the answer is ok. */
  readonly gateway: Ref<FanOutP>;
  readonly uid: Id;
  /** undefined = `[sid]`, from now. */
  readonly cursor?: Cursor;
}

export type SubscribeReply =
  | {
      readonly ok: true;
      /** 0 live, 1 replaying, 2 GAP follows (protocol.md 2.7). */
      readonly status: 0 | 1 | 2;
      /** Position of the client after the OK (and after `gap`). */
      readonly at: Cursor;
      readonly first: Seq;
      readonly head: Seq;
      readonly gap?: Gap;
    }
  /**
   * Absent or forbidden, without a difference. With `retryMs`: the store or the guild cannot answer
   * now (ERR 502).
   */
  | { readonly ok: false; readonly retryMs?: number };

export interface PullRequest {
  readonly gateway: Ref<FanOutP>;
  /** Names the puller on the gateway thread; comes back in the chunk. */
  readonly token: number;
  readonly uid: Id;
  readonly after: Cursor;
  /** Lag mode: what the ring cannot serve becomes GAP reason 7 instead of a read from the store. */
  readonly ringOnly?: boolean;
}

export interface Chunk {
  readonly sid: Id;
  readonly token: number;
  readonly epoch: number;
  /** Present when something before `frames` cannot be served. */
  readonly gap?: Gap;
  /** Encoded EV frames, contiguous, at most 200 and about 60 KiB. */
  readonly frames: readonly Uint8Array[];
  /** Position after gap and frames. */
  readonly at: Cursor;
  /**
   * `at` was the head when this was sent. Publishes and chunks travel in one order, so everything up
   * to `at` has been published to this gateway and nothing after: join the native topic now.
   */
  readonly atHead: boolean;
  /** The right to view is gone: nothing was served. */
  readonly forbidden?: boolean;
}

export interface AppendRequest {
  readonly uid: Id;
  readonly nonce: string;
  readonly kind: number;
  /** Checked by the caller for types, lengths and content rules of the kind (protocol.md 2.5, 2.13). */
  readonly body: readonly WireValue[];
}

export type AppendReply =
  | {
      readonly ok: true;
      readonly epoch: number;
      readonly seq: Seq;
      readonly ts: Ms;
      readonly duplicate: boolean;
    }
  /** ERR code of protocol.md 2.12; `retryMs` when the same request may be sent again. */
  | { readonly ok: false; readonly code: number; readonly retryMs?: number };

/**
 * undefined = absent or forbidden, without a difference; 'unavailable' = the store or the guild cannot
 * answer now, so nothing is known of the stream (ERR 502).
 */
export type HeadReply = LogHead | 'unavailable' | undefined;

export interface HistoryRequest {
  readonly uid: Id;
  /** 0 or beyond the head = head. */
  readonly anchor: Seq;
  readonly before: number;
  readonly after: number;
}

export type HistoryReply =
  | {
      readonly ok: true;
      readonly epoch: number;
      readonly first: Seq;
      readonly head: Seq;
      readonly frames: readonly Uint8Array[];
    }
  | { readonly ok: false; readonly code: number; readonly retryMs?: number };

export type MessagesReply =
  | {
      readonly ok: true;
      readonly epoch: number;
      readonly first: Seq;
      readonly head: Seq;
      readonly items: readonly MessageView[];
    }
  | { readonly ok: false; readonly code: number; readonly retryMs?: number };

/** One message for REST, from the same bytes as the socket's. */
export interface MessageView {
  readonly seq: Seq;
  readonly ts: Ms;
  readonly actor: Id;
  readonly content: string;
  readonly replyTo: Seq | null;
  readonly editedAt: Ms | null;
  readonly reactions: readonly {
    readonly emoji: string;
    readonly count: number;
    readonly me: boolean;
  }[];
  readonly attachments: readonly (readonly WireValue[])[];
}

/** Ops of one stream: a channel, a guild view or a user inbox. Home shard only; single writer. */
export interface StreamP extends StreamNoticesP, StreamTypingP {
  subscribe(m: SubscribeRequest): SubscribeReply;
  /** Answered by FanOutP.chunk. */
  pull(m: PullRequest): void;
  /**
   * Interest of a gateway thread after the owner was restarted. Answered by FanOutP.attached. `uids`
   * are the users subscribed there: who lost the right while there was no owner gets `revoke`.
   */
  attach(m: {
    readonly gateway: Ref<FanOutP>;
    readonly sid: Id;
    readonly uids?: readonly Id[];
  }): void;
  /** The gateway thread has no subscriber any more. */
  detach(m: { readonly gateway: Ref<FanOutP> }): void;
  append(m: AppendRequest): AppendReply;
  /** Append by the server itself (guild views, user inboxes): no permission check, idempotent by nonce. */
  emit(m: AppendRequest): AppendReply;
  history(m: HistoryRequest): HistoryReply;
  messages(m: {
    readonly uid: Id;
    readonly anchor: MessageAnchor;
    readonly limit: number;
  }): MessagesReply;
  message(m: { readonly uid: Id; readonly seq: Seq }): MessagesReply;
  /** Pinned messages, the newest pin first; at most 50. */
  pins(m: { readonly uid: Id }): MessagesReply;
  reactors(m: ReactorsRequest): ReactorsReply;
  head(m: { readonly uid: Id }): HeadReply;
  /** From the guild: rights of one user (or of all, uid 0) changed; drop the cache, re-judge subscribers. */
  permsChanged(m: { readonly uid: Id }): void;
  /** From the guild: the channel is deleted. Ends subscriptions with SUBEND 301 and drops the log. */
  remove(m: Record<string, never>): void;
}

/** What a stream asks of the entity that says who may do what in it: its guild, or its dm. */
export interface RightsP extends UnreadP {
  /** Wire perms of a user in the stream; 0 = may not view or absent; null = the store cannot be read. */
  perms(m: { readonly uid: Id; readonly sid: Id }): number | null;
  acl(m: { readonly sid: Id }): ChannelAcl | null | undefined;
  /** Registers an active stream to hear permsChanged. */
  watch(m: { readonly sid: Id; readonly stream: Ref<StreamP> }): Ref<RightsP>;
}

// ---------------------------------------------------------------- dm entity: entity('dm', sid)

/** One dm or group DM; its key is the sid of its stream. */
export interface DmP extends DmMembersP, RightsP {}

// ---------------------------------------------------------------- guild entity: entity('guild', gid)

/** Permission bits on the wire (protocol.md 2.4, `perms`). */
export interface GuildView {
  readonly aclVer: number;
  readonly channels: readonly {
    readonly sid: Id;
    /** 1 text, 2 voice, 5 thread (protocol.md 2.4, channel type). */
    readonly type: number;
    readonly name: string;
    readonly perms: number;
    readonly epoch: number;
    readonly seq: Seq;
    readonly ts: Ms;
    readonly marker: Seq;
  }[];
  /** `[role, name, color, position, perms]`, the everyone role (id of the guild) first. */
  readonly roles: readonly (readonly [Id, string, number, number, number])[];
  readonly viewSids: readonly Id[];
  readonly large: boolean;
}

export interface GuildP extends GuildRightsP, GuildThreadsP, GuildPresenceP, GuildVoiceP, UnreadP {
  /**
   * Wire perms of a user in a channel or view of this guild; 0 = may not view or absent; null = the
   * store cannot be read now.
   */
  perms(m: { readonly uid: Id; readonly sid: Id }): number | null;
  /**
   * An active stream of this guild registers to hear permsChanged; the guild monitors it. Gives the
   * guild's ref: when that dies, what the guild said before may be out of date.
   */
  watch(m: { readonly sid: Id; readonly stream: Ref<StreamP> }): Ref<GuildP>;
  /** Emits what a crash left in the outbox; does nothing when there is nothing. */
  resume(m: Record<string, never>): void;
  view(m: { readonly uid: Id }): Result<GuildView>;
  get(m: { readonly uid: Id }): Result<Guild>;
  /** Without a name nothing changes; the right is judged all the same. */
  rename(m: { readonly uid: Id; readonly name?: string }): Result<Guild>;
  remove(m: { readonly uid: Id }): Result<null>;
  channels(m: { readonly uid: Id }): Result<readonly Channel[]>;
  createChannel(m: {
    readonly uid: Id;
    readonly name: string;
    readonly topic: string | null;
    /** Default 'text'. */
    readonly type?: 'text' | 'voice';
    /** Of a voice channel; what is absent has its default. */
    readonly voice?: Partial<VoiceSettings>;
  }): Result<Channel>;
  updateChannel(m: {
    readonly uid: Id;
    readonly sid: Id;
    readonly name?: string;
    readonly topic?: string | null;
    readonly position?: number;
    /** 0 to 21,600. */
    readonly slowModeS?: number;
    /** Voice channels only. */
    readonly voice?: Partial<VoiceSettings>;
  }): Result<Channel>;
  removeChannel(m: { readonly uid: Id; readonly sid: Id }): Result<null>;
  createInvite(m: {
    readonly uid: Id;
    readonly maxUses: number | null;
    readonly maxAgeMs: number | null;
  }): Result<Invite>;
  /** No permission needed: the code is the right. */
  invite(m: {
    readonly code: string;
  }): Result<{ readonly guild: Guild; readonly memberCount: number }>;
  join(m: { readonly uid: Id; readonly code: string }): Result<Guild>;
  leave(m: { readonly uid: Id }): Result<null>;
  members(m: {
    readonly uid: Id;
    readonly after: Id;
    readonly limit: number;
  }): Result<readonly Member[]>;
}

// ---------------------------------------------------------------- user entity: entity('user', uid)

export interface ConnectRequest {
  readonly gateway: Ref<FanOutP>;
  /** Connection number on that gateway thread, unique in its life. */
  readonly conn: number;
  /** `sid` claim of the access token: the login. */
  readonly login: string;
  readonly resume?: { readonly session: string; readonly key: string };
}

export type ConnectReply =
  | {
      readonly ok: true;
      readonly session: string;
      readonly resumeKey: string;
      readonly connNo: number;
      readonly guilds: readonly {
        readonly gid: Id;
        readonly name: string;
        readonly large: boolean;
      }[];
    }
  /**
   * Close code: 4508 too many connections of this user, 4507 login revoked, 4504 no such user,
   * 4000 the store cannot answer now.
   */
  | { readonly ok: false; readonly close: 4508 | 4507 | 4504 | 4000 };

export interface UserP extends UserMarkersP, UserPresenceP {
  /** From a gateway thread: connections of this user that it holds; an earlier life knew them. */
  present(m: { readonly gateway: Ref<FanOutP>; readonly conns: readonly HeldConnection[] }): void;
  connect(m: ConnectRequest): ConnectReply;
  /** Keyed by connNo: the late death of an old connection changes nothing on a newer one. */
  disconnected(m: {
    readonly session: string;
    readonly connNo: number;
    readonly ended: boolean;
  }): void;
  /**
   * The gateway does not know what became of `connect` for this connection (no answer in time): if it
   * was carried out, the connection has ended. Sent after the connect, in one order with it.
   */
  abandoned(m: { readonly gateway: Ref<FanOutP>; readonly conn: number }): void;
  /** Ends the login: its sockets close with 4507. */
  revoke(m: { readonly login: string }): void;
  guilds(m: Record<string, never>): Result<readonly Guild[]>;
  /** From a guild, after its commit. Emits kind 40 / 41 on the user stream. */
  guildJoined(m: { readonly gid: Id; readonly nonce: string }): Result<null>;
  guildLeft(m: { readonly gid: Id; readonly nonce: string }): Result<null>;
}

// ---------------------------------------------------------------- what a gateway thread understands

/**
 * The fan-out actor of one gateway thread (implemented in gateway/). A stream casts to it only; all
 * casts of one stream arrive in the order sent.
 */
export interface FanOutP extends FanOutPresenceP {
  /**
   * Interest is registered; (epoch, seq, ts) is the head, the next publish is seq + 1. With `asks` the
   * stream wants to hear by `attach` who is subscribed here.
   */
  attached(
    m: { readonly sid: Id; readonly owner: Ref<StreamP>; readonly asks?: true } & Cursor,
  ): void;
  /** Live events, contiguous: frames[i] has seq = seq + i; ts belongs to the last one. */
  publish(m: {
    readonly sid: Id;
    readonly epoch: number;
    readonly seq: Seq;
    readonly ts: Ms;
    readonly frames: readonly Uint8Array[];
  }): void;
  chunk(m: Chunk): void;
  /** A frame without seq for whoever is joined now, behind what was published before. */
  ephemeral(m: { readonly sid: Id } & Notice): void;
  /** HEAD 2 s and 15 s after the last event of a burst. */
  head(m: { readonly sid: Id } & Cursor): void;
  /** SUBEND `code` to the subscribers of `sid`: to one user, or to all (uid 0). */
  revoke(m: { readonly sid: Id; readonly uid: Id; readonly code: number }): void;
  /** Close one connection (fenced 4505, revoked 4507). */
  closeConn(m: { readonly conn: number; readonly code: number }): void;
  /** Access tokens of this login are void until `until` (their longest life). */
  loginRevoked(m: { readonly login: string; readonly until: Ms }): void;
}

// ---------------------------------------------------------------- accounts (a service, used on gateway threads)

export interface Grant {
  readonly user: User;
  /** The login: `sid` claim of its access tokens. 22 base64url characters. */
  readonly login: string;
  /** Opaque; stored hashed. */
  readonly refreshToken: string;
  /** Of its access tokens; none for most. */
  readonly scopes?: readonly string[];
}

/** What REST needs of accounts and guild creation. Thread-safe by compare-and-set in the DocStore. */
export interface Accounts extends DmAccounts {
  register(m: {
    readonly username: string;
    readonly password: string;
    readonly displayName?: string;
    readonly email?: string;
    readonly invite?: string;
  }): Promise<Result<Grant>>;
  /** `username` may be an e-mail address. Unknown user and wrong password cost the same time. */
  login(m: { readonly username: string; readonly password: string }): Promise<Result<Grant>>;
  /**
   * Names the account that somebody would log in to, for limits: the same for its user name and its
   * e-mail address in any spelling; the spelling itself where there is no such account. One read.
   */
  accountKey(username: string): Promise<string>;
  /** Rotation and reuse detection of api.md. */
  refresh(m: { readonly refreshToken: string }): Promise<Result<Grant>>;
  logout(m: { readonly refreshToken: string }): Promise<Result<null>>;
  user(uid: Id): Promise<Result<User>>;
  updateUser(uid: Id, m: { readonly displayName?: string }): Promise<Result<User>>;
  createGuild(uid: Id, name: string): Promise<Result<Guild>>;
  /** Guild of an invite code, or not_found / invite_expired. */
  inviteGuild(code: string): Promise<Result<Id>>;
  /** Logins revoked within the longest life of an access token: for a gateway thread that starts. */
  revokedLogins(): Promise<readonly { readonly login: string; readonly until: Ms }[]>;
}
