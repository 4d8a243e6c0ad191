/**
 * Lets a few pieces of work run at once and the others wait in the order in which they came: when everybody comes back at the same
 * time, those in front are ready early instead of all being ready at the end. Part of the room actor. The queue is as long as the
 * room is large: a member has one join under way.
 */
export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param most that run at once */
  constructor(most: number) {
    this.#free = most;
  }

  /** Those that wait. */
  get size(): number {
    return this.#waiting.length;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    try {
      return await work();
    } finally {
      // The place goes to the next one, or back.
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
