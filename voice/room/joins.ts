/**
 * How a session gets into a room, and in again: rights, bounds, its media, and only then its place in the roster, so that who is
 * shown can be heard. Part of the room actor.
 */
import type { Id } from '../../channels/index.ts';
import type { Ms } from '../../runtime/index.ts';
import { parseRtpCapabilities } from '../schema.ts';
import {
  JOIN_BUNDLED,
  JOIN_COMPACT,
  JOIN_DEAF,
  JOIN_LISTEN,
  JOIN_MUTED,
  type Joined,
  type JoinRequest,
  type JsonText,
  type TransportOffer,
  VOICE_JOINED,
  type VoiceResult,
} from '../types.ts';
import type { RtpCapabilities } from '../worker/types.ts';
import { connect, makeTransport } from './media-ops.ts';
import { Member } from './member.ts';
import { isModerator, refusal } from './policy.ts';
import {
  E2E_REQUIRED,
  INVALID,
  NOT_FOUND,
  REJECTED,
  refused,
  UNAVAILABLE,
  VOICE_FULL,
  VOICE_GONE,
} from './results.ts';
import type { Room } from './room.ts';

const FLAGS = JOIN_MUTED | JOIN_DEAF | JOIN_BUNDLED | JOIN_LISTEN | JOIN_COMPACT;
/** The worker may die, or rights change, while somebody comes in; more often is not bad luck. */
const TRIES_MAX = 3;
/** For the way back: who has given up would be a member that nobody knows of. */
const ANSWER_MS: Ms = 250;

/** With what somebody may come in. */
interface Ticket {
  readonly perms: number;
  /** Of the rights, when they were asked. */
  readonly changes: number;
  readonly deadline: Ms;
}

type VoiceErr = Extract<VoiceResult<never>, { readonly ok: false }>;

interface Transports {
  readonly send: TransportOffer | null;
  readonly receive: TransportOffer;
}

/**
 * V_JOIN. One at a time per session, so that a repeat finds what the first one did.
 * @param deadline monotonic ms at which the caller gives up
 */
export async function join(room: Room, m: JoinRequest, deadline: Ms): Promise<VoiceResult<Joined>> {
  if ((m.flags & ~FLAGS) !== 0) return INVALID;
  const caps = parseRtpCapabilities(m.rtpCaps);
  if (caps === undefined) {
    room.counters.rejected += 1;
    return REJECTED;
  }
  for (let other = room.joining.get(m.session); other; other = room.joining.get(m.session)) {
    await other;
  }
  const coming = enter(room, m, caps, deadline);
  room.joining.set(m.session, coming);
  const joined = await coming;
  room.joining.delete(m.session);
  if (!joined.ok) room.counters.joinsRefused += 1;
  if (room.people === 0) room.ctx.timer('emptied', room.environment.limits.emptyMs, 'emptied');
  return joined;
}

async function enter(
  room: Room,
  m: JoinRequest,
  caps: RtpCapabilities,
  deadline: Ms,
): Promise<VoiceResult<Joined>> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const { changes } = room.rights;
    const allowed = await allow(room, m);
    if (!allowed.ok) return allowed;
    const known = room.roster.ofSession(m.session);
    if (known !== undefined && known.uid !== m.uid) return INVALID;
    const { epoch } = room.media;
    const entered =
      known === undefined
        ? await enterAnew(room, m, caps, { perms: allowed.value, changes, deadline })
        : await known.inOrder(() => enterAgain(room, known, m, caps));
    const isRetried = !entered.ok && entered.error === 'voice_gone';
    if (!isRetried) return entered;
    // Nothing has changed that would make another try end otherwise.
    if (epoch === room.media.epoch && changes === room.rights.changes && !known?.isGone) break;
  }
  return UNAVAILABLE;
}

/** The rights of who may come in now. Those of members are kept up to date: a new epoch waits for no guild. */
async function allow(room: Room, m: JoinRequest): Promise<VoiceResult<number>> {
  const known = room.roster.ofSession(m.session);
  const [failed, perms] = await Promise.all([
    room.rights.watch(),
    known?.uid === m.uid ? known.perms : room.rights.permsOf(m.uid),
  ]);
  if (failed === 'not_found') return NOT_FOUND;
  if (failed === 'unavailable' || perms === null) return UNAVAILABLE;
  const error = refusal(perms);
  if (error !== undefined) return { ok: false, error };
  return m.e2e < room.settings.e2e ? E2E_REQUIRED : { ok: true, value: perms };
}

/** Those who are on their way in have their places already. */
function isFull(room: Room, uid: Id, perms: number): boolean {
  if (room.roster.ofUser(uid) !== undefined) return false;
  const people = room.roster.size + room.coming.size;
  if (people >= room.environment.limits.peopleMax) return true;
  const { userLimit } = room.settings;
  return userLimit > 0 && people >= userLimit && !isModerator(perms);
}

