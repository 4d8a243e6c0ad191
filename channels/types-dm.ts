/**
 * The contract of direct messages, group DMs and threads, and of what reads fold out of a stream (pins,
 * who reacted). Types only; `StreamP`, `GuildP`, `DmP` and `Accounts` of types.ts are built on these.
 */
import type { Id, Ms, Seq } from './store-contract.ts';
import type { Channel, Result, User } from './types-domain.ts';

/** A conversation outside of guilds. Its id is the sid of its stream. */
export interface Dm {
  readonly id: Id;
  readonly type: 'dm' | 'group';
  /** null for a dm, and for a group that has no name. */
  readonly name: string | null;
  readonly topic: string | null;
  /** null for a dm. */
  readonly ownerId: Id | null;
  /** Everybody in it, the asker too, in the order they came. */
  readonly members: readonly User[];
  readonly createdAt: Ms;
}

/**
 * Ops of entity('dm', sid) besides those that streams ask of it. Who is not in it gets 'not_found'.
 */
export interface DmMembersP {
  get(m: { readonly uid: Id }): Result<Dm>;
  /**
   * By any member, into a group: the target must share a guild with the member (else 'forbidden'). Who is
   * in it already stays. 'conflict' in a dm, when the group is full, or the target has too many DMs.
   */
  addMember(m: { readonly uid: Id; readonly target: Id }): Result<Dm>;
  /** 'conflict' in a dm. The last one to leave ends the group; an owner hands over to the oldest member. */
  leave(m: { readonly uid: Id }): Result<null>;
  /** For other entities: who is in it; null = the store cannot be read now. Empty when it is absent. */
  members(m: Record<string, never>): readonly Id[] | null;
  /** From its stream, after kind 7 was committed at `seq`. An older one than what is known changes nothing. */
  renamed(m: {
    readonly name: string;
    readonly topic: string | null;
    readonly seq: Seq;
  }): Result<null>;
  /** Tells what a crash left untold; does nothing when there is nothing. */
  resume(m: Record<string, never>): void;
}

/** The part of GuildP about threads: channels with a parent and a message of it that they start from. */
export interface GuildThreadsP {
  /**
   * By whoever may send in the parent, a text channel (else 'forbidden'; 'invalid' with field `sid` for
   * another type). `seq` must be a message of it ('invalid' with field `seq`) without a thread ('conflict').
   * At most 200 threads per guild, and their names fit a GUILD answer ('conflict').
   */
  createThread(m: {
    readonly uid: Id;
    readonly sid: Id;
    readonly seq: Seq;
    readonly name: string;
  }): Result<Channel>;
  /** Threads of a channel by id; 'not_found' for whoever may not view it. */
  threads(m: { readonly uid: Id; readonly sid: Id }): Result<readonly Channel[]>;
}

/** Who reacted to a message with an emoji: users above `after`, 1 to 100 of them. */
export interface ReactorsRequest {
  readonly uid: Id;
  readonly seq: Seq;
  readonly emoji: string;
  readonly after: Id;
  readonly limit: number;
}

/** Users that reacted to a message, ascending. */
export type ReactorsReply =
  | { readonly ok: true; readonly uids: readonly Id[] }
  | { readonly ok: false; readonly code: number; readonly retryMs?: number };

/** The part of Accounts about direct messages: made and listed without an entity. */
export interface DmAccounts {
  /**
   * The dm of two users: the one that exists, or a new one for users with a guild in common (else
   * 'forbidden'). 'not_found' without such a user, 'invalid' (field `to`) with oneself, 'conflict' when one
   * of them has too many DMs.
   */
  openDm(m: { readonly uid: Id; readonly to: Id }): Promise<Result<Dm>>;
  /**
   * A new group of `uid` (its owner) and the others, 1 to 15 of them ('invalid', field `uids`), each with a
   * guild in common with the owner (else 'forbidden').
   */
  openGroup(m: {
    readonly uid: Id;
    readonly uids: readonly Id[];
    readonly name: string | null;
  }): Promise<Result<Dm>>;
  /** DMs and groups of a user, by id; at most 500. */
  dms(uid: Id): Promise<Result<readonly Dm[]>>;
}
