/**
 * The room actor: entity 'room', key = sid of its voice channel, on a `voice-<i>` thread. This file is its table of ops. What
 * waits for a media worker or a guild runs beside the handlers, so a worker that hangs holds up nobody's leave or mute; ops of
 * one member keep their order all the same.
 */
import { type Behaviour, defineActor, NOREPLY, type NoReply } from '../../runtime/index.ts';
import type { Member as MemberKey, VoiceResult } from '../types.ts';
import { join } from './joins.ts';
import { close, connect, consume, pause, produce, restartIce, transport } from './media-ops.ts';
import type { Member } from './member.ts';
import { connectionLost, leave, playback, relay, roster, setState, sync } from './member-ops.ts';
import { moderate } from './moderation.ts';
import type { RoomArg } from './ports.ts';
import { renew } from './renew.ts';
import { BOUNDED, VOICE_GONE } from './results.ts';
import { Room, type RoomActorP, type RoomCtx, runBeside } from './room.ts';
import { Sanctions } from './sanctions.ts';

/** 1,000 people with a few ops each. */
const MAILBOX_MAX = 10_000;

const behaviour: Behaviour<RoomActorP, Room, RoomArg> = {
  name: 'room',
  init: (ctx, arg) => begin(ctx, arg, new Sanctions(arg.environment.limits.sanctionsMax)),
  handle: {
    join: (s, m, ctx) => later(ctx, join(s, m, ctx.deadline)),
    leave: (s, m) => now(s, m, (member) => leave(s, member)),
    transport: (s, m, ctx) => inOrder(s, m, ctx, (member) => transport(s, member, m)),
    connect: (s, m, ctx) => inOrder(s, m, ctx, (member) => connect(s, member, m)),
    produce: (s, m, ctx) => inOrder(s, m, ctx, (member) => produce(s, member, m)),
    consume: (s, m, ctx) => inOrder(s, m, ctx, (member) => consume(s, member, m)),
    pause: (s, m, ctx) => inOrder(s, m, ctx, (member) => pause(s, member, m)),
    close: (s, m, ctx) => inOrder(s, m, ctx, (member) => close(s, member, m)),
    ice: (s, m, ctx) => inOrder(s, m, ctx, (member) => restartIce(s, member, m.tid)),
    state: (s, m) => now(s, m, (member) => setState(s, member, m)),
    sync: (s, m) => now(s, m, (member) => sync(s, member, m)),
    e2e: (s, m) => now(s, m, (member) => relay(s, member, m)),
    connectionLost: (s, m) => connectionLost(s, m),
    moderate: (s, m, ctx) => later(ctx, moderate(s, m)),
    roster: (s, m, ctx) => later(ctx, roster(s, m)),
    playback: (s, m, ctx) => later(ctx, playback(s, m)),
    expired: (s, vsid) => {
      const member = s.roster.ofVsid(vsid);
      if (member === undefined) return;
      s.counters.expired += 1;
      s.remove(member);
    },
    emptied: (s) => s.sleep(),
    offer: (s, { vsid, cid }) => {
      const member = s.roster.ofVsid(vsid);
      if (member !== undefined) s.wiring.tellAgain(member, cid);
    },
    speaking: (s) => s.speech.tell(),
    askAgain: (s) => s.rights.retry(),
    relocationOver: (s) => s.relocationOver(),
    renew: (s) => renew(s),
  },
  onDown: (s, { monitor }) => s.gatewayDown(monitor),
  terminate: (s, reason) => {
    s.close(typeof reason === 'object' && 'error' in reason ? 'failed' : 'moving');
  },
  mayPassivate: (s) => s.isIdle,
  snapshot: (s) => s.sanctions.entries(),
  restore: (ctx, arg, entries) => {
    const { sanctionsMax } = arg.environment.limits;
    return begin(
      ctx,
      arg,
      new Sanctions(sanctionsMax, entries as ReturnType<Sanctions['entries']>),
    );
  },
  formatStatus: (s) => ({
    sid: s.sid,
    people: s.roster.size,
    coming: s.coming.size,
    producers: s.wiring.size,
    epoch: s.media.epoch,
    mode: s.settings.mode,
    hasMedia: s.media.media !== undefined,
    isChoosing: s.wiring.isChoosing,
  }),
  mailbox: { limit: MAILBOX_MAX, overflow: 'reject' },
};

/** Behaviour of entity 'room'. */
export const RoomEntity = defineActor<RoomActorP, Room, RoomArg>(behaviour);

function begin(ctx: RoomCtx, arg: RoomArg, sanctions: Sanctions): Room {
  // So that members hear of an orderly end.
  ctx.trapExit(true);
  return new Room(ctx, arg, sanctions);
}

/** Answers with what the work comes to; the next message does not wait for it. */
function later<T>(ctx: RoomCtx, work: Promise<T>): NoReply {
  const { from } = ctx;
  const answered = work.then((value) => {
    if (from !== undefined) ctx.reply(from, value);
  });
  runBeside(ctx, answered);
  return NOREPLY;
}

/** An op that needs nobody else. */
function now<T>(
  room: Room,
  { vsid, session }: MemberKey,
  op: (member: Member) => VoiceResult<T>,
): VoiceResult<T> {
  const member = room.roster.member(vsid, session);
  return member === undefined ? VOICE_GONE : op(member);
}

/** An op that runs behind the member's ops before. */
function inOrder<T>(
  room: Room,
  { vsid, session }: MemberKey,
  ctx: RoomCtx,
  op: (member: Member) => Promise<VoiceResult<T>>,
): VoiceResult<T> | NoReply {
  const member = room.roster.member(vsid, session);
  if (member === undefined) return VOICE_GONE;
  if (member.queued >= room.environment.limits.opsQueuedMax) {
    room.counters.bounded += 1;
    return BOUNDED;
  }
  const work = member.inOrder(async () => (member.isGone ? VOICE_GONE : await op(member)));
  return later(ctx, work);
}
