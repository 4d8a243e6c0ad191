/**
 * Which observers a room has, on which leg: it may wish for them or not, and its home may change under them. Voice thread.
 */
import type { Leg } from './leg.ts';
import { Observers } from './observers.ts';
import { DONE } from './result.ts';
import type { MediaResult } from './types.ts';

/** Weight of one report of levels in the average number of talkers: about 10 s at four per second. */
const TALKERS_WEIGHT = 0.025;

export interface RoomObserversPorts<P> {
  home(): Leg;
  /** All that can be heard now. */
  producers(): Iterable<P>;
  /** Makes sure that it is on the leg. */
  sourceOn(producer: P, leg: Leg): Promise<MediaResult<string>>;
  levels(levels: readonly (readonly [producerId: string, dbov: number])[]): void;
  dominant(producerId: string): void;
}

export class RoomObservers<P> {
  #wish = false;
  #present: { readonly leg: Leg; readonly observers: Observers } | null = null;
  /** One change at a time. */
  #lane: Promise<MediaResult<null>> = Promise.resolve(DONE);
  #talkers: number | null = null;
  readonly #ports: RoomObserversPorts<P>;

  constructor(ports: RoomObserversPorts<P>) {
    this.#ports = ports;
  }

  /** Moving average of how many are heard at once; null while nobody looks. */
  get talkers(): number | null {
    return this.#talkers;
  }

  set(on: boolean): Promise<MediaResult<null>> {
    this.#wish = on;
    return this.sync();
  }

  /** Brings the observers to what is wished, on the present home. */
  sync(): Promise<MediaResult<null>> {
    this.#lane = this.#lane.then(() => this.#apply());
    return this.#lane;
  }

  async add(producer: P): Promise<void> {
    const { home, sourceOn } = this.#ports;
    const present = this.#present;
    if (present === null || present.leg !== home()) return;
    const source = await sourceOn(producer, present.leg);
    if (source.ok) await present.observers.add(source.value);
  }

  async #apply(): Promise<MediaResult<null>> {
    const leg = this.#ports.home();
    const old = this.#present;
    if (!this.#wish) {
      this.#present = null;
      this.#talkers = null;
      if (old !== null && !old.leg.closed) old.observers.close();
      return DONE;
    }
    if (old?.leg === leg) return DONE;
    const made = await Observers.open(leg.router, {
      levels: (levels) => {
        if (this.#present?.leg !== leg) return;
        const talkers = this.#talkers ?? levels.length;
        this.#talkers = talkers + TALKERS_WEIGHT * (levels.length - talkers);
        this.#ports.levels(levels);
      },
      dominant: (id) => {
        if (this.#present?.leg === leg) this.#ports.dominant(id);
      },
    });
    if (!made.ok) return made;
    this.#present = { leg, observers: made.value };
    if (old !== null && !old.leg.closed) old.observers.close();
    await Promise.all([...this.#ports.producers()].map((producer) => this.add(producer)));
    return DONE;
  }
}
