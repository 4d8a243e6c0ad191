/**
 * The contract of guild rights: roles, overwrites, moderation, audit, and what other entities ask of
 * a guild about them. Types only; `GuildP` of types.ts is built on this.
 */
import type { Id, Ms } from './store-contract.ts';
import type { Channel, Guild, Invite, Member, Overwrite, Result } from './types-domain.ts';
import type { VoiceAct } from './types-voice.ts';

export interface Role {
  /** The everyone role has the id of its guild. */
  readonly id: Id;
  readonly guildId: Id;
  readonly name: string;
  /** 0xRRGGBB, 0 for none. */
  readonly color: number;
  /** 0 is the everyone role; higher stands above. */
  readonly position: number;
  /** Permission bits (protocol.md 2.4). */
  readonly perms: number;
}

export interface Ban {
  readonly userId: Id;
  readonly by: Id;
  readonly reason: string | null;
  readonly at: Ms;
}

export type AuditAction =
  | 'guild.rename'
  | 'guild.transfer'
  | 'channel.create'
  | 'channel.update'
  | 'channel.delete'
  | 'overwrite.set'
  | 'overwrite.delete'
  | 'role.create'
  | 'role.update'
  | 'role.delete'
  | 'member.update'
  | 'member.kick'
  | 'member.ban'
  | 'member.unban'
  | 'invite.create'
  | 'invite.delete'
  | `voice.${VoiceAct['kind']}`;

/** One field that an act changed: its name, what it was, what it became. */
export interface AuditChange {
  readonly field: string;
  readonly from: string | number | readonly number[] | null;
  readonly to: string | number | readonly number[] | null;
}

export interface AuditEntry {
  /** Rises by one per entry of the guild; `before` pages by it. */
  readonly id: number;
  readonly at: Ms;
  readonly actorId: Id;
  readonly action: AuditAction;
  /** Id of the user, role, channel or guild; the code of an invite. */
  readonly target: string;
  readonly changes: readonly AuditChange[];
  readonly reason: string | null;
}

/** What streams ask of a guild about one channel, to judge notices by its audience. */
export interface ChannelAcl {
  /** Of the guild or dm, whoever of them may view the channel. */
  readonly memberCount: number;
  /** More than 250 members. */
  readonly large: boolean;
  /** Everyone in the guild may view it: no role or member overwrite takes or gives that right. */
  readonly open: boolean;
  /** The view stream of its visibility class. */
  readonly viewSid: Id;
  /** Seconds between two messages of one user, 0 for none. */
  readonly slowModeS: number;
}

/**
 * The part of GuildP about rights. Strangers get 'not_found', members without the right 'forbidden'
 * (also when a role or member does not stand below them), unknown roles, channels and members
 * 'not_found', values out of range 'invalid' with `field`.
 */
export interface GuildRightsP {
  /** null = the store cannot be read now; undefined = no such channel. */
  acl(m: { readonly sid: Id }): ChannelAcl | null | undefined;
  /** Any member. Everyone first, then by position. */
  roles(m: { readonly uid: Id }): Result<readonly Role[]>;
  /** Made below the own highest role, above the lowest ones (position 1). At most 250. */
  createRole(m: {
    readonly uid: Id;
    readonly name: string;
    readonly color: number;
    readonly perms: number;
  }): Result<Role>;
  /** Of the everyone role only `perms` can change. */
  updateRole(m: {
    readonly uid: Id;
    readonly role: Id;
    readonly name?: string;
    readonly color?: number;
    readonly perms?: number;
    /** 1 to the highest position there is; the others move. */
    readonly position?: number;
  }): Result<Role>;
  removeRole(m: { readonly uid: Id; readonly role: Id }): Result<null>;
  /** At most 100 per channel. Bits that the actor lacks may not be given. */
  setOverwrite(m: { readonly uid: Id; readonly sid: Id } & Overwrite): Result<Channel>;
  removeOverwrite(m: { readonly uid: Id; readonly sid: Id; readonly target: Id }): Result<Channel>;
  member(m: { readonly uid: Id; readonly target: Id }): Result<Member>;
  /** The own nick needs no right; roles are the whole new set. */
  updateMember(m: {
    readonly uid: Id;
    readonly target: Id;
    readonly nick?: string | null;
    readonly roles?: readonly Id[];
  }): Result<Member>;
  kick(m: { readonly uid: Id; readonly target: Id; readonly reason: string | null }): Result<null>;
  /** A user that is no member may be banned too. A repeat changes nothing. */
  ban(m: { readonly uid: Id; readonly target: Id; readonly reason: string | null }): Result<null>;
  unban(m: { readonly uid: Id; readonly target: Id }): Result<null>;
  /** By user id, above `after`; limit 1 to 1000. */
  bans(m: { readonly uid: Id; readonly after: Id; readonly limit: number }): Result<readonly Ban[]>;
  /** Newest first, below `before` (0: from the newest); limit 1 to 100. */
  audit(m: {
    readonly uid: Id;
    readonly before: number;
    readonly limit: number;
  }): Result<readonly AuditEntry[]>;
  /** Owner only, to a member. */
  transfer(m: { readonly uid: Id; readonly to: Id }): Result<Guild>;
  /** Live ones. */
  invites(m: { readonly uid: Id }): Result<readonly Invite[]>;
  /** The maker of an invite may delete it without the right to manage. */
  removeInvite(m: { readonly uid: Id; readonly code: string }): Result<null>;
}
