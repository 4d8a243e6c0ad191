/**
 * What a member of a room may do, from the rights that the guild gives, the channel's mode and what moderators decided. Pure:
 * asked at each join and produce, and again after each change of rights or settings.
 */
import {
  may,
  PERM_CONNECT,
  PERM_MANAGE,
  PERM_MOVE,
  PERM_SPEAK,
  PERM_VIEW,
} from '../../channels/index.ts';
import type { VoiceErr, VoiceSettings } from '../types.ts';

type Mode = VoiceSettings['mode'];

/** What moderators decided about a user, in this room. */
export interface Sanction {
  readonly muted: boolean;
  readonly deaf: boolean;
  readonly priority: boolean;
  /** Invited to speak in a stage. */
  readonly speaker: boolean;
}

export const NO_SANCTION: Sanction = { muted: false, deaf: false, priority: false, speaker: false };

/** What decides whether somebody is heard. */
export interface Voice {
  readonly perms: number;
  readonly sanction: Sanction;
  readonly isMuted: boolean;
  /** Push-to-talk key down, or the voice gate open. */
  readonly isTalking: boolean;
}

/** Why somebody with these rights may not be in the room; undefined: may. */
export function refusal(perms: number): VoiceErr | undefined {
  if (!may(perms, PERM_VIEW)) return 'not_found';
  return may(perms, PERM_CONNECT) ? undefined : 'forbidden';
}

/** Moves others, or manages the channel: not held back by the user limit, and a speaker of any stage. */
export function isModerator(perms: number): boolean {
  return may(perms, PERM_MOVE) || may(perms, PERM_MANAGE);
}

/** In a stage: on it. */
export function isSpeaker({ perms, sanction }: Voice): boolean {
  return sanction.speaker || isModerator(perms);
}

/** Whether a producer of this member may exist at all. */
export function maySpeak(voice: Voice, mode: Mode): boolean {
  return may(voice.perms, PERM_SPEAK) && (mode !== 'stage' || isSpeaker(voice));
}

/** Whether what this member sends goes on to others now. */
export function isAudible(voice: Voice, mode: Mode): boolean {
  if (voice.isMuted || voice.sanction.muted || !maySpeak(voice, mode)) return false;
  return mode !== 'push_to_talk' || voice.isTalking;
}
