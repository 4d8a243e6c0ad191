/** What operators do to a live tree: a child or a thread ended in order and started again, a look without a message, work that the watchdog lets pass. */
import { afterEach, describe, expect, test } from 'vitest';
import {
  type AnyRef,
  at,
  bounceChild,
  call,
  child,
  defineActor,
  entity,
  exit,
  hostEntity,
  look,
  type NodeHandle,
  type NodeOptions,
  type Report,
  slotOf,
  spawn,
  startDynamicSupervisor,
  startNode,
  startSupervisor,
  stop,
  subtreeSize,
  sys,
  terminateChild,
  whereis,
  whichChildren,
  whileUnwatched,
} from '../index.ts';
import { homeIndex } from '../names/home.ts';
import { settle } from '../testkit/index.ts';
import type { FragileP } from './fixtures/giving-up-slot.ts';
import type { EchoP, ThingP } from './fixtures/slot.ts';
import { probe, refs, SupervisorRig, scripted } from './supervisor-support.ts';

const MODULE = new URL('./fixtures/slot.ts', import.meta.url);

describe('bounceChild', () => {
  const rig = new SupervisorRig();

  test.each([
    ['oneForOne', [true, false, true]],
    ['oneForAll', [false, false, false]],
    ['restForOne', [true, false, false]],
  ] as const)(
    '%s: the child and what its restart takes along have new lives',
    async (strategy, kept) => {
      const children = ['a', 'b', 'c'].map((id) => probe(id));
      const sup = await startSupervisor({ strategy, intensity: 0, children });
      const before = refs('a', 'b', 'c');
      // Intensity 0: one restart that counts would end the supervisor.
      for (let round = 0; round < 3; round++)
        expect(await bounceChild(sup, 'b')).toMatchObject({ ok: true });
      const after = refs('a', 'b', 'c');
      expect(after.map((ref, i) => ref === before[i])).toEqual(kept);
      expect(after).not.toContain(undefined);
      await rig.end(sup);
    },
  );

  test('a child that does not run is started, an unknown one is not found', async () => {
    const sup = await startSupervisor({ children: [probe('a')] });
    await terminateChild(sup, 'a');
    expect(await bounceChild(sup, 'a')).toEqual({ ok: true, ref: refs('a')[0] });
    expect(await bounceChild(sup, 'x')).toEqual({ ok: false, why: 'notFound' });
    await rig.end(sup);
  });

  test('a start that fails: the error is told, and it is tried again as after a crash', async () => {
    const sup = await startSupervisor({ children: [scripted('s', ['ok', 'error', 'ok'])] });
    expect(await bounceChild(sup, 's')).toMatchObject({ ok: false, why: 'error' });
    await settle();
    expect(await bounceChild(sup, 's')).toMatchObject({ ok: true });
    await rig.end(sup);
  });

  test('a dynamic supervisor knows no ids', async () => {
    const sup = await startDynamicSupervisor();
    expect(await bounceChild(sup, 'a')).toEqual({ ok: false, why: 'simpleOneForOne' });
    await rig.end(sup);
  });
});

interface SafeP {
  hold(): null;
}
const Safe = defineActor<SafeP, { secret: string; n: number }>({
  name: 'safe',
  init: () => ({ secret: 'word', n: 7 }),
  handle: { hold: () => new Promise<null>(() => undefined) },
  formatStatus: ({ n }) => ({ n }),
});

test('look: state and what may be shown of it, of an actor that waits and is suspended', async () => {
  const seen = { shown: { n: 7 }, state: { secret: 'word', n: 7 }, isFormatted: true };
  const waiting = await spawn(Safe, undefined);
  void call(waiting, 'hold').catch(() => undefined);
  await settle();
  expect(look(waiting)).toMatchObject(seen);
  exit(waiting, 'kill');
  const other = await spawn(Safe, undefined);
  await sys.suspend(other);
  expect(look(other)).toMatchObject({ ...seen, isKept: false, mayPassivate: false });
  await sys.terminate(other);
  await settle();
  expect(look(other)).toBeUndefined();
  expect(look(1 as AnyRef)).toBeUndefined();
});

test('look: who is told of its end, and whether an entity may be passivated', async () => {
  let busy = true;
  const Busy = defineActor<SafeP, null>({
    init: () => null,
    handle: { hold: () => null },
    mayPassivate: () => !busy,
  });
  const host = await hostEntity('looked', {
    behaviour: Busy,
    arg: () => undefined,
    idleMs: 60_000,
  });
  for (const key of [1, 2]) await call(entity<SafeP>('looked', key), 'hold');
  const one = whereis(entity('looked', 1)) as AnyRef;
  expect(look(one)).toMatchObject({ keeper: host, isKept: true, mayPassivate: false });
  busy = false;
  expect(look(one)).toMatchObject({ mayPassivate: true });
  expect(look(host)).toMatchObject({ isKept: false });
  expect([subtreeSize(host), subtreeSize(one)]).toEqual([3, 1]);
  // One that has linked itself to the host ends with it, and is what keeps it.
  const Keeper = defineActor<SafeP, null>({
    init: (ctx) => {
      ctx.link(host);
      return null;
    },
    handle: { hold: () => null },
  });
  const sup = await startSupervisor({ children: [child('keeper', Keeper, undefined)] });
  const [keeper] = await whichChildren(sup);
  expect(look(host)).toMatchObject({ isKept: true, keeper: keeper?.ref });
  expect([subtreeSize(keeper?.ref as AnyRef), subtreeSize(host), subtreeSize(one)]).toEqual([
    4, 3, 1,
  ]);
  await stop(sup, 'shutdown');
  await stop(host, 'shutdown');
});

