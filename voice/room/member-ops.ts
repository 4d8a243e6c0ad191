/**
 * What a member says about itself: that it leaves, is muted or deaf, talks, is back after its connection was away, and key
 * material for others. Part of the room actor.
 */
import { may, PERM_PLAY, PERM_VIEW } from '../../channels/index.ts';
import {
  type Participant,
  type RoomP,
  type RoomPlaying,
  VOICE_E2E,
  type VoiceResult,
} from '../types.ts';
import type { Member } from './member.ts';
import { isSpeaker } from './policy.ts';
import { isRelayable, RELAY_BURST_BYTES } from './relay.ts';
import { DONE, INVALID, NOT_FOUND, UNAVAILABLE, VOICE_GONE } from './results.ts';
import type { Room } from './room.ts';

type Args<K extends keyof RoomP> = Parameters<RoomP[K]>[0];
type Answer<K extends keyof RoomP> = ReturnType<RoomP[K]>;

/** V_LEAVE. */
export function leave(room: Room, member: Member): VoiceResult<null> {
  room.counters.leaves += 1;
  room.remove(member);
  return DONE;
}

/** V_STATE. Told when others can see the difference. */
export function setState(room: Room, member: Member, m: Args<'state'>): VoiceResult<null> {
  const { mode } = room.settings;
  const before = room.flagsOf(member);
  member.isMuted = m.mute;
  member.isDeaf = m.deaf;
  const mayAsk = mode === 'stage' && !isSpeaker(member);
  member.hasHandUp = mayAsk && (m.hand ?? member.hasHandUp);
  if (before !== room.flagsOf(member)) room.changed(member);
  room.setTalking(member, m.talk ?? member.isTalking);
  return DONE;
}

/** V_SYNC. What a bundled member was not told while it was away is told behind the answer. */
export function sync(room: Room, member: Member, m: Args<'sync'>): Answer<'sync'> {
  if (m.connNo < member.connNo) return VOICE_GONE;
  room.recover(member, m.gateway, m.connNo);
  if (member.isBundled) {
    const known = new Set(m.cids);
    for (const offer of room.wiring.offersOf(member)) {
      if (!known.has(offer.cid)) room.ctx.next('offer', { vsid: member.vsid, cid: offer.cid });
    }
  }
  return {
    ok: true,
    value: {
      ...{ room: room.ctx.self, ver: room.roster.ver, participants: room.participants() },
      lostTids: m.tids.filter((tid) => !member.transports.has(tid)),
      lostPids: m.pids.filter((pid) => room.wiring.producer(pid) === undefined),
      lostCids: m.cids.filter((cid) => !member.consumers.has(cid)),
    },
  };
}

/** The connection went: the membership waits for it. */
export function connectionLost(room: Room, m: Args<'connectionLost'>): void {
  const member = room.roster.member(m.vsid, m.session);
  if (member !== undefined && m.connNo >= member.connNo) room.lose(member);
}

/** V_E2E: passed on unread. A message to nobody in particular goes to everybody else. */
export function relay(room: Room, member: Member, m: Args<'e2e'>): VoiceResult<null> {
  if (!isRelayable(m.type, m.data)) return INVALID;
  const target = m.to === null ? undefined : room.roster.ofUser(m.to);
  if (m.to !== null && target === undefined) return NOT_FOUND;
  const receivers =
    target === undefined ? [...room.roster.all()].filter((other) => other !== member) : [target];
  const bytes = m.data.length * receivers.length;
  if (bytes > RELAY_BURST_BYTES) {
    room.counters.bounded += 1;
    return INVALID;
  }
  const taken = member.relay.take(bytes, room.environment.clock.monotonic());
  if (!taken.ok) {
    room.counters.bounded += 1;
    return { ok: false, error: 'unavailable', retryMs: taken.retryMs };
  }
  room.counters.e2eRelayed += receivers.length;
  room.roster.tellSome(receivers, VOICE_E2E, [member.uid, m.type, m.data]);
  return DONE;
}

/** Who is there, for those who may view the channel. */
export async function roster(
  room: Room,
  { uid }: Args<'roster'>,
): Promise<VoiceResult<readonly Participant[]>> {
  const perms = await room.rights.permsOf(uid);
  if (perms === null) return UNAVAILABLE;
  return may(perms, PERM_VIEW) ? { ok: true, value: room.participants() } : NOT_FOUND;
}

/** What is played, and to those who may play what could be. */
export async function playback(
  room: Room,
  { uid }: Args<'playback'>,
): Promise<VoiceResult<RoomPlaying>> {
  const perms = await room.rights.permsOf(uid);
  if (perms === null) return UNAVAILABLE;
  if (!may(perms, PERM_VIEW)) return NOT_FOUND;
  const { now } = room.playback;
  const files = may(perms, PERM_PLAY) ? await room.environment.audio?.library() : undefined;
  const shown = now === undefined ? null : { file: now.file, by: now.by };
  return { ok: true, value: { now: shown, files: files ?? [] } };
}
