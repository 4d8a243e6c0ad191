/**
 * Memberships in voice rooms of the sessions on one gateway thread, and what rooms tell them: VOICE to the right sockets,
 * in the room's order and behind the OK of V_JOIN. The state is the thread's; the actor 'voice-out' is its mailbox. Runs
 * on gateway threads; synchronous.
 *
 * Bounds: a session has one membership; one without a connection is forgotten after 65 s, and beyond LOST_MAX of them the
 * oldest is; HELD_MAX events wait for the answers of joins that are under way, further ones are dropped (the client sees
 * a skipped `ver` and asks). An ephemeral event is not given to a socket that lags.
 */
import type { Id, Ms } from '../channels/index.ts';
import { type Clock, type Ctx, defineActor, type MonitorId, type Ref } from '../runtime/index.ts';
import type { Connection } from './connection.ts';
import type { GatewayMetrics } from './metrics.ts';
import {
  encodeFrame,
  VOICE_ROSTER_KINDS,
  VoiceKind,
  voiceFrame,
  type WireValue,
} from './protocol/index.ts';
import {
  type Holder,
  VOICE_OUT_NAME,
  type VoiceOutP,
  type VoiceUpstream,
} from './upstream-voice.ts';

/** protocol.md 2.15: 60 s; the room is first to say that it is over. */
const LOST_MS: Ms = 65_000;
const LOST_MAX = 10_000;
const HELD_MAX = 1000;
const MAILBOX_MAX = 100_000;

const FAILED = 'failed';
const EPHEMERAL: ReadonlySet<number> = new Set([VoiceKind.SPEAKING, VoiceKind.DOMINANT]);
const LAST: ReadonlySet<number> = new Set([VoiceKind.MOVED, VoiceKind.ENDED]);

/** A session in a room. */
export interface Membership extends Holder {
  readonly sid: Id;
  /** null while the session has none. */
  connection: Connection | null;
  /** Version of the roster that was told last, by an event or an answer. */
  ver: number;
  /** When it is forgotten, while there is no connection. */
  lostUntilMs: Ms;
}

type Told = Parameters<VoiceOutP['voice']>[0];

interface Watched {
  readonly members: Set<Membership>;
  room: Ref<unknown> | undefined;
  monitor: MonitorId | undefined;
}

export interface VoiceOutOptions {
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly upstream: () => VoiceUpstream;
}

export class VoiceOut {
  readonly #options: VoiceOutOptions;
  readonly #byVsid = new Map<number, Membership>();
  readonly #bySession = new Map<string, Membership>();
  readonly #rooms = new Map<Id, Watched>();
  /** Without a connection, oldest first. */
  readonly #lost = new Set<Membership>();
  #joins = 0;
  #held: Told[] = [];

  constructor(options: VoiceOutOptions) {
    this.#options = options;
  }

  // -------------------------------------------------------------- memberships

  /** The membership of the session of a connection by its number, which becomes the connection's. */
  find(vsid: number, connection: Connection): Membership | undefined {
    const member = this.#byVsid.get(vsid);
    if (member === undefined || !isHolder(member, connection)) return undefined;
    if (member.connection !== connection) this.#bind(member, connection);
    return member;
  }

  ofSession(session: string): Membership | undefined {
    return this.#bySession.get(session);
  }

  /** A join is asked: events that come before its answer wait. */
  joining(): void {
    this.#joins += 1;
  }

  /** The join is answered, whether or not it was ok; call it behind the OK. */
  joined(): void {
    this.#joins -= 1;
    const held = this.#held;
    if (held.length === 0) return;
    this.#held = [];
    for (const event of held) this.tell(event);
  }

  /** A session is in a room from now on; another membership of it on this thread is forgotten, and given back. */
  add(holder: Holder, sid: Id, connection: Connection, ver: number): Membership | undefined {
    const { session, uid, vsid } = holder;
    const before = this.#bySession.get(session);
    if (before !== undefined) this.remove(before);
    const member: Membership = { vsid, session, uid, sid, connection, ver, lostUntilMs: 0 };
    this.#byVsid.set(vsid, member);
    this.#bySession.set(session, member);
    const watched = this.#rooms.get(sid);
    if (watched !== undefined) watched.members.add(member);
    else {
      const members = new Set([member]);
      this.#rooms.set(sid, { members, room: undefined, monitor: undefined });
    }
    this.#count();
    return before;
  }

  /** This life of the room is the one that the membership is in. */
  watch(sid: Id, room: Ref<unknown>): void {
    const watched = this.#rooms.get(sid);
    if (watched === undefined || (watched.room === room && watched.monitor !== undefined)) return;
    const upstream = this.#options.upstream();
    if (watched.monitor !== undefined) upstream.demonitor(watched.monitor);
    watched.room = room;
    watched.monitor = upstream.monitor(room);
  }

