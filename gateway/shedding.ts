/**
 * Which classes of notices a gateway thread drops (protocol.md 2.13): typing first, then presence and
 * receipts, then unread; messages never. One per gateway thread. Holds the level only: who measures
 * the pressure sets it, who publishes asks.
 */
import type { ShedClass } from '../channels/index.ts';

/** 0 nothing is shed, 1 typing, 2 presence and receipts too, 3 unread too. */
export type ShedLevel = 0 | 1 | 2 | 3;

/** The level from which a class is shed; voice keeps its place, since its roster has no other way. */
const SHED_FROM: Readonly<Record<ShedClass, number>> = {
  typing: 1,
  presence: 2,
  receipt: 2,
  unread: 3,
  voice: Number.POSITIVE_INFINITY,
};

export class Shedding {
  level: ShedLevel = 0;

  /** Whether notices of this class go out now. */
  allows(shedClass: ShedClass): boolean {
    return this.level < SHED_FROM[shedClass];
  }
}
