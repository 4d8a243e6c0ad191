/** The wrapper around a native socket: what a closed socket must never see (P10), rids, the end (P27). */
import { expect, test } from 'vitest';
import { Connection, type ConnectionHost, Phase } from './connection.ts';
import { decodeFrame } from './protocol/index.ts';
import { FakeNet, FakeSocket } from './test/fake-net.ts';

class Host implements ConnectionHost {
  seconds = 0;
  readonly ended: number[] = [];
  pressed(): void {
    // Not looked at here.
  }
  ending(connection: Connection): void {
    this.ended.push(connection.closeCode);
  }
  erred(): void {
    // Counted by the thread.
  }
  nowS(): number {
    return this.seconds;
  }
}

function open() {
  const host = new Host();
  const connection = new Connection(1, 'mp', 'k', host);
  const socket = new FakeSocket(new FakeNet());
  socket.onClosed = (code) => connection.closed(code);
  connection.opened(socket);
  return { host, connection, socket };
}

test('Connection: after the end, no method reaches the native socket (P10)', () => {
  const { connection, host, socket } = open();
  connection.close(4001);
  expect(socket.ended).toBe(4001);
  expect(connection.phase).toBe(Phase.CLOSED);
  const topic = new Uint8Array([65]);
  connection.send(topic);
  connection.sendPaced(topic, 1);
  connection.join(topic);
  connection.leave(topic);
  connection.cork(() => undefined);
  connection.resumeReplies(1);
  connection.tryEnd();
  connection.forceClose();
  connection.close(4000);
  expect(connection.backlogBytes()).toBe(0);
  expect(host.ended).toEqual([4001]);
});

test('Connection.close: ERR with rid 0 goes before the close frame', () => {
  const { connection, socket } = open();
  connection.close(4007);
  const last = decodeFrame(socket.wire.at(-1) as Uint8Array, 'mp');
  expect(last).toEqual({ ok: true, frame: [5, 0, 4007, 'deadline'] });
});

test('Connection.close: with a backlog, waits for it, then ends; too long, is closed (P27)', () => {
  const { connection, host, socket } = open();
  socket.buffered = 5000;
  connection.close(4002);
  expect([socket.ended, socket.isClosed]).toEqual([undefined, false]);
  expect(host.ended).toEqual([4002]);
  host.seconds = 4;
  expect(connection.isCloseDue(host.seconds)).toBe(false);
  socket.buffered = 0;
  connection.tryEnd();
  expect(socket.ended).toBe(4002);
  const other = open();
  other.socket.buffered = 5000;
  other.connection.close(4002);
  expect(other.connection.isCloseDue(5)).toBe(true);
  other.connection.forceClose();
  expect([other.socket.ended, other.socket.isClosed]).toEqual([undefined, true]);
});

test('Connection: closed by the peer, the end is told once with its code', () => {
  const { connection, host } = open();
  connection.closed(1001);
  expect(host.ended).toEqual([1001]);
  expect(connection.isOpen).toBe(false);
});

test('Connection.begin: a rid in use, 64 in flight, free again after finish', () => {
  const { connection } = open();
  for (let rid = 1; rid <= 64; rid += 1) expect(connection.begin(rid)).toBe('ok');
  expect(connection.begin(7)).toBe('inUse');
  expect(connection.begin(65)).toBe('full');
  connection.finish(7);
  expect(connection.begin(7)).toBe('ok');
  for (let rid = 1; rid <= 64; rid += 1) connection.finish(rid);
  connection.finish(1);
  expect(connection.inFlight).toBe(0);
});

test('Connection.sendPaced: over the bound it queues, in order; over 4 MiB it is full', () => {
  const { connection, socket } = open();
  socket.buffered = 200;
  expect(connection.sendPaced(new Uint8Array([1]), 100)).toBe(false);
  socket.buffered = 0;
  expect(connection.sendPaced(new Uint8Array([2]), 100)).toBe(false);
  connection.resumeReplies(100);
  expect(socket.wire.map((message) => message[0])).toEqual([1, 2]);
  expect(connection.sendPaced(new Uint8Array([3]), 100)).toBe(true);
  socket.buffered = 200;
  for (let i = 0; i < 33; i += 1) connection.sendPaced(new Uint8Array(128 * 1024), 100);
  expect(connection.isReplyQueueFull).toBe(true);
});
