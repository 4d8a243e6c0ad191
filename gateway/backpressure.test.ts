/** Who is too slow, and who is only slow: on fake sockets. */
import { expect, test } from 'vitest';
import { type Client, World } from './test/world.ts';

const KIB = 1024;

function world(): { world: World; client: Client } {
  const made = new World({ chunkMax: 20, replayMax: 5000 });
  return { world: made, client: made.open(1, 'mp') };
}

/** So many seconds with a sweep in each; `each` is what the peer does. */
function seconds(made: World, count: number, each: () => void = () => undefined): void {
  for (let i = 0; i < count; i += 1) {
    made.clock.advance(1000);
    each();
    made.sweep();
  }
}

test('Backpressure.visit: a backlog below the soft limit that does not move, ended after 30 s', () => {
  const { client, world: made } = world();
  client.socket.buffered = 100 * KIB;
  made.sweep();
  seconds(made, 30);
  expect(client.connection.isOpen).toBe(true);
  seconds(made, 1);
  expect([client.connection.closeCode, made.metrics.closedStuck]).toEqual([4002, 1]);
  expect(made.metrics.lagEntered).toBe(0);
});

test('Backpressure.visit: whoever takes something now and then, stays', () => {
  const { client, world: made } = world();
  client.socket.buffered = 200 * KIB;
  made.sweep();
  for (let i = 0; i < 10; i += 1) {
    seconds(made, 29);
    client.socket.buffered -= KIB;
    seconds(made, 1);
  }
  // An empty backlog forgets everything; a new one starts anew.
  client.socket.buffered = 0;
  seconds(made, 40);
  client.socket.buffered = 10;
  seconds(made, 30);
  expect([client.connection.isOpen, made.metrics.closedStuck]).toEqual([true, 0]);
});

test('Backpressure.drained: without progress, does not prolong anything', () => {
  const { client, world: made } = world();
  client.socket.buffered = 100 * KIB;
  made.sweep();
  seconds(made, 31, () => made.backpressure.drained(client.connection));
  expect(made.metrics.closedStuck).toBe(1);
});

test('Backpressure.drained: progress behind which as much was sent again, counts', () => {
  const { client, world: made } = world();
  const { connection, socket } = client;
  socket.isStalled = true;
  socket.buffered = 100 * KIB;
  made.sweep();
  seconds(made, 60, () => {
    socket.buffered -= KIB;
    made.backpressure.drained(connection);
    socket.buffered += KIB;
  });
  expect([connection.isOpen, made.metrics.closedStuck]).toEqual([true, 0]);
});

test('Backpressure: out of lag mode, what is not queued for it is told anew, once', () => {
  const { client, world: made } = world();
  made.stall(client);
  made.sweep();
  expect([client.connection.isLagging, made.caughtUp]).toEqual([true, []]);
  made.drain(client);
  expect([client.connection.isLagging, made.caughtUp]).toEqual([false, [client.connection]]);
});

test('Backpressure.endRound: the sum over its bound, the greatest go, replies that wait count', () => {
  const { client: small, world: made } = world();
  const [large, replies] = [made.open(2, 'mp'), made.open(3, 'json')];
  const bound = made.totalBytesMax;
  small.socket.buffered = bound / 8;
  large.socket.buffered = bound / 2;
  replies.socket.buffered = bound / 8;
  replies.connection.sendPaced(new Uint8Array(bound / 2), 0);
  made.sweep();
  expect(made.metrics.backlogBytesNow).toBe(bound * 1.25);
  expect([small, large, replies].map(({ connection }) => connection.isOpen)).toEqual([
    true,
    true,
    false,
  ]);
  expect(made.metrics.closedOverTotal).toBe(1);
});
