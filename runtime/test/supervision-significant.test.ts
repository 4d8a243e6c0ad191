/** Significant children and autoShutdown, under static and dynamic supervisors (runtime.md 1.8). */
import { describe, expect, test } from 'vitest';
import {
  type AnyRef,
  type AutoShutdown,
  call,
  child,
  defineSupervisor,
  exit,
  isAlive,
  type Ref,
  type Restart,
  restartChild,
  spawn,
  startChild,
  startDynamicSupervisor,
  startSupervisor,
  terminateChild,
  whichChildren,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { at, kill, probe, SupervisorRig, scripted } from './supervisor-support.ts';
import { Probe, type ProbeP, reasonOf } from './support.ts';

const rig = new SupervisorRig();

type End = 'normal' | 'shutdown' | 'detail' | 'crash' | 'kill';
const ENDS: readonly End[] = ['normal', 'shutdown', 'detail', 'crash', 'kill'];

/** Lets an actor end in one of the ways. */
async function endAs(ref: AnyRef, how: End): Promise<void> {
  const target = ref as Ref<ProbeP>;
  if (how === 'kill') exit(target, 'kill');
  else if (how === 'crash') await reasonOf(call(target, 'crash'));
  else await reasonOf(call(target, 'stop', how === 'detail' ? { shutdown: 'done' } : how));
  await settle();
}

const significant = (id: string, restart: Restart) => probe(id, {}, { restart, significant: true });
const family = (autoShutdown: AutoShutdown, restart: Restart) =>
  startSupervisor({
    autoShutdown,
    children: [significant('a', restart), significant('b', restart), probe('p')],
  });

describe('static', () => {
  test.each(ENDS)(
    'S:significant_temporary: any: an end by %s stops the supervisor',
    async (how) => {
      const sup = await family('anySignificant', 'temporary');
      await endAs(at('a') as AnyRef, how);
      expect([isAlive(sup), at('b'), at('p')]).toEqual([false, undefined, undefined]);
      rig.expectNoneLeft();
    },
  );

  test('S:significant_temporary: it stops with reason shutdown', async () => {
    const log: unknown[] = [];
    const watcher = await spawn(Probe, { log });
    const sup = await family('anySignificant', 'temporary');
    await call(watcher, 'watch', sup);
    await endAs(at('a') as AnyRef, 'crash');
    expect(log).toEqual([{ down: 'shutdown', ref: sup }]);
    await rig.end(watcher);
  });

  test.each(ENDS)(
    'S:significant_temporary: all: an end by %s of the last one stops it',
    async (how) => {
      const sup = await family('allSignificant', 'temporary');
      await endAs(at('a') as AnyRef, how);
      expect(isAlive(sup)).toBe(true);
      await endAs(at('b') as AnyRef, how);
      expect([isAlive(sup), at('p')]).toEqual([false, undefined]);
    },
  );

  test.each(ENDS)(
    'S:significant_transient: any: an end by %s stops it only if it is a normal one',
    async (how) => {
      const sup = await family('anySignificant', 'transient');
      await endAs(at('a') as AnyRef, how);
      const restarted = how === 'crash' || how === 'kill';
      expect(isAlive(sup)).toBe(restarted);
      if (!restarted) return;
      expect(at('a')).toBeDefined();
      await rig.end(sup);
    },
  );

  test('S:significant_transient: all: the last normal end stops it', async () => {
    const sup = await family('allSignificant', 'transient');
    await endAs(at('a') as AnyRef, 'normal');
    await endAs(at('b') as AnyRef, 'kill');
    expect(isAlive(sup)).toBe(true);
    await endAs(at('b') as AnyRef, 'detail');
    expect(isAlive(sup)).toBe(false);
  });

  test('S:significant_transient: terminateChild never triggers, and what it ended is not active', async () => {
    for (const restart of ['transient', 'temporary'] as const) {
      const any = await family('anySignificant', restart);
      await terminateChild(any, 'a');
      await terminateChild(any, 'b');
      await settle();
      expect(isAlive(any)).toBe(true);
      await rig.end(any);
      const all = await family('allSignificant', restart);
      await terminateChild(all, 'a');
      await settle();
      expect(isAlive(all)).toBe(true);
      await endAs(at('b') as AnyRef, 'normal');
      expect(isAlive(all)).toBe(false);
    }
  });

  test('allSignificant: one that ignored never started and does not count; one that waits for a retry does', async () => {
    const ignored = await startSupervisor({
      autoShutdown: 'allSignificant',
      children: [
        significant('a', 'transient'),
        scripted('i', ['ignore'], { restart: 'transient', significant: true }),
      ],
    });
    await endAs(at('a') as AnyRef, 'normal');
    expect(isAlive(ignored)).toBe(false);
    const policy = { restart: 'transient', significant: true } as const;
    const waits = await startSupervisor({
      autoShutdown: 'allSignificant',
      children: [
        significant('a', 'transient'),
        scripted('w', ['ok', 'error'], { ...policy, backoff: { minMs: 1000, maxMs: 1000 } }),
      ],
    });
    exit((await whichChildren(waits))[0]?.ref as AnyRef, 'kill');
    await settle();
    await endAs(at('a') as AnyRef, 'normal');
    expect(isAlive(waits)).toBe(true);
    await rig.end(waits);
  });

  test('significant: one added later, and one started again by hand, count', async () => {
    const sup = await startSupervisor({ autoShutdown: 'allSignificant' });
    await startChild(sup, significant('a', 'transient'));
    await terminateChild(sup, 'a');
    await restartChild(sup, 'a');
    await startChild(sup, significant('b', 'temporary'));
    await endAs(at('b') as AnyRef, 'kill');
    expect(isAlive(sup)).toBe(true);
    await endAs(at('a') as AnyRef, 'shutdown');
    expect(isAlive(sup)).toBe(false);
  });

  test.each(['never', 'anySignificant', 'allSignificant'] as const)(
    'S:nonsignificant_temporary, nonsignificant_transient: under %s no end triggers',
    async (autoShutdown) => {
      for (const restart of ['temporary', 'transient'] as const) {
        for (const how of ENDS) {
          const sup = await startSupervisor({
            autoShutdown,
            children: [probe('a', {}, { restart }), probe('p')],
          });
          await endAs(at('a') as AnyRef, how);
          expect([how, isAlive(sup)]).toEqual([how, true]);
          await rig.end(sup);
        }
      }
    },
  );

  test('S:significant_bystander: one ended because a sibling restarts does not trigger', async () => {
    for (const strategy of ['oneForAll', 'restForOne'] as const) {
      for (const autoShutdown of ['anySignificant', 'allSignificant'] as const) {
        for (const restart of ['transient', 'temporary'] as const) {
          const sup = await startSupervisor({
            strategy,
            autoShutdown,
            children: [probe('p'), significant('s', restart)],
          });
          await kill('p');
          expect(isAlive(sup)).toBe(true);
          expect(at('s') !== undefined).toBe(restart === 'transient');
          await rig.end(sup);
        }
      }
    }
  });

  test('S:significant_escalation: the end of a significant sub-supervisor carries upward', async () => {
    const inner = defineSupervisor(() => ({
      autoShutdown: 'anySignificant' as const,
      children: [significant('deep', 'transient')],
    }));
    const sup = await startSupervisor({
      autoShutdown: 'anySignificant',
      children: [
        child('inner', inner, undefined, { restart: 'transient', significant: true }),
        probe('p'),
      ],
    });
    await endAs(at('deep') as AnyRef, 'normal');
    expect([isAlive(sup), at('p')]).toEqual([false, undefined]);
  });

  test('S:significant_escalation: a permanent sub-supervisor is started again instead', async () => {
    const inner = defineSupervisor(() => ({
      autoShutdown: 'anySignificant' as const,
      children: [significant('deep', 'transient')],
    }));
    const sup = await startSupervisor({ children: [child('inner', inner, undefined)] });
    const deep = at('deep') as AnyRef;
    await endAs(deep, 'normal');
    expect(at('deep')).toBeDefined();
    expect(at('deep')).not.toBe(deep);
    await rig.end(sup);
  });
});

describe('dynamic', () => {
  const two = async (autoShutdown: AutoShutdown, restart: Restart) => {
    const sup = await startDynamicSupervisor({ autoShutdown });
    const refs: AnyRef[] = [];
    for (let i = 0; i < 2; i++) {
      const made = await startChild(sup, Probe, {}, { restart, significant: true });
      if (made.ok && made.ref !== undefined) refs.push(made.ref);
    }
    return { sup, a: refs[0] as AnyRef, b: refs[1] as AnyRef };
  };

  test.each(ENDS)('S:significant_simple: any: an end by %s', async (how) => {
    const temporary = await two('anySignificant', 'temporary');
    await endAs(temporary.a, how);
    expect([isAlive(temporary.sup), isAlive(temporary.b)]).toEqual([false, false]);
    const transient = await two('anySignificant', 'transient');
    await endAs(transient.a, how);
    const restarted = how === 'crash' || how === 'kill';
    expect(isAlive(transient.sup)).toBe(restarted);
    if (restarted) await rig.end(transient.sup);
  });

  test('S:significant_simple: all: the last one; terminateChild never', async () => {
    const { sup, a, b } = await two('allSignificant', 'temporary');
    await endAs(a, 'normal');
    expect(isAlive(sup)).toBe(true);
    await endAs(b, 'kill');
    expect(isAlive(sup)).toBe(false);
    const other = await two('anySignificant', 'temporary');
    await terminateChild(other.sup, other.a);
    await terminateChild(other.sup, other.b);
    await settle();
    expect(isAlive(other.sup)).toBe(true);
    await rig.end(other.sup);
  });

  test('S:significant_simple: significant is refused while autoShutdown is never', async () => {
    const sup = await startDynamicSupervisor();
    const options = { restart: 'temporary', significant: true } as const;
    expect(await startChild(sup, Probe, {}, options)).toMatchObject({
      ok: false,
      why: 'error',
      reason: { field: 'significant', value: true },
    });
    await rig.end(sup);
  });
});
