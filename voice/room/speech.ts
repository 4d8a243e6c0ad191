/**
 * Tells a room who speaks: takes what the media worker measures and what clients say of themselves, and sends what is new, at most
 * 4 times per second (protocol.md 2.15). Part of the room actor.
 */
import type { Id } from '../../channels/index.ts';
import type { Ms } from '../../runtime/index.ts';
import { VOICE_DOMINANT, VOICE_SPEAKING } from '../types.ts';
import type { Level, MediaProducer } from '../worker/types.ts';
import type { Member } from './member.ts';
import { isSpeech, SPEAKING_EVERY_MS, Speakers } from './speakers.ts';
import type { Wiring } from './wiring.ts';

export interface SpeechPorts {
  readonly wiring: Wiring;
  nowMs(): Ms;
  tellAll(kind: number, body: readonly unknown[]): void;
  /** Whether `tell` is due already. */
  isAwaited(): boolean;
  /** Asks for `tell` later, instead of whenever it was asked for before. */
  tellAfter(ms: Ms): void;
}

export class Speech {
  readonly #ports: SpeechPorts;
  readonly #speakers = new Speakers();
  #toldAt: Ms = Number.NEGATIVE_INFINITY;
  /** When `tell` was asked for, if it is awaited. */
  #dueAt: Ms = 0;

  constructor(ports: SpeechPorts) {
    this.#ports = ports;
  }

  /** So many were told to speak. */
  get size(): number {
    return this.#speakers.size;
  }

  /** Measured by the media worker. */
  heard(levels: readonly Level[]): void {
    const { wiring } = this.#ports;
    const now = this.#ports.nowMs();
    for (const { producer: handle, dbov } of levels) {
      const producer = wiring.ofHandle(handle);
      if (producer === undefined) continue;
      this.#speakers.measured(producer.owner.uid, dbov, now);
      if (isSpeech(dbov)) wiring.heard(producer);
    }
    if (wiring.isChoosing) wiring.choose();
    this.changed();
  }

  /** The media worker elected a dominant speaker. */
  elected(handle: MediaProducer): void {
    const producer = this.#ports.wiring.ofHandle(handle);
    if (producer === undefined) return;
    this.#speakers.elected(producer.owner.uid);
    this.changed();
  }

  /** What a client says of itself counts only while it can be heard. */
  show(member: Member): void {
    const isSilent = member.isMuted || member.sanction.muted || member.producers.size === 0;
    if (isSilent) this.#speakers.delete(member.uid);
    else this.#speakers.talking(member.uid, member.isTalking);
    this.changed();
  }

  delete(uid: Id): void {
    this.#speakers.delete(uid);
    this.changed();
  }

  clear(): void {
    this.#speakers.clear();
    this.changed();
  }

  /** At once, or when the time between two events has passed. */
  changed(): void {
    const waitMs = this.#toldAt + SPEAKING_EVERY_MS - this.#ports.nowMs();
    if (waitMs <= 0) this.tell();
    else this.#tellAfter(waitMs);
  }

  /** What is new; silence by age is seen by looking again. */
  tell(): void {
    const now = this.#ports.nowMs();
    const { speaking, dominant } = this.#speakers.news(now, this.#ports.wiring.isChoosing);
    if (speaking.length > 0) this.#ports.tellAll(VOICE_SPEAKING, [speaking]);
    if (dominant !== undefined) this.#ports.tellAll(VOICE_DOMINANT, [dominant]);
    if (speaking.length > 0 || dominant !== undefined) this.#toldAt = now;
    if (this.#speakers.isBusy) this.#tellAfter(this.#speakers.agesAt - now);
  }

  /** What is due earlier stays, and looks again: a timer for each of the levels would be most of the cost of a room. */
  #tellAfter(ms: Ms): void {
    const dueAt = this.#ports.nowMs() + ms;
    if (this.#ports.isAwaited() && this.#dueAt <= dueAt) return;
    this.#dueAt = dueAt;
    this.#ports.tellAfter(ms);
  }
}
