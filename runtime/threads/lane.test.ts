/** Lane: when a batch leaves, what makes a drain necessary, what is counted. */
import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { FakeClock } from '../testkit/index.ts';
import type { From } from '../types.ts';
import { Lane, type LaneOptions } from './lane.ts';
import { CALL, CAST } from './wire.ts';

const open: Lane[] = [];
afterEach(() => {
  for (const lane of open.splice(0)) lane.close();
});

interface End {
  readonly lane: Lane;
  readonly got: unknown[];
  readonly poisoned: unknown[];
  /** Times that the lane has asked for a drain. */
  dirty: number;
}

/** Two lanes over one channel; `options` are the first one's. */
function pair(options: Partial<LaneOptions>): { from: End; to: End; arrived: () => Promise<void> } {
  const { port1, port2 } = new MessageChannel();
  const consumed = [new Float64Array(1), new Float64Array(1)] as const;
  const make = (port: typeof port1, i: 0 | 1, more: Partial<LaneOptions>): End => {
    const end: { -readonly [K in keyof End]: End[K] } = {
      lane: undefined as unknown as Lane,
      got: [],
      poisoned: [],
      dirty: 0,
    };
    end.lane = new Lane(port, {
      to: 'other',
      pace: { gatherMs: 0 },
      limits: { flushMessages: 512, flushBytes: 65_536, inFlightBytes: 1_000_000 },
      clock: new FakeClock(),
      sentConsumed: consumed[i],
      ownConsumed: consumed[1 - i] as Float64Array,
      onDirty: () => end.dirty++,
      onBatch: (batch) => {
        let count = 0;
        for (; batch.next(); count++) end.got.push(batch.a);
        return count;
      },
      onPoison: (kind, from) => end.poisoned.push([kind, from]),
      ...more,
    });
    open.push(end.lane);
    return end;
  };
  const arrived = async (): Promise<void> => void (await once(port2, 'message'));
  return { from: make(port1, 0, options), to: make(port2, 1, {}), arrived };
}

test('cast: what was sent may change at once, the batch leaves at the end of the drain', async () => {
  const { from, to, arrived } = pair({});
  const bytes = new Uint8Array([1, 2, 3]);
  from.lane.cast(0, 1, 'op', bytes);
  bytes.fill(9);
  from.lane.cast(0, 1, 'op', 'second');
  expect(from.dirty).toBe(1);
  from.lane.flushPaced(0);
  await arrived();
  expect(to.got).toEqual([new Uint8Array([1, 2, 3]), 'second']);
  const sent = from.lane.counters();
  expect(sent).toMatchObject({ messagesOut: 2, flushes: 1, dropped: 0, bytesInFlight: 0 });
  expect(to.lane.counters()).toMatchObject({
    messagesIn: 2,
    batchesIn: 1,
    bytesIn: sent.bytesOut,
  });
});

test('cast: no drain is asked for while the pace timer is armed, one per gathering', async () => {
  const clock = new FakeClock();
  const { from, to, arrived } = pair({ pace: { gatherMs: 10 }, clock });
  from.lane.cast(0, 1, 'op', 0);
  from.lane.flushPaced(clock.monotonic());
  await arrived();
  for (let i = 1; i <= 100; i++) {
    from.lane.cast(0, 1, 'op', i);
    if (i === 1) from.lane.flushPaced(clock.monotonic());
  }
  expect(from.dirty).toBe(2);
  expect(from.lane.counters().flushes).toBe(1);
  const second = arrived();
  await clock.advance(10);
  await second;
  expect(to.got).toEqual(Array.from({ length: 101 }, (_, i) => i));
  from.lane.cast(0, 1, 'op', 'next');
  expect(from.dirty).toBe(3);
  expect(clock.pending).toBe(0);
});

test('cast: a batch of many records is followed by a longer gathering, one of few by the short one', async () => {
  const clock = new FakeClock();
  const pace = { gatherMs: 10, loaded: { records: 3, gatherMs: 20 } };
  const { from } = pair({ pace, clock });
  const send = (records: number): void => {
    for (let i = 0; i < records; i++) from.lane.cast(0, 1, 'op', i);
    from.lane.flushPaced(clock.monotonic());
  };
  const flushes = (): number => from.lane.counters().flushes;
  send(3);
  expect(flushes()).toBe(1);
  send(2);
  await clock.advance(19);
  expect(flushes()).toBe(1);
  await clock.advance(1);
  expect(flushes()).toBe(2);
  send(1);
  await clock.advance(9);
  expect(flushes()).toBe(2);
  await clock.advance(1);
  expect(flushes()).toBe(3);
});

test('cast: a batch that is full leaves at once, by number and by bytes', () => {
  const limits = { flushMessages: 3, flushBytes: 1000, inFlightBytes: 10_000 };
  const { from } = pair({ limits });
  for (let i = 0; i < 7; i++) from.lane.cast(0, 1, 'op', i);
  expect(from.lane.counters()).toMatchObject({ flushes: 2, messagesOut: 6 });
  from.lane.cast(0, 1, 'op', 'x'.repeat(1000));
  expect(from.lane.counters()).toMatchObject({ flushes: 3, messagesOut: 8 });
  while (from.lane.admits()) from.lane.cast(0, 1, 'op', 'x'.repeat(1000));
  expect(from.lane.counters().bytesInFlight).toBeGreaterThan(10_000);
  expect(from.lane.dropped).toBe(1);
});

test('call: what cannot be encoded is reported at once with its call, and counted', async () => {
  const { from, to, arrived } = pair({});
  from.lane.call(0, 1, 'op', Symbol('no'), 77 as From, 5);
  from.lane.cast(0, 1, 'op', { a: [Symbol('no')] });
  expect(from.poisoned).toEqual([
    [CALL, 77],
    [CAST, 0],
  ]);
  expect(from.lane.dropped).toBe(2);
  from.lane.flush(0);
  expect(from.lane.counters().flushes).toBe(0);
  from.lane.cast(0, 1, 'op', 'good');
  from.lane.flush(0);
  await arrived();
  expect(to.got).toEqual(['good']);
});

test('batches of every size: arrive whole and in order', async () => {
  const { from, to, arrived } = pair({});
  const payloads = [1, 100, 16_000, 16_384, 16_385, 40_000, 200_000].map((size) =>
    new Uint8Array(size).fill(size),
  );
  for (const payload of payloads) {
    const next = arrived();
    from.lane.cast(0, 1, 'op', payload);
    from.lane.flush(0);
    await next;
  }
  expect(to.got).toEqual(payloads);
});
