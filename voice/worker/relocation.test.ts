/**
 * A room that goes from one worker to another while people talk, and a room over two workers. Real workers, real peers.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { closeRtc } from '../test/index.ts';
import {
  activeOf,
  codeOf,
  endCall,
  eventually,
  good,
  Listener,
  makeCall,
  makePool,
  openRoom,
  opus,
  spareOf,
  Talker,
  type TestPool,
  workerBinary,
} from './test/kit.ts';

const open: TestPool[] = [];
function pool(...args: Parameters<typeof makePool>): TestPool {
  const made = makePool(...args);
  open.push(made);
  return made;
}

afterAll(closeRtc);
beforeAll(async () => {
  await workerBinary();
}, 600_000);
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.pool.close()));
});

/** The longest step between RTP times that were heard, in ms; time stamps of one talker go on over the move. */
function longestGapMs(timestamps: readonly number[]): number {
  const sorted = [...timestamps].sort((a, b) => a - b);
  return sorted.reduce((most, at, i) => Math.max(most, (at - (sorted[i - 1] ?? at)) / 48), 0);
}

test('relocate: a call that makes its new way before it leaves the old, nothing is missed', async () => {
  const { pool: one } = pool();
  const { media, ear } = await openRoom(one);
  await eventually(() => one.status().state === 'ok');
  const old = await makeCall(media);
  const from = media.figures().slots;
  good(await media.relocate());
  expect(media.figures().slots).not.toEqual(from);

  // First the listener, across the pipe; then the talker, with the same stream; then the old ones end.
  const listener = await Listener.join(media, 2);
  const across = await listener.hear(media, old.talker.producer);
  await listener.more(across);
  const talker = await Talker.join(media, 1, old.talker.stream);
  const direct = await listener.hear(media, talker.producer);
  old.talker.quiet();
  talker.talk();
  await listener.more(direct);
  endCall(old);
  for (const transport of [old.talker.transport, old.listener.transport]) transport.close();
  await ear.until(({ relocated }) => relocated.length > 0);
  await listener.more(direct, 10);

  const heard = [
    ...old.listener.of(old.consumer).timestamps,
    ...listener.of(across).timestamps,
    ...listener.of(direct).timestamps,
  ];
  expect(longestGapMs(heard)).toBeLessThanOrEqual(60);
  expect(media.figures()).toMatchObject({ transports: 2, producers: 1, consumers: 1 });
  expect(media.figures().slots).toHaveLength(1);
  expect(ear.told.died).toEqual([]);
  expect(one.status().counters).toMatchObject({ relocations: 1, pipes: 1 });
  talker.stop();
  listener.stop();
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
