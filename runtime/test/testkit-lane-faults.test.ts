/** Faults between threads: what the runtime does when records are lost, doubled, late, or a thread stands still. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type AnyRef,
  at,
  call,
  cast,
  counters,
  type NodeHandle,
  type Ref,
  spawn,
  startNode,
} from '../index.ts';
import { type LaneFaults, laneFaults, probe, settle } from '../testkit/index.ts';
import type { EchoP, SinkP } from './fixtures/slot.ts';
import { Probe, reasonOf } from './support.ts';

const echo = at<EchoP>('shard-0', 'echo');
let node: NodeHandle | undefined;
let faults: LaneFaults | undefined;

beforeEach(async () => {
  faults = laneFaults();
  node = await startNode({
    slots: [
      {
        name: 'shard-0',
        group: 'shard',
        module: new URL('./fixtures/slot.ts', import.meta.url),
        onDown: 'restart',
      },
    ],
    entities: { thing: 'shard' },
    watchdog: false,
    report: () => undefined,
  });
});
afterEach(async () => {
  faults?.end();
  await node?.stop();
});

const lane = () => (faults as LaneFaults).lane('shard-0');

test('lane: a call is dropped, its caller times out and the next one is answered', async () => {
  lane().drop(1, 'call');
  const lost = reasonOf(call(echo, 'echo', 1, { timeoutMs: 50 }));
  expect(await call(echo, 'echo', 2)).toBe(2);
  expect(await lost).toBe('timeout');
  expect(lane().counters).toEqual({ dropped: 1, duplicated: 0 });
});

test('lane: a call is doubled, it is handled twice at most and its caller hears one answer', async () => {
  const before = counters().lateReplies;
  lane().duplicate(1, 'call');
  expect(await call(echo, 'echo', 'once')).toBe('once');
  expect(await call(echo, 'echo', 'next')).toBe('next');
  expect(counters().lateReplies - before).toBeLessThanOrEqual(1);
  expect(lane().counters.duplicated).toBe(1);
});

test('lane: monitor requests are doubled, one notice comes', async () => {
  const held = await probe<SinkP>();
  const remote = await call(echo, 'self');
  lane().duplicate(1, 'signal');
  await held.monitor(remote);
  cast(echo, 'crash');
  expect(await held.expectDown()).toMatchObject({ ref: remote });
  expect(await call(echo, 'where').catch(() => 'gone')).toBe('gone');
  await held.expectNothing();
  await held.stop();
});

test('lane: held back and let go, everything arrives in the order sent', async () => {
  const items: number[] = [];
  const sink = await spawn<SinkP, null, undefined>(
    {
      init: () => null,
      handle: { item: (_s, n) => void items.push(n), down: () => undefined },
    },
    undefined,
  );
  lane().stall('in');
  cast(echo, 'burst', { to: sink as Ref<SinkP>, count: 50, signals: false, thenDie: false });
  cast(echo, 'burst', { to: sink as Ref<SinkP>, count: 50, signals: false, thenDie: false });
  const answer = call(echo, 'echo', 'after');
  while (lane().waiting('in') < 1) await settle();
  expect(items).toEqual([]);
  lane().flow();
  expect(await answer).toBe('after');
  await settle();
  const half = Array.from({ length: 50 }, (_, i) => i);
  expect(items).toEqual([...half, ...half]);
});

test('lane: a thread that stands still, calls time out, and what arrives later is not handled for nobody', async () => {
  const before = counters().lateReplies;
  lane().stall('both');
  expect(await reasonOf(call(echo, 'echo', 1, { timeoutMs: 30 }))).toBe('timeout');
  expect(await reasonOf(call(echo, 'echo', 2, { timeoutMs: 30 }))).toBe('timeout');
  expect(lane().waiting('out')).toBeGreaterThan(0);
  lane().flow();
  expect(await call(echo, 'echo', 3)).toBe(3);
  // Their deadline had passed when they came: nobody did the work, no answer came back.
  expect(counters().lateReplies).toBe(before);
});

test('lane: batches passed one by one, what is passed arrives and the rest waits', async () => {
  lane().stall('in');
  const first = call(echo, 'echo', 1);
  while (lane().waiting('in') < 1) await settle();
  const second = call(echo, 'echo', 2);
  while (lane().waiting('in') < 2) await settle();
  lane().pass('in');
  expect(await first).toBe(1);
  expect(lane().waiting('in')).toBe(1);
  lane().flow();
  expect(await second).toBe(2);
});

test('lane: a thread dies while its lane is held back, calls fail noconnection and links get their exit', async () => {
  const log: unknown[] = [];
  const watcher = await spawn(Probe, { log, trap: true });
  const remote: AnyRef = await call(echo, 'self');
  await call(watcher, 'link', remote);
  await call(echo, 'where');
  lane().stall('both');
  const pending = reasonOf(call(echo, 'echo', 1, { timeoutMs: 20_000 }));
  node?.terminateSlot('shard-0');
  expect(await pending).toBe('noconnection');
  await settle();
  expect(log).toEqual([{ exit: 'noconnection', from: remote }]);
  lane().flow();
});
