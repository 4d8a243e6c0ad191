/**
 * The contract of typing, presence and member windows: what streams, guilds, users and gateway threads
 * tell each other about who is there. Types only; the contracts of types.ts are built on these.
 */
import type { Ref } from '../runtime/index.ts';
import type { Id } from './store-contract.ts';
import type { Result } from './types-domain.ts';

/** 0 offline, 1 online, 2 idle, 3 do not disturb (protocol.md 2.9). */
export type Status = 0 | 1 | 2 | 3;

/** What others see of a user. */
export interface Shown {
  readonly status: Status;
  /** At most 256 bytes; null without one, and always when offline. */
  readonly activity: string | null;
}

/** A change of what others see; of two, the one with the higher `n` is newer. */
export interface ShownChange extends Shown {
  readonly uid: Id;
  readonly n: number;
}

/** What a stream understands of typing. */
export interface StreamTypingP {
  /** The user writes: told to subscribers if the user may send here. Nobody hears of a refusal. */
  typing(m: { readonly uid: Id }): void;
  /** A gateway thread has that many subscribers in its native topics; told when it matters. */
  live(m: { readonly gateway: Ref<unknown>; readonly count: number }): void;
}

/** One row of MWIN: `[uid, name, top_role, status]`. */
export type MemberRow = readonly [uid: Id, name: string, topRole: Id, status: Status];

/** A member as MEMBERS gives it. */
export interface MemberEntry {
  readonly uid: Id;
  readonly name: string;
  readonly nick: string | null;
  readonly topRole: Id;
  readonly roles: readonly Id[];
  readonly status: Status;
}

/** A run of members in canonical order, as a window shows it. */
export interface WindowLeaf {
  readonly leaf: number;
  /** Of the last MWIN of this leaf; the next one has ver + 1. */
  readonly ver: number;
  /** Place of its first row in the whole list. */
  readonly index: number;
  readonly entries: readonly MemberRow[];
}

export interface WindowRequest {
  readonly gateway: Ref<FanOutPresenceP>;
  /** Rises with each request of a gateway thread; comes back in `windowOpened`. */
  readonly token: number;
  readonly uid: Id;
  readonly from: number;
  readonly count: number;
  /** Leaves that may be opened at most. */
  readonly leavesMax: number;
}

export interface WindowView {
  readonly ver: number;
  /** `[role, count]` in list order; role 0 = offline. */
  readonly groups: readonly (readonly [role: Id, count: number])[];
  readonly leaves: readonly WindowLeaf[];
}

/** The part of GuildP about who is there. */
export interface GuildPresenceP {
  /** From a member's user entity. Ignored unless somebody looks at this guild. */
  presence(m: ShownChange & { readonly name?: string }): void;
  /** Answered by FanOutP.windowOpened, in order with FanOutP.leaves. */
  windowOpen(m: WindowRequest): void;
  /** The gateway thread shows these leaves to nobody, as of the answer to `token`. */
  windowClose(m: {
    readonly gateway: Ref<FanOutPresenceP>;
    readonly token: number;
    readonly leaves: readonly number[];
  }): void;
  /** By uids (at most 100) or by prefix of the shown name; at most `limit`. */
  membersQuery(m: {
    readonly uid: Id;
    readonly uids: readonly Id[] | null;
    readonly prefix: string | null;
    readonly limit: number;
  }): Result<readonly MemberEntry[]>;
}

/** A connection that a gateway thread holds, told to a user entity that has forgotten it. */
export interface HeldConnection {
  readonly conn: number;
  readonly connNo: number;
  readonly session: string;
  readonly login: string;
}

/** The part of UserP about presence. */
export interface UserPresenceP {
  setStatus(m: Shown): Result<null>;
  /** From accounts: the display name changed. */
  renamed(m: { readonly name: string }): void;
  /** From the user entity of a DM partner. */
  partner(m: ShownChange): void;
  /** Those of `uids` (at most 100) who are DM partners, with their status; no roles. */
  partnersQuery(m: {
    readonly uids: readonly Id[];
    readonly limit: number;
  }): Result<readonly MemberEntry[]>;
}

/** Actor 'presence' of each shard thread: who of a guild is there, among the users at home here. */
export interface PresenceHubP {
  online(m: { readonly gid: Id }): readonly ShownChange[];
  /** Those of `uids` that are at home here and not offline. */
  shown(m: { readonly uids: readonly Id[] }): readonly ShownChange[];
}

/** How leaves of an open list changed shape. */
export type LeafMove =
  /** `to` has taken the upper part of `leaf`: whoever shows `leaf` shows `to` too. */
  | { readonly type: 'split'; readonly leaf: number; readonly to: number }
  /** `leaf` is gone into `to`: whoever showed it shows `to`. `frame` is its last MWIN, empty. */
  | {
      readonly type: 'merge';
      readonly leaf: number;
      readonly to: number;
      readonly frame: Uint8Array;
    };

/** What a gateway thread understands of presence. */
export interface FanOutPresenceP {
  /** Answer to GuildP.windowOpen. Not a member, or no such guild: 'not_found'. */
  windowOpened(m: {
    readonly gid: Id;
    readonly token: number;
    readonly guild: Ref<unknown>;
    readonly result: Result<WindowView>;
  }): void;
  /** Changed leaves that this thread shows: first the moves in order, then the frames (MWIN). */
  leaves(m: {
    readonly gid: Id;
    readonly moves: readonly LeafMove[];
    readonly frames: readonly {
      readonly leaf: number;
      readonly ver: number;
      readonly frame: Uint8Array;
    }[];
  }): void;
  /** The user is no member any more, or (uid 0) the guild is gone: windows of that guild end. */
  windowEnd(m: { readonly gid: Id; readonly uid: Id }): void;
  /** The list is another one: windows of that guild are to be opened anew. */
  windowsLost(m: { readonly gid: Id }): void;
  /** A user entity asks for what is held of its user; answered by UserP.present. */
  whoIs(m: { readonly uid: Id }): void;
  /** Users of a shard were forgotten: all held connections are to be told again. */
  tellAll(m: Record<string, never>): void;
}

/** Times of presence; the defaults are those of protocol.md 2.9. */
export interface PresenceTimes {
  /** From the end of the last connection to the announcement. */
  readonly offlineMs: number;
  /** Changes of one user within this time collapse. */
  readonly collapseMs: number;
  /** Between two PRESENCE of a scope and two MWIN of a leaf. */
  readonly flushMs: number;
  /** A change waits at least this long for others. */
  readonly gatherMs: number;
  /** An unused member list of a large guild is given back. */
  readonly keepMs: number;
  /** After a shard came back: time for its users to be known again. */
  readonly relearnMs: number;
}
