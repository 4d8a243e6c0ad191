/**
 * The documents of guilds, users and logins: kinds, keys and values as they are stored. Types and
 * key functions only; who may write what is said at each kind.
 */
import { pad, unpad } from './ids.ts';
import type { StreamDoc } from './stream-core.ts';
import type {
  AuditAction,
  AuditChange,
  Id,
  Ms,
  Overwrite,
  Seq,
  VoiceSettings,
  WireValue,
} from './types.ts';

/** `user/<uid>`; unique `username:<folded>`, `email:<folded>`. Written by accounts and user-admin, by revision. */
export interface UserDoc {
  readonly id: Id;
  readonly username: string;
  readonly displayName: string;
  readonly email: string | null;
  readonly passwordHash: string;
  readonly createdAt: Ms;
  /** Set by an operator: no login and no refresh. */
  readonly disabledAt?: Ms;
  /** Set by an operator: access tokens have the scope `admin`. */
  readonly admin?: true;
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
  /** Number of the last audit document; absent before the first. */
  readonly auditSeq?: number;
  /** Ban documents; absent before the first. */
  readonly banCount?: number;
}

/**
 * `channel/<gid>/<sid>`. Guild entity only, in one batch with `guild/<gid>`; so are the next seven.
 * What is absent has its default: folders of earlier versions have only the first four fields.
 */
export interface ChannelDoc {
  readonly id: Id;
  readonly name: string;
  readonly topic: string | null;
  readonly position: number;
  /** 1 text (default), 2 voice, 5 thread (protocol.md 2.4). */
  readonly type?: 1 | 2 | 5;
  readonly overwrites?: readonly Overwrite[];
  /** Seconds; default 0. */
  readonly slowModeS?: number;
  /** View stream of its visibility class; default the guild's main view. */
  readonly viewSid?: Id;
  /** Of a thread: channel and message it began with. Its rights and its class are the parent's. */
  readonly parent?: Id;
  readonly startSeq?: Seq;
  /** Of a voice channel; absent: the defaults. */
  readonly voice?: VoiceSettings;
}

/** `role/<gid>/<rid>`. Everyone (rid = gid) has defaults while its document is absent. */
export interface RoleDoc {
  readonly id: Id;
  readonly name: string;
  readonly color: number;
  readonly position: number;
  readonly perms: number;
}

/** `view/<gid>/<viewSid>`: a visibility class with its view stream. The main view has no document. */
export interface ViewDoc {
  /** As made by `classKey`. */
  readonly key: string;
}

/** `ban/<gid>/<uid>`. */
export interface BanDoc {
  readonly by: Id;
  readonly reason: string | null;
  readonly at: Ms;
}

/** `audit/<gid>/<n>`: an act of moderation, written in the same batch as the act. */
export interface AuditDoc {
  readonly at: Ms;
  readonly actor: Id;
  readonly action: AuditAction;
  readonly target: string;
  readonly changes: readonly AuditChange[];
  readonly reason: string | null;
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

/** Whose rights a change touches: members with one of these roles, and these users. */
export interface RightsScope {
  readonly roles: 'all' | readonly Id[];
  readonly uids: readonly Id[];
}

/** What is still to be told after a commit of guild documents. */
export type OutboxItem =
  | {
      readonly type: 'event';
      readonly sid: Id;
      readonly kind: number;
      readonly actor: Id;
      readonly body: readonly WireValue[];
      /** Not told after this time any more. */
      readonly until?: Ms;
    }
  | { readonly type: 'joined' | 'left'; readonly uid: Id }
  /** Kind 46 to members with one of these roles, and to these users. */
  | ({ readonly type: 'rights'; readonly aclVer: number } & RightsScope)
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

/** `serviceToken/<login>`: a token that an operator made. Written by service-tokens. */
export interface ServiceTokenDoc {
  readonly name: string;
  /** User that it speaks for; SERVICE_UID for a program. */
  readonly uid: Id;
  readonly scopes: readonly string[];
  readonly createdAt: Ms;
  readonly expiresAt: Ms;
}

/** `revoked/<until>/<login>`: access tokens of this login are void. */
export interface RevokedDoc {
  readonly uid: Id;
}

export const userKey = pad;
export const guildKey = pad;
export const streamKey = pad;

/** Key under a parent, by number: `channel`, `member`, `role`, `userGuild`, `outbox` and so on. */
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
