/** Administration of static supervisors, what they keep of their children, and many of them (runtime.md 1.9). */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import {
  type AnyRef,
  type Behaviour,
  call,
  child,
  configureRuntime,
  countChildren,
  type DynamicSupervisorP,
  defineActor,
  deleteChild,
  getChildSpec,
  type Ref,
  type Restart,
  restartChild,
  type SupervisorP,
  startChild,
  startDynamicChild,
  startDynamicSupervisor,
  startSupervisor,
  stop,
  systemClock,
  terminateChild,
  whichChildren,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { at, kill, probe, SupervisorRig } from './supervisor-support.ts';
import { Probe, type ProbeP, reasonOf } from './support.ts';

const rig = new SupervisorRig();

interface IdleP {
  ping(): void;
}
/** Keeps nothing of its argument. */
const Idle = defineActor<IdleP, null, unknown>({ init: () => null, handle: { ping() {} } });

describe('administration', () => {
  test('S:child_adm: every function on an unknown id, and a ref is no id here', async () => {
    const sup = await startSupervisor({ children: [probe('a')] });
    const missing = { ok: false, why: 'notFound' };
    for (const id of ['x', at('a') as AnyRef]) {
      for (const f of [terminateChild, restartChild, deleteChild, getChildSpec]) {
        expect(await f(sup, id)).toEqual(missing);
      }
    }
    expect(at('a')).toBeDefined();
    await rig.end(sup);
  });

  test('S:child_adm: each function of a dead supervisor rejects noproc', async () => {
    const sup = await startSupervisor({});
    await rig.end(sup);
    const calls = [
      startChild(sup, probe('a')),
      terminateChild(sup, 'a'),
      restartChild(sup, 'a'),
      deleteChild(sup, 'a'),
      getChildSpec(sup, 'a'),
      whichChildren(sup),
      countChildren(sup),
    ];
    for (const each of calls) expect(await reasonOf(each)).toBe('noproc');
  });

  test('whichChildren: newest first; a child deleted and added again is the newest', async () => {
    const sup = await startSupervisor({ children: [probe('a'), probe('b')] });
    await startChild(sup, probe('c'));
    const ids = async () => (await whichChildren(sup)).map(({ id }) => id);
    expect(await ids()).toEqual(['c', 'b', 'a']);
    await terminateChild(sup, 'a');
    await restartChild(sup, 'a');
    expect(await ids()).toEqual(['c', 'b', 'a']);
    await terminateChild(sup, 'a');
    await deleteChild(sup, 'a');
    await startChild(sup, probe('a'));
    expect(await ids()).toEqual(['a', 'c', 'b']);
    await kill('b');
    expect(await ids()).toEqual(['a', 'c', 'b']);
    await rig.end(sup);
  });

  test('ids: a number and the same as text are two children', async () => {
    const sup = await startSupervisor({ children: [child(1, Idle, 0), child('1', Idle, 0)] });
    expect((await whichChildren(sup)).map(({ id }) => id)).toEqual(['1', 1]);
    await terminateChild(sup, 1);
    expect(await countChildren(sup)).toMatchObject({ specs: 2, active: 1 });
    await rig.end(sup);
  });

  test('startChild: requests wait for a child whose init takes long', async () => {
    let go: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const sup = await startSupervisor({});
    const log: string[] = [];
    const slow = startChild(sup, probe('slow', { init: () => gate })).then(() => log.push('slow'));
    const count = countChildren(sup).then(({ active }) => log.push(`count ${active}`));
    await settle();
    expect(log).toEqual([]);
    go();
    await Promise.all([slow, count]);
    expect(log).toEqual(['slow', 'count 1']);
    await rig.end(sup);
  });
});

describe('what is kept', () => {
  const ends: [string, (sup: Ref<SupervisorP>) => Promise<unknown>][] = [
    ['kill', () => kill('x')],
    ['normal', () => reasonOf(call(at('x') as Ref<ProbeP>, 'stop', 'normal'))],
    ['abnormal', () => reasonOf(call(at('x') as Ref<ProbeP>, 'crash'))],
    ['terminateChild', (sup) => terminateChild(sup, 'x')],
  ];
  const after: Record<string, Record<Restart, string>> = {
    kill: { permanent: 'alreadyStarted', transient: 'alreadyStarted', temporary: 'ok' },
    normal: { permanent: 'alreadyStarted', transient: 'alreadyPresent', temporary: 'ok' },
    abnormal: { permanent: 'alreadyStarted', transient: 'alreadyStarted', temporary: 'ok' },
    terminateChild: { permanent: 'alreadyPresent', transient: 'alreadyPresent', temporary: 'ok' },
  };
  test.each(ends)(
    'S:do_not_save_child_specs_for_temporary_children: after %s',
    async (how, end) => {
      for (const restart of ['permanent', 'transient', 'temporary'] as const) {
        const sup = await startSupervisor({ children: [probe('x', {}, { restart })] });
        await end(sup);
        await settle();
        const again = await startChild(sup, probe('x', {}, { restart }));
        expect([restart, again.ok ? 'ok' : again.why]).toEqual([restart, after[how]?.[restart]]);
        await rig.end(sup);
      }
    },
  );

  /** An argument of a child started by `begin`, after everything else has let go of it. */
  async function collected(begin: (arg: object) => Promise<unknown>): Promise<boolean> {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const held = await (async () => {
      const arg = { big: 'x'.repeat(1000) };
      await begin(arg);
      return new WeakRef(arg);
    })();
    for (let i = 0; i < 3; i++) {
      await settle();
      gc();
    }
    return held.deref() === undefined;
  }

  test.each(['oneForOne', 'oneForAll', 'restForOne'] as const)(
    'S:do_not_save_start_parameters_for_temporary_children: %s',
    async (strategy) => {
      for (const restart of ['temporary', 'permanent'] as const) {
        const sup = await startSupervisor({ strategy });
        const gone = await collected((arg) => startChild(sup, child('x', Idle, arg, { restart })));
        expect([restart, gone]).toEqual([restart, restart === 'temporary']);
        await rig.end(sup);
      }
    },
  );

  test('S:do_not_save_start_parameters_for_temporary_children: of the children at the start too', async () => {
    let sup: Ref<SupervisorP> | undefined;
    const gone = await collected(async (arg) => {
      sup = await startSupervisor({ children: [child('x', Idle, arg, { restart: 'temporary' })] });
    });
    expect(gone).toBe(true);
    expect(await getChildSpec(sup as Ref<SupervisorP>, 'x')).toMatchObject({ ok: true });
    await rig.end(sup as Ref<SupervisorP>);
  });
});

describe('many', () => {
  test.each([1000, 2000])('S:count_children: right for %d static children', async (n) => {
    const sup = await startSupervisor({
      children: Array.from({ length: n }, (_, id) => child(id, Idle, 0)),
    });
    expect(await countChildren(sup)).toEqual({ specs: n, active: n, supervisors: 0, workers: n });
    await rig.end(sup);
  });

  test('S:scale_start_stop_many_children: ten times as many in about ten times the time', async () => {
    configureRuntime({ clock: systemClock });
    const once = async (n: number): Promise<number> => {
      const began = process.cpuUsage();
      const sup = await startSupervisor({});
      for (let i = 0; i < n; i++) await startChild(sup, child(i, Idle, 0));
      await stop(sup, 'shutdown');
      const { user, system } = process.cpuUsage(began);
      return user + system;
    };
    await once(500);
    const few = Math.min(await once(500), await once(500), await once(500));
    const many = Math.min(await once(5000), await once(5000));
    rig.expectNoneLeft();
    // Quadratic would be 100; the bound leaves room for collections and a loaded machine.
    expect(many / few).toBeLessThan(40);
  });

  test('requests: ten thousand at once are all served', async () => {
    const sup = await startDynamicSupervisor();
    const all = Array.from({ length: 20_000 }, () => startDynamicChild(sup, Idle, 0));
    expect((await Promise.all(all)).every(({ ok }) => ok)).toBe(true);
    expect(await countChildren(sup)).toMatchObject({ active: 20_000 });
    await rig.end(sup);
  });
});

/** Checked by tsc, never run. */
export async function typed(sup: Ref<SupervisorP>, dyn: Ref<DynamicSupervisorP>): Promise<void> {
  const made = await startChild(dyn, Probe, {});
  if (made.ok && made.ref !== undefined) await call(made.ref, 'echo', 1);
  await startChild(sup, child('p', Probe, { trap: true }));
  await startChild(sup, { id: 'q', start: () => ({ ref: sup, extra: 1 }) });
  // @ts-expect-error a behaviour is for dynamic supervisors
  await startChild(sup, Probe, {});
  // @ts-expect-error wrong start argument
  await startChild(dyn, Probe, { trap: 'yes' });
  // @ts-expect-error start gives no number that is no ref
  await startChild(sup, { id: 'q', start: () => 17 });
  // @ts-expect-error a static supervisor is no dynamic one
  const narrow: Ref<DynamicSupervisorP> = sup;
  // @ts-expect-error no such restart type
  child('p', Probe, {}, { restart: 'sometimes' });
  // @ts-expect-error no such strategy
  await startSupervisor({ strategy: 'simpleOneForOne' });
  // @ts-expect-error the name of another protocol
  child('p', Probe, {}, { name: narrow });
  const behaviour: Behaviour<IdleP, null, unknown> = Idle;
  // @ts-expect-error an op that the child does not have
  if (made.ok && made.ref !== undefined) await call(made.ref, 'ping', behaviour);
}
