/** What a subscription to the tree shows, and what it is told when something changes. */
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import type { AnyRef, Report, SlotStatus } from '../../runtime/index.ts';
import { actor, batch, hosted, thread } from './test/tree-support.ts';
import { CrashLog } from './tree-crashes.ts';
import { Forest, type Place } from './tree-forest.ts';
import { collect } from './tree-model.ts';
import { ThreadTable } from './tree-table.ts';
import type { TreeEvent } from './tree-types.ts';
import { View, type ViewOptions } from './tree-view.ts';
import type { TreeRow } from './types.ts';

const OPTIONS: ViewOptions = { depth: 3, everyMs: 1000, limit: 1000, sort: 'name', filter: '' };
const CRASH = { kind: 'crash', slot: 'shard-0', at: 5, ref: 1 as AnyRef, op: 'append' } as const;

let forest: Forest;
let shard: ThreadTable;
let crashes: CrashLog;
let rows: Map<string, TreeRow>;
let events: TreeEvent[];
let hasRoom: boolean;

beforeEach(() => {
  crashes = new CrashLog();
  forest = new Forest({ name: 'n1', startedAt: 1, memoryBytes: () => 100 }, crashes);
  for (const slot of ['shard-0', 'gateway-0']) forest.tables.set(slot, new ThreadTable(slot));
  const slots = ['shard-0', 'gateway-0'].map((name, i) => ({
    name,
    group: 'shard',
    thread: i + 1,
    up: true,
    incarnation: 1,
  }));
  forest.slots = new Map(slots.map((slot): [string, SlotStatus] => [slot.name, slot]));
  shard = forest.tables.get('shard-0') as ThreadTable;
  shard.apply(batch({ added: [...hosted(0, 'stream', [1, 2, 3, 4, 5]), actor(9, 'presence')] }));
  shard.thread = thread({ actors: 7 });
  rows = new Map();
  events = [];
  hasRoom = true;
});

function view(options: Partial<ViewOptions> = {}, root: Place = { kind: 'node' }): View {
  const send = (event: TreeEvent): boolean => {
    if (hasRoom) {
      events.push(event);
      collect(rows, event);
    }
    return hasRoom;
  };
  return new View(forest, { ...OPTIONS, ...options }, () => root, { send });
}

const ids = (): string[] => [...rows.keys()];
const row = (id: string): TreeRow | undefined => rows.get(id);

test('View: node, threads, their actors and entities, each under the one above', () => {
  view().begin();
  expect(ids()).toEqual([
    ...['n1', 'n1/shard-0', 'n1/gateway-0', 'n1/shard-0/presence', 'n1/shard-0/stream'],
    ...[1, 2, 3, 4, 5].map((key) => `n1/shard-0/stream/${key}`),
  ]);
  expect(row('n1/shard-0/stream')).toMatchObject({
    kind: 'group',
    children: 5,
    parent: 'n1/shard-0',
  });
  expect(row('n1/shard-0/stream/4')).toMatchObject({
    kind: 'channel',
    name: 'channel 4',
    parent: 'n1/shard-0/stream',
    state: 'starting',
  });
  expect(row('n1/shard-0')).toMatchObject({ kind: 'thread', label: '7 actors', state: 'running' });
});

test('View: a stream says what it is, until then it is a channel', () => {
  const looks = view();
  looks.begin();
  shard.apply(
    batch({
      labels: [
        [1, 'view'],
        [2, 'user'],
        [3, 'dm'],
        [4, 'channel'],
      ],
    }),
  );
  looks.tell();
  const named = [1, 2, 3, 4, 5].map((key) => row(`n1/shard-0/stream/${key}`));
  expect(named.map((one) => one?.name)).toEqual([
    ...['view 1', 'inbox 2', 'messages 3', 'channel 4', 'channel 5'],
  ]);
  expect(named.map((one) => one?.kind)).toEqual(['actor', 'actor', 'dm', 'channel', 'channel']);
});

test('View: depth counts levels below the root', () => {
  view({ depth: 1 }).begin();
  expect(ids()).toEqual(['n1', 'n1/shard-0', 'n1/gateway-0']);
  rows.clear();
  view({ depth: 1 }, { kind: 'actor', table: shard, row: 0 }).begin();
  expect(ids()).toHaveLength(6);
  expect(row('n1/shard-0/stream')?.parent).toBeNull();
});

