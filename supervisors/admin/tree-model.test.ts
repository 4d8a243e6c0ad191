/** The model with a publisher on its own thread: when threads are asked, and what subscriptions are told. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type AnyRef,
  cast,
  configureRuntime,
  defineActor,
  exit,
  name,
  type Report,
  type SlotStatus,
  spawn,
  startSupervisor,
  stop,
  systemClock,
  whereis,
} from '../../runtime/index.ts';
import { FakeClock, settle } from '../../runtime/testkit/index.ts';
import { collect, createTreeModel, type RunningTreeModel } from './tree-model.ts';
import { publishSessions, TREE_PUBLISHER, treePublisher } from './tree-publisher.ts';
import type { TreeEvent, TreeSubscription } from './tree-types.ts';
import type { TreeOptions, TreeRow } from './types.ts';

interface WorkerP {
  work(): void;
}
const Worker = defineActor<WorkerP, null>({
  name: 'worker',
  init: () => null,
  handle: { work: () => undefined },
});

let clock: FakeClock;
let model: RunningTreeModel;
let slots: SlotStatus[];
const refs: AnyRef[] = [];
let errors: object[];

beforeEach(async () => {
  clock = new FakeClock();
  errors = [];
  configureRuntime({ clock, report: () => undefined });
  slots = [{ name: 'main', group: '', thread: 0, up: true, incarnation: 1 }];
  model = createTreeModel({
    ...{ nodeName: 'n1', startedAt: 1, clock, types: ['stream'] },
    memoryBytes: () => 1,
    log: { error: (data: object) => errors.push(data) } as never,
  });
  model.attach({ slots: () => slots });
  refs.push(await startSupervisor({ children: [model.spec, treePublisher()] }));
  refs.push(await spawn(Worker, undefined, { name: name('worker-1') }));
});
afterEach(async () => {
  for (const ref of refs.splice(0)) await stop(ref).catch(() => undefined);
  configureRuntime({ clock: systemClock });
});

interface Watching {
  readonly events: TreeEvent[];
  readonly rows: Map<string, TreeRow>;
  readonly subscription: TreeSubscription;
}

function watch(options: TreeOptions = {}): Watching {
  const events: TreeEvent[] = [];
  const rows = new Map<string, TreeRow>();
  const send = (event: TreeEvent): boolean => {
    events.push(event);
    collect(rows, event);
    return true;
  };
  const subscribed = model.subscribe(options, { send });
  if (!subscribed.ok) throw new Error(subscribed.message);
  return { events, rows, subscription: subscribed.value };
}
const kinds = ({ events }: Watching): string[] => events.map(({ kind }) => kind);
const work = (): void => cast(name<WorkerP>('worker-1'), 'work');

test('subscribe: a snapshot as soon as the thread has answered, never before it returns', async () => {
  const watching = watch();
  expect(watching.events).toEqual([]);
  await clock.advance(10);
  expect(kinds(watching)).toEqual(['snapshot']);
  expect(watching.rows.get('n1/main/worker-1')).toMatchObject({ kind: 'actor', name: 'worker-1' });
});

test('subscribe: deltas at its pace, with the rate of the interval', async () => {
  const watching = watch({ everyMs: 2000 });
  await clock.advance(10);
  for (let i = 0; i < 6; i++) work();
  await clock.advance(1500);
  expect(kinds(watching)).toEqual(['snapshot']);
  await clock.advance(1000);
  expect(kinds(watching)).toEqual(['snapshot', 'delta']);
  expect(watching.rows.get('n1/main/worker-1')).toMatchObject({ messages: 6, rate: 3 });
});

test('subscribe: the quickest sets the pace of the threads, each is told at its own', async () => {
  const slow = watch({ everyMs: 2000 });
  const quick = watch({ everyMs: 500 });
  await clock.advance(10);
  for (let i = 0; i < 8; i++) {
    work();
    await clock.advance(500);
  }
  expect(kinds(quick).filter((kind) => kind === 'delta')).toHaveLength(8);
  expect(kinds(slow).filter((kind) => kind === 'delta')).toHaveLength(2);
});

test('subscribe: nothing is asked any more some time after the last one closed', async () => {
  const { events, subscription } = watch();
  await clock.advance(3000);
  subscription.close();
  subscription.close();
  const told = events.length;
  await clock.advance(6000);
  const { rounds } = model.counters();
  work();
  await clock.advance(60_000);
  expect(events).toHaveLength(told);
  expect(model.counters()).toMatchObject({ rounds, rows: 0, subscriptions: 0 });
  expect(clock.pending).toBeLessThan(2);
});

test('subscribe: depth 1 asks for no actors', async () => {
  const { rows } = watch({ depth: 1 });
  await clock.advance(2000);
  expect([...rows.keys()]).toEqual(['n1', 'n1/main']);
  expect(model.counters().rows).toBe(0);
});

test('subscribe: actors wanted later are told from the beginning', async () => {
  watch({ depth: 1 });
  await clock.advance(2000);
  const { rows } = watch({ root: 'n1/main/worker-1' });
  await clock.advance(2000);
  expect(rows.get('n1/main/worker-1')).toMatchObject({ parent: null, state: 'idle' });
});

test('subscribe: a thread that does not answer delays the first snapshot, then is shown as busy', async () => {
  slots.push({ name: 'shard-0', group: 'shard', thread: 1, up: true, incarnation: 3 });
  const watching = watch();
  await clock.advance(500);
  expect(watching.events).toEqual([]);
  await clock.advance(1000);
  expect(watching.rows.get('n1/shard-0')).toMatchObject({ restarts: 2 });
  await clock.advance(3000);
  expect(watching.rows.get('n1/shard-0')).toMatchObject({ state: 'busy' });
});

test('report: a thread hangs, ends and is up again', async () => {
  slots.push({ name: 'shard-0', group: 'shard', thread: 1, up: true, incarnation: 1 });
  const { rows } = watch();
  const state = async (report: Report): Promise<string | undefined> => {
    model.report(report);
    await clock.advance(2000);
    return rows.get('n1/shard-0')?.state;
  };
  const about = { slot: 'main', at: 5, thread: 'shard-0' } as const;
  const culprit = { ref: 1 as AnyRef, op: 'append' };
  expect(await state({ kind: 'hung', ...about, silentMs: 5000, culprit })).toBe('hung');
  const down = { kind: 'threadDown', ...about, incarnation: 1, reason: 'it hung' } as const;
  expect(await state(down)).toBe('down');
  expect(rows.get('n1/shard-0')?.lastCrash).toEqual({ at: 5, reason: 'it hung', op: null });
  expect(await state({ kind: 'threadUp', ...about, incarnation: 2, tookMs: 1 })).not.toBe('down');
});

test('report: a crash is told before the subscription is due, many of them at a bounded pace', async () => {
  const watching = watch({ everyMs: 10_000 });
  await clock.advance(1000);
  const crash = { kind: 'crash', slot: 'main', at: 5, ref: 1 as AnyRef, op: 'work' } as const;
  const report = { ...crash, actor: 'worker(worker-1)', reason: 'killed' } as Report;
  model.report(report);
  await clock.advance(300);
  expect(watching.rows.get('n1/main/worker-1')?.lastCrash).toMatchObject({ reason: 'killed' });
  const told = watching.events.length;
  for (let i = 0; i < 200; i++) {
    model.report({ ...report, at: i } as Report);
    await clock.advance(5);
  }
  expect(watching.events.length - told).toBeLessThanOrEqual(5);
});

test('subscribe: a publisher that is killed is asked again, and the tree is whole', async () => {
  const { rows } = watch();
  await clock.advance(2000);
  const before = rows.get(`n1/main/${TREE_PUBLISHER}`);
  exit(whereis(name(TREE_PUBLISHER)) as AnyRef, 'kill');
  await clock.advance(3000);
  const after = rows.get(`n1/main/${TREE_PUBLISHER}`);
  expect(after?.ref).not.toBe(before?.ref);
  expect(after).toMatchObject({ restarts: 1 });
  work();
  await clock.advance(1000);
  expect(rows.get('n1/main/worker-1')).toMatchObject({ messages: 1, rate: 1 });
});

test('subscribe: sessions one by one for who asks for the thread, their number for everybody', async () => {
  publishSessions({
    count: () => 3,
    list: () => [{ conn: 9, uid: 4, label: 'mp', state: 'running', backlogBytes: 0, startedAt: 1 }],
  });
  slots[0] = { ...(slots[0] as SlotStatus), group: 'gateway' };
  model.attach({ slots: () => slots });
  const all = watch();
  const one = watch({ root: 'n1/main' });
  await clock.advance(2000);
  expect(all.rows.get('n1/main/sessions')).toMatchObject({ children: 3 });
  expect(one.rows.get('n1/main/sessions/9')).toMatchObject({ name: 'session of 4' });
  expect(model.find('n1/main/sessions/9')).toMatchObject({ kind: 'session', conn: 9 });
});

test('snapshot: rows at once, with rates when a time for them is given', async () => {
  const plain = model.snapshot({ depth: 2 });
  await clock.advance(10);
  const first = await plain;
  expect(first.ok && first.value.rows.find(({ id }) => id === 'n1/main/worker-1')).toMatchObject({
    rate: 0,
  });
  const timed = model.snapshot({ depth: 2 }, 1000);
  await clock.advance(10);
  work();
  await clock.advance(1500);
  const second = await timed;
  const row = second.ok ? second.value.rows.find(({ id }) => id === 'n1/main/worker-1') : undefined;
  expect(row?.rate).toBeCloseTo(1, 1);
  expect(model.counters().subscriptions).toBe(0);
});

test('subscribe: options out of range, and roots that there are not, are refused by name', async () => {
  const refusal = (options: TreeOptions): string => {
    const result = model.subscribe(options, { send: () => true });
    return result.ok ? 'ok' : result.code;
  };
  const wrong: TreeOptions[] = [
    ...[{ depth: 0 }, { depth: 17 }, { everyMs: 249 }, { limit: 5001 }, { limit: 1.5 }],
    ...[{ sort: 'age' as 'name' }, { filter: 'x'.repeat(201) }],
  ];
  for (const options of wrong) expect(refusal(options), JSON.stringify(options)).toBe('invalid');
  expect(refusal({ root: 'n1/shard-9' })).toBe('not_found');
  for (let i = 0; i < 512; i++) expect(refusal({})).toBe('ok');
  expect(refusal({})).toBe('rate_limited');
});

test('subscribe: a sink that throws loses its subscription, the others go on', async () => {
  const send = (): boolean => {
    throw new Error('a bug');
  };
  expect(model.subscribe({}, { send }).ok).toBe(true);
  const other = watch();
  await clock.advance(3000);
  expect(errors).toHaveLength(1);
  expect(model.counters().subscriptions).toBe(1);
  expect(kinds(other)).toContain('delta');
});

test('find and idOf: also while nobody looks', async () => {
  expect(model.find('n1/main/stream/7')).toMatchObject({ kind: 'entity', key: 7 });
  expect(model.idOf('stream', 7)).toBe('n1/main/stream/7');
  expect(model.counters().rounds).toBe(0);
  await settle();
});
