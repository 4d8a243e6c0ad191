/**
 * Who is speaking: levels of the voices that are heard, levels that the server tells of others, and age, since a voice in a pause
 * sends almost nothing and nobody says that it ended. Owned by the session; looks 7 times a second while it runs.
 */
import type { Clock } from '../clock.ts';

/** What it looks at, and tells. */
export interface SpeakingHost {
  readonly clock: Clock;
  /** Levels of 0 to 1 of what is heard now. */
  levels(): Iterable<readonly [uid: number, level: number]>;
  /** uid to level of all who speak; only when it is another than before. */
  changed(speaking: ReadonlyMap<number, number>): void;
}

/** Quieter than this is no voice: -40 dBov. */
const LEVEL_MIN = 0.01;
/** Nothing for this long is silence. */
const HOLD_MS = 500;
const LOOK_EVERY_MS = 150;
/** The loudest in VOICE 6. */
const LEVEL_LOUDEST = 127;

/** The people who speak now. */
export class Speaking {
  readonly #host: SpeakingHost;
  readonly #heard = new Map<number, { readonly level: number; readonly at: number }>();
  #timer: unknown = null;
  #told = '';

  constructor(host: SpeakingHost) {
    this.#host = host;
  }

  /** Begins to look. */
  start(): void {
    this.stop();
    this.#timer = this.#host.clock.setTimeout(() => {
      for (const [uid, level] of this.#host.levels()) this.note(uid, level);
      this.#tell();
      this.start();
    }, LOOK_EVERY_MS);
  }

  stop(): void {
    this.#host.clock.clearTimeout(this.#timer);
  }

  /** @param level 0 to 1 */
  note(uid: number, level: number): void {
    if (level >= LEVEL_MIN) this.#heard.set(uid, { level, at: this.#host.clock.now() });
  }

  /** What the server says: 0 silent to LEVEL_LOUDEST. */
  told(levels: Iterable<readonly [uid: number, level: number]>): void {
    for (const [uid, level] of levels) {
      if (level === 0) this.forget(uid);
      else this.note(uid, level / LEVEL_LOUDEST);
    }
  }

  forget(uid: number): void {
    this.#heard.delete(uid);
  }

  clear(): void {
    this.#heard.clear();
    this.#tell();
  }

  #tell(): void {
    const now = this.#host.clock.now();
    const speaking = new Map<number, number>();
    for (const [uid, { level, at }] of this.#heard) {
      if (now - at > HOLD_MS) this.#heard.delete(uid);
      else speaking.set(uid, level);
    }
    const told = [...speaking].map(([uid, level]) => `${uid}:${level.toFixed(2)}`).join();
    if (told === this.#told) return;
    this.#told = told;
    this.#host.changed(speaking);
  }
}
