/** Start functions of children: what they may give, `extra`, who links (runtime.md 1.1 and 1.3). */
import { describe, expect, test } from 'vitest';
import {
  ActorError,
  type AnyRef,
  type ChildSpec,
  countChildren,
  defineSupervisor,
  IGNORE,
  isAlive,
  name,
  processInfo,
  type Ref,
  restartChild,
  type StartFunction,
  spawn,
  startChild,
  startSupervisor,
  terminateChild,
  whichChildren,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { at, kill, killRef, SupervisorRig } from './supervisor-support.ts';
import { Probe, type ProbeP, reasonOf } from './support.ts';

const rig = new SupervisorRig();

const start: StartFunction = () => spawn(Probe, {});

describe('start functions', () => {
  const first = async (spec: ChildSpec) => {
    const sup = await startSupervisor({});
    const result = await startChild(sup, spec);
    return { sup, result };
  };

  test('start: what the function spawns has the supervisor as parent and is linked to it', async () => {
    const { sup, result } = await first({ id: 'a', start });
    const ref = (result as { ref: AnyRef }).ref;
    expect(processInfo(ref)).toMatchObject({ parent: sup, links: [sup] });
    await rig.end(sup);
    expect(isAlive(ref)).toBe(false);
  });

  test('start: what it spawns ends in order: terminate runs on shutdown', async () => {
    const log: unknown[] = [];
    const arg = { trap: true, terminate: (reason: unknown) => void log.push(reason) };
    const { sup } = await first({ id: 'a', start: () => spawn(Probe, arg) });
    await rig.end(sup);
    expect(log).toEqual(['shutdown']);
  });

  test('start: a bare ref, a ref with fields, a promise of either', async () => {
    const forms: StartFunction[] = [
      async () => spawn(Probe, {}),
      async () => ({ ref: await spawn(Probe, {}) }),
      async () => ({ ok: true, ref: await spawn(Probe, {}) }),
    ];
    const sup = await startSupervisor({ children: forms.map((each, id) => ({ id, start: each })) });
    expect(await countChildren(sup)).toMatchObject({ specs: 3, active: 3 });
    await rig.end(sup);
  });

  test('start: a ref that is dead already is a child that ended noproc', async () => {
    const dead = await spawn(Probe, {});
    await killRef(dead);
    const { sup, result } = await first({ id: 'a', start: () => dead, restart: 'temporary' });
    expect(result).toEqual({ ok: true, ref: dead });
    await settle();
    expect(await whichChildren(sup)).toEqual([]);
    expect(rig.reports).toContainEqual(
      expect.objectContaining({ phase: 'exit', reason: 'noproc' }),
    );
    await rig.end(sup);
  });

  const odd: unknown[] = [undefined, null, 'ok', -1, 1.5, {}, { ok: true }, true];
  test.each(odd)(
    'S:sup_start_child_returns_error: start giving %j is an error that carries it',
    async (value) => {
      const spec: ChildSpec = { id: 'a', start: () => value as never };
      const { sup, result } = await first(spec);
      const reason = { badReturnValue: value };
      expect(result).toEqual({ ok: false, why: 'error', reason, spec });
      expect(await whichChildren(sup)).toEqual([]);
      await rig.end(sup);
      expect(await reasonOf(startSupervisor({ children: [spec] }))).toEqual({
        shutdown: { failedToStartChild: 'a', reason },
      });
    },
  );

  test('S:sup_start_child_returns_error: an error, a throw, a rejection, an ActorError', async () => {
    const error = expect.objectContaining({ message: 'no' });
    const cases: [StartFunction, unknown][] = [
      [() => ({ ok: false, reason: 'timeout' }), 'timeout'],
      [() => ({ error: 'full' }), { error: 'full' }],
      [() => ({ error: new Error('no') }), { error }],
      [() => new Error('no') as never, { error }],
      [
        () => {
          throw new Error('no');
        },
        { error },
      ],
      [() => Promise.reject(new Error('no')), { error }],
      [() => Promise.reject(new ActorError('noconnection', 'spawn')), 'noconnection'],
    ];
    for (const [each, reason] of cases) {
      const { sup, result } = await first({ id: 'a', start: each });
      expect(result).toMatchObject({ ok: false, why: 'error', reason });
      await rig.end(sup);
    }
  });

  test('start: ignore in each form keeps the spec without a process', async () => {
    const Ignoring = defineSupervisor(() => IGNORE);
    const forms: StartFunction[] = [
      () => 'ignore',
      () => IGNORE,
      () => ({ ok: false, reason: 'ignore' }),
      () => spawn(Ignoring, undefined),
    ];
    const sup = await startSupervisor({ children: forms.map((each, id) => ({ id, start: each })) });
    expect(await countChildren(sup)).toMatchObject({ specs: 4, active: 0 });
    expect(await startChild(sup, { id: 'x', start: () => 'ignore' })).toEqual({
      ok: true,
      ref: undefined,
    });
    expect(await restartChild(sup, 'x')).toEqual({ ok: true, ref: undefined });
    await rig.end(sup);
  });

  test('S:extra_return: extra reaches the callers of startChild and restartChild, else it is dropped', async () => {
    const withExtra: ChildSpec = {
      id: 'e',
      start: async () => ({
        ref: await spawn(Probe, {}, { name: name('e') }),
        extra: { port: 80 },
      }),
    };
    const sup = await startSupervisor({ children: [withExtra] });
    const ref = at('e');
    expect(await whichChildren(sup)).toEqual([
      { id: 'e', ref, type: 'worker', behaviour: 'start' },
    ]);
    await terminateChild(sup, 'e');
    expect(await restartChild(sup, 'e')).toEqual({ ok: true, ref: at('e'), extra: { port: 80 } });
    await kill('e');
    expect(at('e')).toBeDefined();
    await terminateChild(sup, 'e');
    const other = await startChild(sup, { ...withExtra, id: 'f' });
    expect(other).toEqual({ ok: true, ref: at('e'), extra: { port: 80 } });
    await rig.end(sup);
  });

  test('start: the supervisor dies while it runs, what it made later is killed', async () => {
    let made: Ref<ProbeP> | undefined;
    let go: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const sup = await startSupervisor({});
    const late = startChild(sup, {
      id: 'late',
      start: async () => {
        await gate;
        made = await spawn(Probe, {});
        return made;
      },
    });
    const outcome = reasonOf(late);
    await settle();
    await killRef(sup);
    go();
    await settle();
    expect(await outcome).toBe('killed');
    expect(isAlive(made as AnyRef)).toBe(false);
    rig.expectNoneLeft();
  });
});
