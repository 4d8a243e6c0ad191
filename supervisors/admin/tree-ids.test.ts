/** What row ids stand for, also while nobody looks. */
import { expect, test } from 'vitest';
import { type Places, targetOf } from './tree-ids.ts';

const places: Places = {
  node: 'n1',
  slots: new Set(['main', 'shard-0', 'gateway-0']),
  withSessions: (slot) => slot.startsWith('gateway'),
  types: new Set(['stream', 'user']),
};
const target = (id: string): unknown => targetOf(id, places);

test('targetOf: the node, a thread, the sessions of a gateway and one of them', () => {
  expect(target('n1')).toEqual({ kind: 'node', id: 'n1' });
  expect(target('n1/shard-0')).toEqual({ kind: 'thread', id: 'n1/shard-0', slot: 'shard-0' });
  expect(target('n1/gateway-0/sessions')).toMatchObject({ kind: 'sessions', slot: 'gateway-0' });
  expect(target('n1/gateway-0/sessions/12')).toMatchObject({ kind: 'session', conn: 12 });
});

test('targetOf: an entity by type and key, its host, a named actor, an unnamed one', () => {
  expect(target('n1/shard-0/stream/4711')).toMatchObject({
    kind: 'entity',
    type: 'stream',
    key: 4711,
    path: 'stream/4711',
    dest: { via: 'entity', of: 'stream', key: 4711 },
  });
  expect(target('n1/shard-0/stream')).toMatchObject({ kind: 'host', type: 'stream' });
  expect(target('n1/shard-0/a%2Fb')).toMatchObject({
    kind: 'named',
    path: 'a%2Fb',
    dest: { via: 'at', of: 'shard-0', key: 'a/b' },
  });
  expect(target('n1/shard-0/supervisor/0.3.17')).toMatchObject({
    kind: 'unnamed',
    path: 'supervisor/0.3.17',
  });
});

test('targetOf: sessions are an actor like any other where there are no sessions', () => {
  expect(target('n1/shard-0/sessions')).toMatchObject({ kind: 'named' });
});

test('targetOf: what is no id of this node, undefined', () => {
  const others = [
    ...['', 'n2', 'n1/', 'n1/shard-9', 'n1/shard-0/', 'n1/shard-0/stream/'],
    ...['n1/shard-0/room/4711', 'n1/shard-0/stream/99999999999999999', 'n1/shard-0/%'],
    ...['n1/shard-0/a/b/c', 'n1/gateway-0/sessions/x', 'n1/shard-0/supervisor/17'],
  ];
  for (const id of others) expect(target(id), id).toBeUndefined();
});
