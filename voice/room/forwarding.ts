/**
 * Who is forwarded in a room: everybody while it is small; above, those who spoke last, at most `speakersMax`, and one who was
 * chosen or spoke less than `holdMs` ago stays, so that two who talk at once do not take each other's place. Priority speakers
 * come first. Pure; no clock of its own.
 */
import type { Ms } from '../../runtime/index.ts';
import type { ProducerId } from '../types.ts';

export interface ForwardingLimits {
  /** Up to so many people everybody is heard. */
  readonly allHeardMax: number;
  /** Again when so few are left: a room at the edge does not switch with each who comes and goes. */
  readonly allHeardAgain: number;
  readonly speakersMax: number;
  readonly holdMs: Ms;
}

/** voice.md 6, "Large rooms". */
export const FORWARDING_LIMITS: ForwardingLimits = {
  allHeardMax: 25,
  allHeardAgain: 20,
  speakersMax: 8,
  holdMs: 2000,
};

const NEVER = Number.NEGATIVE_INFINITY;

interface Candidate {
  readonly pid: ProducerId;
  isFirst: boolean;
  heardAt: Ms;
  /** undefined: not chosen. */
  chosenAt: Ms | undefined;
}

export class Forwarding {
  readonly #limits: ForwardingLimits;
  readonly #candidates = new Map<ProducerId, Candidate>();
  #isChoosing = false;

  constructor(limits: ForwardingLimits = FORWARDING_LIMITS) {
    this.#limits = limits;
  }

  /** False: everybody is heard. */
  get isChoosing(): boolean {
    return this.#isChoosing;
  }

  /** So many are in the room now. Call `choose` behind it. */
  setPeople(people: number): void {
    const { allHeardMax, allHeardAgain } = this.#limits;
    if (people > allHeardMax) this.#isChoosing = true;
    else if (people <= allHeardAgain) this.#isChoosing = false;
  }

  /** A producer came, or its owner's priority changed. */
  set(pid: ProducerId, isFirst: boolean): void {
    const known = this.#candidates.get(pid);
    if (known !== undefined) known.isFirst = isFirst;
    else this.#candidates.set(pid, { pid, isFirst, heardAt: NEVER, chosenAt: undefined });
  }

  delete(pid: ProducerId): void {
    this.#candidates.delete(pid);
  }

  clear(): void {
    this.#candidates.clear();
  }

  heard(pid: ProducerId, nowMs: Ms): void {
    const candidate = this.#candidates.get(pid);
    if (candidate !== undefined) candidate.heardAt = nowMs;
  }

  isForwarded(pid: ProducerId): boolean {
    const candidate = this.#candidates.get(pid);
    return candidate !== undefined && (!this.#isChoosing || candidate.chosenAt !== undefined);
  }

  /** Chooses anew; true when somebody came in or went out. Everybody keeps a place while all are heard. */
  choose(nowMs: Ms): boolean {
    const before = this.#chosen().length;
    if (!this.#isChoosing) {
      for (const candidate of this.#candidates.values()) candidate.chosenAt ??= nowMs;
      return this.#chosen().length !== before;
    }
    let isChanged = this.#trim();
    for (const candidate of this.#waiting()) {
      if (!this.#admit(candidate, nowMs)) break;
      isChanged = true;
    }
    return isChanged;
  }

  #chosen(): Candidate[] {
    return [...this.#candidates.values()].filter(({ chosenAt }) => chosenAt !== undefined);
  }

  /** Who would come in next: priority, then who spoke last. */
  #waiting(): Candidate[] {
    return [...this.#candidates.values()]
      .filter(({ chosenAt }) => chosenAt === undefined)
      .sort(
        (a, b) => Number(b.isFirst) - Number(a.isFirst) || b.heardAt - a.heardAt || a.pid - b.pid,
      );
  }

  /** After the change from everybody to a few: the quietest go, at once. */
  #trim(): boolean {
    const chosen = this.#chosen();
    const excess = chosen.length - this.#limits.speakersMax;
    if (excess <= 0) return false;
    for (const candidate of chosen.sort(quietestFirst).slice(0, excess)) {
      candidate.chosenAt = undefined;
    }
    return true;
  }

  #admit(candidate: Candidate, nowMs: Ms): boolean {
    const chosen = this.#chosen();
    if (chosen.length >= this.#limits.speakersMax) {
      const victim = chosen
        .sort(quietestFirst)
        .find((other) => this.#yields(other, candidate, nowMs));
      if (victim === undefined) return false;
      victim.chosenAt = undefined;
    }
    candidate.chosenAt = nowMs;
    return true;
  }

  /** Whether one that is chosen gives its place to one that waits. */
  #yields(chosen: Candidate, waiting: Candidate, nowMs: Ms): boolean {
    if (chosen.isFirst) return false;
    if (waiting.isFirst) return true;
    const heldUntil = Math.max(chosen.chosenAt ?? NEVER, chosen.heardAt) + this.#limits.holdMs;
    return waiting.heardAt > chosen.heardAt && heldUntil <= nowMs;
  }
}

function quietestFirst(a: Candidate, b: Candidate): number {
  return Number(a.isFirst) - Number(b.isFirst) || a.heardAt - b.heardAt || b.pid - a.pid;
}
