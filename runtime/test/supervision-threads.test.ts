/** A supervisor whose child lives on another thread: linked, counted, ended and missed over the lane. */
import { expect, test } from 'vitest';
import {
  type AnyRef,
  at,
  call,
  countChildren,
  type Report,
  startChild,
  startNode,
  startSupervisor,
  stop,
  terminateChild,
  whichChildren,
} from '../index.ts';
import type { EchoP } from './fixtures/slot.ts';

const module = new URL('./fixtures/slot.ts', import.meta.url);

test('start: a child of another thread is ended by its supervisor, and its crash and thread are missed', async () => {
  const seen: Report[] = [];
  let wake: () => void = () => {};
  const report = (each: Report) => {
    seen.push(each);
    wake();
  };
  const failed = async (reason: unknown): Promise<void> => {
    const has = () => seen.some((each) => 'phase' in each && each.reason === reason);
    while (!has()) await new Promise<void>((resolve) => (wake = resolve));
  };
  const node = await startNode({
    slots: [{ name: 'far', module, onDown: 'restart' }],
    report,
    watchdog: false,
  });
  try {
    const sup = await startSupervisor({});
    const far = (op: string) => ({
      id: op,
      restart: 'temporary' as const,
      start: () => call(at<EchoP>('far', op), 'self'),
    });
    const made = await startChild(sup, far('echo'));
    const ref = (made as { ref: AnyRef }).ref;
    expect(await countChildren(sup)).toMatchObject({ specs: 1, active: 1 });
    expect(await terminateChild(sup, 'echo')).toEqual({ ok: true });
    expect(await call(at<EchoP>('far', 'trapper'), 'alive', ref)).toBe(false);
    expect(seen.filter((each) => 'phase' in each)).toEqual([]);
    await startChild(sup, far('trapper'));
    node.terminateSlot('far');
    await failed('noconnection');
    expect(await whichChildren(sup)).toEqual([]);
    await stop(sup, 'shutdown');
  } finally {
    await node.stop();
  }
});
