/** Quality of a room's connections, and the sampling behind it, with transports that answer as the test says. */
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../runtime/testkit/index.ts';
import type { Advice } from '../quality.ts';
import type { Sample, TransportHandle } from './handles.ts';
import { RoomQuality } from './room-quality.ts';
import { Sampler } from './sampler.ts';
import type { Direction } from './types.ts';

function transport(direction: Direction, sample: () => Sample | null = () => null) {
  let asked = 0;
  const handle = {
    direction,
    sample: () => {
      asked += 1;
      return Promise.resolve(sample());
    },
  };
  return { handle: handle as unknown as TransportHandle, asked: () => asked };
}

describe('RoomQuality', () => {
  test('sample: more than a quarter of the listeners suffer for 6 s, speakers are asked to correct errors', () => {
    const told: [TransportHandle, Advice][] = [];
    const quality = new RoomQuality({ bitrate: 40_000, music: false }, (one, advice) =>
      told.push([one, advice]),
    );
    const speaker = transport('send').handle;
    const listeners = Array.from({ length: 3 }, () => transport('receive').handle);
    for (const one of [speaker, ...listeners]) quality.add(one);
    const [bad] = listeners;
    if (bad === undefined) return;
    quality.sample(bad, 0.2, 0, false);
    quality.sample(bad, 0.2, 6_000, false);
    expect(told.map(([one, { fec }]) => [one, fec])).toEqual([[speaker, true]]);
    quality.remove(bad);
    expect(told.map(([, { fec }]) => fec)).toEqual([true, false]);
  });
});

describe('Sampler', () => {
  test('tick: 100 transports, each at most every 2 s and never more than 16 at once', async () => {
    const clock = new FakeClock();
    const sampler = new Sampler(clock);
    const room = { ceilingBitrate: 40_000, sampled: () => undefined, excess: () => undefined };
    const all = Array.from({ length: 100 }, () => transport('send'));
    for (const one of all) sampler.add(one.handle, room);
    const total = () => all.reduce((sum, one) => sum + one.asked(), 0);
    sampler.tick();
    expect(total()).toBe(0);
    await clock.advance(2_000);
    for (let ticks = 1; ticks <= 14; ticks += 1) {
      const before = total();
      sampler.tick();
      expect(total() - before).toBeLessThanOrEqual(16);
      await clock.advance(500);
    }
    expect(new Set(all.map((one) => one.asked()))).toEqual(new Set([2, 3]));
  });

  test('tick: a sender far above its channel, is told at the second sample', async () => {
    const clock = new FakeClock();
    const sampler = new Sampler(clock);
    const excess: number[] = [];
    const losses: number[] = [];
    const room = {
      ceilingBitrate: 64_000,
      sampled: (_one: TransportHandle, loss: number) => losses.push(loss),
      excess: (_one: TransportHandle, bitrate: number) => excess.push(bitrate),
    };
    const loud = transport('send', () => ({
      ...{ isUplink: true, packets: 100, loss: 0.1, bitrate: 300_000 },
    }));
    sampler.add(loud.handle, room);
    for (const expected of [[], [300_000]]) {
      await clock.advance(2_000);
      sampler.tick();
      await clock.advance(0);
      expect(excess).toEqual(expected);
    }
    expect(losses).toEqual([0.1, 0.1]);
    expect(sampler.packets).toBe(200);
    sampler.report(loud.handle, Number.NaN);
    sampler.report(loud.handle, 7);
    expect(losses).toEqual([0.1, 0.1, 1]);
    sampler.remove(loud.handle);
    sampler.report(loud.handle, 0);
    expect(losses).toHaveLength(3);
  });
});
