/** Groups and registry names over the threads of a node. */
import { afterEach, expect, test } from 'vitest';
import {
  type AnyRef,
  at,
  call,
  cast,
  defineActor,
  defineNameService,
  type GroupChange,
  type GroupListenerP,
  type Groups,
  type NodeHandle,
  type NodeOptions,
  name,
  type Ref,
  type Report,
  registryAt,
  spawn,
  startGroups,
  startNode,
  stop,
  via,
  whereis,
} from '../index.ts';
import { type AgentP, Member, type MemberP } from './fixtures/names-slot.ts';
import { reasonOf } from './support.ts';

const MODULE = new URL('./fixtures/names-slot.ts', import.meta.url);
const shard = (i: number, arg?: { groups: boolean }): NodeOptions['slots'][number] => ({
  name: `shard-${i}`,
  group: 'shard',
  module: MODULE,
  onDown: 'restart',
  ...(arg === undefined ? {} : { arg }),
});

let node: NodeHandle | undefined;
let scope: Groups;
const agent = (i: number) => at<AgentP>(`shard-${i}`, 'agent');

async function start(options: Partial<NodeOptions> = {}): Promise<void> {
  node = await startNode({
    slots: [shard(0), shard(1)],
    watchdog: false,
    report: () => {},
    ...options,
  });
}
afterEach(async () => {
  const ref = whereis(name('pg'));
  if (ref !== undefined) await stop(ref);
  await node?.stop();
  node = undefined;
});

