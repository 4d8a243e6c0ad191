/**
 * Who is in a room, and how they hear of it: one event per gateway thread for all its memberships, numbered by `ver` where it
 * changes the roster. Part of the room actor; knows nothing of media.
 */
import type { Id } from '../../channels/index.ts';
import type { Ref } from '../../runtime/index.ts';
import {
  VOICE_EPOCH,
  VOICE_JOINED,
  VOICE_LEFT,
  VOICE_MOVED,
  VOICE_PRODUCER,
  VOICE_PRODUCER_CLOSED,
  VOICE_PRODUCER_PAUSED,
  VOICE_STATE,
  type VoiceOutP,
  type Vsid,
} from '../types.ts';
import type { Member } from './member.ts';
import type { VoiceCounters } from './ports.ts';

/** Each takes the next `ver` (protocol.md 2.15); others repeat the present one. */
const ROSTER_KINDS: ReadonlySet<number> = new Set([
  ...[VOICE_JOINED, VOICE_LEFT, VOICE_STATE, VOICE_PRODUCER, VOICE_PRODUCER_CLOSED],
  ...[VOICE_PRODUCER_PAUSED, VOICE_MOVED, VOICE_EPOCH],
]);

export type VoiceEvent = Parameters<VoiceOutP['voice']>[0];

export interface RosterPorts {
  cast(gateway: Ref<VoiceOutP>, event: VoiceEvent): void;
  readonly counters: VoiceCounters;
}

export class Roster {
  readonly #ports: RosterPorts;
  readonly #byVsid = new Map<Vsid, Member>();
  readonly #byUser = new Map<Id, Member>();
  readonly #bySession = new Map<string, Member>();
  /** Connected memberships by gateway thread; undefined: to be made anew. */
  #receivers: Map<Ref<VoiceOutP>, Vsid[]> | undefined;
  #ver = 0;

  constructor(ports: RosterPorts) {
    this.#ports = ports;
  }

  get ver(): number {
    return this.#ver;
  }

  get size(): number {
    return this.#byVsid.size;
  }

  /** In the order in which they came. */
  all(): IterableIterator<Member> {
    return this.#byVsid.values();
  }

  /** The member, where the session is the one that joined. */
  member(vsid: Vsid, session: string): Member | undefined {
    const member = this.#byVsid.get(vsid);
    return member?.session === session ? member : undefined;
  }

  ofVsid(vsid: Vsid): Member | undefined {
    return this.#byVsid.get(vsid);
  }

  ofUser(uid: Id): Member | undefined {
    return this.#byUser.get(uid);
  }

  ofSession(session: string): Member | undefined {
    return this.#bySession.get(session);
  }

  /** Its user and its session have no other membership here. */
  add(member: Member): void {
    this.#byVsid.set(member.vsid, member);
    this.#byUser.set(member.uid, member);
    this.#bySession.set(member.session, member);
    this.rewire();
  }

  delete(member: Member): void {
    this.#byVsid.delete(member.vsid);
    this.#byUser.delete(member.uid);
    this.#bySession.delete(member.session);
    this.rewire();
  }

  /** A member's connection went, came, or is on another gateway thread. */
  rewire(): void {
    this.#receivers = undefined;
  }

  tellAll(kind: number, body: readonly unknown[]): void {
    if (ROSTER_KINDS.has(kind)) this.#ver += 1;
    for (const [gateway, vsids] of this.#groups()) this.#send(gateway, vsids, kind, body);
  }

  /** To one member, or to one that has just left; takes no `ver`. */
  tell(member: Member, kind: number, body: readonly unknown[]): void {
    if (!member.isLost) this.#send(member.gateway, [member.vsid], kind, body);
  }

  /** To some members; takes no `ver`. */
  tellSome(members: readonly Member[], kind: number, body: readonly unknown[]): void {
    for (const [gateway, vsids] of grouped(members)) this.#send(gateway, vsids, kind, body);
  }

  #send(
    gateway: Ref<VoiceOutP>,
    vsids: readonly Vsid[],
    kind: number,
    body: readonly unknown[],
  ): void {
    const { counters } = this.#ports;
    counters.casts += 1;
    counters.told += vsids.length;
    this.#ports.cast(gateway, { vsids, ver: this.#ver, kind, body });
  }

  #groups(): Map<Ref<VoiceOutP>, Vsid[]> {
    this.#receivers ??= grouped(this.#byVsid.values());
    return this.#receivers;
  }
}

/** Connected memberships by gateway thread. */
function grouped(members: Iterable<Member>): Map<Ref<VoiceOutP>, Vsid[]> {
  const groups = new Map<Ref<VoiceOutP>, Vsid[]>();
  for (const { gateway, isLost, vsid } of members) {
    if (isLost) continue;
    const group = groups.get(gateway);
    if (group === undefined) groups.set(gateway, [vsid]);
    else group.push(vsid);
  }
  return groups;
}
