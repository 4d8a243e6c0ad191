/**
 * What the domain answers with: results and the objects of guilds as REST shows them. Types only;
 * the contracts of the entities (`types.ts`, `types-acl.ts`) are built on these.
 */
import type { Id, Ms, Seq } from './store-contract.ts';

/** Expected failures of the domain, by the codes of api.md. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly code: DomainCode;
      readonly field?: string;
      readonly retryMs?: number;
      /** With 'unavailable': a commit had no answer, so the change may have been made all the same. */
      readonly unknown?: true;
    };

export type DomainCode =
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'username_taken'
  | 'owner_must_transfer'
  | 'invite_expired'
  | 'invite_required'
  | 'registration_closed'
  | 'bad_credentials'
  | 'refresh_reused'
  | 'token_expired'
  | 'unauthorized'
  | 'invalid'
  | 'unavailable';

export interface User {
  readonly id: Id;
  readonly username: string;
  readonly displayName: string;
  readonly createdAt: Ms;
}

export interface Guild {
  readonly id: Id;
  readonly name: string;
  readonly ownerId: Id;
  readonly createdAt: Ms;
}

/** What one role or one member may do otherwise in a channel than in the guild. */
export interface Overwrite {
  /** A role (the guild's own id: everyone) or a user. */
  readonly target: Id;
  readonly type: 'role' | 'member';
  /** Permission bits; `allow` and `deny` have none in common. */
  readonly allow: number;
  readonly deny: number;
}

/** Guild channels are text, voice or thread; dm and group are those of entity 'dm'. */
export type ChannelType = 'text' | 'voice' | 'dm' | 'group' | 'thread';

/** `push_to_talk`: nobody is forwarded without a held key; `stage`: speakers and listeners; `music`: stereo, no DTX. */
export type VoiceMode = 'open' | 'stage' | 'music' | 'push_to_talk';

/** Settings of a voice channel, kept in its document. */
export interface VoiceSettings {
  /** bit/s per speaker, 16,000 to 128,000; default 40,000. */
  readonly bitrate: number;
  /** People at once, 0 (default) for no limit; at most 10,000. */
  readonly userLimit: number;
  /** Default 'open'. */
  readonly mode: VoiceMode;
  /** End-to-end encryption: lowest version that may join, 0 (default) for none; at most 255. */
  readonly e2e: number;
}

export interface Channel {
  readonly id: Id;
  readonly guildId: Id;
  readonly name: string;
  readonly type: ChannelType;
  readonly topic: string | null;
  readonly position: number;
  /** Seconds between two messages of one user, 0 for none; at most 21,600. */
  readonly slowModeS: number;
  readonly overwrites: readonly Overwrite[];
  /** Of a thread: the channel and the message that it began with. */
  readonly parentId: Id | null;
  readonly startSeq: Seq | null;
  /** Of a voice channel. */
  readonly voice: VoiceSettings | null;
}

export interface Invite {
  readonly code: string;
  readonly guildId: Id;
  readonly maxUses: number | null;
  readonly uses: number;
  readonly expiresAt: Ms | null;
}

export interface Member {
  readonly user: User;
  readonly nick: string | null;
  readonly roles: readonly Id[];
  readonly joinedAt: Ms;
}
