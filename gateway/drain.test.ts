/** Who leaves when during a drain. */
import { expect, test } from 'vitest';
import { Connection, type ConnectionHost, Phase } from './connection.ts';
import { closeConnections, drainConnections } from './drain.ts';
import { decodeFrame, Op } from './protocol/index.ts';
import { FakeClock, FakeNet, FakeSocket } from './test/fake-net.ts';

const WINDOW_MS = 1000;
const OUTBOUND = { depthMax: 8, valuesMax: 1e6 };

function world(points: readonly number[]) {
  const clock = new FakeClock();
  const host: ConnectionHost = {
    pressed: () => undefined,
    ending: () => undefined,
    erred: () => undefined,
    nowS: () => 0,
  };
  const members = points.map((_, i) => {
    const connection = new Connection(i + 1, i % 2 === 0 ? 'mp' : 'json', 'k', host);
    const socket = new FakeSocket(new FakeNet());
    socket.onClosed = (code) => connection.closed(code);
    connection.opened(socket);
    connection.phase = Phase.READY;
    return { connection, socket };
  });
  let drawn = -1;
  const u32 = (): number => {
    drawn += 1;
    return Math.floor((points[drawn] as number) * 2 ** 32);
  };
  const rng = { u32, bytes: (n: number) => new Uint8Array(n) };
  const connections = members.map(({ connection }) => connection);
  const nextTurn = (fn: () => void): void => fn();
  const done = drainConnections(connections, WINDOW_MS, { clock, rng, nextTurn });
  const open = (): number[] => connections.filter((one) => one.isOpen).map((one) => one.no);
  const advance = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 50) {
      clock.advance(50);
      for (let i = 0; i < 4; i += 1) await Promise.resolve();
    }
  };
  return { members, connections, nextTurn, done, open, advance };
}

test('drainConnections: RECONNECT to all, each ends with 4001 at its own point of the window', async () => {
  const { advance, done, members, open } = world([0.9, 0.1, 0.5]);
  for (const { connection, socket } of members) {
    const frame = decodeFrame(socket.wire[0] as Uint8Array, connection.encoding, OUTBOUND);
    expect(frame).toEqual({ ok: true, frame: [Op.RECONNECT, 0, WINDOW_MS, null, 'drain'] });
  }
  expect(open()).toEqual([1, 2, 3]);
  await advance(200);
  expect(open()).toEqual([1, 3]);
  await advance(400);
  expect(open()).toEqual([1]);
  await advance(400);
  await done;
  expect(members.map(({ socket }) => socket.ended)).toEqual([4001, 4001, 4001]);
});

test('drainConnections: a request in flight is answered first, but not beyond the window', async () => {
  const { advance, connections, done, open } = world([0.1, 0.1]);
  const [answered, stuck] = connections as [Connection, Connection];
  answered.begin(7);
  stuck.begin(8);
  await advance(500);
  expect(open()).toEqual([1, 2]);
  answered.finish(7);
  await advance(50);
  expect(open()).toEqual([2]);
  await advance(500);
  await done;
  expect(open()).toEqual([]);
});

test('drainConnections: one that ends by itself meanwhile, is not waited for', async () => {
  const { advance, connections, done, members } = world([0.2]);
  connections[0]?.begin(7);
  await advance(300);
  members[0]?.socket.close();
  await advance(50);
  await done;
});

test('closeConnections: all that are left, 4001', async () => {
  const { connections, members, nextTurn } = world([0.9, 0.9]);
  await closeConnections(connections, nextTurn);
  expect(members.map(({ socket }) => socket.ended)).toEqual([4001, 4001]);
});
