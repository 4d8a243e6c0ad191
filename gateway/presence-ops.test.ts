/** TYPE's pace, users told again, audiences of large streams: on fakes, with time by hand. */
import { expect, test } from 'vitest';
import type { Connection } from './connection.ts';
import { createMetrics } from './metrics.ts';
import { PresenceOps } from './presence-ops.ts';
import { Shedding } from './shedding.ts';
import { FakeClock, FakeNet } from './test/fake-net.ts';
import { createFakePresence } from './test/fake-presence.ts';
import type { Topic } from './topic.ts';

class Rig {
  readonly clock = new FakeClock();
  readonly metrics = createMetrics();
  readonly upstream = createFakePresence();
  readonly topics = new Map<number, Topic>();
  connections: Connection[] = [];
  readonly ops: PresenceOps;

  constructor() {
    const { clock, metrics, topics, upstream } = this;
    this.ops = new PresenceOps({
      ...{ clock, metrics, topics, upstream, shedding: new Shedding() },
      rng: { u32: () => 7, bytes: (n) => new Uint8Array(n) },
      publish: new FakeNet().publish,
      connections: () => this.connections,
    });
  }

  connection(uid: number, no = uid, isReady = true): Connection {
    const login = `login-${uid}`;
    return { uid, no, connNo: 1, session: `s${no}`, login, isReady } as unknown as Connection;
  }

  type(uid: number, sid: number): void {
    this.ops.type(this.connection(uid), sid, this.clock.monotonic());
  }

  heard(op: string): readonly (readonly unknown[])[] {
    return this.upstream.heard.filter((one) => one.op === op).map(({ args }) => args);
  }

  follow(sid: number, joined: number, owner = 1): void {
    this.topics.set(sid, { joined, owner, state: 'live' } as unknown as Topic);
  }
}

test('type: once per 8 s for each user and stream, over all of the user connections', () => {
  const rig = new Rig();
  rig.type(1, 50);
  rig.type(1, 50);
  rig.type(1, 51);
  rig.type(2, 50);
  rig.clock.advance(7000);
  rig.ops.tick();
  rig.type(1, 50);
  rig.clock.advance(1000);
  rig.type(1, 50);
  expect(rig.heard('typing')).toEqual([
    [50, 1],
    [51, 1],
    [50, 2],
    [50, 1],
  ]);
  expect(rig.metrics.typesIgnored).toBe(2);
});

test('type: more than are remembered, ignored until the first of them are forgotten', () => {
  const rig = new Rig();
  for (let sid = 1; sid <= 50_001; sid += 1) rig.type(1, sid);
  expect(rig.metrics.typesIgnored).toBe(1);
  rig.clock.advance(8000);
  rig.ops.tick();
  rig.type(1, 60_000);
  expect(rig.heard('typing')).toHaveLength(50_001);
});

test('whoIs: what is held of the user, with nothing no answer', () => {
  const rig = new Rig();
  rig.connections = [rig.connection(1, 10), rig.connection(1, 11, false), rig.connection(2, 12)];
  rig.ops.whoIs({ uid: 1 });
  rig.ops.whoIs({ uid: 3 });
  expect(rig.heard('present')).toEqual([
    [1, [{ conn: 10, connNo: 1, session: 's10', login: 'login-1' }]],
  ]);
});

test('tellAll: every user once, a thousand per tick, nobody who is not identified', () => {
  const rig = new Rig();
  for (let no = 1; no <= 2400; no += 1) rig.connections.push(rig.connection(no % 1200, no));
  rig.ops.tellAll();
  rig.ops.tick();
  expect(rig.heard('present')).toHaveLength(1000);
  rig.ops.tick();
  rig.ops.tick();
  const told = rig.heard('present');
  expect(told).toHaveLength(1199);
  expect(told.every(([, conns]) => (conns as unknown[]).length === 2)).toBe(true);
});

test('LiveCounts: large audiences are told of, when they move and to a new owner', () => {
  const rig = new Rig();
  const told = (): readonly unknown[] => rig.heard('live').slice();
  rig.follow(50, 127);
  rig.ops.tick();
  expect(told()).toEqual([]);
  rig.follow(50, 1600);
  rig.ops.tick();
  rig.follow(50, 1650);
  rig.ops.tick();
  expect(told()).toEqual([[50, 1600]]);
  rig.follow(50, 1650, 2);
  rig.ops.tick();
  rig.follow(50, 100, 2);
  rig.ops.tick();
  rig.ops.tick();
  expect(told().slice(1)).toEqual([
    [50, 1650],
    [50, 0],
  ]);
});
