/** Supervisors: the cases of runtime.md 4 that apply to what is built (the source case in the title). */
import { describe, expect, test } from 'vitest';
import {
  type AnyRef,
  call,
  child,
  countChildren,
  defineSupervisor,
  deleteChild,
  exit,
  getChildSpec,
  isAlive,
  name,
  type Ref,
  restartChild,
  type SupervisorP,
  spawn,
  startChild,
  startSupervisor,
  stop,
  terminateChild,
  whereis,
  whichChildren,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { at, kill, probe, refs, SupervisorRig, scripted } from './supervisor-support.ts';
import { Probe, type ProbeArg, type ProbeP, reasonOf } from './support.ts';

const rig = new SupervisorRig();

describe('start and stop', () => {
  test('S:sup_start_normal: an empty supervisor starts and ends on shutdown', async () => {
    const sup = await startSupervisor({ children: [] });
    expect(await countChildren(sup)).toEqual({ specs: 0, active: 0, supervisors: 0, workers: 0 });
    await rig.end(sup);
  });

  test('S:sup_start_ignore_child, sup_start_ignore_temporary_child: a permanent child that ignores keeps its spec, a temporary one does not', async () => {
    const sup = await startSupervisor({
      children: [
        scripted('p', ['ignore']),
        scripted('t', ['ignore'], { restart: 'temporary' }),
        probe('live'),
      ],
    });
    expect(await countChildren(sup)).toEqual({ specs: 2, active: 1, supervisors: 0, workers: 2 });
    const added = await startChild(sup, scripted('t2', ['ignore'], { restart: 'temporary' }));
    expect(added).toEqual({ ok: true, ref: undefined });
    expect((await countChildren(sup)).specs).toBe(2);
    await rig.end(sup);
  });

  test('S:sup_start_child_returns_error, sup_start_restart_child_returns_error: a failing start keeps no spec; a failing manual restart keeps it', async () => {
    const sup = await startSupervisor({ children: [scripted('s', ['ok', 'error', 'ok'])] });
    expect(await startChild(sup, scripted('x', ['error']))).toMatchObject({
      ok: false,
      why: 'error',
    });
    expect((await countChildren(sup)).specs).toBe(1);
    expect(await terminateChild(sup, 's')).toEqual({ ok: true });
    expect(await restartChild(sup, 's')).toMatchObject({ ok: false, why: 'error' });
    expect((await whichChildren(sup))[0]).toMatchObject({ id: 's', ref: undefined });
    expect(await restartChild(sup, 's')).toMatchObject({ ok: true });
    await rig.end(sup);
  });

  test('S:sup_stop_infinity, sup_stop_brutal_kill: infinite shutdown for worker and supervisor; brutalKill skips terminate', async () => {
    const ends: unknown[] = [];
    const arg = (id: string): ProbeArg => ({
      trap: true,
      terminate: (r) => void ends.push([id, r]),
    });
    const inner = defineSupervisor(() => ({ children: [probe('deep', arg('deep'))] }));
    const sup = await startSupervisor({
      children: [
        probe('a', arg('a'), { shutdown: Number.POSITIVE_INFINITY }),
        child('inner', inner, undefined),
        probe('b', arg('b'), { shutdown: 'brutalKill' }),
        probe('c', arg('c')),
      ],
    });
    await rig.end(sup);
    expect(ends).toEqual([
      ['c', 'shutdown'],
      ['deep', 'shutdown'],
      ['a', 'shutdown'],
    ]);
    expect(rig.reports.filter(({ kind }) => kind === 'childFailed')).toEqual([]);
  });

  test('shutdown timeout: a stubborn child is killed after its time, and reported', async () => {
    const forever = (): Promise<void> => new Promise(() => {});
    const sup = await startSupervisor({
      children: [probe('stubborn', { trap: true, terminate: forever }, { shutdown: 200 })],
    });
    const done = stop(sup, 'shutdown');
    await rig.clock.advance(150);
    expect(at('stubborn')).toBeDefined();
    await rig.clock.advance(100);
    await done;
    expect(at('stubborn')).toBeUndefined();
    expect(rig.reports).toContainEqual(
      expect.objectContaining({ phase: 'shutdown', reason: 'killed' }),
    );
  });

  test('S:faulty_application_shutdown: a start failure deep down surfaces wrapped, the started ones end in reverse', async () => {
    const ends: string[] = [];
    const arg = (id: string): ProbeArg => ({ trap: true, terminate: () => void ends.push(id) });
    const inner = defineSupervisor(() => ({ children: [scripted('bad', ['error'])] }));
    const outcome = await reasonOf(
      startSupervisor({
        children: [probe('a', arg('a')), probe('b', arg('b')), child('inner', inner, undefined)],
      }),
    );
    expect(outcome).toMatchObject({
      shutdown: {
        failedToStartChild: 'inner',
        reason: {
          shutdown: { failedToStartChild: 'bad', reason: { error: { message: 'scripted' } } },
        },
      },
    });
    expect(ends).toEqual(['b', 'a']);
    rig.expectNoneLeft();
  });

  test('S:already_started_outside_supervisor: a child whose name is taken gives alreadyStarted and keeps nothing', async () => {
    const owner = await spawn(Probe, {}, { name: name('taken') });
    const sup = await startSupervisor({ children: [] });
    expect(await startChild(sup, probe('taken'))).toEqual({
      ok: false,
      why: 'alreadyStarted',
      ref: owner,
    });
    expect(await whichChildren(sup)).toEqual([]);
    await stop(owner);
    await rig.end(sup);
  });
});

describe('restart types', () => {
  const outcomes = [
    ['normal', 'permanent', 'restarted'],
    ['normal', 'transient', 'down'],
    ['normal', 'temporary', 'gone'],
    ['shutdown', 'permanent', 'restarted'],
    ['shutdown', 'transient', 'down'],
    ['shutdown', 'temporary', 'gone'],
    ['crash', 'permanent', 'restarted'],
    ['crash', 'transient', 'restarted'],
    ['crash', 'temporary', 'gone'],
    ['kill', 'transient', 'restarted'],
    ['kill', 'temporary', 'gone'],
    ['detail', 'permanent', 'restarted'],
    ['detail', 'transient', 'down'],
    ['detail', 'temporary', 'gone'],
  ] as const;
  test.each(outcomes)(
    'S:permanent, transient, temporary: %s end of a %s child: %s',
    async (how, restart, outcome) => {
      const sup = await startSupervisor({ children: [probe('x', {}, { restart })] });
      const before = at('x') as Ref<ProbeP>;
      if (how === 'kill') exit(before, 'kill');
      else if (how === 'crash') await reasonOf(call(before, 'crash'));
      else await reasonOf(call(before, 'stop', how === 'detail' ? { shutdown: how } : how));
      await settle();
      const after = at('x');
      if (outcome === 'restarted') expect(after).not.toBe(before);
      expect(after !== undefined).toBe(outcome === 'restarted');
      expect((await getChildSpec(sup, 'x')).ok).toBe(outcome !== 'gone');
      const reported = rig.reports.filter((each) => each.kind === 'childFailed');
      expect(reported).toHaveLength(how === 'crash' || how === 'kill' ? 1 : 0);
      await rig.end(sup);
    },
  );

  test('a transient supervisor that gives up is not started again', async () => {
    const inner = defineSupervisor(() => ({ intensity: 0, children: [probe('i')] }));
    const sup = await startSupervisor({
      children: [child('inner', inner, undefined, { restart: 'transient' })],
    });
    await kill('i');
    expect(at('i')).toBeUndefined();
    expect(isAlive(sup)).toBe(true);
    await rig.end(sup);
  });
});

describe('strategies', () => {
  const three = (strategy: 'oneForOne' | 'oneForAll' | 'restForOne', extra = {}) =>
    startSupervisor({ strategy, children: [probe('a'), probe('b'), probe('c')], ...extra });

  test('S:one_for_one: oneForOne changes only the crashed child; past the intensity all end', async () => {
    const sup = await three('oneForOne', { intensity: 2, period: 3600 });
    const [a, b, c] = refs('a', 'b', 'c');
    await kill('b');
    expect(refs('a', 'c')).toEqual([a, c]);
    expect(at('b')).not.toBe(b);
    await kill('a');
    await kill('a');
    expect(refs('a', 'b', 'c')).toEqual([undefined, undefined, undefined]);
    expect(isAlive(sup)).toBe(false);
    expect(rig.reports.filter(({ kind }) => kind === 'restartLimit')).toHaveLength(1);
  });

  test('S:one_for_all: oneForAll renews all, one event counts once', async () => {
    const sup = await three('oneForAll', { intensity: 2, period: 3600 });
    for (let i = 0; i < 2; i++) {
      const before = refs('a', 'b', 'c');
      await kill('c');
      for (const [n, ref] of refs('a', 'b', 'c').entries()) {
        expect(ref).toBeDefined();
        expect(ref).not.toBe(before[n]);
      }
    }
    await kill('c');
    expect(isAlive(sup)).toBe(false);
  });

  test('S:rest_for_one: renews the child and the later ones in order', async () => {
    const log: string[] = [];
    const arg = (id: string): ProbeArg => ({ init: () => void log.push(id) });
    const sup = await startSupervisor({
      strategy: 'restForOne',
      children: ['a', 'b', 'c'].map((id) => probe(id, arg(id))),
    });
    const [a, b, c] = refs('a', 'b', 'c');
    await kill('b');
    expect(at('a')).toBe(a);
    expect(at('b')).not.toBe(b);
    expect(at('c')).not.toBe(c);
    expect(log).toEqual(['a', 'b', 'c', 'b', 'c']);
    await rig.end(sup);
  });

  test('S:one_for_one_escalation, one_for_all_escalation, rest_for_one_escalation: a start that keeps failing uses the limit up and takes all down', async () => {
    for (const strategy of ['oneForOne', 'oneForAll', 'restForOne'] as const) {
      const sup = await startSupervisor({
        strategy,
        intensity: 3,
        period: 3600,
        children: [probe('a'), scripted('s', ['ok', 'error']), probe('z')],
      });
      const dies = (await whichChildren(sup)).find(({ id }) => id === 's')?.ref as AnyRef;
      exit(strategy === 'oneForAll' ? (at('a') as AnyRef) : dies, 'kill');
      await settle();
      await settle();
      expect(isAlive(sup)).toBe(false);
      rig.expectNoneLeft();
    }
  });

  test('S:hanging_restart_loop_rest_for_one: while a restart is retried, requests are served; restForOne keeps what came up', async () => {
    const seen: unknown[] = [];
    const sup = await startSupervisor({
      strategy: 'restForOne',
      intensity: 1000,
      period: 3600,
      children: [probe('a'), probe('b'), scripted('s', ['ok', 'error']), probe('z')],
    });
    const before = at('b');
    exit(before as AnyRef, 'kill');
    // The supervisor never rests from here on: the calls below wait for their turn, settle() would wait in vain.
    while (at('b') === before || at('b') === undefined) await whichChildren(sup);
    const b = at('b');
    for (let i = 0; i < 3; i++) {
      const children = await whichChildren(sup);
      seen.push(children.map(({ id, ref }) => [id, typeof ref === 'number' ? 'up' : ref]));
    }
    expect(seen[0]).toEqual([
      ['z', undefined],
      ['s', 'restarting'],
      ['b', 'up'],
      ['a', 'up'],
    ]);
    expect(at('b')).toBe(b);
    expect(await restartChild(sup, 's')).toEqual({ ok: false, why: 'restarting' });
    expect(await deleteChild(sup, 's')).toEqual({ ok: false, why: 'restarting' });
    expect(await countChildren(sup)).toEqual({ specs: 4, active: 2, supervisors: 0, workers: 4 });
    expect(await terminateChild(sup, 's')).toEqual({ ok: true });
    expect(await whichChildren(sup)).toContainEqual(
      expect.objectContaining({ id: 's', ref: undefined }),
    );
    await rig.end(sup);
  });

  test('oneForAll: a temporary sibling is not started again and its spec is gone', async () => {
    const sup = await startSupervisor({
      strategy: 'oneForAll',
      children: [probe('a'), probe('t', {}, { restart: 'temporary' })],
    });
    await kill('a');
    expect(at('a')).toBeDefined();
    expect((await whichChildren(sup)).map(({ id }) => id)).toEqual(['a']);
    await rig.end(sup);
  });

  test('the window passes: restarts spread in time never give up', async () => {
    const sup = await three('oneForOne', { intensity: 1, period: 5 });
    for (let i = 0; i < 5; i++) {
      await kill('a');
      await rig.clock.advance(7000);
    }
    expect(isAlive(sup)).toBe(true);
    await rig.end(sup);
  });
});

describe('administration', () => {
  test('S:child_adm: ids, running, present, deleted', async () => {
    const sup = await startSupervisor({ children: [probe('a')] });
    expect(await startChild(sup, probe('a'))).toEqual({
      ok: false,
      why: 'alreadyStarted',
      ref: at('a'),
    });
    expect(await deleteChild(sup, 'a')).toEqual({ ok: false, why: 'running' });
    expect(await restartChild(sup, 'a')).toEqual({ ok: false, why: 'running' });
    expect(await terminateChild(sup, 'a')).toEqual({ ok: true });
    expect(await terminateChild(sup, 'a')).toEqual({ ok: true });
    expect(await startChild(sup, probe('a'))).toEqual({ ok: false, why: 'alreadyPresent' });
    expect(await restartChild(sup, 'a')).toEqual({ ok: true, ref: at('a') });
    await terminateChild(sup, 'a');
    expect(await deleteChild(sup, 'a')).toEqual({ ok: true });
    for (const f of [terminateChild, restartChild, deleteChild]) {
      expect(await f(sup, 'a')).toEqual({ ok: false, why: 'notFound' });
    }
    await startChild(sup, probe('t', {}, { restart: 'temporary' }));
    await terminateChild(sup, 't');
    expect(await startChild(sup, probe('t', {}, { restart: 'temporary' }))).toMatchObject({
      ok: true,
    });
    await rig.end(sup);
    expect(await reasonOf(whichChildren(sup))).toBe('noproc');
  });

  test('S:simple_global_supervisor: a named supervisor and worker come back with new refs; the top ends all names', async () => {
    const inner = defineSupervisor(() => ({ children: [probe('w')] }));
    const sup = await startSupervisor({
      children: [child('inner', inner, undefined, { name: name<SupervisorP>('inner') })],
    });
    const [w, i] = [at('w'), whereis(name('inner'))];
    exit(i as AnyRef, 'kill');
    await settle();
    expect(whereis(name('inner'))).not.toBe(i);
    expect(at('w')).not.toBe(w);
    expect(at('w')).toBeDefined();
    exit(sup, 'kill');
    await settle();
    expect([at('w'), whereis(name('inner'))]).toEqual([undefined, undefined]);
    rig.expectNoneLeft();
  });
});
