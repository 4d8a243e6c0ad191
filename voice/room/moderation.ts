/**
 * What one member does to another: the guild judges and keeps the audit log, the room carries it out. Part of the room actor.
 */
import type { Id } from '../../channels/index.ts';
import { type ModerationAct, VOICE_MOVED, type VoiceResult } from '../types.ts';
import type { Sanction } from './policy.ts';
import { DONE, NOT_FOUND, refusedByGuild } from './results.ts';
import type { Room } from './room.ts';

interface Moderation {
  readonly by: Id;
  readonly target: Id;
  readonly act: ModerationAct;
}

/** Which field of a sanction an act sets. */
const SANCTION_OF: Readonly<Record<string, keyof Sanction>> = {
  mute: 'muted',
  deafen: 'deaf',
  priority: 'priority',
  speaker: 'speaker',
};

/** Acts on somebody who is here; the guild is asked first. */
export async function moderate(room: Room, m: Moderation): Promise<VoiceResult<null>> {
  const { act, by, target } = m;
  // These are of the room: whoever may, may name anybody.
  const isOfRoom = act.kind === 'record' || act.kind === 'play';
  if (!isOfRoom && room.roster.ofUser(target) === undefined) return NOT_FOUND;
  const judged = await room.environment.guilds.act(room.sid, { uid: by, target, act });
  if (!judged.ok) return refusedByGuild(judged);
  room.counters.moderated += 1;
  return carryOut(room, m);
}

function carryOut(
  room: Room,
  { act, by, target }: Moderation,
): VoiceResult<null> | Promise<VoiceResult<null>> {
  if (act.kind === 'record') return room.recording.act(by, act.on);
  if (act.kind === 'play') return room.playback.act(by, act.file);
  if (act.kind === 'disconnect' || act.kind === 'move') {
    const member = room.roster.ofUser(target);
    // Left while the guild was asked: that is what was wanted.
    if (member === undefined) return DONE;
    room.counters.removed += 1;
    if (act.kind === 'disconnect') room.end(member, 'disconnected');
    else {
      room.remove(member);
      room.roster.tell(member, VOICE_MOVED, [act.to]);
    }
    return DONE;
  }
  const field = SANCTION_OF[act.kind];
  if (field !== undefined) room.sanction(target, { [field]: act.on });
  return DONE;
}
