/**
 * The documents of guilds, users and logins: kinds, keys and values as they are stored. Types and
 * key functions only; who may write what is said at each kind.
 */
import { pad, unpad } from './ids.ts';
import type { StreamDoc } from './stream-core.ts';
import type { Id, Ms, WireValue } from './types.ts';

/** `user/<uid>`; unique `username:<folded>`, `email:<folded>`. Written by accounts, by revision. */
export interface UserDoc {
  readonly id: Id;
  readonly username: string;
  readonly displayName: string;
  readonly email: string | null;
  readonly passwordHash: string;
  readonly createdAt: Ms;
}

/** `guild/<gid>`. After its creation written by the guild entity only, by revision. */
export interface GuildDoc {
  readonly id: Id;
  readonly name: string;
  readonly ownerId: Id;
  readonly createdAt: Ms;
  readonly viewSid: Id;
  readonly aclVer: number;
  readonly memberCount: number;
  /** Number of the last outbox document. */
  readonly outboxSeq: number;
}

/** `channel/<gid>/<sid>`. Guild entity only, in one batch with `guild/<gid>`; so are the next four. */
export interface ChannelDoc {
  readonly id: Id;
  readonly name: string;
  readonly topic: string | null;
  readonly position: number;
}

/** `member/<gid>/<uid>`. */
export interface MemberDoc {
  readonly joinedAt: Ms;
  readonly nick: string | null;
  readonly roles: readonly Id[];
}

/** `invite/<code>`; `guildInvite/<gid>/<code>` is its index by guild. */
export interface InviteDoc {
  readonly gid: Id;
  readonly maxUses: number | null;
  readonly uses: number;
  readonly expiresAt: Ms | null;
  readonly createdBy: Id;
  readonly createdAt: Ms;
}

/** What is still to be told after a commit of guild documents. */
export type OutboxItem =
  | {
      readonly type: 'event';
      readonly sid: Id;
      readonly kind: number;
      readonly actor: Id;
      readonly body: readonly WireValue[];
    }
  | { readonly type: 'joined' | 'left'; readonly uid: Id }
  | { readonly type: 'drop'; readonly sid: Id }
  /** The guild is gone: members and invites go too. */
  | { readonly type: 'purge' };

/** `outbox/<gid>/<n>`. */
export interface OutboxDoc {
  readonly items: readonly OutboxItem[];
}

/** `login/<login>`: one family of refresh tokens. Written by accounts, by revision. */
export interface LoginDoc {
  readonly uid: Id;
  readonly createdAt: Ms;
  /** End of the newest refresh token's life. */
  readonly expiresAt: Ms;
  /** SHA-256 of the newest refresh token, base64url. */
  readonly current: string;
  /** The one before it, null at first. */
  readonly previous: string | null;
  readonly rotatedAt: Ms;
  /** Set when a token was used twice: the family is over. */
  readonly reusedAt: Ms | null;
}

/** `revoked/<until>/<login>`: access tokens of this login are void. */
export interface RevokedDoc {
  readonly uid: Id;
}

export const userKey = pad;
export const guildKey = pad;
export const streamKey = pad;

/** Key under a parent: `channel`, `member`, `userGuild`, `outbox`, `userLogin` (by number). */
export function childKey(parent: Id, child: number): string {
  return `${pad(parent)}/${pad(child)}`;
}

/** Prefix of all keys under a parent. */
export function childPrefix(parent: Id): string {
  return `${pad(parent)}/`;
}

/** The parent of a key. */
export function parentOf(key: string): Id {
  return unpad(key.slice(0, key.indexOf('/')));
}

/** Last part of a key. */
export function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

export function streamDoc(type: StreamDoc['type'], gid: Id): StreamDoc {
  return { type, gid };
}
