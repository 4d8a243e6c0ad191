/**
 * Which classes of notices a gateway thread drops (protocol.md 2.13): typing first, then presence and
 * receipts, then unread; messages never. Two measures, one order: the level that pressure.ts sets once
 * per sweep round, and a budget of delivered bytes per round, of which the less dear classes may only
 * use a part. One per gateway thread; what is dropped is counted by who asks (metrics.noticesShed).
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

/**
 * Notice bytes times sockets that a thread delivers per sweep round (1 s). Notices of 60 bytes at
 * 2.5 us each (gateway.md 2.4): about two thirds of a core, which messages get back when they need it.
 */
export const NOTICE_BYTES_MAX = 16 * 1024 * 1024;
/** Share of the budget from which a class is shed. */
const BUDGET_SHARE: Readonly<Record<ShedClass, number>> = {
  typing: 0.5,
  presence: 0.75,
  receipt: 0.75,
  unread: 1,
  voice: Number.POSITIVE_INFINITY,
};

export class Shedding {
  level: ShedLevel = 0;
  #spentBytes = 0;

  /** Notice bytes delivered since the last `renew`. */
  get spentBytes(): number {
    return this.#spentBytes;
  }

  /**
   * Whether notices of this class go out now.
   * @param bytes length of the frame times the sockets that get it; charged when the answer is yes
   */
  allows(shedClass: ShedClass, bytes = 0): boolean {
    if (this.level >= SHED_FROM[shedClass]) return false;
    if (this.#spentBytes + bytes > NOTICE_BYTES_MAX * BUDGET_SHARE[shedClass]) return false;
    this.#spentBytes += bytes;
    return true;
  }

  /** A new round: the whole budget is there again. */
  renew(): void {
    this.#spentBytes = 0;
  }
}
