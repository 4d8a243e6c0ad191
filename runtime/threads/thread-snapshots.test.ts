/** Snapshots of entities: restored after a crash, after the death of their thread, and not after a good end. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { call, counters, entity, type NodeHandle, type Report, startNode } from '../index.ts';
import type { TallyP } from '../test/fixtures/slot.ts';
import { reasonOf } from '../test/support.ts';
import { ThreadSnapshots } from './thread-snapshots.ts';

describe('ThreadSnapshots', () => {
  test('take: the last two of an entity are kept, latest first, by thread', () => {
    const kept = new ThreadSnapshots();
    for (const n of [1, 2, 3]) kept.take(1, 'room', 7, n);
    kept.take(2, 'room', 8, 'other');
    expect(kept.of(1)).toEqual([{ type: 'room', key: 7, kept: [3, 2] }]);
    expect(kept.of(3)).toEqual([]);
  });

  test('take: undefined, the entity is forgotten', () => {
    const kept = new ThreadSnapshots();
    kept.take(1, 'room', 7, 1);
    kept.take(1, 'room', 7, undefined);
    expect(kept.of(1)).toEqual([]);
  });

  test('take: beyond the bound, the one without news for longest goes and is counted', () => {
    const before = counters().snapshotsForgotten;
    const kept = new ThreadSnapshots(2);
    for (const key of [1, 2, 1, 3]) kept.take(1, 'room', key, `s${key}`);
    expect(kept.of(1).map(({ key }) => key)).toEqual([1, 3]);
    expect(counters().snapshotsForgotten - before).toBe(1);
  });
});

describe('entities with snapshots', () => {
  let node: NodeHandle;
  let onReport: (report: Report) => void = () => undefined;
  const tally = entity<TallyP>('tally', 5);
  const next = (fits: (report: Report) => boolean): Promise<Report> =>
    new Promise((resolve) => {
      onReport = (report) => {
        if (fits(report)) resolve(report);
      };
    });

  beforeEach(async () => {
    node = await startNode({
      slots: [
        {
          name: 'shard-0',
          group: 'shard',
          module: new URL('../test/fixtures/slot.ts', import.meta.url),
          onDown: 'restart',
        },
      ],
      entities: { tally: 'shard' },
      watchdog: false,
      report: (report) => onReport(report),
    });
  });
  afterEach(() => node.stop());

  const killThread = async (incarnation: number): Promise<void> => {
    const up = next((r) => r.kind === 'threadUp' && r.incarnation === incarnation);
    node.terminateSlot('shard-0');
    await up;
  };

  test('crash: the next life begins with the snapshot', async () => {
    await call(tally, 'add', 3);
    expect(await reasonOf(call(tally, 'crash'))).toMatchObject({
      error: { message: 'tally crashed' },
    });
    expect(await call(tally, 'add', 1)).toBe(4);
  });

  test('death of the thread, twice: the successor restores what main kept', async () => {
    await call(tally, 'add', 3);
    await killThread(2);
    expect(await call(tally, 'add', 1)).toBe(4);
    await killThread(3);
    expect(await call(tally, 'add', 1)).toBe(5);
  });

  test('a good end, then death of the thread: the next life begins with init', async () => {
    await call(tally, 'add', 3);
    await reasonOf(call(tally, 'end'));
    expect(await call(tally, 'add', 1)).toBe(1);
    await reasonOf(call(tally, 'end'));
    await killThread(2);
    expect(await call(tally, 'add', 1)).toBe(1);
  });
});
