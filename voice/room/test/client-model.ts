/**
 * What a careful client knows of a room, from the answer of its join and the events behind it: for comparing with the room's own
 * roster (protocol.md I19). Tests only.
 */
import {
  type ConsumerId,
  PART_RECORDING,
  type Participant,
  VOICE_CONSUMER,
  VOICE_CONSUMER_CLOSED,
  VOICE_ENDED,
  VOICE_EPOCH,
  VOICE_JOINED,
  VOICE_LEFT,
  VOICE_MOVED,
  VOICE_PRODUCER,
  VOICE_PRODUCER_CLOSED,
  VOICE_PRODUCER_PAUSED,
  VOICE_RECORDING,
  VOICE_STATE,
} from '../../types.ts';
import type { Heard, Person } from './kit.ts';

interface Known {
  flags: number;
  readonly producers: Map<number, readonly [media: number, paused: boolean]>;
}

const ROSTER_KINDS: readonly number[] = [1, 2, 3, 4, 5, 7, 8, 11];

export class ClientModel {
  readonly who: Person;
  readonly #people = new Map<number, Known>();
  /** cid to pid. */
  readonly consumers = new Map<ConsumerId, number>();
  ver: number;
  isEnded = false;
  /** Must join again: its media are gone. */
  isUnbuilt = false;

  constructor(who: Person) {
    this.who = who;
    this.ver = who.joined.ver;
    this.replace(who.joined.participants, who.joined.ver);
    for (const { cid, pid } of who.joined.bundle?.consumers ?? []) this.consumers.set(cid, pid);
  }

  /** The answer of V_SYNC. */
  replace(participants: readonly Participant[], ver: number): void {
    this.ver = ver;
    this.#people.clear();
    for (const [uid, flags, producers] of participants) {
      const map = new Map(producers.map(([pid, media, paused]) => [pid, [media, paused] as const]));
      this.#people.set(uid, { flags, producers: map });
    }
  }

  /** In the form of the roster. */
  participants(): Participant[] {
    return [...this.#people].map(([uid, { flags, producers }]) => [
      uid,
      flags,
      [...producers].map(([pid, [media, paused]]) => [pid, media, paused]),
    ]) as unknown as Participant[];
  }

  /** Whether an event is behind the answer of the join, which may overtake it on its way. */
  #isNews({ body, kind, ver }: Heard): boolean {
    if (ROSTER_KINDS.includes(kind)) return ver > this.ver;
    // Numbers rise: consumers of this join came behind its transport.
    const tid = this.who.joined.bundle?.receive.tid ?? 0;
    if (kind === VOICE_CONSUMER) return Number(body[1]) > tid;
    if (kind === VOICE_CONSUMER_CLOSED) return Number(body[0]) > tid;
    return ver >= this.ver;
  }

  take(event: Heard): void {
    if (!this.#isNews(event)) return;
    const { body, kind, ver } = event;
    if (ROSTER_KINDS.includes(kind)) this.#number(ver);
    const [a, b, c, d] = body as readonly number[];
    if (kind === VOICE_JOINED) this.#people.set(a ?? 0, { flags: b ?? 0, producers: new Map() });
    else if (kind === VOICE_LEFT) this.#left(a ?? 0);
    else if (kind === VOICE_STATE) this.#known(a ?? 0).flags = d ?? 0;
    else if (kind === VOICE_PRODUCER) this.#known(a ?? 0).producers.set(b ?? 0, [c ?? 0, false]);
    else if (kind === VOICE_PRODUCER_CLOSED) this.#closed(a ?? 0);
    else if (kind === VOICE_PRODUCER_PAUSED) this.#paused(a ?? 0, body[1] === true);
    else if (kind === VOICE_EPOCH) this.#epoch();
    else if (kind === VOICE_ENDED || kind === VOICE_MOVED) this.isEnded = true;
    else if (kind === VOICE_RECORDING) this.#recorded(body[0] === true);
    else if (kind === VOICE_CONSUMER) this.consumers.set(b ?? 0, a ?? 0);
    else if (kind === VOICE_CONSUMER_CLOSED) this.consumers.delete(a ?? 0);
  }

  #number(ver: number): void {
    if (ver !== this.ver + 1) throw new Error(`ver: got ${ver} behind ${this.ver}`);
    this.ver = ver;
  }

  #known(uid: number): Known {
    const known = this.#people.get(uid);
    if (known === undefined) throw new Error(`an event about ${uid}, who is not here`);
    return known;
  }

  #left(uid: number): void {
    for (const pid of this.#known(uid).producers.keys()) this.#closed(pid);
    this.#people.delete(uid);
  }

  #closed(pid: number): void {
    for (const { producers } of this.#people.values()) producers.delete(pid);
    for (const [cid, of] of this.consumers) if (of === pid) this.consumers.delete(cid);
  }

  #paused(pid: number, paused: boolean): void {
    for (const { producers } of this.#people.values()) {
      const known = producers.get(pid);
      if (known !== undefined) producers.set(pid, [known[0], paused]);
    }
  }

  #epoch(): void {
    for (const { producers } of this.#people.values()) producers.clear();
    this.consumers.clear();
    this.isUnbuilt = true;
  }

  #recorded(on: boolean): void {
    for (const known of this.#people.values()) {
      known.flags = on ? known.flags | PART_RECORDING : known.flags & ~PART_RECORDING;
    }
  }
}