async function enterAnew(
  room: Room,
  m: JoinRequest,
  caps: RtpCapabilities,
  { perms, changes, deadline }: Ticket,
): Promise<VoiceResult<Joined>> {
  if (isFull(room, m.uid, perms)) return VOICE_FULL;
  const member = new Member({
    ...{ vsid: room.environment.nextVsid(), uid: m.uid, session: m.session },
    ...{ gateway: m.gateway, connNo: m.connNo, perms, caps, e2e: m.e2e },
    isMuted: (m.flags & JOIN_MUTED) !== 0,
    isDeaf: (m.flags & JOIN_DEAF) !== 0,
  });
  room.coming.add(member);
  member.sanction = room.sanctions.of(m.uid);
  const prepared = await prepare(room, member, m);
  const isLate = room.environment.clock.monotonic() + ANSWER_MS > deadline;
  if (!prepared.ok || changes !== room.rights.changes || isLate) {
    member.isGone = true;
    room.dropMedia(member);
    room.coming.delete(member);
    if (!prepared.ok) return prepared;
    return isLate ? UNAVAILABLE : VOICE_GONE;
  }
  const replaced = room.roster.ofUser(m.uid);
  if (replaced !== undefined) {
    room.counters.replaced += 1;
    room.end(replaced, 'replaced');
  }
  room.counters.joins += 1;
  // A moderator may have decided meanwhile.
  member.sanction = room.sanctions.of(m.uid);
  room.roster.tellAll(VOICE_JOINED, [member.uid, room.flagsOf(member)]);
  room.coming.delete(member);
  room.welcome(member);
  return { ok: true, value: answer(room, member, m.flags, prepared.value) };
}

/** The same membership with new media: after a new epoch, or at the last rung of a client's ladder. */
async function enterAgain(
  room: Room,
  member: Member,
  m: JoinRequest,
  caps: RtpCapabilities,
): Promise<VoiceResult<Joined>> {
  if (member.isGone) return VOICE_GONE;
  room.counters.rejoins += 1;
  if (m.connNo >= member.connNo) room.recover(member, m.gateway, m.connNo);
  // In a planned move the old media go on until the client closes them, so that nobody misses a word.
  if (!room.isRelocating) room.dropMedia(member);
  member.caps = caps;
  member.e2e = m.e2e;
  const prepared = await prepare(room, member, m);
  if (!prepared.ok) return prepared;
  if (member.isGone) return VOICE_GONE;
  return { ok: true, value: answer(room, member, m.flags, prepared.value) };
}

/** Transports and consumers of a bundled join; without JOIN_BUNDLED only the room's media are opened. */
async function prepare(
  room: Room,
  member: Member,
  m: JoinRequest,
): Promise<VoiceResult<Transports | undefined>> {
  // What is made now comes with the answer, so nothing is to be told of it.
  member.isBundled = false;
  member.isCompact = (m.flags & JOIN_COMPACT) !== 0;
  member.dtls = member.isCompact && (m.flags & JOIN_BUNDLED) !== 0 ? m.dtls : undefined;
  const opened = await room.media.open();
  if (!opened.ok) return refused(opened);
  if ((m.flags & JOIN_BUNDLED) === 0) return { ok: true, value: undefined };
  const equipped = await room.media.equipping.run(() => equip(room, member, m));
  return equipped.ok && opened.value.closed ? VOICE_GONE : equipped;
}

async function equip(
  room: Room,
  member: Member,
  { dtls, flags }: JoinRequest,
): Promise<VoiceResult<Transports>> {
  const made = await makeTransports(room, member, flags);
  if (!made.ok) return made;
  const [failed] = await Promise.all([
    dtls === undefined ? undefined : connectAll(room, member, made.value, dtls),
    room.wiring.offers(member),
  ]);
  return failed ?? made;
}

async function makeTransports(
  room: Room,
  member: Member,
  flags: number,
): Promise<VoiceResult<Transports>> {
  const isListener = (flags & JOIN_LISTEN) !== 0;
  if ((flags & JOIN_COMPACT) !== 0 && !isListener) {
    const both = await makeTransport(room, member, 'both');
    return both.ok ? { ok: true, value: { send: both.value, receive: both.value } } : both;
  }
  const [send, receive] = await Promise.all([
    isListener ? null : makeTransport(room, member, 'send'),
    makeTransport(room, member, 'receive'),
  ]);
  if (send !== null && !send.ok) return send;
  if (!receive.ok) return receive;
  return { ok: true, value: { send: send?.value ?? null, receive: receive.value } };
}

/** As V_CONNECT would, for each of them; the first refusal. */
async function connectAll(
  room: Room,
  member: Member,
  { receive, send }: Transports,
  dtls: JsonText,
): Promise<VoiceErr | undefined> {
  const tids = new Set([receive.tid, send?.tid ?? receive.tid]);
  const all = await Promise.all([...tids].map((tid) => connect(room, member, { tid, dtls })));
  return all.find((one): one is VoiceErr => !one.ok);
}

function answer(
  room: Room,
  member: Member,
  flags: number,
  transports: Transports | undefined,
): Joined {
  const { ctx, environment, media, roster, settings, wiring } = room;
  const bundle =
    transports === undefined
      ? {}
      : { bundle: { ...transports, consumers: wiring.offersOf(member) } };
  member.isBundled = (flags & JOIN_BUNDLED) !== 0;
  // Who began to speak since the offers were asked for.
  wiring.rewire(member);
  return {
    ...{ vsid: member.vsid, room: ctx.self, ver: roster.ver, epoch: media.epoch },
    routerCaps: media.caps,
    iceServers: environment.iceServers(member.uid),
    participants: room.participants(),
    e2e: settings.e2e,
    ...bundle,
  };
}
