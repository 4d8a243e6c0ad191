/** Partition supervisors of one thread (runtime.md 3.3 and the P: row of section 4). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AnyRef,
  call,
  cast,
  child,
  countChildren,
  DynamicSupervisor,
  defineActor,
  defineDynamicSupervisor,
  definePartitionSupervisor,
  exit,
  isAlive,
  type Key,
  name,
  type PartitionOptions,
  PartitionSupervisor,
  partition,
  partitionCount,
  partitionOf,
  type Ref,
  resizePartitions,
  Supervisor,
  spawn,
  startChild,
  startPartitionSupervisor,
  startSupervisor,
  stop,
  terminateChild,
  whereis,
  whichChildren,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { SupervisorRig } from './supervisor-support.ts';
import { Probe, reasonOf } from './support.ts';

const rig = new SupervisorRig();

interface RoomP {
  number(): number;
  crash(): void;
}
const Room = defineActor<RoomP, number, number>({
  name: 'room',
  init: (_ctx, n) => n,
  handle: {
    number: (n) => n,
    crash() {
      throw new Error('room');
    },
  },
});

const rooms = (partitions: number, more: Partial<PartitionOptions> = {}) =>
  startPartitionSupervisor({
    name: 'rooms',
    partitions,
    child: (i) => child('room', Room, i),
    ...more,
  });
const ask = (key: Key) => call(partition<RoomP>('rooms', key), 'number');

describe('partitions', () => {
  test('P:with_arguments: each partition gets its own; integers lead by absolute value modulo count', async () => {
    const sup = await rooms(3);
    expect(partitionCount('rooms')).toBe(3);
    for (const [key, want] of [
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 0],
      [-1, 1],
      [-4, 1],
      [100, 1],
    ] as const) {
      expect([key, await ask(key)]).toEqual([key, want]);
    }
    await rig.end(sup);
  });

  test('P:on success: any other key by a stable hash, spread over all', async () => {
    const sup = await rooms(4);
    const seen = new Set<number>();
    for (let i = 0; i < 100; i++) {
      const number = await ask(`room ${i}`);
      expect(await ask(`room ${i}`)).toBe(number);
      expect(number).toBe(partitionOf(`room ${i}`, 4));
      seen.add(number);
    }
    expect(seen.size).toBe(4);
    await rig.end(sup);
  });

  test('partitionOf: always within the count, the same each time', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer(), fc.double(), fc.string()),
        fc.integer({ min: 1, max: 64 }),
        (key, n) => {
          const found = partitionOf(key, n);
          expect(Number.isInteger(found) && found >= 0 && found < n).toBe(true);
          expect(partitionOf(key, n)).toBe(found);
        },
      ),
    );
    // Fixed for good: what is placed by it may be stored.
    expect(['a', 'room 1', 'ä', '1.5'].map((key) => partitionOf(key, 1000))).toEqual([
      220, 269, 122, 433,
    ]);
  });

  test('P:which_children, count_children: ids are the partition numbers', async () => {
    const sup = await rooms(3);
    const children = await whichChildren(sup);
    expect(children.map(({ id, type, behaviour }) => [id, type, behaviour])).toEqual([
      [2, 'worker', 'room'],
      [1, 'worker', 'room'],
      [0, 'worker', 'room'],
    ]);
    for (const { id, ref } of children) expect(whereis(partition('rooms', id as number))).toBe(ref);
    const counts = { specs: 3, active: 3, supervisors: 0, workers: 3 };
    expect(await countChildren(name('rooms'))).toEqual(counts);
    await rig.end(sup);
  });

  test('P:count_children with supervisors: partitions of dynamic supervisors take children by key', async () => {
    const Pool = defineDynamicSupervisor(() => ({}));
    const sup = await rooms(2, { child: (i) => child(i, Pool, undefined) });
    expect(await countChildren(sup)).toEqual({ specs: 2, active: 2, supervisors: 2, workers: 0 });
    for (let i = 0; i < 10; i++)
      expect((await startChild(partition('rooms', i), Probe, {})).ok).toBe(true);
    for (let i = 0; i < 2; i++) {
      expect(await countChildren(partition('rooms', i))).toMatchObject({ active: 5 });
    }
    await rig.end(sup);
  });

  test('P:resizes the number of children: keys lead to exactly the active ones at each size', async () => {
    const sup = await rooms(8);
    let previous = 8;
    for (const size of [8, 7, 3, 1, 2, 5, 0, 4, 0, 8]) {
      expect(await resizePartitions('rooms', size)).toEqual({ ok: true, previous });
      previous = size;
      expect(partitionCount('rooms')).toBe(size);
      const counts = { specs: 8, active: size, supervisors: 0, workers: 8 };
      expect(await countChildren(sup)).toEqual(counts);
      if (size === 0) continue;
      const seen = new Set<number>();
      for (let i = 0; i < 32; i++) seen.add(await ask(i));
      expect([...seen].sort()).toEqual([...Array(size).keys()]);
    }
    await rig.end(sup);
  });

  test('P:raises on lookup after resizing to zero: an error for new names, noproc for older ones', async () => {
    const sup = await rooms(2);
    const older = partition<RoomP>('rooms', 1);
    await resizePartitions('rooms', 0);
    expect(() => partition('rooms', 1)).toThrow(RangeError);
    expect(await reasonOf(call(older, 'number'))).toBe('noproc');
    expect(whereis(older)).toBeUndefined();
    await resizePartitions('rooms', 1);
    expect(await call(older, 'number')).toBe(0);
    await rig.end(sup);
  });

  test('resize: beyond the count at the start, or no count, is out of range and changes nothing', async () => {
    const sup = await rooms(2);
    for (const count of [3, -1, 1.5, Number.NaN, '1' as never]) {
      expect(await resizePartitions('rooms', count)).toEqual({ ok: false, why: 'outOfRange' });
    }
    expect(partitionCount('rooms')).toBe(2);
    await rig.end(sup);
  });

  test('resize: a partition that does not start again is an error; those before it are active', async () => {
    let broken = false;
    const sup = await rooms(3, {
      child: (i) => {
        const spec = child(i, Room, i);
        return {
          id: i,
          start: (...args) => (broken && i === 1 ? { error: 'broken' } : spec.start(...args)),
        };
      },
    });
    await resizePartitions('rooms', 0);
    broken = true;
    expect(await resizePartitions('rooms', 3)).toEqual({
      ok: false,
      why: 'error',
      reason: { error: 'broken' },
    });
    expect([partitionCount('rooms'), await ask(1)]).toEqual([1, 0]);
    await rig.end(sup);
  });

  test('a crashed partition is restarted alone, names lead to its next life', async () => {
    const sup = await rooms(2);
    const [one, zero] = [partition<RoomP>('rooms', 1), whereis(partition('rooms', 0))];
    const before = whereis(one);
    await reasonOf(call(one, 'crash'));
    await settle();
    expect(whereis(one)).toBeDefined();
    expect(whereis(one)).not.toBe(before);
    expect(whereis(partition('rooms', 0))).toBe(zero);
    expect(await call(one, 'number')).toBe(1);
    await rig.end(sup);
  });

  test('names: cast, call, stop and monitor work on them', async () => {
    const sup = await rooms(2);
    const log: unknown[] = [];
    const watcher = await spawn(Probe, { log });
    const ref = whereis(partition('rooms', 1)) as AnyRef;
    await call(watcher, 'run', (ctx) => void ctx.monitor(partition('rooms', 1)));
    cast(partition<RoomP>('rooms', 1), 'crash');
    await settle();
    expect(log).toEqual([{ down: { error: expect.objectContaining({ message: 'room' }) }, ref }]);
    await terminateChild(sup, 1);
    expect(await reasonOf(ask(1))).toBe('noproc');
    await stop(watcher);
    await rig.end(sup);
  });
});

describe('start and stop', () => {
  test('P:raises without name, without child_spec, on bad partitions', async () => {
    const fn = () => child('x', Room, 1);
    const bad: [unknown, RegExp][] = [
      [{ partitions: 2, child: fn }, /name: got undefined/],
      [{ name: '', partitions: 2, child: fn }, /name/],
      [{ name: 'rooms', partitions: 2 }, /child: got undefined/],
      [{ name: 'rooms', partitions: 0, child: fn }, /partitions: got 0/],
      [{ name: 'rooms', partitions: 1.5, child: fn }, /partitions: got 1.5/],
      [{ name: 'rooms', partitions: 'many', child: fn }, /partitions: got many/],
    ];
    for (const [options, text] of bad) {
      await expect(startPartitionSupervisor(options as PartitionOptions)).rejects.toThrow(text);
    }
    expect(() => partition('rooms', 1)).toThrow(/none such/);
    expect(() => partitionCount('rooms')).toThrow(RangeError);
    rig.expectNoneLeft();
  });

  test('threads: outside a node it is one partition, on this thread; its size is fixed', async () => {
    const sup = await startPartitionSupervisor({ name: 'rooms', child: (i) => child(i, Room, i) });
    expect([partitionCount('rooms'), await ask(7), await ask('x')]).toEqual([1, 0, 0]);
    expect(await resizePartitions('rooms', 0)).toEqual({ ok: false, why: 'outOfRange' });
    await rig.end(sup);
  });

  test('a second one of the same name is alreadyStarted, also under another supervisor', async () => {
    const sup = await rooms(2);
    expect(await reasonOf(rooms(1))).toEqual({ alreadyStarted: sup });
    const behaviour = definePartitionSupervisor((options: PartitionOptions) => options);
    const options = { name: 'rooms', partitions: 1, child: (i: number) => child(i, Room, i) };
    const message = expect.stringContaining('there are such');
    expect(await reasonOf(spawn(behaviour, options))).toMatchObject({ error: { message } });
    expect(await ask(1)).toBe(1);
    await rig.end(sup);
  });

  test('P:stop is synchronous: the table goes with the supervisor, also when it is killed', async () => {
    for (const how of ['stop', 'kill'] as const) {
      const sup = await rooms(2);
      if (how === 'stop') await stop(name('rooms'));
      else exit(sup, 'kill');
      await settle();
      expect(() => partition('rooms', 0)).toThrow(RangeError);
      rig.expectNoneLeft();
    }
  });

  test('as a child: it comes back with its partitions; a failed start leaves no table', async () => {
    const behaviour = definePartitionSupervisor((partitions: number) => ({
      name: 'rooms',
      partitions,
      child: (i: number) => child(i, Room, i),
    }));
    const sup = await startSupervisor({ children: [child('rooms', behaviour, 2)] });
    const first = (await whichChildren(sup))[0];
    expect(first?.type).toBe('supervisor');
    exit(first?.ref as AnyRef, 'kill');
    await settle();
    expect(await ask(1)).toBe(1);
    await rig.end(sup);
    expect(await reasonOf(spawn(behaviour, 0))).toMatchObject({ error: { name: 'RangeError' } });
    const failing = rooms(2, { child: (i) => ({ id: i, start: () => ({ error: 'no' }) }) });
    expect(await reasonOf(failing)).toMatchObject({ shutdown: { failedToStartChild: 0 } });
    expect(() => partition('rooms', 0)).toThrow(RangeError);
    rig.expectNoneLeft();
  });

  test('intensity and period are passed on', async () => {
    const sup = await rooms(2, { intensity: 0 });
    await reasonOf(call(partition<RoomP>('rooms', 0), 'crash'));
    await settle();
    expect(isAlive(sup as Ref<unknown>)).toBe(false);
    await expect(rooms(2, { intensity: -1 })).rejects.toMatchObject({
      reason: { field: 'intensity' },
    });
  });
});

test('families: the same functions under one name each', async () => {
  const sup = await Supervisor.start({ children: [child('a', Room, 1)] });
  expect(await Supervisor.countChildren(sup)).toMatchObject({ active: 1 });
  await rig.end(sup);
  const dyn = await DynamicSupervisor.start({ maxChildren: 1 });
  expect(await DynamicSupervisor.startChild(dyn, Room, 1)).toMatchObject({ ok: true });
  expect(await DynamicSupervisor.startChild(dyn, Room, 2)).toEqual({
    ok: false,
    why: 'maxChildren',
  });
  await rig.end(dyn);
  const parts = await PartitionSupervisor.start({
    name: 'rooms',
    partitions: 2,
    child: (i) => child(i, Room, i),
  });
  expect(await call(PartitionSupervisor.name<RoomP>('rooms', 3), 'number')).toBe(1);
  expect(await PartitionSupervisor.resize('rooms', 1)).toEqual({ ok: true, previous: 2 });
  expect(PartitionSupervisor.partitions('rooms')).toBe(1);
  await rig.end(parts);
});
