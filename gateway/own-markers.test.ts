/** Own messages on their way to the user entity: rarely, in time, nothing lost at the end. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Connection, type ConnectionHost, Phase } from './connection.ts';
import { createMetrics } from './metrics.ts';
import { OwnMarkers } from './own-markers.ts';
import { FakeClock } from './test/fake-net.ts';

function make(count: number) {
  const clock = new FakeClock();
  const metrics = createMetrics();
  const told: { readonly uid: number; readonly at: readonly (readonly [number, number])[] }[] = [];
  const markers = new OwnMarkers({
    clock,
    metrics,
    upstream: { wrote: (uid, { at }) => void told.push({ uid, at }) },
  });
  const host = { nowS: () => 0 } as ConnectionHost;
  const connections = Array.from({ length: count }, (_, i) => {
    const connection = new Connection(i, 'mp', 'test', host);
    connection.uid = i + 1;
    connection.phase = Phase.READY;
    return connection;
  });
  return { clock, connections, markers, metrics, told };
}

test('OwnMarkers: any messages, the newest of each stream is told, at most once in 750 ms', () => {
  const step = fc.record({
    who: fc.nat(2),
    sid: fc.integer({ min: 1, max: 4 }),
    waitMs: fc.nat(400),
  });
  const run = (steps: readonly { who: number; sid: number; waitMs: number }[]): void => {
    const { clock, connections, markers, told } = make(3);
    const wanted = new Map<string, number>();
    const startMs = clock.monotonic();
    for (const [i, { who, sid, waitMs }] of steps.entries()) {
      const connection = connections[who] as Connection;
      markers.wrote(connection, sid, i + 1);
      wanted.set(`${connection.uid} ${sid}`, i + 1);
      clock.advance(waitMs);
      markers.tick();
    }
    const passedMs = clock.monotonic() - startMs;
    expect(told.length).toBeLessThanOrEqual(3 * (passedMs / 750 + 1));
    for (const connection of connections) markers.flush(connection);
    const newest = new Map<string, number>();
    for (const { uid, at } of told) for (const [sid, seq] of at) newest.set(`${uid} ${sid}`, seq);
    expect(newest).toEqual(wanted);
  };
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), run));
});

test('OwnMarkers: a repeat that answers an older seq, the newer one stays', () => {
  const { connections, markers, told } = make(1);
  const [one] = connections as [Connection];
  for (const [sid, seq] of [
    [5, 9],
    [5, 2],
    [6, 4],
    [5, 3],
  ] as const)
    markers.wrote(one, sid, seq);
  markers.flush(one);
  expect(told.map(({ at }) => new Map(at))).toEqual([
    new Map([
      [5, 9],
      [6, 4],
    ]),
  ]);
});

test('OwnMarkers: one told before its time and noted again, those behind it do not wait for it', () => {
  const { clock, connections, markers, told } = make(2);
  const [one, two] = connections as [Connection, Connection];
  markers.wrote(one, 5, 1);
  markers.wrote(two, 5, 2);
  for (let i = 0; i < 3; i += 1) {
    markers.flush(one);
    clock.advance(250);
    markers.wrote(one, 5, 3 + i);
  }
  markers.tick();
  expect(told.at(-1)).toEqual({ uid: two.uid, at: [[5, 2]] });
  clock.advance(500);
  markers.tick();
  expect(told.length).toBe(4);
  clock.advance(250);
  markers.tick();
  expect(told.at(-1)).toEqual({ uid: one.uid, at: [[5, 5]] });
});

test('OwnMarkers: a connection that has ended, told at once', () => {
  const { connections, markers, told } = make(1);
  const [one] = connections as [Connection];
  one.phase = Phase.CLOSING;
  markers.wrote(one, 5, 9);
  expect(told).toEqual([{ uid: 1, at: [[5, 9]] }]);
});

test('OwnMarkers: more streams than the bound, told at once', () => {
  const { connections, markers, told } = make(1);
  const [one] = connections as [Connection];
  for (let sid = 1; sid <= 65; sid += 1) markers.wrote(one, sid, 1);
  expect(told.map(({ at }) => at.length)).toEqual([65]);
});
