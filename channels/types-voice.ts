/**
 * The contract of voice channels: what rooms ask of a guild and hear from it, and what one
 * member may do to another in a room. Types only; `GuildP` of types.ts is built on this.
 */
import type { Ref } from '../runtime/index.ts';
import type { Id } from './store-contract.ts';
import type { Result, VoiceSettings } from './types-domain.ts';

/** What a room knows of its channel. */
export interface VoiceChannel {
  readonly gid: Id;
  readonly settings: VoiceSettings;
}

/** What one member does to another in a room; the rights are named at `GuildVoiceP.voiceAct`. */
export type VoiceAct =
  | { readonly kind: 'mute' | 'deafen' | 'priority' | 'speaker' | 'record'; readonly on: boolean }
  | { readonly kind: 'move'; readonly to: Id }
  /** A file of the server's library into the room; null ends it. */
  | { readonly kind: 'play'; readonly file: string | null }
  | { readonly kind: 'disconnect' };

/** What a guild tells to whoever watches voice channels of it. */
export interface VoiceWatcherP {
  /**
   * Rights of a user in the channel may have changed; uid 0: those of everybody, the settings, or that there is such
   * a channel. Sent after the commit, behind every answer that came from before it.
   */
  voiceChanged(m: { readonly sid: Id; readonly uid: Id }): void;
}

/** The part of GuildP for rooms. null = the store cannot be read now; undefined = no such voice channel. */
export interface GuildVoiceP {
  /**
   * Registers a watcher of one channel (again: the same answer) until it dies or says `voiceUnwatch`. `guild`: to be
   * monitored; when it dies, what it said before may be out of date and nobody is registered any more.
   */
  voiceWatch(m: {
    readonly sid: Id;
    readonly watcher: Ref<VoiceWatcherP>;
  }): { readonly guild: Ref<GuildVoiceP>; readonly channel: VoiceChannel } | null | undefined;
  voiceChannel(m: { readonly sid: Id }): VoiceChannel | null | undefined;
  voiceUnwatch(m: { readonly sid: Id; readonly watcher: Ref<VoiceWatcherP> }): void;
  /** Rights of users in a voice channel, in the order of `uids`; 0: may not view, no member, no such voice channel. */
  voicePerms(m: { readonly sid: Id; readonly uids: readonly Id[] }): readonly number[] | null;
  /**
   * Judges an act and puts it into the audit log; the room carries it out after ok. Mute, deafen, priority, speaker,
   * disconnect and move need the right to move others, a record the right to record, a play the right to play; but for
   * these two, the target is oneself or a member below the own highest role. A move needs the right in both channels, and the target must be
   * allowed to connect to the other one. Strangers and who may not view get 'not_found'.
   */
  voiceAct(m: {
    readonly uid: Id;
    readonly sid: Id;
    readonly target: Id;
    readonly act: VoiceAct;
  }): Result<null>;
}
