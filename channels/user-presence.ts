/**
 * What others see of one user, and when they are told (protocol.md 2.9): offline 10 s after the last
 * connection ended, changes within 5 s as one. Pure state of a user actor: time comes in, what is to
 * be told comes out.
 */
import type { Ms, PresenceTimes, Shown } from './types.ts';

/** protocol.md 2.9; `gatherMs`, `keepMs` and `relearnMs` are guesses. */
export const PRESENCE_TIMES: PresenceTimes = {
  offlineMs: 10_000,
  collapseMs: 5000,
  flushMs: 2000,
  gatherMs: 100,
  keepMs: 60_000,
  relearnMs: 12_000,
};

const OFFLINE: Shown = { status: 0, activity: null };
const ONLINE: Shown = { status: 1, activity: null };

/** What is to be done now. */
export interface PresenceStep {
  /** To be told to everybody who may know. */
  readonly tell: Shown | undefined;
  /** When to look again; 0 = not before something happens. */
  readonly at: Ms;
}

export class UserPresence {
  readonly #times: PresenceTimes;
  #chosen: Shown = ONLINE;
  /** Open connections exist. */
  #connected = false;
  /** When the user counts as gone; 0 = long gone, or connected. */
  #goneAt: Ms = 0;
  #told: Shown | undefined = OFFLINE;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(times: PresenceTimes) {
    this.#times = times;
  }

  /** What was told last; offline while nothing was. */
  get told(): Shown {
    return this.#told ?? OFFLINE;
  }

  /** Nothing is shown and nothing is to be told any more. */
  get isQuiet(): boolean {
    return !this.#connected && this.#goneAt === 0 && this.#told?.status === 0;
  }

  /** A predecessor of this actor may have told something: what holds now is told again. */
  forget(now: Ms): void {
    this.#told = undefined;
    if (!this.#connected && this.#goneAt === 0) this.#goneAt = now + this.#times.offlineMs;
  }

  /** @param count open connections now */
  connections(count: number, now: Ms): void {
    const connected = count > 0;
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#goneAt = connected ? 0 : now + this.#times.offlineMs;
  }

  /** The user's own choice; 0 = to look offline. It lasts as long as the user's sessions. */
  choose(shown: Shown): void {
    this.#chosen = shown.status === 0 ? OFFLINE : shown;
  }

  /** Call after each change and when the time it gave has come. */
  step(now: Ms): PresenceStep {
    if (this.#goneAt !== 0 && now >= this.#goneAt) this.#goneAt = 0;
    const isThere = this.#connected || this.#goneAt !== 0;
    const shown = isThere ? this.#chosen : OFFLINE;
    if (!isThere) this.#chosen = ONLINE;
    // Of a predecessor's time nothing is known: what may soon be offline is not told to be online.
    const isUnsure = this.#told === undefined && !this.#connected && this.#goneAt !== 0;
    if (isUnsure || isSame(shown, this.#told)) return { tell: undefined, at: this.#goneAt };
    const free = this.#toldAt + this.#times.collapseMs;
    if (now < free) {
      return { tell: undefined, at: this.#goneAt === 0 ? free : Math.min(free, this.#goneAt) };
    }
    this.#told = shown;
    this.#toldAt = now;
    return { tell: shown, at: this.#goneAt };
  }
}

function isSame(a: Shown, b: Shown | undefined): boolean {
  return b !== undefined && a.status === b.status && a.activity === b.activity;
}
