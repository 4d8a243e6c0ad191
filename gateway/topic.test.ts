/** Topic: order, holes and slices, on sockets in memory. */
import { expect, test } from 'vitest';
import { Connection, type ConnectionHost, Phase } from './connection.ts';
import { encodeEvent, readSeq } from './protocol/index.ts';
import { FakeNet, FakeSocket } from './test/fake-net.ts';
import { HELD_BYTES_MAX, SLICE_SUBSCRIBERS_MAX, Subscription, Topic } from './topic.ts';

const host: ConnectionHost = {
  pressed: () => undefined,
  ending: () => undefined,
  erred: () => undefined,
  nowS: () => 0,
};
const SID = 9;

function event(seq: number, text = 'x'): Uint8Array {
  return encodeEvent(SID, 7, { seq, ts: seq, kind: 1, actor: 1, body: [text] });
}

function publish(seq: number, count = 1) {
  const frames = Array.from({ length: count }, (_, i) => event(seq + i));
  return { sid: SID, epoch: 7, seq, ts: seq + count - 1, frames };
}

function join(topic: Topic, net: FakeNet, encoding: 'mp' | 'json' = 'mp') {
  const connection = new Connection(1, encoding, 'k', host);
  const socket = new FakeSocket(net);
  connection.opened(socket);
  connection.phase = Phase.READY;
  const subscription = new Subscription(connection, topic);
  topic.flushAll(net.publish);
  topic.join(subscription, net.publish);
  return { subscription, socket };
}

function topicAt(seq: number): Topic {
  const topic = new Topic(SID);
  topic.state = 'live';
  topic.reset({ epoch: 7, seq, ts: seq });
  return topic;
}

test('Topic.accept: overlap is cut, old is dropped, a hole is held until it is repaired', () => {
  const net = new FakeNet();
  const topic = topicAt(0);
  const { socket } = join(topic, net);
  expect(topic.accept(publish(1, 3))).toBe('taken');
  expect(topic.accept(publish(2, 3))).toBe('taken');
  expect(topic.accept(publish(1, 2))).toBe('old');
  expect(topic.accept(publish(7, 2))).toBe('hole');
  expect([topic.seq, topic.hasHole, topic.holeEnd.to]).toEqual([4, true, 6]);
  topic.repair([event(5), event(6)], { epoch: 7, seq: 6, ts: 6 });
  expect([topic.seq, topic.ts, topic.hasHole]).toEqual([8, 8, false]);
  topic.flush(net.publish);
  expect(socket.wire.map(readSeq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test('Topic.accept: held beyond the bound, says so', () => {
  const topic = topicAt(0);
  join(topic, new FakeNet());
  const frames = [event(5, 'x'.repeat(12_000))];
  for (let i = 0; topic.isHeldFull === false && i < 1000; i += 1) {
    topic.accept({ sid: SID, epoch: 7, seq: 5 + i, ts: 1, frames });
  }
  expect(topic.isHeldFull).toBe(true);
  expect(HELD_BYTES_MAX).toBeLessThan(1000 * 12_000);
});

test('Topic.leave: the position is what was published to the socket, not what was received (P6)', () => {
  const net = new FakeNet();
  const topic = topicAt(0);
  const { subscription, socket } = join(topic, net);
  join(topic, net);
  topic.accept(publish(1, 2));
  topic.flush(net.publish);
  topic.accept(publish(3, 2));
  topic.leave(subscription);
  topic.flush(net.publish);
  expect(subscription).toMatchObject({ epoch: 7, seq: 2, ts: 2 });
  expect(socket.wire.map(readSeq)).toEqual([1, 2]);
});

test('Topic.flush: JSON is made once, and only with JSON subscribers', () => {
  const net = new FakeNet();
  const topic = topicAt(0);
  const mp = join(topic, net);
  const json = [join(topic, net, 'json'), join(topic, net, 'json')];
  topic.accept(publish(1));
  topic.flush(net.publish);
  expect(mp.socket.wire).toEqual([event(1)]);
  const text = new TextDecoder().decode(json[0]?.socket.wire[0]);
  expect(JSON.parse(text)).toEqual([16, SID, 7, 1, 1, 1, 1, 'x']);
  expect(json[0]?.socket.wire[0]).toBe(json[1]?.socket.wire[0]);
});

test('Topic: over 2,000 subscribers, slices in later turns, each socket every event once', () => {
  const net = new FakeNet();
  const topic = topicAt(0);
  const members = Array.from({ length: SLICE_SUBSCRIBERS_MAX * 2 + 10 }, () => join(topic, net));
  expect(topic.slices.map((slice) => slice.count)).toEqual([2000, 2000, 10]);
  topic.accept(publish(1, 2));
  expect(topic.flush(net.publish)).toBe(4000);
  expect(topic.queuedSlice()?.index).toBe(1);
  expect(members[3000]?.socket.wire).toEqual([]);
  // A member of a later slice that leaves has had nothing yet; one that joins it gets nothing twice.
  const leaver = members[3000] as (typeof members)[number];
  topic.leave(leaver.subscription);
  expect(leaver.subscription.seq).toBe(0);
  topic.accept(publish(3));
  const joiner = join(topic, net);
  expect(joiner.subscription.slice?.index).toBe(1);
  topic.accept(publish(4));
  topic.flush(net.publish);
  for (let slice = topic.queuedSlice(); slice !== undefined; slice = topic.queuedSlice()) {
    topic.drainSlice(slice, net.publish);
  }
  for (const member of members) {
    if (member !== leaver) expect(member.socket.wire.map(readSeq)).toEqual([1, 2, 3, 4]);
  }
  expect(joiner.socket.wire.map(readSeq)).toEqual([4]);
});
