/**
 * What a member does with its media: transports, producers, consumers. Each op runs behind the ones before of the same member;
 * what it made is closed again when the member, or what it hangs on, went meanwhile. Part of the room actor.
 */
import { parseDtlsParameters, parseProduceParameters } from '../schema.ts';
import {
  type ConsumerOffer,
  type JsonText,
  MEDIA_AUDIO,
  PRODUCE_PAUSED,
  type ProducerId,
  type RoomP,
  type TransportId,
  type TransportOffer,
  VOICE_PRODUCER,
  VOICE_PRODUCER_PAUSED,
  type VoiceResult,
} from '../types.ts';
import type { Direction, MediaErr, MediaResult } from '../worker/types.ts';
import type { Member, Producer, Transport } from './member.ts';
import { isAudible, maySpeak } from './policy.ts';
import { DONE, FORBIDDEN, INVALID, REJECTED, refused, VOICE_GONE } from './results.ts';
import type { Room } from './room.ts';

type Args<K extends keyof RoomP> = Parameters<RoomP[K]>[0];

const DIRECTIONS: Readonly<Record<number, 'send' | 'receive'>> = { 1: 'send', 2: 'receive' };
const CNONCE_MAX = 64;

/** V_TRANSPORT, and those of a bundled join. The oldest of its direction makes room. */
export async function makeTransport(
  room: Room,
  member: Member,
  direction: Direction,
): Promise<VoiceResult<TransportOffer>> {
  const opened = await room.media.open();
  if (!opened.ok) return refused(opened);
  const made = await opened.value.createTransport({ direction, owner: member.vsid });
  if (!made.ok) return refuse(room, made);
  if (member.isGone || opened.value !== room.media.media) {
    made.value.close();
    return VOICE_GONE;
  }
  const tid = room.media.nextId();
  member.transports.set(tid, { tid, handle: made.value });
  const excess = member.transportsOf(direction).length - room.environment.limits.transportsMax;
  for (const oldest of member.transportsOf(direction).slice(0, Math.max(0, excess))) {
    room.closeTransport(member, oldest);
  }
  return { ok: true, value: { tid, params: JSON.stringify(made.value.params) } };
}

/** V_CONNECT. */
export async function connect(
  room: Room,
  member: Member,
  m: Pick<Args<'connect'>, 'tid' | 'dtls'>,
): Promise<VoiceResult<null>> {
  const transport = member.transports.get(m.tid);
  if (transport === undefined) return VOICE_GONE;
  const dtls = parseDtlsParameters(m.dtls);
  if (dtls === undefined) return reject(room);
  const connected = await transport.handle.connect(dtls);
  return connected.ok ? DONE : refuse(room, connected);
}

/** V_PRODUCE. A repeat of `cnonce` answers the same pid; another producer takes the place of the one before. */
export async function produce(
  room: Room,
  member: Member,
  m: Omit<Args<'produce'>, 'vsid' | 'session'>,
): Promise<VoiceResult<{ readonly pid: ProducerId }>> {
  const known = member.cnonces.get(m.cnonce);
  if (known !== undefined) return { ok: true, value: { pid: known } };
  if ((m.flags & ~PRODUCE_PAUSED) !== 0) return INVALID;
  if (m.cnonce === '' || m.cnonce.length > CNONCE_MAX) return INVALID;
  const transport = member.transports.get(m.tid);
  if (transport === undefined) return VOICE_GONE;
  if (!maySpeak(member, room.settings.mode)) return FORBIDDEN;
  if (m.media !== MEDIA_AUDIO || transport.handle.direction === 'receive') return reject(room);
  const rtp = parseProduceParameters(m.rtp);
  if (rtp === undefined) return reject(room);
  const isPaused = (m.flags & PRODUCE_PAUSED) !== 0;
  const isSilenced = isPaused || !isAudible(member, room.settings.mode);
  const { media } = m;
  const made = await transport.handle.produce({ media, rtp, paused: isSilenced });
  if (!made.ok) return refuse(room, made);
  if (member.isGone || !member.transports.has(m.tid)) {
    made.value.close();
    return VOICE_GONE;
  }
  if (!maySpeak(member, room.settings.mode)) {
    made.value.close();
    return FORBIDDEN;
  }
  const pid = room.media.nextId();
  const said = member.dtls === undefined ? {} : { rtp: m.rtp };
  const handles = { handle: made.value, owner: member, tid: m.tid, cnonce: m.cnonce, ...said };
  announce(room, member, { pid, ...handles, isPaused, isSilenced });
  return { ok: true, value: { pid } };
}

