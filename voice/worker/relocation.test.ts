/**
 * A room that goes from one worker to another while people talk, and a room over two workers. Real workers, real peers.
 */
import { expect, test } from 'vitest';
import {
  activeOf,
  codeOf,
  endCall,
  eventually,
  good,
  makeCall,
  openRoom,
  opus,
  spareOf,
  Talker,
  useMedia,
} from './test/kit.ts';
import { moveCall } from './test/move.ts';

const pool = useMedia();

test('relocate: a call that makes its new way before it leaves the old, nothing is missed', async () => {
  const { pool: one } = pool();
  const { media, ear } = await openRoom(one);
  await eventually(() => one.status().state === 'ok');
  const from = media.figures().slots;
  const { call, gapMs } = await moveCall(media, await makeCall(media));
  await ear.until(({ relocated }) => relocated.length > 0);
  await call.listener.more(call.consumer, 10);
  expect(gapMs).toBeLessThanOrEqual(60);
  expect(media.figures()).toMatchObject({ transports: 2, producers: 1, consumers: 1 });
  expect(media.figures().slots).toHaveLength(1);
  expect(media.figures().slots).not.toEqual(from);
  expect(ear.told.died).toEqual([]);
  expect(one.status().counters).toMatchObject({ relocations: 1, pipes: 1 });
  endCall(call);
});

test('relocate: four calls, ten moves each, to and fro, none fails and none has a gap', async () => {
  const { pool: one } = pool({ workers: 2 });
  const gaps = await Promise.all(
    [1, 2, 3, 4].map(async (key) => {
      const { media, ear } = await openRoom(one, key);
      await eventually(() => one.status().state === 'ok');
      let call = await makeCall(media);
      let longest = 0;
      for (let moves = 1; moves <= 10; moves += 1) {
        const moved = await moveCall(media, call);
        await ear.until(({ relocated }) => relocated.length === moves);
        longest = Math.max(longest, moved.gapMs);
        call = moved.call;
      }
      endCall(call);
      return longest;
    }),
  );
  expect(Math.max(...gaps)).toBeLessThanOrEqual(60);
  expect(one.status().counters).toMatchObject({ relocations: 40, died: 0, roomsLost: 0 });
});

test('drain: a worker that is to be replaced, its room is asked to go and its process ends after it', async () => {
  const { pool: one } = pool();
  const { media, ear } = await openRoom(one);
  await eventually(() => one.status().state === 'ok');
  const transport = good(await media.createTransport({ direction: 'send', owner: 1 }));
  const { slot, pid } = activeOf(one);
  const drained = one.drain(slot, 30_000);
  await ear.until(({ mustRelocate }) => mustRelocate.length > 0);
  expect(ear.told.mustRelocate).toEqual([['drain']]);
  good(await media.relocate());
  good(await media.createTransport({ direction: 'send', owner: 1 }));
  transport.close();
  good(await drained);
  await eventually(() => one.status().state === 'ok');
  expect(spareOf(one).slot).toBe(slot);
  expect(spareOf(one).pid).not.toBe(pid);
  expect(ear.told.died).toEqual([]);
});

test('drain: a room that does not go, is lost at the end', async () => {
  const { pool: one } = pool();
  const { ear } = await openRoom(one);
  await eventually(() => one.status().state === 'ok');
  good(await one.drain(activeOf(one).slot, 50));
  expect(ear.told.died).toEqual([['killed']]);
  expect(codeOf(await one.drain(7, 50))).toBe('gone');
});

test('observe: over a move, levels come from those who moved and those who did not', async () => {
  const { pool: one } = pool();
  const { media, ear } = await openRoom(one, 1, 3);
  await eventually(() => one.status().state === 'ok');
  good(await media.observe(true));
  const stays = (await Talker.join(media, 1)).talk(20);
  good(await media.relocate());
  const moved = (await Talker.join(media, 2)).talk(25);
  await ear.until((told) =>
    told.levels.some(([levels]) => new Set(levels.map(({ producer }) => producer)).size === 2),
  );
  stays.stop();
  moved.stop();
});

test('sourceOn: many listeners of one producer on another worker, one pipe carries it', async () => {
  const { pool: one } = pool();
  const { media } = await openRoom(one);
  await eventually(() => one.status().state === 'ok');
  const send = good(await media.createTransport({ direction: 'send', owner: 1 }));
  const producer = good(await send.produce({ media: 1, rtp: opus(1), paused: false }));
  good(await media.relocate());
  const consumers = await Promise.all(
    Array.from({ length: 10 }, async (_, owner) => {
      const receive = good(await media.createTransport({ direction: 'receive', owner }));
      const ask = { producer, caps: media.routerCaps, paused: true };
      return good(await receive.consume(ask));
    }),
  );
  expect(one.status().counters.pipes).toBe(1);
  producer.close();
  expect(consumers.every(({ closed }) => closed)).toBe(true);
  const [first, second] = one.status().workers;
  expect((first?.producers ?? 0) + (second?.producers ?? 0)).toBe(0);
});