  remove(member: Membership): void {
    if (this.#byVsid.get(member.vsid) !== member) return;
    this.#byVsid.delete(member.vsid);
    if (this.#bySession.get(member.session) === member) this.#bySession.delete(member.session);
    this.#lost.delete(member);
    const watched = this.#rooms.get(member.sid);
    watched?.members.delete(member);
    if (watched?.members.size === 0) {
      this.#rooms.delete(member.sid);
      if (watched.monitor !== undefined) this.#options.upstream().demonitor(watched.monitor);
    }
    this.#count();
  }

  /** The connection has ended: its room keeps the media for a minute, unless the client said good-bye. */
  ended(connection: Connection, isGoodbye: boolean): void {
    const member = this.#bySession.get(connection.session);
    if (member === undefined || member.connection !== connection) return;
    const { session, sid, vsid } = member;
    const upstream = this.#options.upstream();
    if (isGoodbye) {
      this.remove(member);
      upstream.leave(sid, { vsid, session });
      return;
    }
    this.#lose(member);
    upstream.connectionLost(sid, { vsid, session, connNo: connection.connNo });
  }

  /** About once per second. */
  tick(): void {
    const nowMs = this.#options.clock.monotonic();
    for (const member of this.#lost) {
      if (member.lostUntilMs > nowMs && this.#lost.size <= LOST_MAX) return;
      this.#options.metrics.voiceForgotten += 1;
      this.remove(member);
    }
  }

  // -------------------------------------------------------------- from rooms and other threads

  /** One event for some memberships. */
  tell(event: Told): void {
    const { metrics } = this.#options;
    let unknown: number[] | undefined;
    for (const vsid of event.vsids) {
      const member = this.#byVsid.get(vsid);
      if (member !== undefined) this.#send(member, event);
      else {
        unknown ??= [];
        unknown.push(vsid);
      }
    }
    if (unknown === undefined) return;
    if (this.#joins > 0 && this.#held.length < HELD_MAX) {
      this.#held.push({ ...event, vsids: unknown });
      return;
    }
    if (this.#joins > 0) metrics.voiceHeldOverflows += 1;
    metrics.voiceUnheard += unknown.length;
  }

  give({ session, uid, vsid }: Holder): Id | undefined {
    const member = this.#byVsid.get(vsid);
    if (member === undefined || member.session !== session || member.uid !== uid) return undefined;
    this.remove(member);
    return member.sid;
  }

  joinedElsewhere(m: Parameters<VoiceOutP['joinedElsewhere']>[0]): void {
    const member = this.#bySession.get(m.session);
    if (member === undefined) return;
    this.remove(member);
    const { session, sid, vsid } = member;
    if (sid !== m.sid) this.#options.upstream().leave(sid, { vsid, session });
  }

  /** A room has ended with members in it: nobody of them is anywhere any more. */
  down(monitor: MonitorId): void {
    for (const watched of this.#rooms.values()) {
      if (watched.monitor !== monitor) continue;
      watched.monitor = undefined;
      this.#options.metrics.voiceRoomsLost += 1;
      for (const member of [...watched.members]) {
        const { vsid, ver } = member;
        this.tell({ vsids: [vsid], ver, kind: VoiceKind.ENDED, body: [FAILED] });
      }
      return;
    }
  }

  /** The actor was started again: rooms know this thread by a ref that is dead. */
  rebind(): void {
    const upstream = this.#options.upstream();
    for (const [sid, watched] of this.#rooms) {
      watched.monitor = undefined;
      if (watched.room !== undefined) this.watch(sid, watched.room);
      for (const { connection, session, vsid } of watched.members) {
        if (connection === null) continue;
        const base = { vsid, session, gateway: upstream.gateway(), connNo: connection.connNo };
        // Only for who listens now; what was missed the client finds by the skipped `ver`.
        const nothing = { tids: [], pids: [], cids: [] };
        upstream
          .room(sid)('sync', { ...base, ...nothing })
          .catch(ignoreLost);
      }
    }
  }

  // -------------------------------------------------------------- inside

  #bind(member: Membership, connection: Connection): void {
    member.connection = connection;
    this.#lost.delete(member);
  }

  #lose(member: Membership): void {
    member.connection = null;
    member.lostUntilMs = this.#options.clock.monotonic() + LOST_MS;
    this.#lost.delete(member);
    this.#lost.add(member);
  }

  #send(member: Membership, { body, kind, ver }: Told): void {
    const { metrics } = this.#options;
    const { connection, vsid } = member;
    // The answer of a call overtakes what was cast before it.
    if (ver <= member.ver && VOICE_ROSTER_KINDS.has(kind)) {
      metrics.voiceStale += 1;
      return;
    }
    if (LAST.has(kind)) this.remove(member);
    if (connection === null || !connection.isOpen) {
      metrics.voiceUnsent += 1;
      return;
    }
    if (connection.isLagging && EPHEMERAL.has(kind)) {
      metrics.voiceShed += 1;
      return;
    }
    member.ver = ver;
    metrics.voiceSent += 1;
    const frame = voiceFrame(vsid, ver, kind, body as readonly WireValue[]);
    connection.send(encodeFrame(frame, connection.encoding));
  }

  #count(): void {
    this.#options.metrics.voiceMembersNow = this.#byVsid.size;
    this.#options.metrics.voiceRoomsNow = this.#rooms.size;
  }
}

function isHolder(member: Membership, { session, uid }: Connection): boolean {
  return member.session === session && member.uid === uid;
}

/** The end of the room comes by its monitor. */
function ignoreLost(): void {}

/** What the actor is the mailbox of. */
export interface VoiceOutBinding {
  readonly voice: VoiceOut;
  /** The actor lives: `ctx.self` is what rooms know this thread by. */
  bindVoice(ctx: Ctx<VoiceOutP>): void;
}

/** The actor 'voice-out'; its argument and its state are the binding. */
export const VoiceOutActor = defineActor<VoiceOutP, VoiceOutBinding, VoiceOutBinding>({
  name: VOICE_OUT_NAME,
  init: (ctx, binding) => {
    binding.bindVoice(ctx);
    return binding;
  },
  handle: {
    voice: ({ voice }, event) => voice.tell(event),
    give: ({ voice }, holder) => voice.give(holder),
    joinedElsewhere: ({ voice }, m) => voice.joinedElsewhere(m),
  },
  onDown: ({ voice }, { monitor }) => voice.down(monitor),
  mailbox: { limit: MAILBOX_MAX },
});
