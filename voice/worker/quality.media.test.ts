/**
 * What real workers report of bad connections, and what becomes of it.
 */
import { expect, test } from 'vitest';
import { RtpStream } from '../test/index.ts';
import { Ear, eventually, good, openRoom, Talker, useMedia } from './test/kit.ts';

const pool = useMedia();

test('advice: an uplink that loses one packet in five, is told to send less', async () => {
  const { media, ear } = await openRoom(pool().pool);
  const talker = await Talker.join(media, 1);
  talker.talk(20, (packet) => packet % 5 !== 0);
  await ear.until(({ advice }) => advice.length > 0);
  const [[transport, advice] = []] = ear.told.advice;
  expect(transport).toBe(talker.transport);
  expect(advice).toEqual({ maxBitrate: 24_000, ptime: 20, dtx: true, fec: false });
});

test('excess: a sender of ten times the bitrate, is told with what it sends', async () => {
  const { media, ear } = await openRoom(pool().pool);
  const talker = await Talker.join(media, 1, new RtpStream(99, 1_000));
  talker.talk();
  await ear.until(({ excess }) => excess.length > 0);
  const [[producer, bitrate = 0] = []] = ear.told.excess;
  expect(producer).toBe(talker.producer);
  // Four times the 40,000 of the room; how much of the rest a busy machine lets it send is another matter.
  expect(bitrate).toBeGreaterThan(160_000);
});

test('configure: another bitrate of the channel, every speaker is told', async () => {
  const { pool: one } = pool();
  const ear = new Ear();
  const ask = { key: 1, people: 2, bitrate: 40_000, music: false, events: ear.events };
  const media = good(await one.open(ask));
  await Promise.all([1, 2].map((owner) => media.createTransport({ direction: 'send', owner })));
  good(await media.createTransport({ direction: 'receive', owner: 1 }));
  media.configure({ bitrate: 64_000, music: true });
  await eventually(() => ear.told.advice.length === 2);
  expect(ear.told.advice.map(([, { maxBitrate, dtx }]) => [maxBitrate, dtx])).toEqual([
    [64_000, false],
    [64_000, false],
  ]);
  expect(one.status().counters.advices).toBe(2);
});
