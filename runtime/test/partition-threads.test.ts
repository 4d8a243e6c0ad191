/** Partition supervisors over the threads of a group: one partition each, found from any thread. */
import { describe, expect, test } from 'vitest';
import {
  type ActorError,
  at,
  call,
  countChildren,
  type Key,
  partition,
  partitionOf,
  type Report,
  type SupervisorP,
  startNode,
  whichChildren,
} from '../index.ts';
import type { WhereP } from './fixtures/partition-slot.ts';

const module = new URL('./fixtures/partition-slot.ts', import.meta.url);
const slots = ['shard-0', 'shard-1'].map(
  (name) => ({ name, group: 'shard', module, onDown: 'restart' }) as const,
);

describe('partitions: threads', () => {
  test('P:on success: partition i is on thread i, also for other threads, and comes back with it', async () => {
    let up: () => void = () => {};
    const back = new Promise<void>((resolve) => {
      up = resolve;
    });
    const report = (each: Report) => {
      if (each.kind === 'threadUp' && each.incarnation > 1) up();
    };
    const node = await startNode({ slots, report, watchdog: false });
    try {
      const where = (key: Key) => call(partition<WhereP>('rooms', key, 'shard'), 'where');
      expect(await where(0)).toEqual(['shard-0', 0]);
      expect(await where(1)).toEqual(['shard-1', 1]);
      expect(await where(-3)).toEqual(['shard-1', 1]);
      for (const key of ['a', 'b', 'c', 'd']) {
        expect((await where(key))[1]).toBe(partitionOf(key, 2));
      }
      const there = at<SupervisorP>('shard-1', 'rooms');
      expect((await whichChildren(there)).map(({ id }) => id)).toEqual([1]);
      expect(await countChildren(there)).toEqual({
        specs: 1,
        active: 1,
        supervisors: 0,
        workers: 1,
      });
      expect(() => partition('rooms', 1)).toThrow(RangeError);
      node.terminateSlot('shard-1');
      await back;
      const again = await where(1).catch((error: ActorError) => error.reason);
      expect(again).toEqual(['shard-1', 1]);
      expect(await where(0)).toEqual(['shard-0', 0]);
    } finally {
      await node.stop();
    }
  });
});