/** Changes of the main thread's view of a group, and a wait until they are so many. */
async function watchGroup(key: string): Promise<{
  members: readonly AnyRef[];
  until: (count: number) => Promise<GroupChange[]>;
}> {
  const log: GroupChange[] = [];
  let wake: () => void = () => {};
  const Listener = defineActor<GroupListenerP, null>({
    init: () => null,
    handle: {
      groupChange(_s, change) {
        log.push(change);
        wake();
      },
    },
  });
  const listener = await spawn(Listener, undefined);
  return {
    members: scope.group(key).monitor(listener).members,
    async until(count) {
      while (log.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return log;
    },
  };
}
const kinds = (log: readonly GroupChange[]): unknown[] => log.map(({ kind, refs }) => [kind, refs]);

test('PG:two: joins, leaves and deaths on another thread arrive in order', async () => {
  scope = await startGroups();
  await start();
  const seen = await watchGroup('g');
  const [a, b] = [await call(agent(0), 'member'), await call(agent(1), 'member')];
  await call(agent(0), 'join', { group: 'g', refs: [a, a] });
  expect(kinds(await seen.until(1))).toEqual([['join', [a, a]]]);
  expect(scope.group('g').members()).toEqual([a, a]);
  expect(scope.group('g').localMembers()).toEqual([]);
  await call(agent(0), 'leave', { group: 'g', refs: [a] });
  await seen.until(2);
  await call(agent(1), 'join', { group: 'g', refs: [b] });
  await call(agent(0), 'kill', a);
  const log = kinds(await seen.until(4));
  expect(log.slice(0, 2)).toEqual([
    ['join', [a, a]],
    ['leave', [a]],
  ]);
  expect(log.slice(2)).toEqual(
    expect.arrayContaining([
      ['join', [b]],
      ['leave', [a]],
    ]),
  );
  expect(scope.group('g').members()).toEqual([b]);
  expect(scope.whichGroups()).toEqual(['g']);
  await call(agent(1), 'leave', { group: 'g', refs: [b] });
  await seen.until(5);
  expect([scope.whichGroups(), scope.whichLocalGroups()]).toEqual([[], []]);
});

test('PG:initial: late joiners get a snapshot, then the changes', async () => {
  await start({ slots: [shard(0), shard(1, { groups: false })] });
  const a = await call(agent(0), 'member');
  await call(agent(0), 'join', { group: 'g', refs: [a] });
  scope = await startGroups();
  const seen = await watchGroup('g');
  if (seen.members.length === 0) await seen.until(1);
  expect(scope.group('g').members()).toEqual([a]);
  const main = await spawn(Member, undefined);
  scope.group<MemberP>('g').join(main);
  // A scope that starts later still learns of both, and they of its members.
  await call(agent(1), 'scope', true);
  const b = await call(agent(1), 'member');
  await call(agent(1), 'join', { group: 'g', refs: [b] });
  for (;;) {
    const known = await call(agent(1), 'members', 'g');
    if (known.length === 3) break;
  }
  expect(new Set(await call(agent(1), 'members', 'g'))).toEqual(new Set([a, b, main]));
  expect(await call(agent(1), 'localMembers', 'g')).toEqual([b]);
  await call(agent(1), 'kill', b);
  await call(agent(0), 'kill', a);
  for (;;) {
    const known = await call(agent(1), 'members', 'g');
    if (known.length === 1) break;
  }
  expect(await call(agent(1), 'groups')).toEqual({ all: ['g'], local: [] });
});

test('publish: one record for each thread with members, fan-out there, in order with a direct cast', async () => {
  scope = await startGroups();
  await start();
  const seen = await watchGroup('g');
  const far = await Promise.all(Array.from({ length: 10 }, () => call(agent(0), 'member')));
  const near = await spawn(Member, undefined);
  await call(agent(0), 'join', { group: 'g', refs: far });
  await seen.until(1);
  scope.group<MemberP>('g').join(near);
  const sent = async (to: string): Promise<number> => {
    const lanes = (await node?.counters())?.main?.lanes ?? [];
    return lanes.find((lane) => lane.to === to)?.messagesOut ?? 0;
  };
  await call(agent(0), 'groups');
  const before = [await sent('shard-0'), await sent('shard-1')];
  for (let i = 0; i < 100; i++) scope.group<MemberP>('g').publish('hear', `text ${i}`);
  const last = far[9] as Ref<MemberP>;
  cast(last, 'hear', 'direct');
  const texts = Array.from({ length: 100 }, (_, i) => `text ${i}`);
  expect(await call(last, 'heard')).toEqual([...texts, 'direct']);
  expect(await call(near, 'heard')).toEqual(texts);
  for (const ref of far.slice(0, 9)) expect(await call(ref, 'heard')).toEqual(texts);
  const after = [await sent('shard-0'), await sent('shard-1')];
  // 100 records, the direct cast and eleven calls; to the thread without members nothing.
  expect((after[0] ?? 0) - (before[0] ?? 0)).toBe(100 + 1 + 10);
  expect((after[1] ?? 0) - (before[1] ?? 0)).toBe(0);
});

test('PG:netsplit: the death of a thread takes its members; its successor is met again', async () => {
  scope = await startGroups();
  const ups: ((r: Report) => void)[] = [];
  await start({ report: (r) => void (r.kind === 'threadUp' && ups.shift()?.(r)) });
  const seen = await watchGroup('g');
  const [a, b] = [await call(agent(0), 'member'), await call(agent(1), 'member')];
  await call(agent(0), 'join', { group: 'g', refs: [a] });
  await call(agent(1), 'join', { group: 'g', refs: [b] });
  await seen.until(2);
  const up = new Promise((resolve) => ups.push(resolve));
  node?.terminateSlot('shard-0');
  expect(kinds(await seen.until(3)).at(-1)).toEqual(['leave', [a]]);
  expect(scope.group('g').members()).toEqual([b]);
  await up;
  const again = await call(agent(0), 'member');
  await call(agent(0), 'join', { group: 'g', refs: [again] });
  expect(kinds(await seen.until(4)).at(-1)).toEqual(['join', [again]]);
  expect(new Set(scope.group('g').members())).toEqual(new Set([b, again]));
  // The successor asks shard-1 for its members when it meets it, which main's own view does not wait for.
  for (;;) if ((await call(agent(0), 'members', 'g')).length === 2) break;
  expect(new Set(await call(agent(0), 'members', 'g'))).toEqual(new Set([b, again]));
});

test('PG:scope_restart: remote members are there again, local ones are missing', async () => {
  scope = await startGroups();
  await start();
  const seen = await watchGroup('g');
  const [a, main] = [await call(agent(0), 'member'), await spawn(Member, undefined)];
  scope.group<MemberP>('g').join(main);
  await call(agent(0), 'join', { group: 'g', refs: [a] });
  await seen.until(2);
  await call(agent(0), 'scope', false);
  expect(kinds(await seen.until(3)).at(-1)).toEqual(['leave', [a]]);
  await call(agent(0), 'scope', true);
  for (;;) if ((await call(agent(0), 'members', 'g')).length === 1) break;
  expect(await call(agent(0), 'members', 'g')).toEqual([main]);
  expect(scope.group('g').members()).toEqual([main]);
});

test('R:via callbacks: a registry name reaches its owner from another thread', async () => {
  await start();
  const a = await call(agent(0), 'member');
  expect(await call(agent(0), 'register', { key: 'k', ref: a })).toEqual({ ok: true });
  const k = registryAt<MemberP>('shard-0', 'rooms', 'k');
  cast(k, 'hear', 'hello');
  expect(await call(k, 'heard')).toEqual(['hello']);
  expect(await reasonOf(call(registryAt<MemberP>('shard-1', 'rooms', 'k'), 'heard'))).toBe(
    'noproc',
  );
  await stop(k);
  expect(await reasonOf(call(k, 'heard'))).toBe('noproc');
});

test('call: noproc on a name of another thread is resolved once more', async () => {
  await start();
  const k = registryAt<MemberP>('shard-0', 'rooms', 'k');
  for (let i = 0; i < 20; i++) {
    const ref = await call(agent(0), 'member');
    // In one batch: the call arrives and finds nobody, then the agent has its turn and registers.
    cast(agent(0), 'register', { key: 'k', ref });
    expect(await call(k, 'heard')).toEqual([]);
    await call(agent(0), 'kill', ref);
    expect(await reasonOf(call(k, 'heard'))).toBe('noproc');
  }
});

test('via: noproc at an actor of another thread, the service is asked once more', async () => {
  await start();
  const [dead, live] = [await call(agent(0), 'member'), await call(agent(0), 'member')];
  await call(agent(0), 'kill', dead);
  let answers: Ref<MemberP>[] = [];
  let asked = 0;
  defineNameService('moving', {
    register: () => true,
    unregister: () => {},
    whereis() {
      asked++;
      return answers.length > 1 ? answers.shift() : answers[0];
    },
  });
  const moving = via<MemberP>('moving', 'x');
  answers = [dead, live];
  expect(await call(moving, 'heard')).toEqual([]);
  expect(asked).toBe(2);
  answers = [dead];
  expect(await reasonOf(call(moving, 'heard'))).toBe('noproc');
  expect(asked).toBe(4);
  answers = [live];
  cast(moving, 'hear', 'hello');
  expect(await call(moving, 'heard')).toEqual(['hello']);
});
