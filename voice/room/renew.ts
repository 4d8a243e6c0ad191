/**
 * A new epoch for members with a compact join: the room knows all that they would say, so it makes their media anew without being
 * asked and tells each of them once (VOICE 19). Others, and whom this fails for, join again. Part of the room actor.
 */
import { PRODUCE_PAUSED, VOICE_RENEWED } from '../types.ts';
import { connect, makeTransport, produce } from './media-ops.ts';
import type { Member } from './member.ts';
import { type Room, runBeside } from './room.ts';

/** Everybody whose media may be made; those who spoke first, since the others wait to hear them. */
export function renew(room: Room): void {
  const members = [...room.roster.all()].filter(
    ({ dtls, isLost }) => dtls !== undefined && !isLost,
  );
  members.sort((a, b) => b.sent.length - a.sent.length);
  const { epoch } = room.media;
  for (const member of members) {
    runBeside(
      room.ctx,
      member.inOrder(() => room.media.equipping.run(() => renewOne(room, member, epoch))),
    );
  }
}

async function renewOne(room: Room, member: Member, epoch: number): Promise<void> {
  const { dtls, sent } = member;
  member.sent = [];
  const isOver = (): boolean => member.isGone || room.media.epoch !== epoch;
  // It may have joined again by itself.
  if (isOver() || dtls === undefined || member.transports.size > 0) return;
  member.isBundled = false;
  const made = await makeTransport(room, member, 'both');
  if (!made.ok) return;
  const { params, tid } = made.value;
  const again = sent.map(({ cnonce, handle: { media }, isPaused, rtp = '' }) =>
    produce(room, member, { tid, cnonce, media, rtp, flags: isPaused ? PRODUCE_PAUSED : 0 }),
  );
  const [connected] = await Promise.all([
    connect(room, member, { tid, dtls }),
    room.wiring.offers(member),
    ...again,
  ]);
  if (isOver()) return;
  if (!connected.ok) {
    room.dropMedia(member);
    return;
  }
  room.counters.rejoins += 1;
  const pids = [...member.producers.keys()];
  const consumers = room.wiring
    .offersOf(member)
    .map(({ pid, cid, media, rtp }) => [pid, cid, media, rtp]);
  room.roster.tell(member, VOICE_RENEWED, [epoch, [tid, params], pids, consumers]);
  member.isBundled = true;
  // Who has begun to speak since.
  room.wiring.rewire(member);
}
