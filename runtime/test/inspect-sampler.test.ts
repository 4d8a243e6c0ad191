/** What the sampler sees of the actors of a thread, and what it leaves out. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type AnyRef,
  call,
  cast,
  configureRuntime,
  defineActor,
  entity,
  exit,
  hostEntity,
  name,
  type Ref,
  SAMPLED_FIGURES,
  SAMPLED_STATES,
  type SampledBatch,
  Sampler,
  spawn,
  stop,
  sys,
  systemClock,
} from '../index.ts';
import { type FakeClock, settle } from '../testkit/index.ts';
import { onFakeClock } from './support.ts';

interface WorkerP {
  work(): void;
  rename(to: string): void;
  wait(until: Promise<void>): void;
}
let clock: FakeClock;
/** Simulated time that handlers have taken. */
let spentMs = 0;
let sampler: Sampler;
const refs: AnyRef[] = [];
/** Simulated length of one handler. */
const HANDLER_MS = 2;

const Worker = defineActor<WorkerP, null>({
  name: 'worker',
  init: () => null,
  handle: {
    work: () => {
      spentMs += HANDLER_MS;
    },
    rename: (_s, to, ctx) => ctx.label(to),
    wait: async (_s, until) => until,
  },
});

beforeEach(() => {
  ({ clock } = onFakeClock());
  configureRuntime({
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic() + spentMs,
      setTimeout: (fn, ms) => clock.setTimeout(fn, ms),
      clearTimeout: (handle) => clock.clearTimeout(handle),
    },
  });
  sampler = new Sampler();
});
afterEach(async () => {
  sampler.close();
  for (const ref of refs.splice(0)) await stop(ref).catch(() => undefined);
  configureRuntime({ clock: systemClock });
});

async function worker(named: string): Promise<Ref<WorkerP>> {
  const ref = await spawn(Worker, undefined, { name: name(named) });
  refs.push(ref);
  return ref;
}

interface Seen {
  readonly removed: number[];
  readonly added: SampledBatch['added'][number][];
  readonly labels: (readonly [number, string])[];
  readonly figures: Map<number, Record<string, number>>;
  batches: number;
}

/** A whole round, batch by batch. */
function round(cellsMax = 1000): Seen {
  const seen: Seen = { removed: [], added: [], labels: [], figures: new Map(), batches: 0 };
  for (let isLast = false; !isLast; ) {
    const batch = sampler.take(cellsMax);
    ({ isLast } = batch);
    seen.batches++;
    seen.removed.push(...batch.removed);
    seen.added.push(...batch.added);
    seen.labels.push(...batch.labels);
    const numbers = new Float64Array(batch.figures.slice().buffer);
    for (let at = 0; at < numbers.length; at += SAMPLED_FIGURES.length) {
      const one = SAMPLED_FIGURES.map((figure, i) => [figure, numbers[at + i] as number]);
      seen.figures.set(numbers[at] as number, Object.fromEntries(one));
    }
  }
  return seen;
}

const rowOf = (seen: Seen, path: string): number =>
  seen.added.find((each) => each.path === path)?.row ?? -1;

test('Sampler: the first round introduces every actor once, the next ones only who is new', async () => {
  await worker('first');
  const first = round();
  expect(first.added.find(({ path }) => path === 'first')).toMatchObject({
    behaviour: 'worker',
    type: '',
    isSupervisor: false,
    mailboxLimit: 10_000,
  });
  await worker('second');
  expect(round().added.map(({ path }) => path)).toEqual(['second']);
  expect(round().added).toEqual([]);
});

test('Sampler: idle actors are not visited again', async () => {
  for (let i = 0; i < 50; i++) await worker(`idle-${i}`);
  const first = round(10);
  expect(first.batches).toBeGreaterThanOrEqual(5);
  round();
  await clock.advance(1000);
  const later = round(10);
  expect(later.batches).toBe(1);
  expect(later.figures.size).toBe(0);
});