test('View: beyond the limit a row sums up the rest of a parent', () => {
  shard.apply(batch({ figures: [4, 5].map((at) => ({ row: at, messages: 10, rate: 2 })) }));
  view({ limit: 8 }).begin();
  expect(ids()).toHaveLength(8);
  expect(ids().filter((id) => id.startsWith('n1/shard-0/stream/'))).toEqual([
    ...['n1/shard-0/stream/1', 'n1/shard-0/stream/2', 'n1/shard-0/stream/more'],
  ]);
  const more = row('n1/shard-0/stream/more');
  expect(more).toMatchObject({ kind: 'more', name: '3 more', children: 3, messages: 20, rate: 4 });
});

test.each([
  ['rate', { rate: 9 }],
  ['mailbox', { mailboxMax: 9 }],
  ['memory', { memoryBytes: 9000 }],
  ['restarts', { restarts: 2 }],
] as const)('View: sorted by %s the first ones stay', (sort, figures) => {
  shard.apply(batch({ figures: [{ row: 4, ...figures }] }));
  view({ limit: 7, sort }).begin();
  expect(ids().filter((id) => id.startsWith('n1/shard-0/stream/'))).toEqual([
    ...['n1/shard-0/stream/4', 'n1/shard-0/stream/more'],
  ]);
});

test('View: sorted by restarts the crashes of entities count', () => {
  crashes.take({ ...CRASH, actor: 'stream:5', reason: 'killed' } as Report);
  view({ limit: 7, sort: 'restarts' }).begin();
  expect(row('n1/shard-0/stream/5')?.restarts).toBe(1);
});

test('View: a filter shows what matches and what is above it', () => {
  view({ filter: 'channel 3' }).begin();
  expect(ids()).toEqual(['n1', 'n1/shard-0', 'n1/shard-0/stream', 'n1/shard-0/stream/3']);
  const filtered = view({ filter: 'stream/7' });
  rows.clear();
  filtered.begin();
  expect(ids()).toEqual(['n1']);
  shard.apply(
    batch({ added: [actor(20, 'stream/77', { parent: shard.actor(0)?.ref as AnyRef })] }),
  );
  filtered.tell();
  expect(ids()).toEqual(['n1', 'n1/shard-0', 'n1/shard-0/stream', 'n1/shard-0/stream/77']);
});

test('View: told of what changed only, and of nothing when nothing did', () => {
  const looks = view();
  looks.begin();
  expect(looks.tell()).toBe('nothing');
  shard.apply(batch({ figures: [{ row: 1, messages: 3, rate: 1.5 }] }));
  expect(looks.tell()).toBe('sent');
  const delta = events.at(-1);
  expect(delta).toMatchObject({ kind: 'delta', data: { added: [], removed: [] } });
  expect(delta?.kind === 'delta' ? Object.fromEntries(delta.data.changed) : {}).toMatchObject({
    'n1/shard-0/stream/1': { messages: 3, rate: 1.5 },
    'n1/shard-0/stream': { messages: 3, rate: 1.5 },
  });
  expect(looks.tell()).toBe('nothing');
});

test('View: ends, beginnings, a new life under the same id, a crash', () => {
  const looks = view();
  looks.begin();
  const parent = shard.actor(0)?.ref as AnyRef;
  const heir = actor(1, 'stream/1', { parent, ref: 77 as AnyRef, startedAt: 2 });
  shard.apply(batch({ removed: [1, 2], added: [heir] }));
  crashes.take({ ...CRASH, actor: 'stream:1', reason: 'killed' } as Report);
  looks.tell();
  expect(row('n1/shard-0/stream/1')).toMatchObject({
    startedAt: 2,
    restarts: 1,
    lastCrash: { at: 5, reason: 'killed', op: 'append' },
  });
  expect(row('n1/shard-0/stream/2')).toBeUndefined();
  expect(row('n1/shard-0/stream')?.children).toBe(4);
});

test('View: an actor that lives on under its id in another row has changed, and is not removed', () => {
  const looks = view();
  looks.begin();
  const heir = actor(30, 'presence', { ref: 99 as AnyRef, startedAt: 7 });
  shard.apply(batch({ removed: [9], added: [heir] }));
  looks.tell();
  expect(events.at(-1)).toMatchObject({ kind: 'delta', data: { added: [], removed: [] } });
  expect(row('n1/shard-0/presence')).toMatchObject({ startedAt: 7, ref: '<0.0.99>' });
});

