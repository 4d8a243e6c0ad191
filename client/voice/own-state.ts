/** The own flags of a voice session (muted, deaf, talking, hand) as wishes: told to the server at most every 250 ms, newest only. */
import { VoicePart } from '../../gateway/protocol/index.ts';
import type { Clock } from '../clock.ts';

/** What the state needs. */
export interface OwnStateHost {
  readonly clock: Clock;
  /** Tells the server; nothing happens while there is no membership. */
  tell(isMuted: boolean, isDeaf: boolean, flags: number): void;
}

const TELL_EVERY_MS = 250;

/** What this person wants to be seen as. */
export class OwnState {
  readonly #host: OwnStateHost;
  #isMuted: boolean;
  #isDeaf: boolean;
  #flags = 0;
  #timer: unknown = null;
  #toldAt: number;

  constructor(host: OwnStateHost, isMuted: boolean, isDeaf: boolean) {
    this.#host = host;
    this.#isMuted = isMuted;
    this.#isDeaf = isDeaf;
    this.#toldAt = host.clock.now() - TELL_EVERY_MS;
  }

  get isMuted(): boolean {
    return this.#isMuted;
  }

  set isMuted(isMuted: boolean) {
    this.#isMuted = isMuted;
    this.#tellSoon();
  }

  get isDeaf(): boolean {
    return this.#isDeaf;
  }

  set isDeaf(isDeaf: boolean) {
    this.#isDeaf = isDeaf;
    this.#tellSoon();
  }

  /** @param bit of V_STATE's flags */
  setFlag(bit: number, isOn: boolean): void {
    const flags = isOn ? this.#flags | bit : this.#flags & ~bit;
    if (flags === this.#flags) return;
    this.#flags = flags;
    this.#tellSoon();
  }

  /**
   * After a join or sync: what was wished meanwhile is told, what the server knows is not.
   * @param known flags of this person in the roster
   */
  tellIfOther(known: number): void {
    const isSame =
      this.#isMuted === ((known & VoicePart.MUTED) !== 0) &&
      this.#isDeaf === ((known & VoicePart.DEAF) !== 0);
    if (!isSame || this.#flags !== 0) this.#tellSoon();
  }

  close(): void {
    this.#host.clock.clearTimeout(this.#timer);
  }

  #tellSoon(): void {
    const { clock } = this.#host;
    clock.clearTimeout(this.#timer);
    const waitMs = Math.max(0, this.#toldAt + TELL_EVERY_MS - clock.now());
    this.#timer = clock.setTimeout(() => {
      this.#toldAt = clock.now();
      this.#host.tell(this.#isMuted, this.#isDeaf, this.#flags);
    }, waitMs);
  }
}
