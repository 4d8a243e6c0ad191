/**
 * Rooms that are awake on a voice thread: figures for operators, and who closes the media of a room whose actor was killed, since
 * a killed actor cannot. Read by the thread's boot; written by rooms.
 */
import type { Id } from '../../channels/index.ts';
import type { AnyRef } from '../../runtime/index.ts';
import type { VoiceSettings } from '../types.ts';

/** One room as operators see it. */
export interface RoomStatus {
  readonly sid: Id;
  readonly people: number;
  readonly producers: number;
  readonly consumers: number;
  readonly epoch: number;
  readonly mode: VoiceSettings['mode'];
  /** Who is heard now. */
  readonly speakers: number;
  /** Slots of its media workers, the one for new transports first. */
  readonly workers: readonly number[];
}

/** One life of a room. */
export interface RoomLife {
  readonly sid: Id;
  readonly ref: AnyRef;
  status(): RoomStatus;
  /** Closes what it has in the media workers; repeated calls do nothing. */
  closeMedia(): void;
}

export interface RoomFigures {
  readonly roomsNow: number;
  readonly participantsNow: number;
  readonly producersNow: number;
  readonly consumersNow: number;
}

export class RoomRegistry {
  readonly #lives = new Map<Id, RoomLife>();
  readonly #onBegin: (life: RoomLife) => void;

  /** @param onBegin told of each life, to watch its end */
  constructor(onBegin: (life: RoomLife) => void = () => {}) {
    this.#onBegin = onBegin;
  }

  began(life: RoomLife): void {
    // An earlier life that was killed, if nobody has noticed yet.
    this.#lives.get(life.sid)?.closeMedia();
    this.#lives.set(life.sid, life);
    this.#onBegin(life);
  }

  /** In order, or found dead: true when it had not said so itself. */
  ended(sid: Id, ref: AnyRef): boolean {
    const life = this.#lives.get(sid);
    if (life?.ref !== ref) return false;
    this.#lives.delete(sid);
    life.closeMedia();
    return true;
  }

  /** Rooms with people first; at most `most`. */
  statuses(most: number): readonly RoomStatus[] {
    const all = [...this.#lives.values()].map((life) => life.status());
    return all.sort((a, b) => b.people - a.people || a.sid - b.sid).slice(0, most);
  }

  figures(): RoomFigures {
    let [roomsNow, participantsNow, producersNow, consumersNow] = [0, 0, 0, 0];
    for (const life of this.#lives.values()) {
      const { people, producers, consumers } = life.status();
      if (people > 0) roomsNow += 1;
      participantsNow += people;
      producersNow += producers;
      consumersNow += consumers;
    }
    return { roomsNow, participantsNow, producersNow, consumersNow };
  }
}