test('View: a client without room is offered a resync until it takes it, then everything', () => {
  const looks = view();
  looks.begin();
  shard.apply(batch({ figures: [{ row: 1, messages: 3 }] }));
  hasRoom = false;
  expect(looks.tell()).toBe('lost');
  shard.apply(batch({ figures: [{ row: 1, messages: 4 }], removed: [5] }));
  expect(looks.tell()).toBe('lost');
  hasRoom = true;
  events = [];
  expect(looks.tell()).toBe('resynced');
  expect(events.map(({ kind }) => kind)).toEqual(['resync', 'snapshot']);
  expect(row('n1/shard-0/stream/1')?.messages).toBe(4);
  expect(row('n1/shard-0/stream/5')).toBeUndefined();
});

test('View: large snapshots and deltas come in parts that fit a frame', () => {
  const keys = Array.from({ length: 2000 }, (_, i) => 1000 + i);
  const parent = shard.actor(0)?.ref as AnyRef;
  shard.apply(batch({ added: keys.map((key, i) => actor(100 + i, `stream/${key}`, { parent })) }));
  const looks = view({ limit: 5000 });
  looks.begin();
  expect(events.length).toBeGreaterThan(5);
  expect(rows.size).toBe(2010);
  const more = events.map((event) => event.kind === 'snapshot' && event.data.more);
  expect(more).toEqual([...more.slice(1).map(() => true), false]);
  events = [];
  const figures = keys.map((_, i) => ({
    row: 100 + i,
    messages: 123_456,
    rate: 12.34,
    busyMs: 1.23,
  }));
  shard.apply(batch({ figures }));
  looks.tell();
  for (const { data } of events) expect(JSON.stringify(data).length).toBeLessThan(256 * 1024);
  expect(rows.get('n1/shard-0/stream/2999')?.rate).toBe(12.34);
});

test('View: sessions of a gateway, where they are told one by one', () => {
  const gateway = forest.tables.get('gateway-0') as ThreadTable;
  const facts = { conn: 7, uid: 42, label: 'mp, 3 streams', backlogBytes: 9, startedAt: 3 };
  const state = 'running' as const;
  gateway.thread = thread({ sessions: 2, sessionList: [{ ...facts, state }] });
  view({}, { kind: 'thread', table: gateway }).begin();
  expect(row('n1/gateway-0/sessions')).toMatchObject({ kind: 'sessions', children: 2 });
  expect(row('n1/gateway-0/sessions/7')).toMatchObject({
    kind: 'session',
    name: 'session of 42',
    label: 'mp, 3 streams',
    memoryBytes: 9,
  });
});

test('View: whatever happens, the rows put together from events are those of a new snapshot', () => {
  const step = fc.record({
    row: fc.integer({ min: 1, max: 8 }),
    what: fc.constantFrom('figures', 'end', 'begin', 'crash', 'tell', 'block'),
    n: fc.nat(5),
  });
  const sort = fc.constantFrom('name', 'rate', 'mailbox', 'restarts', 'memory' as const);
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 50 }),
      fc.integer({ min: 1, max: 14 }),
      sort,
      (steps, limit, by) => {
        forest.tables.set('shard-0', new ThreadTable('shard-0'));
        shard = forest.tables.get('shard-0') as ThreadTable;
        shard.apply(batch({ added: hosted(0, 'stream', []) }));
        rows = new Map();
        hasRoom = true;
        const looks = view({ limit, sort: by });
        looks.begin();
        let ref = 5000;
        for (const { n, row: at, what } of steps) {
          const isLive = shard.actor(at) !== undefined;
          if (what === 'tell') looks.tell();
          else if (what === 'block') hasRoom = n > 2;
          else if (what === 'crash')
            crashes.take({ ...CRASH, actor: `stream:${at}`, reason: 'killed' } as Report);
          else if (what === 'figures' && isLive) {
            shard.apply(
              batch({ figures: [{ row: at, rate: n, mailboxMax: 5 - n, memoryBytes: n }] }),
            );
          } else if (what === 'end' && isLive) shard.apply(batch({ removed: [at] }));
          else if (what === 'begin' && !isLive) {
            const parent = shard.actor(0)?.ref as AnyRef;
            const key = (at + n) % 9;
            const isThere = shard.kids(0).some((kid) => shard.actor(kid)?.path === `stream/${key}`);
            ref += 1;
            const more = { parent, startedAt: n, ref: ref as AnyRef };
            if (!isThere) shard.apply(batch({ added: [actor(at, `stream/${key}`, more)] }));
          }
        }
        hasRoom = true;
        looks.tell();
        const told = new Map(rows);
        rows = new Map();
        view({ limit, sort: by }).begin();
        expect([...told].sort()).toEqual([...rows].sort());
        expect(told.size).toBeLessThanOrEqual(limit);
      },
    ),
  );
});
