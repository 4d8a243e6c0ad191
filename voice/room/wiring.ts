/**
 * Who hears whom in a room: its producers, the consumers that members have of them, and which of both are silenced in the media
 * worker now. For members of bundled joins it makes and closes consumers by itself. Part of the room actor.
 */
import type { Ms } from '../../runtime/index.ts';
import {
  type ConsumerId,
  type ConsumerOffer,
  type ProducerId,
  VOICE_CONSUMER,
  VOICE_CONSUMER_CLOSED,
  type VoiceResult,
  type VoiceSettings,
} from '../types.ts';
import type { MediaProducer } from '../worker/types.ts';
import { Forwarding } from './forwarding.ts';
import type { Consumer, Member, Producer, Transport } from './member.ts';
import { isAudible } from './policy.ts';
import type { RoomLimits, VoiceCounters } from './ports.ts';
import { BOUNDED, refused, VOICE_GONE } from './results.ts';

export interface WiringPorts {
  readonly limits: RoomLimits;
  readonly counters: VoiceCounters;
  members(): Iterable<Member>;
  mode(): VoiceSettings['mode'];
  nextId(): number;
  nowMs(): Ms;
  tell(member: Member, kind: number, body: readonly unknown[]): void;
  /** A producer is there, or is about to be closed. */
  added(producer: Producer): void;
  removed(producer: Producer): void;
  /** Runs work that nobody waits for; its failure is the room's. */
  beside(work: Promise<unknown>): void;
}

export class Wiring {
  readonly #ports: WiringPorts;
  readonly #producers = new Map<ProducerId, Producer>();
  readonly #byHandle = new Map<MediaProducer, Producer>();
  readonly #forwarding: Forwarding;
  /** Counts choices: the age of what is forwarded. */
  #choice = 0;
  #consumers = 0;

  constructor(ports: WiringPorts) {
    this.#ports = ports;
    this.#forwarding = new Forwarding(ports.limits);
  }

  /** Whether the room is so large that not everybody is forwarded. */
  get isChoosing(): boolean {
    return this.#forwarding.isChoosing;
  }

  /** Producers. */
  get size(): number {
    return this.#producers.size;
  }

  get consumers(): number {
    return this.#consumers;
  }

  producers(): IterableIterator<Producer> {
    return this.#producers.values();
  }

  producer(pid: ProducerId): Producer | undefined {
    return this.#producers.get(pid);
  }

  ofHandle(handle: MediaProducer): Producer | undefined {
    return this.#byHandle.get(handle);
  }

  // -------------------------------------------------------------- producers

  add(producer: Producer): void {
    const { owner, pid, handle } = producer;
    owner.producers.set(pid, producer);
    this.#producers.set(pid, producer);
    this.#byHandle.set(handle, producer);
    this.#forwarding.set(pid, owner.sanction.priority);
    this.#ports.added(producer);
    this.choose();
  }

