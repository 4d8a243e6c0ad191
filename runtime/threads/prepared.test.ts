/** Tests of spare threads: kept, taken, thrown away when broken, and used for replacements of a node's slots. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { at, call, type NodeHandle, type Report, startNode } from '../index.ts';
import type { EchoP } from '../test/fixtures/slot.ts';
import { Spares } from './prepared.ts';
import type { SlotOptions } from './types.ts';

const MODULE = new URL('../test/fixtures/slot.ts', import.meta.url);
const slot = (name: string, more: Partial<SlotOptions> = {}): SlotOptions => {
  return { name, module: MODULE, onDown: 'restart', ...more };
};

let spares: Spares | undefined;
let node: NodeHandle | undefined;
afterEach(async () => {
  await spares?.close();
  await node?.stop();
  spares = undefined;
  node = undefined;
});

test('Spares: a slot that wants none, gets a new thread each time', async () => {
  spares = new Spares({});
  spares.refill(slot('a'));
  const first = spares.take(slot('a'));
  expect(first.isLoaded).toBe(false);
  await first.worker.terminate();
});

test('Spares: slots of one module share one spare, other limits are another kind', async () => {
  spares = new Spares({});
  const next = await nextThreadId();
  spares.refill(slot('a', { spare: true }));
  spares.refill(slot('b', { spare: true }));
  const other = spares.take(slot('c', { heapMaxMb: 64 }));
  const kept = spares.take(slot('b'));
  const fresh = spares.take(slot('b'));
  expect([kept, other, fresh].map(({ worker }) => worker.threadId - next)).toEqual([1, 2, 3]);
  await Promise.all([other, kept, fresh].map(({ worker }) => worker.terminate()));
});

test('Spares: the module of the spare failed to load, it is thrown away and a new one is made', async () => {
  spares = new Spares({});
  const broken = slot('a', { spare: true, module: 'data:text/javascript,throw new Error("no")' });
  const spare = spares.refill(broken);
  if (spare === undefined) throw new Error('no spare');
  await once(spare.worker, 'message');
  expect(spare.error).toMatchObject({ message: 'no' });
  const next = spares.refill(broken);
  expect(next).not.toBe(spare);
  expect(next?.error).toBeUndefined();
});

test('Spares: the spare ended while it waited, is not given away', async () => {
  spares = new Spares({});
  const wanted = slot('a', { spare: true });
  const spare = spares.refill(wanted);
  await spare?.worker.terminate();
  expect(spare?.error).toMatchObject({ name: 'ThreadExit' });
  const fresh = spares.take(wanted);
  expect(fresh).not.toBe(spare);
  await fresh.worker.terminate();
});

test('startNode: a slot with a spare, is replaced by the thread that was made before, again and again', async () => {
  const ups: ((report: Report) => void)[] = [];
  node = await startNode({
    slots: [slot('shard-0', { spare: true }), slot('other')],
    watchdog: false,
    restart: { intensity: 5, period: 60 },
    report: (report) => {
      if (report.kind === 'threadUp') for (const up of ups.splice(0)) up(report);
    },
  });
  for (let incarnation = 2; incarnation <= 3; incarnation++) {
    const madeLater = await nextThreadId();
    const up = new Promise<Report>((resolve) => ups.push(resolve));
    node.terminateSlot('shard-0');
    expect(await up).toMatchObject({ thread: 'shard-0', incarnation });
    expect(await call(at<EchoP>('shard-0', 'echo'), 'threadId')).toBeLessThan(madeLater);
  }
});

/** The id of a thread made right now. */
async function nextThreadId(): Promise<number> {
  const worker = new Worker('', { eval: true });
  const { threadId } = worker;
  await once(worker, 'exit');
  return threadId;
}
