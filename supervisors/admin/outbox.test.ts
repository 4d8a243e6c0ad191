/** What a slow reader of the admin socket loses, and what it never loses. */
import { describe, expect, test } from 'vitest';
import { AdminOp, decodeAdmin, eventFrame, okFrame } from '../../gateway/admin-wire/index.ts';
import { createAdminCounters } from './counters.ts';
import { ADMIN_LIMITS } from './limits.ts';
import { type AdminTransport, createLane, Outbox } from './outbox.ts';

/** A peer that reads when it is told to. */
class Peer implements AdminTransport {
  readonly encoding = 'json';
  readonly got: (readonly unknown[])[] = [];
  #waiting: Uint8Array[] = [];
  isReading = true;

  send(bytes: Uint8Array): void {
    if (this.isReading) this.#take(bytes);
    else this.#waiting.push(bytes);
  }

  backlogBytes(): number {
    return this.#waiting.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  close(): void {}

  /** Reads what has been sent so far. */
  read(): void {
    for (const bytes of this.#waiting.splice(0)) this.#take(bytes);
  }

  /** Everything that came of a subscription: number and kind. */
  events(sub: number): (readonly [n: unknown, kind: unknown])[] {
    return this.got
      .filter(([op, of]) => op === AdminOp.EVENT && of === sub)
      .map(([, , n, kind]) => [n, kind] as const);
  }

  #take(bytes: Uint8Array): void {
    const decoded = decodeAdmin(bytes, 'json', 'server');
    if (decoded.ok) this.got.push(decoded.frame);
  }
}

function setUp() {
  const peer = new Peer();
  const counters = createAdminCounters();
  return { peer, counters, outbox: new Outbox(peer, counters) };
}

/** Reads on until nothing comes any more. */
function drain(peer: Peer, outbox: Outbox): void {
  for (let before = -1; before !== peer.got.length; ) {
    before = peer.got.length;
    peer.read();
    outbox.drained();
  }
}

const KB_100 = 'x'.repeat(100_000);
/** Events of 100 KB that fit into the bound, and more than that. */
const TOO_MANY = 2 * Math.ceil(ADMIN_LIMITS.backlogBytes / KB_100.length);

describe('Outbox', () => {
  test('a peer that reads: gets everything at once, in order', () => {
    const { counters, outbox, peer } = setUp();
    const lane = createLane(1, 'drop');
    outbox.answer(okFrame(1, { sub: 1 }));
    outbox.event(lane, 'a', 1);
    outbox.event(lane, 'b', 2);
    expect(peer.got).toEqual([
      [AdminOp.OK, 1, { sub: 1 }],
      [...eventFrame(1, 1, 'a', 1)],
      [...eventFrame(1, 2, 'b', 2)],
    ]);
    expect(counters.eventsSent).toBe(2);
  });

  test('drop: the oldest events go, the bound is kept, and the reader is told how many', () => {
    const { counters, outbox, peer } = setUp();
    peer.isReading = false;
    const lane = createLane(1, 'drop');
    for (let i = 0; i < TOO_MANY; i += 1) outbox.event(lane, 'big', KB_100);
    expect(outbox.backlogBytes).toBeLessThanOrEqual(ADMIN_LIMITS.backlogBytes);
    expect(counters.eventsDropped).toBeGreaterThan(0);
    drain(peer, outbox);
    // Also when nothing comes after it.
    const events = peer.events(1);
    expect(events.at(-1)?.[1]).toBe('dropped');
    const told = peer.got.find(([, , , kind]) => kind === 'dropped')?.[4];
    expect(told).toEqual({ count: counters.eventsDropped });
    // Numbers rise and what is missing among them is what was dropped.
    const numbers = events.map(([n]) => Number(n));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(Number(numbers.at(-1)) - numbers.length).toBe(counters.eventsDropped);
  });

  test('resync: everything of the subscription goes, nothing is taken until the reader is through', () => {
    const { counters, outbox, peer } = setUp();
    peer.isReading = false;
    const lane = createLane(1, 'resync');
    const taken = Array.from({ length: TOO_MANY }, () => outbox.event(lane, 'delta', KB_100));
    expect(taken[0]).toBe(true);
    expect(taken.at(-1)).toBe(false);
    expect(counters.resyncs).toBe(1);
    expect(outbox.event(lane, 'resync', null)).toBe(false);
    drain(peer, outbox);
    expect(outbox.event(lane, 'resync', null)).toBe(true);
    drain(peer, outbox);
    expect(peer.events(1).at(-1)?.[1]).toBe('resync');
  });

  test('answers: never dropped, whatever else goes', () => {
    const { outbox, peer } = setUp();
    peer.isReading = false;
    const lane = createLane(1, 'drop');
    for (let i = 0; i < TOO_MANY; i += 1) {
      if (i % 10 === 0) outbox.answer(okFrame(i + 1, 'answer'));
      outbox.event(lane, 'big', KB_100);
    }
    drain(peer, outbox);
    const answers = peer.got.filter(([op]) => op === AdminOp.OK);
    expect(answers).toHaveLength(Math.ceil(TOO_MANY / 10));
  });

  test('one subscription that floods: another one loses nothing that is newer', () => {
    const { outbox, peer } = setUp();
    peer.isReading = false;
    const quiet = createLane(1, 'drop');
    const loud = createLane(2, 'drop');
    for (let i = 0; i < TOO_MANY; i += 1) outbox.event(loud, 'big', KB_100);
    outbox.event(quiet, 'small', 1);
    drain(peer, outbox);
    expect(peer.events(1)).toEqual([[1, 'small']]);
  });

  test('waitingMax: the newest of a call stay', () => {
    const { outbox, peer } = setUp();
    peer.isReading = false;
    outbox.answer(okFrame(9, 'x'.repeat(200_000)));
    outbox.answer(okFrame(9, 'x'.repeat(200_000)));
    const lane = createLane(-7, 'drop', 2);
    for (const step of [1, 2, 3, 4]) outbox.event(lane, 'progress', step);
    drain(peer, outbox);
    const data = peer.got.filter(([, sub]) => sub === -7).map((frame) => frame[4]);
    expect(data).toEqual([3, 4, { count: 2 }]);
  });

  test('an event or an answer over a frame: not sent, counted or refused', () => {
    const { counters, outbox, peer } = setUp();
    const lane = createLane(1, 'drop');
    outbox.event(lane, 'huge', 'x'.repeat(300_000));
    expect(outbox.answer(okFrame(1, 'x'.repeat(300_000)))).toBe(false);
    expect(counters.eventsDropped).toBe(1);
    outbox.event(lane, 'next', 1);
    expect(peer.events(1).map(([, kind]) => kind)).toEqual(['dropped', 'next']);
  });

  test('forget: what waits for a subscription that has ended is let go', () => {
    const { outbox, peer } = setUp();
    peer.isReading = false;
    const lane = createLane(1, 'drop');
    for (let i = 0; i < 10; i += 1) outbox.event(lane, 'big', KB_100);
    const before = peer.backlogBytes();
    outbox.forget(lane);
    expect(outbox.backlogBytes).toBe(before);
    expect(outbox.event(lane, 'late', 1)).toBe(false);
  });
});
