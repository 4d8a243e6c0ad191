/** Task supervisors: tasks as children of a dynamic supervisor. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  call,
  child,
  countChildren,
  counters,
  type DynamicSupervisorP,
  defineDynamicSupervisor,
  exit,
  isAlive,
  name,
  processInfo,
  type Ref,
  spawn,
  startSupervisor,
  startTaskSupervisor,
  stop,
  type TaskSupervisor,
  taskSupervisor,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import { collectReports, Probe, type ProbeCtx, type ProbeP, reasonOf } from './support.ts';

let sup: TaskSupervisor;
let owner: Ref<ProbeP>;
beforeEach(async () => {
  collectReports();
  sup = await startTaskSupervisor();
  owner = await spawn(Probe, {});
});
afterEach(async () => {
  await reasonOf(stop(sup.dest, 'shutdown'));
});

const forever = (): Promise<never> => new Promise(() => {});
const inActor = <T>(ref: Ref<ProbeP>, fn: (ctx: ProbeCtx) => T): Promise<Awaited<T>> =>
  call(ref, 'run', fn) as Promise<Awaited<T>>;

test('TS:async/1 spawns tasks under the supervisor, linked to the caller', async () => {
  const t = await inActor(owner, () => sup.async(forever));
  expect(await sup.children()).toEqual([t.ref]);
  expect(processInfo(owner)?.links).toEqual([t.ref]);
  expect([t.owner, processInfo(t.ref)?.parent]).toEqual([owner, sup.dest]);
  exit(t.ref, 'kill');
  await settle();
  expect([isAlive(owner), await sup.children()]).toEqual([false, []]);
});

test('TS:async/1 the value arrives, the child is forgotten', async () => {
  expect(await inActor(owner, async () => (await sup.async(() => 1)).await())).toBe(1);
  await settle();
  expect(await sup.children()).toEqual([]);
});

test('TS:async_nolink/1 spawns a task under the supervisor without linking to the caller', async () => {
  const t = await inActor(owner, () => sup.asyncNolink(forever));
  expect(await sup.children()).toEqual([t.ref]);
  expect(processInfo(owner)?.links).toEqual([]);
  exit(t.ref, 'kill');
  await settle();
  expect([isAlive(owner), await sup.children()]).toEqual([true, []]);
  const free = await sup.asyncNolink(() => {
    throw new Error('oops');
  });
  expect(await free.yield()).toMatchObject({ ok: false, reason: { error: { message: 'oops' } } });
});

test('TS:raises when :max_children is reached', async () => {
  const small = await startTaskSupervisor({ maxChildren: 1 });
  const t = await small.async(forever);
  const full = expect.objectContaining({ code: 'DRIFT_RUNTIME_MAX_CHILDREN' });
  await expect(small.async(forever)).rejects.toEqual(full);
  await expect(small.asyncNolink(forever)).rejects.toThrow(/maximum number of tasks/);
  expect(await small.startChild(forever)).toEqual({ ok: false, why: 'maxChildren' });
  const before = counters().actors;
  const streaming = async (): Promise<void> => {
    for await (const _ of small.asyncStream([1, 2], forever));
  };
  await expect(streaming()).rejects.toEqual(full);
  expect(await t.shutdown('brutalKill')).toBeUndefined();
  expect(counters().actors).toBe(before - 1);
  await stop(small.dest, 'shutdown');
  expect(await reasonOf(small.async(forever))).toBe('noproc');
});

test('TS:with custom shutdown: ended by the supervisor within the time asked for', async () => {
  const brutal = await sup.asyncNolink(forever, { shutdown: 'brutalKill' });
  const orderly = await sup.asyncNolink(forever);
  const asChild = await sup.startChild(forever, { shutdown: 'brutalKill' });
  const downs: unknown[] = [];
  const watcher = await spawn(Probe, { log: downs });
  if (asChild.ok) await call(watcher, 'watch', asChild.ref);
  await stop(sup.dest, 'shutdown');
  expect(await brutal.yield()).toEqual({ ok: false, reason: 'killed' });
  expect(await orderly.yield()).toEqual({ ok: false, reason: 'shutdown' });
  await settle();
  expect(downs).toMatchObject([{ down: 'killed' }]);
});

test('TS:start_child/1: runs for its effect, linked to the supervisor only; custom restart', async () => {
  let runs = 0;
  const run = (): Promise<never> => {
    runs++;
    return forever();
  };
  const once = await inActor(owner, () => sup.startChild(run));
  expect(once).toMatchObject({ ok: true });
  expect(processInfo(owner)?.links).toEqual([]);
  const again = await sup.startChild(run, { restart: 'permanent' });
  await settle();
  expect(runs).toBe(2);
  if (once.ok) exit(once.ref, { shutdown: 'test' });
  if (again.ok) exit(again.ref, { shutdown: 'test' });
  await settle();
  expect(runs).toBe(3);
  expect((await sup.children()).length).toBe(1);
});

test('TS:terminate_child/2: ends one, a second time notFound', async () => {
  const started = await sup.startChild(forever);
  const ref = started.ok ? started.ref : (0 as Ref<never>);
  expect(await sup.terminateChild(ref)).toEqual({ ok: true });
  expect([isAlive(ref), await sup.children()]).toEqual([false, []]);
  expect(await sup.terminateChild(ref)).toEqual({ ok: false, why: 'notFound' });
  expect(await sup.terminateChild(owner)).toEqual({ ok: false, why: 'notFound' });
  expect(isAlive(owner)).toBe(true);
});

test('TS:counts and returns children; can be supervised directly, by a name that survives restarts', async () => {
  const tasks = name<DynamicSupervisorP>('tasks');
  const behaviour = defineDynamicSupervisor(() => ({}));
  const top = await startSupervisor({
    children: [child('tasks', behaviour, undefined, { name: tasks })],
  });
  const named = taskSupervisor(tasks);
  expect(await named.children()).toEqual([]);
  const t = await named.asyncNolink(forever);
  expect(await countChildren(tasks)).toMatchObject({ specs: 1, active: 1, workers: 1 });
  await stop(top, 'shutdown');
  expect(await t.yield()).toEqual({ ok: false, reason: 'shutdown' });
});

test('TS:async_stream, async_stream_nolink: results under the supervisor, no task is left', async () => {
  const results: unknown[] = [];
  for await (const each of sup.asyncStream([1, 2, 3], async (n) => n * 2)) results.push(each);
  expect(results).toEqual([2, 4, 6].map((value) => ({ ok: true, value })));
  const seen = await inActor(owner, async () => {
    const all: unknown[] = [];
    const fail = (n: number): never => {
      throw new Error(`fails ${n}`);
    };
    for await (const each of sup.asyncStreamNolink([1, 2], fail)) all.push(each.ok);
    return all;
  });
  expect([seen, isAlive(owner)]).toEqual([[false, false], true]);
  await settle();
  expect(await sup.children()).toEqual([]);
});

test('asyncStreamNolink: the end of the owner kills its tasks, linked or not', async () => {
  const streaming = inActor(owner, async () => {
    for await (const _ of sup.asyncStreamNolink([1, 2, 3], forever, { maxConcurrency: 2 }));
  });
  await settle();
  expect((await sup.children()).length).toBe(2);
  exit(owner, 'kill');
  expect(await reasonOf(streaming)).toBe('killed');
  await settle();
  expect(await sup.children()).toEqual([]);
});
