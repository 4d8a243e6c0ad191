/** Dynamic supervisors: runtime.md 1.5 and the rows of section 4 on them (the source case in the title). */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import {
  type AnyRef,
  call,
  child,
  configureRuntime,
  countChildren,
  type DynamicFlags,
  type DynamicSupervisorP,
  defineActor,
  defineDynamicSupervisor,
  deleteChild,
  exit,
  getChildSpec,
  isAlive,
  name,
  type Ref,
  type Restart,
  restartChild,
  type StartChildResult,
  type StartFunction,
  spawn,
  startChild,
  startDynamicChild,
  startDynamicSupervisor,
  startSupervisor,
  stop,
  systemClock,
  terminateChild,
  terminateDynamicChild,
  whichChildren,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { killRef, SupervisorRig, scripted } from './supervisor-support.ts';
import { Probe, type ProbeArg, type ProbeP, reasonOf } from './support.ts';

const rig = new SupervisorRig();
const FOREVER = (): Promise<void> => new Promise(() => {});
const EMPTY = { specs: 0, active: 0, supervisors: 0, workers: 0 };
const HOLD = { backoff: { minMs: 100, maxMs: 100 } };

type Sup = Ref<DynamicSupervisorP>;
const refOf = (result: StartChildResult | { ok: boolean }): AnyRef => {
  if (!('ref' in result) || result.ref === undefined) throw new Error('not started');
  return result.ref;
};
const add = async (sup: Sup, arg: ProbeArg = {}, options = {}) =>
  refOf(await startChild(sup, Probe, arg, options)) as Ref<ProbeP>;

/** A start function that does the first thing once, then the second for ever. */
const thenAgain = (again: () => unknown): StartFunction => {
  let first = true;
  return () => {
    if (!first) return again() as never;
    first = false;
    return spawn(Probe, {});
  };
};

describe('children by ref', () => {
  test('S:child_adm_simple: by id refused, by ref idempotent, a foreign one is not found and lives', async () => {
    const sup = await startDynamicSupervisor({ intensity: 2, period: 3600 });
    const foreign = await spawn(Probe, {});
    const [a, b] = [await add(sup), await add(sup)];
    expect((await whichChildren(sup)).map(({ id, ref }) => [id, ref])).toEqual([
      [undefined, b],
      [undefined, a],
    ]);
    const refused = { ok: false, why: 'simpleOneForOne' };
    expect(await terminateChild(sup, 'a')).toEqual(refused);
    expect(await restartChild(sup, a)).toEqual(refused);
    expect(await deleteChild(sup, a)).toEqual(refused);
    expect(isAlive(a)).toBe(true);
    expect(await terminateChild(sup, a)).toEqual({ ok: true });
    expect(isAlive(a)).toBe(false);
    expect(await terminateChild(sup, a)).toEqual({ ok: true });
    expect(await terminateDynamicChild(sup, foreign)).toEqual({ ok: false, why: 'notFound' });
    expect([isAlive(foreign), isAlive(b)]).toEqual([true, true]);
    await stop(foreign);
    await rig.end(sup);
  });

  test('getChildSpec: by ref; notFound for anything else', async () => {
    const sup = await startDynamicSupervisor();
    const ref = await add(sup, {}, { restart: 'transient', shutdown: 10 });
    expect(await getChildSpec(sup, ref)).toMatchObject({
      ok: true,
      spec: { restart: 'transient', shutdown: 10, behaviour: 'probe' },
    });
    expect(await getChildSpec(sup, 'x')).toEqual({ ok: false, why: 'notFound' });
    await rig.end(sup);
    expect(await reasonOf(whichChildren(sup))).toBe('noproc');
  });

  test('S:simple_one_for_one: a restart keeps the arguments, past the intensity all end', async () => {
    const sup = await startDynamicSupervisor({ intensity: 2, period: 3600 });
    const log: unknown[] = [];
    const other = await add(sup);
    let ref = await add(sup, { log });
    for (let i = 0; i < 2; i++) {
      await killRef(ref);
      const again = (await whichChildren(sup))[0]?.ref as Ref<ProbeP>;
      expect(again).not.toBe(ref);
      ref = again;
      await call(ref, 'log', i);
    }
    expect(log).toEqual([0, 1]);
    expect(isAlive(other)).toBe(true);
    await killRef(ref);
    expect([isAlive(sup), isAlive(other)]).toEqual([false, false]);
    rig.expectNoneLeft();
  });

  test('D:child specs as such: unlike a static supervisor it needs no id', async () => {
    const sup = await startDynamicSupervisor();
    const start: StartFunction = () => spawn(Probe, {});
    expect((await startChild(sup, { id: 'same', start })).ok).toBe(true);
    expect((await startChild(sup, { id: 'same', start })).ok).toBe(true);
    expect((await call(sup, 'startDynamicChild', { start })).ok).toBe(true);
    expect(await countChildren(sup)).toMatchObject({ specs: 3, active: 3 });
    await rig.end(sup);
  });

  test('D:with invalid child spec: refused by field and value, nothing kept', async () => {
    const sup = await startDynamicSupervisor();
    const start: StartFunction = () => spawn(Probe, {});
    const bad: [string, unknown][] = [
      ['start', {}],
      ['start', { start: 17 }],
      ['shutdown', { start, shutdown: -1 }],
      ['significant', { start, restart: 'temporary', significant: true }],
      ['spec', undefined],
    ];
    for (const [field, spec] of bad) {
      expect(await call(sup, 'startDynamicChild', spec as never)).toMatchObject({
        ok: false,
        why: 'error',
        reason: { field },
      });
    }
    expect(await countChildren(sup)).toEqual(EMPTY);
    await rig.end(sup);
  });
});

describe('start and restart outcomes', () => {
  test('D:with different returns, with throw/error/exit: of startChild', async () => {
    const sup = await startDynamicSupervisor();
    const give = (value: unknown) => startChild(sup, { id: '', start: () => value as never });
    const made = await spawn(Probe, {});
    expect(await give({ ref: made, extra: 'x' })).toEqual({ ok: true, ref: made, extra: 'x' });
    expect(await give('ignore')).toEqual({ ok: true, ref: undefined });
    expect(await give({ error: 'found' })).toMatchObject({
      why: 'error',
      reason: { error: 'found' },
    });
    expect(await give('unknown')).toMatchObject({ reason: { badReturnValue: 'unknown' } });
    const start: StartFunction = () => {
      throw new Error('oops');
    };
    expect(await startChild(sup, { id: '', start })).toMatchObject({
      why: 'error',
      reason: { error: { message: 'oops' } },
    });
    expect(await countChildren(sup)).toEqual({ ...EMPTY, specs: 1, active: 1, workers: 1 });
    await rig.end(sup);
  });

  test('S:sup_start_ignore_permanent_child_start_child_simple, sup_start_ignore_temporary_child: nothing stays', async () => {
    const sup = await startDynamicSupervisor();
    for (const restart of ['permanent', 'temporary'] as const) {
      const spec = scripted('', ['ignore'], { restart });
      expect(await startChild(sup, spec)).toEqual({ ok: true, ref: undefined });
    }
    expect(await countChildren(sup)).toEqual(EMPTY);
    expect(await whichChildren(sup)).toEqual([]);
    await rig.end(sup);
  });

  const outcomes: [string, () => unknown, number, number][] = [
    ['ok', () => spawn(Probe, {}), 1, 1],
    ['ok and extra', async () => ({ ref: await spawn(Probe, {}), extra: 1 }), 1, 1],
    ['ignore', () => 'ignore', 0, 0],
    ['error', () => ({ error: 'found' }), 1, 0],
    ['junk', () => 'unknown', 1, 0],
  ];
  test.each(outcomes)(
    'D:child is restarted with different values: %s',
    async (_what, again, specs, active) => {
      const sup = await startDynamicSupervisor({ intensity: 100_000 });
      const ref = refOf(await startChild(sup, { id: '', start: thenAgain(again), ...HOLD }));
      expect((await whichChildren(sup)).map((each) => each.ref)).toEqual([ref]);
      await killRef(ref);
      expect(await countChildren(sup)).toEqual({ ...EMPTY, specs, active, workers: specs });
      const listed = (await whichChildren(sup)).map((each) => each.ref);
      expect(listed).toEqual(
        specs === 0 ? [] : active === 0 ? ['restarting'] : [expect.any(Number)],
      );
      await rig.end(sup);
    },
  );

  const ends: [Restart, string, boolean][] = [
    ['permanent', 'normal', true],
    ['permanent', 'shutdown', true],
    ['permanent', 'crash', true],
    ['transient', 'normal', false],
    ['transient', 'shutdown', false],
    ['transient', 'crash', true],
    ['temporary', 'normal', false],
    ['temporary', 'crash', false],
  ];
  test.each(ends)(
    'D:permanent, transient, temporary child: %s ended by %s, restarted %s',
    async (restart, how, again) => {
      const sup = await startDynamicSupervisor();
      const ref = await add(sup, {}, { restart });
      await reasonOf(how === 'crash' ? call(ref, 'crash') : call(ref, 'stop', how as 'normal'));
      await settle();
      expect(await countChildren(sup)).toMatchObject({
        workers: again ? 1 : 0,
        active: again ? 1 : 0,
      });
      await rig.end(sup);
    },
  );

  test('S:simple_one_for_one_restart_ignore: a child that ignores its restart is forgotten', async () => {
    const sup = await startDynamicSupervisor();
    const ref = refOf(await startChild(sup, scripted('', ['ok', 'ignore'])));
    await killRef(ref);
    expect(await countChildren(sup)).toEqual(EMPTY);
    await rig.end(sup);
  });

  test('D:child is restarted when trying again', async () => {
    const sup = await startDynamicSupervisor({ intensity: 2 });
    const ref = refOf(await startChild(sup, scripted('', ['ok', 'error', 'ok'])));
    await killRef(ref);
    expect(await countChildren(sup)).toMatchObject({ workers: 1, active: 1 });
    await rig.end(sup);
  });

  test.each([1, 10])(
    'S:simple_one_for_one_escalation, D:child triggers maximum intensity when trying again: %d',
    async (intensity) => {
      const log: unknown[] = [];
      const watcher = await spawn(Probe, { log });
      const sup = await startDynamicSupervisor({ intensity, period: 3600 });
      const other = await add(sup);
      await call(watcher, 'watch', sup);
      const ref = refOf(await startChild(sup, scripted('', ['ok', 'error'])));
      await killRef(ref);
      expect(isAlive(other)).toBe(false);
      expect(log).toEqual([{ down: 'shutdown', ref: sup }]);
      await rig.end(watcher);
    },
  );

  test('S:hanging_restart_loop_simple: while it is tried again, requests are served', async () => {
    configureRuntime({ clock: systemClock });
    const sup = await startDynamicSupervisor({ intensity: 10_000_000, period: 3600 });
    const start = thenAgain(() => ({ error: 'again' }));
    const ref = refOf(await startChild(sup, { id: '', start }));
    await killRef(ref);
    expect((await whichChildren(sup)).map((each) => each.ref)).toEqual(['restarting']);
    expect(await countChildren(sup)).toEqual({ ...EMPTY, specs: 1, workers: 1 });
    expect(await restartChild(sup, ref)).toEqual({ ok: false, why: 'simpleOneForOne' });
    await stop(sup, 'shutdown');
    rig.expectNoneLeft();
  });

  test('D:terminates restarting child: by the ref of its last life; the retry is cancelled', async () => {
    const sup = await startDynamicSupervisor({ intensity: 100_000 });
    const ref = refOf(await startChild(sup, scripted('', ['ok', 'error', 'ok'], HOLD)));
    await killRef(ref);
    expect(await countChildren(sup)).toEqual({ ...EMPTY, specs: 1, workers: 1 });
    expect(await terminateChild(sup, ref)).toEqual({ ok: true });
    await rig.clock.advance(500);
    expect(await countChildren(sup)).toEqual(EMPTY);
    await rig.end(sup);
  });
});

describe('flags', () => {
  test('D:with max_children: above it startChild gives maxChildren, 0 takes none', async () => {
    const none = await startDynamicSupervisor({ maxChildren: 0 });
    expect(await startDynamicChild(none, Probe, {})).toEqual({ ok: false, why: 'maxChildren' });
    await rig.end(none);
    const sup = await startDynamicSupervisor({ maxChildren: 2 });
    const first = await add(sup);
    await add(sup);
    expect(await startChild(sup, Probe, {})).toEqual({ ok: false, why: 'maxChildren' });
    await terminateChild(sup, first);
    expect((await startChild(sup, Probe, {})).ok).toBe(true);
    await rig.end(sup);
  });

  test('D:restarting on init, on exit children counted in max_children', async () => {
    for (const script of [['ok', 'error'] as const, ['ok'] as const]) {
      const sup = await startDynamicSupervisor({ maxChildren: 1, intensity: 100_000 });
      const ref = refOf(await startChild(sup, scripted('', [...script], HOLD)));
      await killRef(ref);
      expect(await countChildren(sup)).toMatchObject({ workers: 1 });
      expect(await startChild(sup, Probe, {})).toEqual({ ok: false, why: 'maxChildren' });
      await rig.end(sup);
    }
  });

  test('D:restarting a child with extra_arguments: put before its own at start and restart, once', async () => {
    const seen: unknown[] = [];
    const Noting = defineActor<{ ping(): void }, null, unknown>({
      init: (_ctx, arg) => {
        seen.push(arg);
        return null;
      },
      handle: { ping() {} },
    });
    const sup = await startDynamicSupervisor({ extraArguments: ['x', 'y'] });
    const ref = refOf(await startChild(sup, Noting, 'own'));
    await killRef(ref);
    expect(seen).toEqual([
      ['x', 'y', 'own'],
      ['x', 'y', 'own'],
    ]);
    const given: unknown[] = [];
    const start: StartFunction = (parent, extra) => {
      given.push(parent === sup, extra);
      return spawn(Probe, {});
    };
    await startChild(sup, { id: '', start });
    expect(given).toEqual([true, ['x', 'y']]);
    await rig.end(sup);
  });

  test('flags: asked at each start, with the argument, as a child of a supervisor', async () => {
    const pool = defineDynamicSupervisor((flags: DynamicFlags) => flags);

    const sup = await startSupervisor({
      children: [
        child('pool', pool, { maxChildren: 0 }, { name: name<DynamicSupervisorP>('pool') }),
      ],
    });
    expect(await countChildren(sup)).toEqual({ ...EMPTY, specs: 1, active: 1, supervisors: 1 });
    expect(await startChild(name<DynamicSupervisorP>('pool'), Probe, {})).toEqual({
      ok: false,
      why: 'maxChildren',
    });
    await rig.end(sup);
  });
});

describe('shutdown', () => {
  test('S:simple_one_for_one_shutdown, sup_stop_timeout_dynamic: in parallel, the longest decides', async () => {
    const sup = await startDynamicSupervisor();
    for (const shutdown of [100, 200, 300, 300]) {
      await add(sup, { trap: true, terminate: FOREVER }, { shutdown });
    }
    const left = () => whichLive();
    const live = (await whichChildren(sup)).map(({ ref }) => ref as AnyRef);
    const whichLive = () => live.filter((ref) => isAlive(ref)).length;
    const done = stop(sup, 'shutdown');
    await rig.clock.advance(120);
    expect(left()).toBe(3);
    await rig.clock.advance(100);
    expect(left()).toBe(2);
    await rig.clock.advance(100);
    await done;
    rig.expectNoneLeft();
  });

  test('D:terminates children with expired integer shutdown, with mixed children', async () => {
    const log: unknown[] = [];
    const watcher = await spawn(Probe, { log });
    const sup = await startDynamicSupervisor();
    const end = () => void log.push('terminate');
    const polite = await add(sup, { trap: true, terminate: end }, { shutdown: 'infinity' });
    const brutal = await add(sup, { trap: true, terminate: end }, { shutdown: 'brutalKill' });
    const stubborn = await add(sup, { trap: true, terminate: FOREVER }, { shutdown: 50 });
    for (const ref of [polite, brutal, stubborn]) await call(watcher, 'watch', ref);
    const done = stop(sup, 'shutdown');
    await rig.clock.advance(100);
    await done;
    expect(log).toEqual([
      'terminate',
      { down: 'killed', ref: brutal },
      { down: 'shutdown', ref: polite },
      { down: 'killed', ref: stubborn },
    ]);
    const errors = rig.reports.filter((each) => 'phase' in each && each.phase === 'shutdown');
    expect(errors).toMatchObject([{ reason: 'killed' }]);
    await rig.end(watcher);
  });

  test('D:terminates restarting child: one that waits for a retry is simply dropped', async () => {
    const sup = await startDynamicSupervisor({ intensity: 100_000 });
    const ref = refOf(await startChild(sup, scripted('', ['ok', 'error'], HOLD)));
    await killRef(ref);
    await stop(sup, 'shutdown');
    await rig.clock.advance(1000);
    rig.expectNoneLeft();
  });

  test('S:sup_stop_brutal_kill_dynamic: all killed, terminate runs for none', async () => {
    const log: unknown[] = [];
    const sup = await startDynamicSupervisor();
    const arg: ProbeArg = { trap: true, terminate: (reason) => void log.push(reason) };
    for (let i = 0; i < 3; i++) await add(sup, arg, { shutdown: 'brutalKill' });
    await rig.end(sup);
    expect(log).toEqual([]);
  });
});

describe('many', () => {
  test.each([1000, 2000])(
    'S:count_children, count_children_supervisor: right for %d, and after killing all',
    async (n) => {
      const sup = await startDynamicSupervisor();
      const inner = defineDynamicSupervisor(() => ({}));
      for (let i = 0; i < n; i++) {
        await add(sup, {}, { restart: 'temporary' });
        await startChild(sup, inner, undefined, { restart: 'temporary' });
      }
      const all = { specs: 2 * n, active: 2 * n, supervisors: n, workers: n };
      expect(await countChildren(sup)).toEqual(all);
      for (const { ref } of await whichChildren(sup)) exit(ref as AnyRef, 'kill');
      await settle();
      expect(await countChildren(sup)).toEqual(EMPTY);
      await rig.end(sup);
    },
  );

  test('count: one that died a moment ago is not active, though its exit is not handled yet', async () => {
    const sup = await startDynamicSupervisor();
    const ref = await add(sup, {}, { restart: 'temporary' });
    const counted = countChildren(sup);
    exit(ref, 'kill');
    expect(await counted).toEqual({ ...EMPTY, specs: 1, workers: 1 });
    await rig.end(sup);
  });

  test('S:simple_one_for_one_scale_many_temporary_children: ten times as many end in about ten times the time', async () => {
    configureRuntime({ clock: systemClock });
    const once = async (n: number): Promise<number> => {
      const sup = await startDynamicSupervisor();
      for (let i = 0; i < n; i++) await add(sup, {}, { restart: 'temporary' });
      const began = process.cpuUsage();
      await stop(sup, 'shutdown');
      const { user, system } = process.cpuUsage(began);
      return user + system;
    };
    await once(1000);
    const few = Math.min(await once(1000), await once(1000), await once(1000));
    const many = Math.min(await once(10_000), await once(10_000));
    rig.expectNoneLeft();
    // Quadratic would be 100; the bound leaves room for collections and a loaded machine.
    expect(many / few).toBeLessThan(40);
  });

  test('S:do_not_save_start_parameters_for_temporary_children: the argument can be collected', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const begin = async (sup: Sup, restart: Restart): Promise<WeakRef<object>> => {
      const arg: ProbeArg = { log: [] };
      await call(refOf(await startChild(sup, Once, arg, { restart })) as Ref<ProbeP>, 'echo', 1);
      return new WeakRef(arg);
    };
    // Keeps nothing of its argument itself.
    const Once = defineActor<ProbeP, null, ProbeArg>({
      ...(Probe as object),
      init: () => null,
      handle: { ...Probe.handle, echo: (_s: unknown, v: unknown) => v } as never,
    });
    const sup = await startDynamicSupervisor();
    const [temporary, permanent] = [await begin(sup, 'temporary'), await begin(sup, 'permanent')];
    for (let i = 0; i < 3; i++) {
      await settle();
      gc();
    }
    expect([temporary.deref(), permanent.deref() !== undefined]).toEqual([undefined, true]);
    await rig.end(sup);
  });
});
