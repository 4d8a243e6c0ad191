/**
 * The connections of one gateway thread: a dense list for the sweep, a map for `closeConn`. Runs on
 * gateway threads; every method is synchronous.
 *
 * The sweep visits every connection once per second, a tenth of them per step of 100 ms, so that ten
 * thousand of them cost no pause; all of them in one step when so much was published that a slow
 * reader could reach the hard limit before its turn.
 */
import type { Connection } from './connection.ts';

/** Steps of the sweep per second. */
export const SWEEP_STEPS = 10;
export const SWEEP_STEP_MS = 1000 / SWEEP_STEPS;

export class Connections {
  readonly #list: Connection[] = [];
  readonly #byNo = new Map<number, Connection>();
  #at = 0;
  /** Connections left of the present round, and steps left in it. */
  #stepsLeft = 0;

  get size(): number {
    return this.#list.length;
  }

  get(no: number): Connection | undefined {
    return this.#byNo.get(no);
  }

  add(connection: Connection): void {
    connection.seat = this.#list.length;
    this.#list.push(connection);
    this.#byNo.set(connection.no, connection);
  }

  /** Idempotent. */
  remove(connection: Connection): void {
    if (!this.#byNo.delete(connection.no)) return;
    const last = this.#list.pop();
    if (last === undefined || last === connection) return;
    this.#list[connection.seat] = last;
    last.seat = connection.seat;
  }

  /** All of them, as a copy: visiting may close. */
  snapshot(): readonly Connection[] {
    return [...this.#list];
  }

  /**
   * One step of the sweep.
   * @param isHurried visit all that are left of this round now
   * @returns true when it ended a round: every connection that was there at its start was visited, but
   *   for those that took the seat of one that left (they are visited in the next round)
   */
  step(visit: (connection: Connection) => void, isHurried = false): boolean {
    if (this.#stepsLeft === 0) {
      this.#stepsLeft = SWEEP_STEPS;
      this.#at = 0;
    }
    if (isHurried) this.#stepsLeft = 1;
    const left = Math.max(0, this.#list.length - this.#at);
    const end = this.#at + Math.ceil(left / this.#stepsLeft);
    this.#stepsLeft -= 1;
    while (this.#at < end) {
      const connection = this.#list[this.#at];
      this.#at += 1;
      if (connection !== undefined) visit(connection);
    }
    return this.#stepsLeft === 0;
  }
}
