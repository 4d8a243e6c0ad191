/**
 * Who is in the room and what they send, as pure state: V_JOIN and V_SYNC give the whole of it, VOICE frames change it, and a
 * skipped `ver` says that something was missed. Holds no media.
 */
import type { VoiceFrame, VoiceParticipant, WireValue } from '../../gateway/protocol/index.ts';
import { VOICE_ROSTER_KINDS, VoiceKind, VoicePart } from '../../gateway/protocol/index.ts';

/** Somebody in the room. */
export interface Participant {
  readonly uid: number;
  readonly flags: number;
  /** pid to what it sends and whether its owner holds it. */
  readonly producers: ReadonlyMap<number, { readonly media: number; readonly isPaused: boolean }>;
}

/** What a frame did. `old`: of before the last whole list. `missed`: the roster is not to be trusted before a V_SYNC. */
export type RosterOutcome = 'same' | 'changed' | 'old' | 'missed';

interface Entry {
  readonly uid: number;
  flags: number;
  readonly producers: Map<number, { media: number; isPaused: boolean }>;
}

/** People at most; more in one answer are not kept (the server's own limit is far below). */
const PEOPLE_MAX = 5_000;

/** The roster of one room. */
export class Roster {
  readonly #people = new Map<number, Entry>();
  #ver = 0;

  get ver(): number {
    return this.#ver;
  }

  /** Everybody, in the order of arrival. */
  people(): readonly Participant[] {
    return [...this.#people.values()];
  }

  person(uid: number): Participant | undefined {
    return this.#people.get(uid);
  }

  /** Whose producer it is. */
  ownerOf(pid: number): number | undefined {
    for (const { uid, producers } of this.#people.values()) if (producers.has(pid)) return uid;
    return undefined;
  }

  /** Takes the complete list: who is not in it is gone. */
  replace(ver: number, participants: readonly VoiceParticipant[]): void {
    this.#people.clear();
    for (const { uid, flags, producers } of participants.slice(0, PEOPLE_MAX)) {
      const own = producers.map(
        ({ pid, media, paused }) => [pid, { media, isPaused: paused }] as const,
      );
      this.#people.set(uid, { uid, flags, producers: new Map(own) });
    }
    this.#ver = ver;
  }

  /** A VOICE frame of this room. */
  apply(frame: VoiceFrame): RosterOutcome {
    if (!VOICE_ROSTER_KINDS.has(frame.kind)) return frame.ver > this.#ver ? 'missed' : 'same';
    // What was on its way while the answer with the whole list was made.
    if (frame.ver <= this.#ver) return 'old';
    if (frame.ver > this.#ver + 1) return 'missed';
    this.#ver = frame.ver;
    return this.#change(frame.kind, frame.body) ? 'changed' : 'missed';
  }

  #change(kind: number, body: readonly WireValue[]): boolean {
    const [first = 0, second = 0, third = 0, fourth] = body;
    if (kind === VoiceKind.EPOCH || kind === VoiceKind.MOVED) return true;
    if (typeof first !== 'number') return false;
    if (kind === VoiceKind.JOINED) {
      if (typeof second !== 'number' || this.#people.size >= PEOPLE_MAX) return false;
      this.#people.set(first, { uid: first, flags: second, producers: new Map() });
      return true;
    }
    if (kind === VoiceKind.LEFT) return this.#people.delete(first);
    if (kind === VoiceKind.STATE) return this.#state(first, second, third, fourth);
    if (kind === VoiceKind.PRODUCER) {
      const owner = this.#people.get(first);
      if (owner === undefined || typeof second !== 'number') return false;
      owner.producers.set(second, { media: Number(third), isPaused: false });
      return true;
    }
    const owner = this.#people.get(this.ownerOf(first) ?? 0);
    if (owner === undefined) return false;
    if (kind === VoiceKind.PRODUCER_CLOSED) return owner.producers.delete(first);
    const producer = owner.producers.get(first);
    if (producer !== undefined) producer.isPaused = isOn(second);
    return true;
  }

  /** `[uid, mute, deaf, flags]`; flags, where given, are the whole of them. */
  #state(uid: number, mute: WireValue, deaf: WireValue, flags: WireValue | undefined): boolean {
    const person = this.#people.get(uid);
    if (person === undefined) return false;
    const own = (isOn(mute) ? VoicePart.MUTED : 0) | (isOn(deaf) ? VoicePart.DEAF : 0);
    const others = person.flags & ~(VoicePart.MUTED | VoicePart.DEAF);
    person.flags = typeof flags === 'number' ? flags : others | own;
    return true;
  }
}

/** A boolean of the wire, which a writer may have left out or written as a number. */
function isOn(value: WireValue): boolean {
  return value === true || value === 1;
}
