/** Backoff between the attempts to restart a child (runtime.md 1.6). */
import { describe, expect, test } from 'vitest';
import {
  type AnyRef,
  configureRuntime,
  countChildren,
  exit,
  isAlive,
  type Ref,
  type SupervisorP,
  startSupervisor,
  systemRng,
  terminateChild,
  whichChildren,
} from '../index.ts';
import { seededRng, settle } from '../testkit/index.ts';
import { SupervisorRig, scripted } from './supervisor-support.ts';

const rig = new SupervisorRig();

const HOLD = { backoff: { minMs: 100, maxMs: 100 } };
const LONG = { intensity: 1000, period: 3600 };

/** What the only child is: up, restarting or down. */
async function state(sup: Ref<SupervisorP>): Promise<string> {
  const [only] = await whichChildren(sup);
  return typeof only?.ref === 'number' ? 'up' : (only?.ref ?? 'down');
}

/** Attempts to start a child that failed, by the reports. */
const starts = (id: string): number =>
  rig.reports.filter((each) => each.kind === 'childFailed' && each.child === id).length;

describe('backoff', () => {
  test('backoff: the first attempt is at once, the waits between retries double up to maxMs', async () => {
    const sup = await startSupervisor({
      ...LONG,
      children: [scripted('s', ['ok', 'error'], { backoff: { minMs: 100, maxMs: 400 } })],
    });
    const [s] = await whichChildren(sup);
    exit(s?.ref as AnyRef, 'kill');
    await settle();
    // One report is the kill itself.
    const seen = [starts('s') - 1];
    for (let i = 0; i < 12; i++) {
      await rig.clock.advance(100);
      seen.push(starts('s') - 1);
    }
    expect(seen).toEqual([1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5]);
    expect(await countChildren(sup)).toMatchObject({ active: 0, workers: 1 });
    await rig.end(sup);
  });

  test('backoff.jitter: drawn from the rng of configureRuntime, the same seed gives the same waits', async () => {
    const attemptsAfter = async (seed: number): Promise<number[]> => {
      configureRuntime({ rng: seededRng(seed) });
      const before = starts('s');
      const backoff = { minMs: 1000, maxMs: 1000, jitter: 0.9 };
      const sup = await startSupervisor({
        ...LONG,
        children: [scripted('s', ['ok', 'error'], { backoff })],
      });
      const [s] = await whichChildren(sup);
      exit(s?.ref as AnyRef, 'kill');
      const seen: number[] = [];
      for (let i = 0; i < 30; i++) {
        await rig.clock.advance(100);
        seen.push(starts('s') - before);
      }
      await rig.end(sup);
      return seen;
    };
    const first = await attemptsAfter(7);
    expect(await attemptsAfter(7)).toEqual(first);
    expect(await attemptsAfter(8)).not.toEqual(first);
    configureRuntime({ rng: systemRng });
  });

  test('backoff: it delays, it does not change what counts', async () => {
    const sup = await startSupervisor({
      intensity: 2,
      period: 3600,
      children: [scripted('s', ['ok', 'error'], { backoff: { minMs: 1000, maxMs: 1000 } })],
    });
    const [s] = await whichChildren(sup);
    exit(s?.ref as AnyRef, 'kill');
    await rig.clock.advance(1500);
    expect(isAlive(sup)).toBe(true);
    await rig.clock.advance(1000);
    expect(isAlive(sup)).toBe(false);
  });

  test('backoff: terminateChild cancels a retry that waits; a start that succeeds begins it anew', async () => {
    const script = ['ok', 'error', 'error', 'ok', 'error', 'ok'] as const;
    const sup = await startSupervisor({
      ...LONG,
      children: [scripted('s', [...script], { backoff: { minMs: 100, maxMs: 1000 } })],
    });
    const die = async () => exit((await whichChildren(sup))[0]?.ref as AnyRef, 'kill');
    await die();
    await rig.clock.advance(310);
    expect(await state(sup)).toBe('up');
    await die();
    await rig.clock.advance(110);
    expect(await state(sup)).toBe('up');
    await terminateChild(sup, 's');
    await rig.end(sup);
    const other = await startSupervisor({
      ...LONG,
      children: [scripted('s', ['ok', 'error'], HOLD)],
    });
    exit((await whichChildren(other))[0]?.ref as AnyRef, 'kill');
    await settle();
    await terminateChild(other, 's');
    const tried = starts('s');
    await rig.clock.advance(1000);
    expect(starts('s')).toBe(tried);
    expect(await state(other)).toBe('down');
    await rig.end(other);
  });
});
