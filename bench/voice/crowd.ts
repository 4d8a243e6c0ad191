/** Many people in rooms of one server: builds them up, lets them talk or fall silent together, takes them down. Driving process. */
import type { Generator } from './generator.ts';
import { Board, Person } from './person.ts';
import type { Side } from './types.ts';

/** Joins under way at once. */
const JOINS_MAX = 8;
const OFFERS_TIMEOUT_MS = 20_000;
const CYCLE_US = 20_000;
/** In bursts: this many per 20 ms. */
const BURSTS = 4;

export interface Shape {
  readonly rooms: number;
  readonly perRoom: number;
  /** The first people of each room talk, all the time. */
  readonly talkers: number;
  /**
   * `even`: every talker has its own point of the 20 ms. `bursts`: all talkers are due at one of four points, as when a client
   * wakes every 5 ms.
   */
  readonly spread: 'even' | 'bursts';
}

/** Runs `count` tasks, at most `most` at a time. */
export async function inTurns(
  count: number,
  most: number,
  task: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await task(next - 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, count) }, worker));
}

/** The place in the 20 ms of talker `index` of `count`. */
export function phaseOf(index: number, count: number, spread: Shape['spread']): number {
  if (spread === 'bursts') return (index % BURSTS) * (CYCLE_US / BURSTS);
  // Neighbours in a room are far apart: a golden-ratio walk over the slots.
  const slot = (index * 0.618_033_988_749_894_8) % 1;
  return count === 0 ? 0 : Math.floor(slot * CYCLE_US);
}

export class Crowd {
  readonly people: readonly Person[];
  readonly boards: readonly Board[];
  readonly shape: Shape;
  readonly side: Side;

  private constructor(
    side: Side,
    shape: Shape,
    people: readonly Person[],
    boards: readonly Board[],
  ) {
    this.side = side;
    this.shape = shape;
    this.people = people;
    this.boards = boards;
  }

  /** Everybody connected to the server, nobody in a room yet. `from`: accounts and rooms that others use. */
  static async open(
    side: Side,
    generator: Generator,
    shape: Shape,
    from = { people: 0, rooms: 0 },
  ): Promise<Crowd> {
    const { perRoom, rooms, spread, talkers } = shape;
    const boards = Array.from({ length: rooms }, () => new Board());
    const people: Person[] = [];
    await inTurns(rooms * perRoom, JOINS_MAX, async (index) => {
      const room = Math.floor(index / perRoom);
      const place = index % perRoom;
      const signalling = await side.connect(from.people + index, from.rooms + room);
      const talker = room * talkers + place;
      people[index] = new Person({
        ...{ generator, signalling },
        board: boards[room]!,
        talks: place < talkers,
        phaseUs: phaseOf(talker, rooms * talkers, spread),
      });
    });
    return new Crowd(side, shape, people, boards);
  }

  /**
   * Everybody enters, a few rooms at a time, and is heard once by all others; falls silent then, so that a full house is no load on
   * those who still come.
   */
  async join(): Promise<void> {
    const { perRoom, rooms } = this.shape;
    const waysRooms = Math.max(1, Math.floor(JOINS_MAX / perRoom));
    await inTurns(rooms, waysRooms, async (room) => {
      const people = this.people.slice(room * perRoom, (room + 1) * perRoom);
      await inTurns(people.length, JOINS_MAX, (index) => people[index]!.join());
      // Those who came later were offered to those who were there.
      await this.#offered(people);
      await Promise.all(people.map((person) => person.allHeard()));
      for (const person of people) person.talk(false);
    });
    const missing = this.boards.flatMap(({ unheard }) => unheard);
    if (missing.length === 0) return;
    throw new Error(`${this.side.name}: ${missing.length} streams never heard: ${missing[0]}`);
  }

  talk(isTalking: boolean): void {
    for (const person of this.people) person.talk(isTalking);
  }

  hold(isHeld: boolean): void {
    for (const { signalling } of this.people) signalling.hold(isHeld);
  }

  async close(): Promise<void> {
    await inTurns(this.people.length, JOINS_MAX, (index) => this.people[index]!.close());
  }

  /** Until each of these was offered every talker of the room but itself. */
  async #offered(people: readonly Person[]): Promise<void> {
    const end = performance.now() + OFFERS_TIMEOUT_MS;
    const { talkers } = this.shape;
    const isMissing = (person: Person) => person.offered < talkers - (person.talks ? 1 : 0);
    while (people.some(isMissing)) {
      if (performance.now() > end) {
        const count = people.filter(isMissing).length;
        throw new Error(`${this.side.name}: ${count} people were not offered all talkers`);
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
  }
}
