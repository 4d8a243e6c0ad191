/** Slots in standby: started and stopped on request, replaced within a limit of their own, never the node's affair. */
import { afterEach, expect, test } from 'vitest';
import {
  ActorError,
  at,
  call,
  entity,
  type NodeHandle,
  type NodeOptions,
  type Report,
  startNode,
} from '../index.ts';
import { settle } from '../testkit/index.ts';
import type { FragileP } from './fixtures/giving-up-slot.ts';
import type { EchoP, ThingP } from './fixtures/slot.ts';

const MODULE = new URL('./fixtures/slot.ts', import.meta.url);

type Slot = NodeOptions['slots'][number];
const shard: Slot = { name: 'shard-0', group: 'shard', module: MODULE, onDown: 'restart' };
const late: Slot = {
  name: 'late-0',
  group: 'late',
  module: MODULE,
  onDown: 'restart',
  standby: { intensity: 1, period: 60 },
};
const echo = at<EchoP>('late-0', 'echo');

let node: NodeHandle | undefined;
afterEach(async () => {
  await node?.stop();
  node = undefined;
});

interface Seen {
  readonly reports: Report[];
  readonly failures: unknown[];
}

async function start(slot: Slot = late): Promise<Seen> {
  const seen: Seen = { reports: [], failures: [] };
  node = await startNode({
    slots: [shard, slot],
    entities: { thing: 'late' },
    watchdog: false,
    restart: { intensity: 0 },
    report: (each) => seen.reports.push(each),
    fatal: (failure) => seen.failures.push(failure),
  });
  return seen;
}

const names = () => node?.slots().map(({ name }) => name);
const isUp = () => node?.slots().find(({ name }) => name === 'late-0')?.up === true;
const incarnation = () => node?.slots().find(({ name }) => name === 'late-0')?.incarnation;

test('startSlot: no thread before, reached from everywhere afterwards, its entities too', async () => {
  const log = new SharedArrayBuffer(8);
  await start({ ...late, arg: { log } });
  expect(names()).toEqual(['main', 'shard-0']);
  expect(await call(echo, 'where').catch((error: ActorError) => error.reason)).toBe('noconnection');
  await Promise.all([node?.startSlot('late-0'), node?.startSlot('late-0')]);
  await node?.startSlot('late-0');
  expect(names()).toEqual(['main', 'shard-0', 'late-0']);
  expect(await call(echo, 'where')).toBe('late-0');
  expect(await call(entity<ThingP>('thing', 5), 'life')).toMatchObject({ slot: 'late-0' });
  const across = { to: echo, value: 'from the shard' };
  expect(await call(at<EchoP>('shard-0', 'echo'), 'forward', across)).toBe('from the shard');
  expect([...new Int32Array(log)]).toEqual([1, 0]);
});

test('stopSlot: stops in order, and it can be started again', async () => {
  const log = new SharedArrayBuffer(8);
  await start({ ...late, arg: { log } });
  await node?.startSlot('late-0');
  await Promise.all([node?.stopSlot('late-0'), node?.stopSlot('late-0')]);
  expect(names()).toEqual(['main', 'shard-0']);
  await node?.stopSlot('late-0');
  await node?.startSlot('late-0');
  expect([isUp(), incarnation()]).toEqual([true, 2]);
  // Asked for while it stops: first the one, then the other.
  await Promise.all([node?.stopSlot('late-0'), node?.startSlot('late-0')]);
  expect([isUp(), incarnation()]).toEqual([true, 3]);
  expect([...new Int32Array(log)]).toEqual([3, 2]);
});

test('a crash: the thread is replaced, and restartSlot works on it', async () => {
  await start();
  await node?.startSlot('late-0');
  node?.terminateSlot('late-0');
  while (incarnation() !== 2 || !isUp()) await settle();
  while ((await call(echo, 'where').catch(() => '')) !== 'late-0') await settle();
  await node?.restartSlot('late-0');
  expect([isUp(), incarnation()]).toEqual([true, 3]);
});

test('more crashes than its limit: in standby again, the node goes on, and it can be started anew', async () => {
  const seen = await start();
  await node?.startSlot('late-0');
  for (let life = 1; life <= 2; life++) {
    while (incarnation() !== life || !isUp()) await settle();
    while ((await call(echo, 'where').catch(() => '')) !== 'late-0') await settle();
    node?.terminateSlot('late-0');
    while (isUp() && incarnation() === life) await settle();
  }
  while (names()?.includes('late-0')) await settle();
  expect(seen.reports.filter(({ kind }) => kind === 'restartLimit')).toHaveLength(1);
  expect(seen.failures).toEqual([]);
  expect(await call(at<EchoP>('shard-0', 'echo'), 'where')).toBe('shard-0');
  await node?.startSlot('late-0');
  expect(await call(echo, 'where')).toBe('late-0');
});

test('a boot that fails: told to the caller, in standby then, no failure of the node', async () => {
  const seen = await start({ ...late, arg: { fail: true } });
  await expect(node?.startSlot('late-0')).rejects.toThrow(ActorError);
  expect(names()).toEqual(['main', 'shard-0']);
  expect(seen.failures).toEqual([]);
});

test('other names: RangeError, also once the node has stopped', async () => {
  await start();
  expect(() => node?.startSlot('shard-0')).toThrow(RangeError);
  expect(() => node?.stopSlot('nobody')).toThrow(RangeError);
  const stopped = node;
  await node?.startSlot('late-0');
  await node?.stop();
  expect(() => stopped?.startSlot('late-0')).toThrow(RangeError);
});

test('standby with fatal: TypeError', async () => {
  await expect(start({ ...late, onDown: 'fatal' })).rejects.toThrow(TypeError);
});

test('a root supervisor in it that gives up: its thread is replaced as any other', async () => {
  const slot = { ...late, module: new URL('./fixtures/giving-up-slot.ts', import.meta.url) };
  await start(slot);
  await node?.startSlot('late-0');
  while (incarnation() === 1) {
    await call(at<FragileP>('late-0', 'outer'), 'crash').catch(() => undefined);
    await settle();
  }
  while (!isUp()) await settle();
  expect(incarnation()).toBe(2);
});
