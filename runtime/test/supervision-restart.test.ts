/** Restarts: strategies attempt by attempt, retries, backoff, giving up (runtime.md 1.4 to 1.6). */
import { describe, expect, test } from 'vitest';
import {
  type AnyRef,
  type ChildSpec,
  call,
  cast,
  child,
  configureRuntime,
  countChildren,
  defineActor,
  defineSupervisor,
  deleteChild,
  exit,
  isAlive,
  name,
  processInfo,
  type Ref,
  restartChild,
  spawn,
  startChild,
  startDynamicSupervisor,
  startSupervisor,
  stop,
  systemClock,
  terminateChild,
  whereis,
  whichChildren,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { at, kill, probe, refs, SupervisorRig, scripted } from './supervisor-support.ts';
import { Probe, type ProbeArg, type ProbeP, reasonOf } from './support.ts';

const rig = new SupervisorRig();

/** A probe that logs its start as `id` and its orderly end as `-id`. */
const logged = (id: string, log: string[], options = {}) => {
  const arg: ProbeArg = {
    trap: true,
    init: () => void log.push(id),
    terminate: () => void log.push(`-${id}`),
  };
  return probe(id, arg, options);
};

const HOLD = { backoff: { minMs: 100, maxMs: 100 } };
const LONG = { intensity: 10_000_000, period: 3600 };

/** id and whether it is up, restarting or down, in start order. */
async function states(sup: AnyRef): Promise<unknown[]> {
  const children = await whichChildren(sup as never);
  return [...children]
    .reverse()
    .map(({ id, ref }) => [id, typeof ref === 'number' ? 'up' : (ref ?? 'down')]);
}

describe('oneForAll', () => {
  test('S:one_for_all: the others end in reverse order, then all start in order', async () => {
    const log: string[] = [];
    const ids = ['a', 'b', 'c', 'd'];
    const sup = await startSupervisor({
      strategy: 'oneForAll',
      children: ids.map((id) => logged(id, log)),
    });
    log.length = 0;
    await kill('b');
    expect(log).toEqual(['-d', '-c', '-a', 'a', 'b', 'c', 'd']);
    await rig.end(sup);
  });

  test('S:one_for_all_other_child_fails_restart: a failed attempt is undone before the next one', async () => {
    const log: string[] = [];
    const sup = await startSupervisor({
      strategy: 'oneForAll',
      ...LONG,
      children: [logged('a', log), scripted('s', ['ok', 'error', 'ok'], HOLD), logged('z', log)],
    });
    log.length = 0;
    await kill('z');
    expect(await states(sup)).toEqual([
      ['a', 'up'],
      ['s', 'restarting'],
      ['z', 'down'],
    ]);
    expect(log).toEqual(['-a', 'a']);
    await rig.clock.advance(120);
    expect(log).toEqual(['-a', 'a', '-a', 'a', 'z']);
    expect((await states(sup)).map((each) => (each as string[])[1])).toEqual(['up', 'up', 'up']);
    await rig.end(sup);
  });

  test('oneForAll: children stopped by hand or at their own wish are started again too', async () => {
    const sup = await startSupervisor({
      strategy: 'oneForAll',
      children: [probe('a'), probe('b', {}, { restart: 'transient' }), probe('c')],
    });
    await terminateChild(sup, 'a');
    await reasonOf(call(at('b') as Ref<ProbeP>, 'stop', 'normal'));
    expect(refs('a', 'b')).toEqual([undefined, undefined]);
    await kill('c');
    for (const ref of refs('a', 'b', 'c')) expect(ref).toBeDefined();
    await rig.end(sup);
  });

  test('oneForAll, restForOne: the end of a temporary child touches no sibling', async () => {
    for (const strategy of ['oneForAll', 'restForOne'] as const) {
      const sup = await startSupervisor({
        strategy,
        children: [probe('t', {}, { restart: 'temporary' }), probe('b')],
      });
      const b = at('b');
      await kill('t');
      expect(at('b')).toBe(b);
      expect((await whichChildren(sup)).map(({ id }) => id)).toEqual(['b']);
      await rig.end(sup);
    }
  });
});

describe('restForOne', () => {
  test('S:rest_for_one: the later ones end in reverse order; earlier ones are not touched', async () => {
    const log: string[] = [];
    const sup = await startSupervisor({
      strategy: 'restForOne',
      children: ['a', 'b', 'c', 'd'].map((id) => logged(id, log)),
    });
    log.length = 0;
    await kill('b');
    expect(log).toEqual(['-d', '-c', 'b', 'c', 'd']);
    await rig.end(sup);
  });

  test('S:rest_for_one_other_child_fails_restart: the next attempt begins at the child that failed', async () => {
    const log: string[] = [];
    const sup = await startSupervisor({
      strategy: 'restForOne',
      ...LONG,
      children: [logged('a', log), scripted('s', ['ok', 'error', 'ok'], HOLD), logged('z', log)],
    });
    log.length = 0;
    await kill('a');
    const a = at('a');
    expect(await states(sup)).toEqual([
      ['a', 'up'],
      ['s', 'restarting'],
      ['z', 'down'],
    ]);
    await rig.clock.advance(120);
    expect(log).toEqual(['-z', 'a', 'z']);
    expect(at('a')).toBe(a);
    await rig.end(sup);
  });

  test('S:rest_for_one: a later temporary child is ended and forgotten', async () => {
    const sup = await startSupervisor({
      strategy: 'restForOne',
      children: [probe('a'), probe('t', {}, { restart: 'temporary' }), probe('c')],
    });
    await kill('a');
    expect(await states(sup)).toEqual([
      ['a', 'up'],
      ['c', 'up'],
    ]);
    await rig.end(sup);
  });
});

/** Starts once, then fails for ever, cheaply. */
const endless = (id: string): ChildSpec => {
  let first = true;
  return {
    id,
    start: () => {
      if (!first) return { error: 'again' };
      first = false;
      return spawn(Probe, {});
    },
  };
};

/** Attempts to start a child that failed, by the reports. */
const starts = (id: string): number =>
  rig.reports.filter((each) => each.kind === 'childFailed' && each.child === id).length;

describe('retry of a failed restart', () => {
  test('S:hanging_restart_loop: between attempts every request is served as OTP says', async () => {
    // The scheduler's slices need a clock that moves.
    configureRuntime({ clock: systemClock });
    const sup = await startSupervisor({ ...LONG, children: [probe('a')] });
    await startChild(sup, endless('s'));
    const [first] = await whichChildren(sup);
    exit(first?.ref as AnyRef, 'kill');
    await settle();
    expect(await states(sup)).toEqual([
      ['a', 'up'],
      ['s', 'restarting'],
    ]);
    expect(await countChildren(sup)).toEqual({ specs: 2, active: 1, supervisors: 0, workers: 2 });
    expect(await startChild(sup, scripted('s', ['ok']))).toEqual({
      ok: false,
      why: 'alreadyPresent',
    });
    expect(await restartChild(sup, 's')).toEqual({ ok: false, why: 'restarting' });
    expect(await deleteChild(sup, 's')).toEqual({ ok: false, why: 'restarting' });
    expect(await terminateChild(sup, 's')).toEqual({ ok: true });
    const tried = starts('s');
    await settle();
    expect(starts('s')).toBe(tried);
    expect(await states(sup)).toEqual([
      ['a', 'up'],
      ['s', 'down'],
    ]);
    expect(await restartChild(sup, 's')).toMatchObject({ ok: false, why: 'error' });
    expect(await deleteChild(sup, 's')).toEqual({ ok: true });
    await rig.end(sup);
  });

  test('S:hanging_restart_loop_one_for_all: later siblings are down, those before are up, all end with it', async () => {
    const sup = await startSupervisor({
      strategy: 'oneForAll',
      ...LONG,
      children: [probe('a'), scripted('s', ['ok', 'error']), probe('z')],
    });
    await kill('a');
    expect(await states(sup)).toEqual([
      ['a', 'up'],
      ['s', 'restarting'],
      ['z', 'down'],
    ]);
    await rig.end(sup);
  });

  test('S:hanging_restart_loop: an orderly stop gets through', async () => {
    configureRuntime({ clock: systemClock });
    const sup = await startSupervisor({ ...LONG, children: [endless('s')] });
    const [s] = await whichChildren(sup);
    exit(s?.ref as AnyRef, 'kill');
    await settle();
    await stop(sup, 'shutdown');
    rig.expectNoneLeft();
  });

  test('S:count_restarting_children: three that wait count as workers, not as active, and recover', async () => {
    const ids = ['x', 'y', 'z'];
    const sup = await startSupervisor({
      ...LONG,
      children: ids.map((id) => scripted(id, ['ok', 'error', 'ok'], HOLD)),
    });
    for (const { ref } of await whichChildren(sup)) exit(ref as AnyRef, 'kill');
    await settle();
    expect(await countChildren(sup)).toEqual({ specs: 3, active: 0, supervisors: 0, workers: 3 });
    await rig.clock.advance(120);
    expect(await countChildren(sup)).toEqual({ specs: 3, active: 3, supervisors: 0, workers: 3 });
    await rig.end(sup);
  });

  test('restart: one that ignores keeps its spec and is down; nothing is tried again', async () => {
    const sup = await startSupervisor({ children: [scripted('s', ['ok', 'ignore'])] });
    const [s] = await whichChildren(sup);
    exit(s?.ref as AnyRef, 'kill');
    await settle();
    expect(await states(sup)).toEqual([['s', 'down']]);
    expect(await countChildren(sup)).toEqual({ specs: 1, active: 0, supervisors: 0, workers: 1 });
    await rig.end(sup);
  });

  test('retry: one whose retry was cancelled by a sibling restart is started once', async () => {
    const sup = await startSupervisor({
      strategy: 'oneForAll',
      ...LONG,
      children: [probe('a'), scripted('s', ['ok', 'error', 'ok'], HOLD)],
    });
    await kill('a');
    await kill('a');
    const a = at('a');
    expect(await states(sup)).toEqual([
      ['a', 'up'],
      ['s', 'up'],
    ]);
    await rig.clock.advance(500);
    expect(at('a')).toBe(a);
    await rig.end(sup);
  });
});

describe('giving up', () => {
  test('S:one_for_one_escalation: reports once, ends all in reverse order, exits shutdown', async () => {
    const log: string[] = [];
    const watcher = await spawn(Probe, { log: log as unknown[] });
    const sup = await startSupervisor({
      intensity: 0,
      children: ['a', 'b', 'c'].map((id) => logged(id, log)),
    });
    await call(watcher, 'watch', sup);
    log.length = 0;
    await kill('b');
    expect(log).toEqual(['-c', '-a', { down: 'shutdown', ref: sup }]);
    expect(rig.reports.filter(({ kind }) => kind === 'restartLimit')).toHaveLength(1);
    await rig.end(watcher);
  });

  test('intensity: exactly `intensity` restarts are allowed, one more is the end', async () => {
    for (const intensity of [0, 1, 4]) {
      const sup = await startSupervisor({ intensity, period: 10, children: [probe('a')] });
      for (let i = 0; i < intensity; i++) {
        await kill('a');
        expect([intensity, i, isAlive(sup)]).toEqual([intensity, i, true]);
      }
      await kill('a');
      expect(isAlive(sup)).toBe(false);
    }
    rig.expectNoneLeft();
  });

  test('intensity: restarts by hand never count', async () => {
    const sup = await startSupervisor({ intensity: 0, children: [probe('a')] });
    for (let i = 0; i < 5; i++) {
      await terminateChild(sup, 'a');
      await restartChild(sup, 'a');
    }
    expect(isAlive(sup)).toBe(true);
    await rig.end(sup);
  });

  test('intensity: an end that restarts nothing does not count', async () => {
    const sup = await startSupervisor({
      intensity: 0,
      children: [
        probe('t', {}, { restart: 'temporary' }),
        probe('r', {}, { restart: 'transient' }),
      ],
    });
    await kill('t');
    await reasonOf(call(at('r') as Ref<ProbeP>, 'stop', 'shutdown'));
    expect(isAlive(sup)).toBe(true);
    await rig.end(sup);
  });

  test('S:one_for_one_escalation: a permanent sub-supervisor that gives up is restarted by its parent', async () => {
    const inner = defineSupervisor(() => ({ intensity: 0, children: [probe('i')] }));
    const sup = await startSupervisor({ children: [child('inner', inner, undefined)] });
    const i = at('i');
    await kill('i');
    expect(at('i')).toBeDefined();
    expect(at('i')).not.toBe(i);
    await rig.end(sup);
  });
});

describe('a supervisor among others', () => {
  test('exit signal of a stranger that is linked: ignored', async () => {
    const sup = await startSupervisor({ children: [probe('a')] });
    const stranger = await spawn(Probe, {});
    await call(stranger, 'link', sup);
    await reasonOf(call(stranger, 'crash'));
    await settle();
    expect(isAlive(sup)).toBe(true);
    await rig.end(sup);
  });

  test('a message that no supervisor understands is logged and ignored', async () => {
    for (const begin of [() => startSupervisor({}), startDynamicSupervisor]) {
      const sup: AnyRef = await begin();
      cast(sup as Ref<ProbeP>, 'log', 'nonsense');
      await settle();
      expect(isAlive(sup)).toBe(true);
      expect(rig.reports).toContainEqual(
        expect.objectContaining({ kind: 'unknownMessage', ref: sup, op: 'log' }),
      );
      await rig.end(sup);
    }
  });

  test('restarts: what a child is told of its lives, and its snapshots survive a crash', async () => {
    interface TallyP {
      add(n: number): number;
      crash(): void;
    }
    const Tally = defineActor<TallyP, { n: number }>({
      init: () => ({ n: 0 }),
      handle: {
        add: (s, n) => {
          s.n += n;
          return s.n;
        },
        crash() {
          throw new Error('tally');
        },
      },
      snapshot: (s) => s.n,
      restore: (_ctx, _arg, n) => ({ n: n as number }),
      snapshotEvery: { messages: 1 },
    });
    const named = { name: name<TallyP>('tally') };
    const sup = await startSupervisor({ children: [child('t', Tally, undefined, named)] });
    await call(named.name, 'add', 5);
    await reasonOf(call(named.name, 'crash'));
    await settle();
    expect(await call(named.name, 'add', 1)).toBe(6);
    expect(processInfo(whereis(named.name) as AnyRef)?.restarts).toBe(1);
    await rig.end(sup);
  });

  test('killed while it waits for a sibling: it starts nothing any more', async () => {
    const log: string[] = [];
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow: ProbeArg = { trap: true, terminate: () => gate };
    const sup = await startSupervisor({
      strategy: 'oneForAll',
      children: [logged('a', log), probe('slow', slow), logged('c', log)],
    });
    log.length = 0;
    await kill('a');
    exit(sup, 'kill');
    release();
    await settle();
    expect(log).toEqual(['-c']);
    rig.expectNoneLeft();
  });

  test('its parent ends: the children end in reverse order', async () => {
    const log: string[] = [];
    const parent = await spawn(Probe, {});
    const behaviour = defineSupervisor(() => ({
      children: ['a', 'b'].map((id) => logged(id, log)),
    }));
    await call(parent, 'run', (ctx) => ctx.spawnLink(behaviour, undefined));
    log.length = 0;
    cast(parent, 'crash');
    await settle();
    expect(log).toEqual(['-b', '-a']);
    rig.expectNoneLeft();
  });
});
