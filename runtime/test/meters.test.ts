/** meters(): restarts by supervisor, mailboxes by kind, lateness of the beat; all of them bounded. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  call,
  cast,
  configureRuntime,
  defineActor,
  defineSupervisor,
  entity,
  exit,
  hostEntity,
  meters,
  name,
  spawn,
  startSupervisor,
  stop,
  systemClock,
  whereis,
} from '../index.ts';
import { noteBeat, noteRestart } from '../inspect/meters.ts';
import { type FakeClock, settle } from '../testkit/index.ts';
import { probe } from './supervisor-support.ts';
import { onFakeClock, Probe, type ProbeP } from './support.ts';

let clock: FakeClock;
beforeEach(() => {
  ({ clock } = onFakeClock());
});
afterEach(() => configureRuntime({ clock: systemClock }));

const restartsOf = (supervisor: string, child: string): number =>
  meters().restarts.find((each) => each.supervisor === supervisor && each.child === child)?.count ??
  0;

test('meters: a child is restarted, counted under its supervisor and its own name', async () => {
  const Named = defineSupervisor(() => ({ children: [probe('counted')] }));
  const sup = await spawn(Named, undefined, { name: name('counting-tree') });
  for (let i = 0; i < 2; i++) {
    exit(whereis(name<ProbeP>('counted')) as never, 'kill');
    await settle();
  }
  expect(restartsOf('counting-tree', 'counted')).toBe(2);
  await stop(sup, 'shutdown');
  expect(restartsOf('counting-tree', 'counted')).toBe(2);
});

test('meters: a supervisor without a name, counted under its behaviour and never under a ref', async () => {
  const sup = await startSupervisor({ children: [probe('unnamed-child')] });
  exit(whereis(name<ProbeP>('unnamed-child')) as never, 'kill');
  await settle();
  expect(restartsOf('supervisor', 'unnamed-child')).toBe(1);
  await stop(sup, 'shutdown');
});

test('meters: an entity crashes, counted under its type', async () => {
  const Fragile = defineActor<{ fail(): void }, null, number>({
    name: 'fragile',
    init: () => null,
    handle: {
      fail() {
        throw new Error('as wanted');
      },
    },
  });
  const host = await hostEntity('fragile', { behaviour: Fragile, arg: (key) => key, idleMs: 1e9 });
  cast(entity<{ fail(): void }>('fragile', 7), 'fail', undefined);
  await settle();
  expect(restartsOf('entities', 'fragile')).toBe(1);
  await stop(host, 'shutdown');
});

test('meters: messages wait, summed by kind with the deepest mailbox', async () => {
  let open: (() => void) | undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const one = await spawn(Probe, {});
  const two = await spawn(Probe, {});
  for (const ref of [one, two]) cast(ref, 'block', { until: gate, after: 0 });
  await settle();
  for (let i = 0; i < 3; i++) cast(one, 'log', i);
  cast(two, 'log', 0);
  const kind = meters().kinds.find(({ kind: each }) => each === 'probe');
  expect(kind).toMatchObject({ waiting: 4, waitingMax: 3 });
  open?.();
  await Promise.all([call(one, 'echo', 1), call(two, 'echo', 1)]);
  for (const ref of [one, two]) await stop(ref);
});

test('noteBeat: a beat comes late, its lateness is recorded in seconds', async () => {
  const before = meters().delay;
  noteBeat(100);
  await clock.advance(100);
  noteBeat(100);
  await clock.advance(160);
  noteBeat(100);
  const { counts, bounds, sum } = meters().delay;
  const added = counts.map((count, i) => count - (before.counts[i] as number));
  expect(sum - before.sum).toBeGreaterThanOrEqual(0.06 - 1e-9);
  expect(added[bounds.indexOf(0.1)]).toBe(1);
});

test('noteRestart: more children than are told apart, the rest is one', () => {
  for (let i = 0; i < 200; i++) noteRestart('crowd', `child-${i}`);
  const { restarts } = meters();
  expect(restarts.length).toBeLessThanOrEqual(65);
  expect(restarts.find(({ child }) => child === 'other')?.count).toBeGreaterThan(100);
  const known = restarts.filter(({ supervisor }) => supervisor === 'crowd').length;
  expect(known + (restarts.find(({ child }) => child === 'other')?.count ?? 0)).toBe(200);
});
