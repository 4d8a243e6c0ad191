/** Many people in rooms of one server: builds them up, lets them talk or fall silent together, takes them down. Driving process. */
import type { Generator } from './generator.ts';
import { Board, Person } from './person.ts';
import type { Side } from './types.ts';

/** Joins under way at once. */
const JOINS_MAX = 8;
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

  /** Everybody enters; resolves when all are connected and every stream was heard once. */
  async join(): Promise<void> {
    await inTurns(this.people.length, JOINS_MAX, (index) => this.people[index]!.join());
    // Those who came later were offered to those who were there.
    await this.offersComplete();
    await Promise.all(this.people.map((person) => person.allHeard()));
    const missing = this.boards.reduce((sum, { unheard }) => sum + unheard, 0);
    if (missing > 0) throw new Error(`${this.side.name}: ${missing} streams were never heard`);
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

  /** Until everybody was offered every talker of the room but itself. */
  async offersComplete(timeoutMs = 20_000): Promise<void> {
    const end = performance.now() + timeoutMs;
    const { talkers } = this.shape;
    const isMissing = (person: Person) => person.offered < talkers - (person.talks ? 1 : 0);
    while (this.people.some(isMissing)) {
      if (performance.now() > end) {
        const count = this.people.filter(isMissing).length;
        throw new Error(`${this.side.name}: ${count} people were not offered all talkers`);
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
  }
}