describe('threads', () => {
  let node: NodeHandle | undefined;
  afterEach(async () => {
    await node?.stop();
    node = undefined;
  });
  const shard = (i: number): NodeOptions['slots'][number] => ({
    name: `shard-${i}`,
    group: 'shard',
    module: MODULE,
    onDown: 'restart',
  });
  const BASE: NodeOptions = {
    slots: [shard(0), shard(1)],
    entities: { thing: 'shard' },
    watchdog: false,
    restart: { intensity: 0 },
    report: () => {},
  };
  const echo0 = at<EchoP>('shard-0', 'echo');

  test('restartSlot: stops in order and comes back, however often, and says that it was down', async () => {
    const log = new SharedArrayBuffer(8);
    const reports: Report[] = [];
    const slots = [
      { ...shard(0), arg: { log } },
      { ...shard(1), onDown: 'fatal' as const },
    ];
    node = await startNode({ ...BASE, slots, report: (each) => reports.push(each) });
    const before = await call(echo0, 'self');
    for (let round = 0; round < 2; round++) await node.restartSlot('shard-0');
    expect(await call(echo0, 'self')).toBeGreaterThan(before);
    // Boots and stop hooks.
    expect([...new Int32Array(log)]).toEqual([3, 2]);
    const [slot] = node.slots().filter(({ name }) => name === 'shard-0');
    expect(slot).toMatchObject({ up: true, incarnation: 3 });
    const seen = reports.flatMap((each) =>
      'thread' in each && each.thread === 'shard-0' ? [each.kind] : [],
    );
    expect(seen).toEqual(['threadUp', 'threadDown', 'threadUp', 'threadDown', 'threadUp']);
    await expect(node.restartSlot('shard-1')).rejects.toThrow(RangeError);
    await expect(node.restartSlot('nobody')).rejects.toThrow(RangeError);
  });

  test('a root supervisor that gives up: its thread ends and is replaced, a fatal one is told of', async () => {
    const reports: Report[] = [];
    const failures: unknown[] = [];
    const slot = { module: new URL('./fixtures/giving-up-slot.ts', import.meta.url) };
    const slots: NodeOptions['slots'] = [
      { ...slot, name: 'soft', onDown: 'restart' },
      { ...slot, name: 'hard', onDown: 'fatal' },
    ];
    const restart = { intensity: 5, period: 60 };
    const report = (each: Report) => reports.push(each);
    const fatal = (each: unknown) => failures.push(each);
    node = await startNode({ ...BASE, entities: {}, slots, restart, report, fatal });
    const up = (name: string) => node?.slots().find((each) => each.name === name);
    const crash = async (name: string, key: string): Promise<void> => {
      const limits = () => reports.filter(({ kind }) => kind === 'restartLimit').length;
      const before = limits();
      while (limits() === before) {
        await call(at<FragileP>(name, key), 'crash').catch(() => undefined);
      }
    };
    // One below another is its supervisor's affair.
    await crash('soft', 'inner');
    expect(await call(at<FragileP>('soft', 'outer'), 'ping')).toBe('pong');
    expect(up('soft')).toMatchObject({ up: true, incarnation: 1 });
    await crash('soft', 'outer');
    while (up('soft')?.incarnation !== 2 || up('soft')?.up !== true) await settle();
    expect(reports.find(({ kind }) => kind === 'threadDown')).toMatchObject({
      thread: 'soft',
      reason: { message: expect.stringContaining('gave up') },
    });
    await crash('hard', 'outer');
    while (failures.length === 0) await settle();
    expect(failures).toMatchObject([{ slot: 'hard', why: 'threadDown' }]);
  });

  test('slotOf: the home of an entity and the slot of a name, also of this thread', async () => {
    expect(slotOf(echo0)).toBe('main');
    node = await startNode(BASE);
    for (const key of [1, 2, 3, 4, 77]) {
      expect(slotOf(entity<ThingP>('thing', key))).toBe(`shard-${homeIndex(key, 2)}`);
    }
    expect(slotOf(echo0)).toBe('shard-0');
  });

  test('whileUnwatched: a thread that is silent for longer than allowed is left alone', async () => {
    const reports: Report[] = [];
    const watchdog = { intervalMs: 20, slowMs: 300, hungMs: 20_000 };
    node = await startNode({ ...BASE, watchdog, report: (each) => reports.push(each) });
    const slow = () =>
      reports.filter((each) => each.kind === 'slow' && each.thread === 'main').length;
    const spin = (): number => {
      const end = process.hrtime.bigint() + 700_000_000n;
      while (process.hrtime.bigint() < end);
      return 5;
    };
    expect(whileUnwatched(spin)).toBe(5);
    await call(echo0, 'where');
    expect(slow()).toBe(0);
    spin();
    while (slow() === 0) await call(echo0, 'where');
    expect(slow()).toBe(1);
  });
});
