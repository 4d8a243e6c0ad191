/** What of the rooms' events does not reach a socket, and why: on fakes. */
import { expect, test } from 'vitest';
import type { Connection } from './connection.ts';
import { createMetrics } from './metrics.ts';
import { decodeFrame, VoiceKind } from './protocol/index.ts';
import { FakeClock } from './test/fake-net.ts';
import { createFakeRooms } from './test/fake-rooms.ts';
import { VoiceOut } from './voice-out.ts';

class Rig {
  readonly metrics = createMetrics();
  readonly clock = new FakeClock();
  readonly rooms = createFakeRooms();
  readonly out = new VoiceOut({
    clock: this.clock,
    metrics: this.metrics,
    upstream: () => this.rooms,
  });

  connection(no: number, isLagging = false): Connection & { readonly sent: unknown[] } {
    const sent: unknown[] = [];
    const send = (bytes: Uint8Array): void => {
      const decoded = decodeFrame(bytes, 'mp', { depthMax: 8 });
      if (decoded.ok) sent.push(decoded.frame);
    };
    const who = { no, uid: no, session: `s${no}`, connNo: 1, encoding: 'mp', closeCode: 0 };
    const state = { isOpen: true, isReady: true, isLagging };
    return { ...who, ...state, send, sent } as unknown as Connection & { readonly sent: unknown[] };
  }

  enter(connection: Connection, vsid: number, sid = 50): void {
    const { session, uid } = connection;
    this.out.add({ vsid, session, uid }, sid, connection, 0);
  }
}

test('tell: who speaks is not told to a socket that lags, who comes and goes is', () => {
  const rig = new Rig();
  const connection = rig.connection(1, true);
  rig.enter(connection, 3);
  rig.out.tell({ vsids: [3], ver: 1, kind: VoiceKind.SPEAKING, body: [[[2, 9]]] });
  rig.out.tell({ vsids: [3], ver: 1, kind: VoiceKind.DOMINANT, body: [2] });
  rig.out.tell({ vsids: [3], ver: 2, kind: VoiceKind.LEFT, body: [2] });
  expect(connection.sent).toEqual([[23, 3, 2, 2, 2]]);
  expect(rig.metrics).toMatchObject({ voiceShed: 2, voiceSent: 1 });
});

test('tell: events beyond those that may wait for joins, dropped and counted', () => {
  const rig = new Rig();
  const connection = rig.connection(1);
  rig.out.joining();
  for (let ver = 1; ver <= 1001; ver += 1) {
    rig.out.tell({ vsids: [3], ver, kind: VoiceKind.LEFT, body: [2] });
  }
  expect(rig.metrics).toMatchObject({ voiceHeldOverflows: 1, voiceUnheard: 1 });
  rig.enter(connection, 3);
  rig.out.joined();
  expect(connection.sent).toHaveLength(1000);
});

test('tell: several memberships of one event, each its own vsid; without a connection nothing', () => {
  const rig = new Rig();
  const [a, b, c] = [rig.connection(1), rig.connection(2), rig.connection(3)];
  for (const [i, one] of [a, b, c].entries()) rig.enter(one, i + 1);
  rig.out.ended(c, false);
  rig.out.tell({ vsids: [1, 2, 3, 4], ver: 7, kind: VoiceKind.STATE, body: [9, true, false, 1] });
  expect([a.sent, b.sent, c.sent]).toEqual([
    [[23, 1, 7, 3, 9, true, false, 1]],
    [[23, 2, 7, 3, 9, true, false, 1]],
    [],
  ]);
  expect(rig.metrics).toMatchObject({ voiceSent: 2, voiceUnsent: 1, voiceUnheard: 1 });
});

test('tell: a change that the answer of a join or sync knows already is not told again', () => {
  const rig = new Rig();
  const connection = rig.connection(1);
  const { session, uid } = connection;
  rig.out.add({ vsid: 3, session, uid }, 50, connection, 7);
  rig.out.tell({ vsids: [3], ver: 7, kind: VoiceKind.JOINED, body: [2, 0] });
  rig.out.tell({ vsids: [3], ver: 7, kind: VoiceKind.RECORDING, body: [true, 2] });
  rig.out.tell({ vsids: [3], ver: 8, kind: VoiceKind.LEFT, body: [2] });
  expect(connection.sent).toEqual([
    [23, 3, 7, 15, true, 2],
    [23, 3, 8, 2, 2],
  ]);
  expect(rig.metrics).toMatchObject({ voiceStale: 1, voiceSent: 2 });
});

test('tick: more lost memberships than are kept, the oldest go first', () => {
  const rig = new Rig();
  for (let no = 1; no <= 10_001; no += 1) {
    const connection = rig.connection(no);
    rig.enter(connection, no, no);
    rig.out.ended(connection, false);
  }
  rig.out.tick();
  expect(rig.metrics).toMatchObject({ voiceMembersNow: 10_000, voiceForgotten: 1 });
  expect(rig.out.ofSession('s1')).toBe(undefined);
  expect(rig.out.ofSession('s2')).not.toBe(undefined);
});

test('down: only the room that ended, in the life that was monitored', () => {
  const rig = new Rig();
  const [a, b] = [rig.connection(1), rig.connection(2)];
  rig.enter(a, 1, 50);
  rig.enter(b, 2, 51);
  rig.out.watch(50, 4711 as never);
  rig.out.watch(50, 4711 as never);
  expect(rig.rooms.monitored.size).toBe(1);
  rig.out.watch(51, 4712 as never);
  const [first] = [...rig.rooms.monitored].filter(([, room]) => (room as unknown) === 4711);
  rig.out.down(first?.[0] as never);
  expect([a.sent, b.sent]).toEqual([[[23, 1, 0, 9, 'failed']], []]);
  expect(rig.out.ofSession('s2')).not.toBe(undefined);
});
