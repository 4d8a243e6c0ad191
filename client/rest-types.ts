/** The JSON of the HTTP interface (api.md). Ids are decimal strings, times are ms since 1970. Types only. */

export interface RestUser {
  readonly id: string;
  readonly username: string;
  readonly displayName: string;
  readonly createdAt: number;
}

/** Answer of register, login and refresh. */
export interface RestGrant {
  readonly user: RestUser;
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Of the access token. */
  readonly expiresAt: number;
}

export interface RestGuild {
  readonly id: string;
  readonly name: string;
  readonly ownerId: string;
  readonly createdAt: number;
}

export interface RestChannel {
  readonly id: string;
  readonly guildId: string;
  readonly name: string;
  readonly type: string;
  readonly topic: string | null;
  readonly position: number;
  /** Seconds between two messages of one user, 0 = none. */
  readonly slowModeS: number;
  /** Channel of a thread, and the message that it began with. */
  readonly parentId: string | null;
  readonly startSeq: number | null;
  /** Of a voice channel. */
  readonly voice: RestVoiceSettings | null;
}

export interface RestVoiceSettings {
  /** bit/s per speaker. */
  readonly bitrate: number;
  /** People at once, 0 = no limit. */
  readonly userLimit: number;
  readonly mode: 'open' | 'stage' | 'music' | 'push_to_talk';
  /** Lowest version of end-to-end encryption, 0 = none. */
  readonly e2e: number;
}

/** A direct message or a group; its id is that of its channel. */
export interface RestDm {
  readonly id: string;
  readonly type: 'dm' | 'group';
  readonly name: string | null;
  readonly ownerId: string | null;
  /** The caller too. */
  readonly members: readonly RestUser[];
  readonly createdAt: number;
}

export interface RestInvite {
  readonly code: string;
  readonly guildId: string;
  readonly url: string;
  readonly maxUses: number | null;
  readonly uses: number;
  readonly expiresAt: number | null;
}

export interface RestInvitePreview {
  readonly code: string;
  readonly guild: { readonly id: string; readonly name: string; readonly memberCount: number };
}

export interface RestMember {
  readonly user: RestUser;
  readonly nick: string | null;
  readonly roles: readonly string[];
  readonly joinedAt: number;
}

export interface RestMessage {
  readonly channelId: string;
  readonly seq: number;
  readonly epoch: number;
  readonly ts: number;
  readonly kind: number;
  readonly authorId: string;
  readonly content: string;
  readonly replyTo: number | null;
  readonly editedAt: number | null;
  readonly reactions: readonly {
    readonly emoji: string;
    readonly count: number;
    readonly me: boolean;
  }[];
  readonly attachments: readonly unknown[];
}

export interface RestMessages {
  readonly epoch: number;
  readonly first: number;
  readonly head: number;
  readonly items: readonly RestMessage[];
}

export interface RestList<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}