test('Sampler: rate, waiting messages and handler time of an interval, and zero after it', async () => {
  const ref = await worker('busy');
  const row = rowOf(round(), 'busy');
  for (let i = 0; i < 5; i++) cast(ref, 'work');
  await settle();
  await clock.advance(1000 - 5 * HANDLER_MS);
  const figures = round().figures.get(row);
  expect(figures).toMatchObject({ messages: 5, rate: 5, mailbox: 0, mailboxMax: 5 });
  expect(figures?.busyMs).toBeCloseTo(5 * HANDLER_MS);
  await clock.advance(1000);
  expect(round().figures.get(row)).toMatchObject({ messages: 5, rate: 0, mailboxMax: 0 });
  await clock.advance(1000);
  expect(round().figures.has(row)).toBe(false);
});

test('Sampler: an actor that awaits is looked at each round, with what waits for it', async () => {
  const ref = await worker('waits');
  const row = rowOf(round(), 'waits');
  let go = (): void => undefined;
  const until = new Promise<void>((resolve) => {
    go = resolve;
  });
  cast(ref, 'wait', until);
  await settle();
  await clock.advance(1000);
  expect(SAMPLED_STATES[round().figures.get(row)?.state ?? -1]).toBe('awaiting');
  cast(ref, 'work');
  cast(ref, 'work');
  await clock.advance(1000);
  expect(round().figures.get(row)).toMatchObject({ mailbox: 2, mailboxMax: 2 });
  go();
  await settle();
  await clock.advance(1000);
  const after = round().figures.get(row);
  expect(after).toMatchObject({ messages: 3, mailbox: 0 });
  expect(SAMPLED_STATES[after?.state ?? -1]).toBe('idle');
});

test('Sampler: a suspended actor, until it is resumed', async () => {
  const ref = await worker('suspended');
  const row = rowOf(round(), 'suspended');
  await sys.suspend(ref);
  cast(ref, 'work');
  await clock.advance(1000);
  const held = round().figures.get(row);
  expect(SAMPLED_STATES[held?.state ?? -1]).toBe('suspended');
  expect(held).toMatchObject({ mailbox: 1 });
  await sys.resume(ref);
  await settle();
  await clock.advance(1000);
  const after = round().figures.get(row);
  expect(SAMPLED_STATES[after?.state ?? -1]).toBe('idle');
  expect(after).toMatchObject({ messages: 1, mailbox: 0 });
});

test('Sampler: who ends is removed in the next round, its row serves again, the successor is new', async () => {
  const ref = await worker('ends');
  const row = rowOf(round(), 'ends');
  exit(ref, 'kill');
  const heir = await spawn(Worker, undefined, { name: name('ends') });
  refs.push(heir);
  const seen = round();
  expect(seen.removed).toEqual([row]);
  expect(seen.added).toHaveLength(1);
  expect(seen.added[0]).toMatchObject({ path: 'ends', ref: heir });
  expect(seen.added[0]?.row).not.toBe(row);
  await worker('later');
  expect(rowOf(round(), 'later')).toBe(row);
});

test('Sampler: who begins and ends between two rounds is never told', async () => {
  round();
  exit(await worker('short'), 'kill');
  const seen = round();
  expect(seen.added).toEqual([]);
  expect(seen.removed).toEqual([]);
});

test('Sampler: a new label is told once', async () => {
  const ref = await worker('labelled');
  const row = rowOf(round(), 'labelled');
  cast(ref, 'rename', 'anew');
  await settle();
  expect(round().labels).toEqual([[row, 'anew']]);
  expect(round().labels).toEqual([]);
});

test('Sampler: entities by type and key, under their host', async () => {
  const host = await hostEntity('sampled', {
    behaviour: Worker,
    arg: () => undefined,
    idleMs: 60_000,
  });
  refs.push(host);
  await call(entity<WorkerP>('sampled', 12), 'work');
  const { added } = round();
  expect(added.find(({ path }) => path === 'sampled/12')).toMatchObject({
    type: 'sampled',
    parent: host,
  });
  expect(added.find(({ ref }) => ref === host)).toMatchObject({
    path: 'sampled',
    isSupervisor: true,
  });
});

test('Sampler: more actors than it had room for, every one introduced', async () => {
  for (let i = 0; i < 600; i++) await worker(`many-${i}`);
  const seen = round(100);
  expect(seen.added.filter(({ path }) => path.startsWith('many-'))).toHaveLength(600);
  expect(new Set(seen.added.map(({ row }) => row)).size).toBe(seen.added.length);
  expect(sampler.size).toBe(seen.added.length);
});