  /** Closes it, and with it all consumers of it. */
  remove(producer: Producer): void {
    const { owner, pid, handle, cnonce } = producer;
    if (!this.#producers.delete(pid)) return;
    owner.producers.delete(pid);
    owner.cnonces.delete(cnonce);
    this.#byHandle.delete(handle);
    this.#forwarding.delete(pid);
    this.#ports.removed(producer);
    handle.close();
    for (const member of this.#ports.members()) this.#forgetConsumersOf(member, producer);
    if (this.isChoosing) this.choose();
  }

  /** Silences or lets through what a member sends, after a change of anything that decides it. */
  judge(member: Member): void {
    const isHeard = isAudible(member, this.#ports.mode());
    for (const producer of member.producers.values()) {
      const isSilenced = producer.isPaused || !isHeard;
      if (producer.isSilenced === isSilenced) continue;
      producer.isSilenced = isSilenced;
      this.#ports.beside(producer.handle.setPaused(isSilenced));
    }
  }

  // -------------------------------------------------------------- the choice of speakers

  setPeople(people: number): void {
    const was = this.isChoosing;
    this.#forwarding.setPeople(people);
    if (was !== this.isChoosing) this.choose();
  }

  /** A member's priority changed. */
  prioritize(member: Member): void {
    for (const pid of member.producers.keys()) {
      this.#forwarding.set(pid, member.sanction.priority);
    }
    this.choose();
  }

  heard(producer: Producer): void {
    this.#forwarding.heard(producer.pid, this.#ports.nowMs());
  }

  /** Who is forwarded now; what follows for all consumers. */
  choose(): void {
    if (!this.#forwarding.choose(this.#ports.nowMs())) return;
    this.#choice += 1;
    for (const member of this.#ports.members()) this.rewire(member);
  }

  // -------------------------------------------------------------- consumers

  /** Brings a member's consumers in line: silenced or not, made and closed for who joined bundled. */
  rewire(member: Member): void {
    for (const consumer of member.consumers.values()) this.#silence(member, consumer);
    if (!member.isBundled || member.isGone) return;
    const work = this.offers(member).then((offers) => {
      for (const { cid } of offers) this.tellAgain(member, cid);
      this.#trim(member);
    });
    this.#ports.beside(work);
  }

  /** What a member has on its newest transport: for its join, and again after its connection was away. */
  offersOf(member: Member): ConsumerOffer[] {
    const newest = member.transport('receive')?.tid;
    return [...member.consumers.values()].filter(({ tid }) => tid === newest).map(offerOf);
  }

  /** A consumer that the client does not know of. */
  tellAgain(member: Member, cid: ConsumerId): void {
    const consumer = member.consumers.get(cid);
    if (consumer === undefined) return;
    const { pid, media, rtp } = offerOf(consumer);
    this.#ports.tell(member, VOICE_CONSUMER, [pid, cid, media, rtp]);
  }

  /** Makes the consumers that a member lacks on its newest transport, side by side; those that cannot be made are left out. */
  async offers(member: Member): Promise<ConsumerOffer[]> {
    const transport = member.transport('receive');
    if (transport === undefined) return [];
    const lacking = [...this.#producers.values()].filter(
      ({ owner, pid }) =>
        owner.uid !== member.uid &&
        this.#forwarding.isForwarded(pid) &&
        !member.consuming.has(makingOf(transport, pid)) &&
        member.consumerOf(pid, transport.tid) === undefined,
    );
    const made = await Promise.all(
      lacking.map((producer) => this.#consume(member, transport, producer)),
    );
    return made.flatMap((result) => (result.ok ? [offerOf(result.value)] : []));
  }

  /** A consumer that the client asks for; the one that is there, if there is one. */
  async consume(
    member: Member,
    transport: Transport,
    producer: Producer,
  ): Promise<VoiceResult<ConsumerOffer>> {
    const present = member.consumerOf(producer.pid, transport.tid);
    if (present !== undefined) return { ok: true, value: offerOf(present) };
    if (member.consumers.size >= this.#ports.limits.consumersMax) {
      this.#ports.counters.bounded += 1;
      return BOUNDED;
    }
    const made = await this.#consume(member, transport, producer);
    return made.ok ? { ok: true, value: offerOf(made.value) } : made;
  }

  /** By its client's V_PAUSE. */
  setPaused(member: Member, consumer: Consumer, isPaused: boolean): void {
    consumer.isPaused = isPaused;
    this.#silence(member, consumer);
  }

  closeConsumer(member: Member, consumer: Consumer): void {
    consumer.handle.close();
    this.#forget(member, consumer.cid);
  }

  /** Of a transport that has been closed. */
  forgetTransport(member: Member, { tid }: Transport): void {
    for (const { cid, ...consumer } of member.consumers.values()) {
      if (consumer.tid === tid) this.#forget(member, cid);
    }
  }

  /** All handles are closed: the worker died, or the room ends. */
  clear(): void {
    this.#producers.clear();
    this.#byHandle.clear();
    this.#forwarding.clear();
    for (const member of this.#ports.members()) {
      if (member.dtls !== undefined) member.sent = [...member.producers.values()];
      for (const cid of member.consumers.keys()) this.#forget(member, cid);
      member.producers.clear();
      member.transports.clear();
      member.cnonces.clear();
      member.consuming.clear();
    }
  }

  // -------------------------------------------------------------- inside

  async #consume(
    member: Member,
    transport: Transport,
    producer: Producer,
  ): Promise<VoiceResult<Consumer>> {
    const { pid } = producer;
    const making = makingOf(transport, pid);
    member.consuming.add(making);
    const { caps } = member;
    const paused = !member.isCompact || member.isDeafened;
    const made = await transport.handle.consume({ producer: producer.handle, caps, paused });
    member.consuming.delete(making);
    if (!made.ok) return refused(made);
    // What it hangs on may have gone meanwhile; then nobody would close it.
    const isOrphan =
      member.isGone || !this.#producers.has(pid) || !member.transports.has(transport.tid);
    if (isOrphan) {
      made.value.close();
      return VOICE_GONE;
    }
    const consumer: Consumer = {
      ...{ cid: this.#ports.nextId(), tid: transport.tid, producer, handle: made.value },
      ...{ isPaused: !member.isCompact, isSilenced: paused, forwardedAt: this.#choice },
    };
    member.consumers.set(consumer.cid, consumer);
    this.#ports.counters.consumers += 1;
    this.#consumers += 1;
    // What it hangs on may have changed meanwhile.
    this.#silence(member, consumer);
    return { ok: true, value: consumer };
  }

  #silence(member: Member, consumer: Consumer): void {
    const isForwarded = this.#forwarding.isForwarded(consumer.producer.pid);
    if (isForwarded) consumer.forwardedAt = this.#choice;
    const isSilenced = consumer.isPaused || member.isDeafened || !isForwarded;
    if (consumer.isSilenced === isSilenced) return;
    consumer.isSilenced = isSilenced;
    this.#ports.beside(consumer.handle.setPaused(isSilenced));
  }

  /** A browser pays for each consumer, also for a silent one: those not forwarded for longest go. */
  #trim(member: Member): void {
    if (!this.isChoosing) return;
    const excess = member.consumers.size - this.#ports.limits.keptMax;
    if (excess <= 0) return;
    const idle = [...member.consumers.values()]
      .filter(({ producer }) => !this.#forwarding.isForwarded(producer.pid))
      .sort((a, b) => a.forwardedAt - b.forwardedAt);
    for (const consumer of idle.slice(0, excess)) {
      this.closeConsumer(member, consumer);
      this.#ports.tell(member, VOICE_CONSUMER_CLOSED, [consumer.cid]);
    }
  }

  /** Their clients hear of it by the end of the producer. */
  #forgetConsumersOf(member: Member, producer: Producer): void {
    for (const [cid, consumer] of member.consumers) {
      if (consumer.producer === producer) this.#forget(member, cid);
    }
  }

  #forget(member: Member, cid: ConsumerId): void {
    if (member.consumers.delete(cid)) this.#consumers -= 1;
  }
}

/** In a planned move one is made on the old transport and one on the new. */
function makingOf({ tid }: Transport, pid: ProducerId): string {
  return `${tid} ${pid}`;
}

function offerOf({ cid, producer, handle }: Consumer): ConsumerOffer {
  const rtp = JSON.stringify(handle.params.rtpParameters);
  return { pid: producer.pid, cid, media: producer.handle.media, rtp };
}