function announce(room: Room, member: Member, producer: Producer): void {
  const { handle, pid, cnonce, isPaused } = producer;
  const before = member.producerOf(handle.media);
  room.counters.producers += 1;
  remember(room, member, cnonce, pid);
  room.roster.tellAll(VOICE_PRODUCER, [member.uid, pid, handle.media]);
  if (isPaused) room.roster.tellAll(VOICE_PRODUCER_PAUSED, [pid, true]);
  room.wiring.add(producer);
  // Decided anew: mutes may have changed while the worker was asked.
  room.wiring.judge(member);
  room.speech.show(member);
  // In a planned move the one before goes on until the client closes its transport, so that nobody misses a word.
  if (before !== undefined && !room.isRelocating) room.closeProducer(before);
}

function remember(room: Room, member: Member, cnonce: string, pid: ProducerId): void {
  if (member.cnonces.size >= room.environment.limits.cnoncesMax) {
    const [oldest] = member.cnonces.keys();
    if (oldest !== undefined) member.cnonces.delete(oldest);
  }
  member.cnonces.set(cnonce, pid);
}

/** V_CONSUME. */
export async function consume(
  room: Room,
  member: Member,
  m: Args<'consume'>,
): Promise<VoiceResult<ConsumerOffer>> {
  const transport = member.transports.get(m.tid);
  const producer = room.wiring.producer(m.pid);
  if (transport === undefined || producer === undefined) return VOICE_GONE;
  if (transport.handle.direction === 'send' || producer.owner === member) return reject(room);
  const consumed = await room.wiring.consume(member, transport, producer);
  if (!consumed.ok && consumed.error === 'voice_rejected') room.counters.rejected += 1;
  return consumed;
}

/** V_PAUSE, of an own producer or consumer. */
export async function pause(
  room: Room,
  member: Member,
  m: Args<'pause'>,
): Promise<VoiceResult<null>> {
  const consumer = member.consumers.get(m.id);
  if (consumer !== undefined) {
    room.wiring.setPaused(member, consumer, m.paused);
    return DONE;
  }
  const producer = member.producers.get(m.id);
  if (producer === undefined) return VOICE_GONE;
  if (producer.isPaused === m.paused) return DONE;
  producer.isPaused = m.paused;
  room.wiring.judge(member);
  room.roster.tellAll(VOICE_PRODUCER_PAUSED, [producer.pid, m.paused]);
  return DONE;
}

/** V_CLOSE, of anything of one's own. */
export async function close(
  room: Room,
  member: Member,
  m: Args<'close'>,
): Promise<VoiceResult<null>> {
  const consumer = member.consumers.get(m.id);
  const producer = member.producers.get(m.id);
  const transport = member.transports.get(m.id);
  if (consumer !== undefined) room.wiring.closeConsumer(member, consumer);
  else if (producer !== undefined) room.closeProducer(producer);
  else if (transport !== undefined) room.closeTransport(member, transport);
  else return VOICE_GONE;
  return DONE;
}

/** V_ICE. */
export async function restartIce(
  room: Room,
  member: Member,
  tid: TransportId,
): Promise<VoiceResult<{ readonly ice: JsonText }>> {
  const transport: Transport | undefined = member.transports.get(tid);
  if (transport === undefined) return VOICE_GONE;
  const restarted = await transport.handle.restartIce();
  if (!restarted.ok) return refuse(room, restarted);
  return { ok: true, value: { ice: JSON.stringify(restarted.value) } };
}

/** V_TRANSPORT. */
export async function transport(
  room: Room,
  member: Member,
  { dir }: Args<'transport'>,
): Promise<VoiceResult<TransportOffer>> {
  const direction = DIRECTIONS[dir];
  if (direction === undefined) return INVALID;
  const made = await makeTransport(room, member, direction);
  // In a planned move of who joined bundled: all consumers are made once more, on the new one.
  if (made.ok) room.wiring.rewire(member);
  return made;
}

/** A `J` value or an op out of order. */
function reject(room: Room): typeof REJECTED {
  room.counters.rejected += 1;
  return REJECTED;
}

function refuse(
  room: Room,
  result: Extract<MediaResult<never>, { readonly ok: false }>,
): ReturnType<typeof refused> {
  const rejected: MediaErr = 'rejected';
  if (result.code === rejected) room.counters.rejected += 1;
  return refused(result);
}
