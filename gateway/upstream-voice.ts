/**
 * Rooms behind a gateway thread, and the other gateway threads as far as memberships move between them, through the
 * runtime. Runs on gateway threads. Of voice/ only types are imported: nothing of it is loaded here.
 */
import type { Id } from '../channels/index.ts';
import {
  type CallRest,
  type Ctx,
  call,
  cast,
  entity,
  isAlive,
  type MonitorId,
  at as nameAt,
  type Ops,
  type Ref,
  type Reply,
  slotsOf,
  thisSlot,
} from '../runtime/index.ts';
import type { Member, RoomP, VoiceOutP as VoiceEventsP, Vsid } from '../voice/index.ts';

/** Name of the actor that rooms send events to, on its thread. */
export const VOICE_OUT_NAME = 'voice-out';

const GATEWAY_GROUP = 'gateway';
/** Another gateway thread answers from memory. */
const GIVE_TIMEOUT_MS = 1000;

/** Who holds a membership. */
export interface Holder {
  readonly vsid: Vsid;
  readonly session: string;
  readonly uid: Id;
}

/** The actor of a gateway thread: what rooms tell it, and what other gateway threads ask. */
export interface VoiceOutP extends VoiceEventsP {
  /** The session has come to another thread: its membership goes there. The room, or undefined. */
  give(m: Holder): Id | undefined;
  /** The session has joined a room on another thread: what is left of it here is over. */
  joinedElsewhere(m: { readonly session: string; readonly vsid: Vsid; readonly sid: Id }): void;
}

/** A typed call to one room. */
export type RoomCaller = <K extends Ops<RoomP>>(
  op: K,
  ...rest: CallRest<RoomP[K]>
) => Promise<Reply<RoomP[K]>>;

/** What the socket side asks and tells about rooms. Calls reject with ActorError. */
export interface VoiceUpstream {
  /** What rooms know this thread by. */
  gateway(): Ref<VoiceEventsP>;
  room(sid: Id): RoomCaller;
  leave(sid: Id, m: Member): void;
  connectionLost(sid: Id, m: Member & { readonly connNo: number }): void;
  monitor(room: Ref<unknown>): MonitorId | undefined;
  demonitor(monitor: MonitorId): void;
  /** Takes a membership from whichever other gateway thread has it; gives its room. */
  take(m: Holder): Promise<Id | undefined>;
  joinedElsewhere(m: { readonly session: string; readonly vsid: Vsid; readonly sid: Id }): void;
}

/** The real one; `out` gives the context of the living actor. */
export function createVoiceUpstream(out: () => Ctx<VoiceOutP> | undefined): VoiceUpstream {
  const living = (): Ctx<VoiceOutP> | undefined => {
    const ctx = out();
    return ctx !== undefined && isAlive(ctx.self) ? ctx : undefined;
  };
  return {
    gateway: () => (out()?.self ?? 0) as Ref<VoiceEventsP>,
    room:
      (sid) =>
      (op, ...rest) =>
        call(entity<RoomP>('room', sid), op, ...rest),
    leave: (sid, m) => cast(entity<RoomP>('room', sid), 'leave', m),
    connectionLost: (sid, m) => cast(entity<RoomP>('room', sid), 'connectionLost', m),
    monitor: (room) => living()?.monitor(room),
    demonitor: (monitor) => living()?.demonitor(monitor),
    take: async (m) => {
      const asked = others().map((other) =>
        call(other, 'give', m, { timeoutMs: GIVE_TIMEOUT_MS }).catch(() => undefined),
      );
      return (await Promise.all(asked)).find((sid) => sid !== undefined);
    },
    joinedElsewhere: (m) => {
      for (const other of others()) cast(other, 'joinedElsewhere', m);
    },
  };
}

function others() {
  const slots = slotsOf(GATEWAY_GROUP).filter((slot) => slot !== thisSlot());
  return slots.map((slot) => nameAt<VoiceOutP>(slot, VOICE_OUT_NAME));
}
