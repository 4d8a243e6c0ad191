/**
 * What moderators decided about users of a room. Kept by user, not by membership, so that who leaves and comes back is still
 * muted; for as long as the room is awake (10 min after the last one left), or its actor's successor after a crash.
 *
 * Bound: `most` users; the oldest decision about somebody who is not in the room is forgotten first.
 */
import type { Id } from '../../channels/index.ts';
import { NO_SANCTION, type Sanction } from './policy.ts';

export class Sanctions {
  readonly #most: number;
  readonly #byUser: Map<Id, Sanction>;

  constructor(most: number, entries: readonly (readonly [Id, Sanction])[] = []) {
    this.#most = most;
    this.#byUser = new Map(entries);
  }

  of(uid: Id): Sanction {
    return this.#byUser.get(uid) ?? NO_SANCTION;
  }

  /** The sanction with this change; `isHere` tells whose decisions may not be forgotten. */
  set(uid: Id, change: Partial<Sanction>, isHere: (uid: Id) => boolean): Sanction {
    const sanction = { ...this.of(uid), ...change };
    this.#byUser.delete(uid);
    if (Object.values(sanction).every((on) => !on)) return NO_SANCTION;
    if (this.#byUser.size >= this.#most) {
      const [oldest] = [...this.#byUser.keys()].filter((other) => !isHere(other));
      if (oldest !== undefined) this.#byUser.delete(oldest);
    }
    this.#byUser.set(uid, sanction);
    return sanction;
  }

  /** For a snapshot. */
  entries(): readonly (readonly [Id, Sanction])[] {
    return [...this.#byUser];
  }
}
