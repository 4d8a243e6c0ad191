/**
 * Plain RTP to and from a process on this machine, and pipes between nodes. Real workers; the process is a UDP socket of the test.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { RtpStream, readRtp } from '../test/index.ts';
import {
  codeOf,
  endCall,
  eventually,
  good,
  Listener,
  makeCall,
  openRoom,
  Talker,
  useMedia,
} from './test/kit.ts';
import type { Endpoint } from './types.ts';

const sockets: Socket[] = [];
const pool = useMedia();

async function socket(): Promise<{ readonly socket: Socket; readonly at: Endpoint }> {
  const made = createSocket('udp4').bind(0, '127.0.0.1');
  sockets.push(made);
  await once(made, 'listening');
  const { address: ip, port } = made.address() as AddressInfo;
  return { socket: made, at: { ip, port } };
}

afterEach(async () => {
  for (const one of sockets.splice(0)) one.close();
});

test('tap: a talker, the packets come to the process from the address that was told', async () => {
  const { media } = await openRoom(pool().pool);
  const call = await makeCall(media);
  const { socket: process, at } = await socket();
  const tap = good(await media.tap(call.talker.producer, at));
  let packets = 0;
  const strangers: string[] = [];
  process.on('message', (packet, from) => {
    if (from.port !== tap.from.port || from.address !== tap.from.ip) strangers.push(from.address);
    if (readRtp(packet)?.ssrc === tap.ssrc && ((packet[1] ?? 0) & 0x7f) === tap.payloadType)
      packets += 1;
  });
  await eventually(() => packets >= 20);
  expect(strangers).toEqual([]);
  expect(tap.levelExtension).toBeGreaterThan(0);
  call.talker.transport.close();
  expect(tap.closed).toBe(true);
  expect(codeOf(await media.tap(call.talker.producer, at))).toBe('gone');
  endCall(call);
});

test('feed: packets of the process, are heard; those of another socket are not', async () => {
  const { media, ear } = await openRoom(pool().pool);
  const [player, stranger] = [await socket(), await socket()];
  const feed = good(await media.feed({ owner: 5, ssrc: 77, from: player.at }));
  const listener = await Listener.join(media, 1);
  const consumer = await listener.hear(media, feed.producer);
  const stream = new RtpStream(77);
  const send = ({ socket: from }: { readonly socket: Socket }) => {
    const packet = stream.next();
    packet[1] = feed.payloadType;
    from.send(packet, feed.to.port, feed.to.ip);
  };
  for (let i = 0; i < 20; i += 1) send(stranger);
  const playing = setInterval(() => send(player), 5);
  await listener.more(consumer, 20);
  clearInterval(playing);
  expect(ear.told.live.map(([producer]) => producer)).toEqual([feed.producer]);
  // The first packet that was heard is the player's: the stranger's came before it.
  expect(listener.of(consumer).timestamps[0]).toBeGreaterThanOrEqual(77 + 20 * 960);
  feed.close();
  expect([feed.closed, consumer.closed]).toEqual([true, true]);
  listener.stop();
});

test('openNodePipe: a room on two nodes, each hears the other over SRTP', async () => {
  const [here, there] = await Promise.all([openRoom(pool().pool), openRoom(pool().pool)]);
  const [near, far] = await Promise.all([
    here.media.openNodePipe({ ip: '127.0.0.1' }).then(good),
    there.media.openNodePipe({ ip: '127.0.0.1' }).then(good),
  ]);
  good(await near.connect(far.offer));
  good(await far.connect(near.offer));
  const talker = (await Talker.join(here.media, 1)).talk();
  const piped = good(await near.send(talker.producer));
  expect(good(await near.send(talker.producer))).toBe(piped);
  const producer = good(await far.receive(piped, 1));
  const listener = await Listener.join(there.media, 2);
  const consumer = await listener.hear(there.media, producer);
  await listener.more(consumer, 20);
  far.close();
  expect([producer.closed, consumer.closed, far.closed]).toEqual([true, true, true]);
  expect(codeOf(await far.receive(piped, 1))).toBe('gone');
  talker.stop();
  listener.stop();
});
