/** Dynamic supervisors: the cases of runtime.md 4 that apply to what is built (numbers in the titles). */
import { describe, expect, test } from 'vitest';
import {
  type AnyRef,
  call,
  countChildren,
  defineActor,
  defineDynamicSupervisor,
  exit,
  IGNORE,
  isAlive,
  type Ref,
  spawn,
  startDynamicChild,
  startDynamicSupervisor,
  stop,
  terminateDynamicChild,
  whichChildren,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { SupervisorRig, scripted } from './supervisor-support.ts';
import { Probe, type ProbeP, reasonOf } from './support.ts';

const rig = new SupervisorRig();

describe('dynamic supervisor', () => {
  test('18, 35: by ref, idempotent, foreign refs are not found; restart keeps the arguments', async () => {
    const sup = await startDynamicSupervisor({ intensity: 2, period: 3600 });
    const foreign = await spawn(Probe, {});
    const log: unknown[] = [];
    const made = await startDynamicChild(sup, Probe, { log });
    if (!made.ok || made.ref === undefined) throw new Error('not started');
    expect(await terminateDynamicChild(sup, foreign)).toEqual({ ok: false, why: 'notFound' });
    expect(isAlive(foreign)).toBe(true);
    exit(made.ref, 'kill');
    await settle();
    const [again] = await whichChildren(sup);
    expect(again?.ref).not.toBe(made.ref);
    await call(again?.ref as Ref<ProbeP>, 'log', 'same arg');
    expect(log).toEqual(['same arg']);
    expect(await terminateDynamicChild(sup, again?.ref as AnyRef)).toEqual({ ok: true });
    expect(await terminateDynamicChild(sup, again?.ref as AnyRef)).toEqual({ ok: true });
    await stop(foreign);
    await rig.end(sup);
  });

  test('75: maxChildren counts those waiting for a restart', async () => {
    const sup = await startDynamicSupervisor({ maxChildren: 2, intensity: 1000, period: 3600 });
    await startDynamicChild(sup, Probe, {});
    expect((await startDynamicChild(sup, Probe, {})).ok).toBe(true);
    expect(await startDynamicChild(sup, Probe, {})).toEqual({ ok: false, why: 'maxChildren' });
    await rig.end(sup);
  });

  test('5, 37, 76: ignore leaves nothing behind, at start and at restart', async () => {
    const sup = await startDynamicSupervisor();
    let alive = false;
    const Once = defineActor<{ die(): void }, null>({
      init: () => {
        alive = !alive;
        return alive ? null : IGNORE;
      },
      handle: {
        die() {
          throw new Error('once');
        },
      },
    });
    const made = await startDynamicChild(sup, Once, undefined);
    if (!made.ok || made.ref === undefined) throw new Error('not started');
    await reasonOf(call(made.ref, 'die'));
    await settle();
    expect(await countChildren(sup)).toEqual({ specs: 0, active: 0, supervisors: 0, workers: 0 });
    await rig.end(sup);
  });

  test('14, 36, 78: children end in parallel, each with its own time', async () => {
    const sup = await startDynamicSupervisor();
    const forever = (): Promise<void> => new Promise(() => {});
    for (const shutdown of [100, 200, 300] as const) {
      await startDynamicChild(sup, Probe, { trap: true, terminate: forever }, { shutdown });
    }
    const done = stop(sup, 'shutdown');
    await rig.clock.advance(320);
    await done;
    rig.expectNoneLeft();
  });

  test('40, 44: counts of 2000 children; ten thousand end', async () => {
    const sup = await startDynamicSupervisor();
    for (let i = 0; i < 2000; i++) {
      await startDynamicChild(sup, Probe, {}, { restart: 'temporary' });
    }
    expect(await countChildren(sup)).toMatchObject({ specs: 2000, active: 2000, workers: 2000 });
    const inner = defineDynamicSupervisor(() => ({}));
    await startDynamicChild(sup, inner, undefined);
    expect((await countChildren(sup)).supervisors).toBe(1);
    for (const { ref } of await whichChildren(sup)) if (typeof ref === 'number') exit(ref, 'kill');
    await settle();
    expect((await countChildren(sup)).workers).toBe(0);
    for (let i = 0; i < 10_000; i++)
      await startDynamicChild(sup, Probe, {}, { restart: 'temporary' });
    await rig.end(sup);
  });

  test('77: retries without end give up with shutdown', async () => {
    const sup = await startDynamicSupervisor({ intensity: 3, period: 3600 });
    const Bad = scripted('', ['ok', 'error']);
    const made = await call(sup, 'startDynamicChild', Bad);
    exit((made as { ref: AnyRef }).ref, 'kill');
    await settle();
    await settle();
    expect(isAlive(sup)).toBe(false);
  });
});
