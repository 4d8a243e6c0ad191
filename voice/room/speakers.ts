/**
 * Who speaks in a room, as its members are told: levels that the media worker measures, edges that clients report themselves,
 * and silence by age, since with DTX a speaker that stops may not be measured again. Pure; no clock of its own.
 */
import type { Id } from '../../channels/index.ts';
import type { Ms } from '../../runtime/index.ts';
import { LEVEL_MAX } from '../types.ts';

/** Told at most every so often (protocol.md 2.15: 4 per second). */
export const SPEAKING_EVERY_MS: Ms = 250;
/** Measurements come every 250 ms: three that are missing are silence (V12: known in 1.5 s). */
export const SILENT_AFTER_MS: Ms = 750;
/** Below it is a room's noise (dBov); clients suppress what is louder. */
const SPEECH_DBOV = -60;
/** Where only the client says so. */
const LEVEL_SAID = 64;
/** Less is no news. */
const LEVEL_STEP = 8;

interface Measured {
  level: number;
  at: Ms;
}

export type Speaking = readonly (readonly [uid: Id, level: number])[];

/** True when a level is speech: what counts for choosing speakers too. */
export function isSpeech(dbov: number): boolean {
  return dbov >= SPEECH_DBOV;
}

export class Speakers {
  readonly #measured = new Map<Id, Measured>();
  readonly #talking = new Set<Id>();
  /** What members were told last. */
  readonly #told = new Map<Id, number>();
  #elected: Id = 0;
  #dominantTold: Id = 0;

  /** So many were told to speak. */
  get size(): number {
    return this.#told.size;
  }

  /** There is something that age may change. */
  get isBusy(): boolean {
    return this.#measured.size > 0;
  }

  /** When the first of those who were measured counts as silent, if it is not measured again. */
  get agesAt(): Ms {
    let first = Number.POSITIVE_INFINITY;
    for (const { at } of this.#measured.values()) first = Math.min(first, at + SILENT_AFTER_MS);
    return first;
  }

  measured(uid: Id, dbov: number, nowMs: Ms): void {
    if (!isSpeech(dbov)) return;
    this.#measured.set(uid, {
      level: Math.min(LEVEL_MAX, LEVEL_MAX + Math.round(dbov)),
      at: nowMs,
    });
  }

  /** An edge that the client reports: key, or voice gate. */
  talking(uid: Id, on: boolean): void {
    if (on) this.#talking.add(uid);
    else this.#talking.delete(uid);
  }

  /** The media worker elected a speaker, maybe before it spoke; it says so only when it is another one. */
  elected(uid: Id): void {
    this.#elected = uid;
  }

  /** Left, muted, or without a producer. */
  delete(uid: Id): void {
    this.#measured.delete(uid);
    this.#talking.delete(uid);
    if (this.#elected === uid) this.#elected = 0;
  }

  clear(): void {
    this.#measured.clear();
    this.#talking.clear();
    this.#elected = 0;
  }

  /** What is new since the last time; `isCoarse` (large rooms): only who began and who ended. */
  news(nowMs: Ms, isCoarse: boolean): { readonly speaking: Speaking; readonly dominant?: Id } {
    const now = this.#now(nowMs);
    const speaking: [Id, number][] = [];
    for (const [uid, level] of now) {
      const told = this.#told.get(uid);
      const isNews = told === undefined || (!isCoarse && Math.abs(told - level) >= LEVEL_STEP);
      if (!isNews) continue;
      speaking.push([uid, level]);
      this.#told.set(uid, level);
    }
    for (const uid of this.#told.keys()) {
      if (now.has(uid)) continue;
      speaking.push([uid, 0]);
      this.#told.delete(uid);
    }
    const dominant = this.#dominant();
    if (dominant === this.#dominantTold) return { speaking };
    this.#dominantTold = dominant;
    return { speaking, dominant };
  }

  /**
   * The elected one while it is heard. The election takes up to 2.5 s when somebody begins after a silence: until then who was
   * dominant and still speaks, or else the loudest.
   */
  #dominant(): Id {
    for (const uid of [this.#elected, this.#dominantTold]) if (this.#measured.has(uid)) return uid;
    const loudest = [...this.#measured].sort(([, a], [, b]) => b.level - a.level);
    return loudest[0]?.[0] ?? 0;
  }

  #now(nowMs: Ms): Map<Id, number> {
    const now = new Map<Id, number>();
    for (const [uid, { level, at }] of this.#measured) {
      if (at + SILENT_AFTER_MS <= nowMs) this.#measured.delete(uid);
      else now.set(uid, level);
    }
    for (const uid of this.#talking) if (!now.has(uid)) now.set(uid, LEVEL_SAID);
    return now;
  }
}
