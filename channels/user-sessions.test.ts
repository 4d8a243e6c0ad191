/** Sessions: resume, fencing, ends. */
import { expect, test } from 'vitest';
import type { Ref } from '../runtime/index.ts';
import type { FanOutP } from './types.ts';
import { SESSION_LIFE_MS, Sessions } from './user-sessions.ts';

const GATEWAY = 5 as unknown as Ref<FanOutP>;

function open(sessions: Sessions, id: string, conn: number, login = 'login') {
  return sessions.open({ id, key: `key-${id}`, login, connection: { gateway: GATEWAY, conn } });
}

test('Sessions: resume needs the session and its key, and ends 60 s after the connection', () => {
  const sessions = new Sessions();
  const first = open(sessions, 'a', 1);
  expect(sessions.resumable(undefined, 0)).toBeUndefined();
  expect(sessions.resumable({ session: 'b', key: 'key-a' }, 0)).toBeUndefined();
  expect(sessions.resumable({ session: 'a', key: 'key-b' }, 0)).toBeUndefined();
  expect(sessions.resumable({ session: 'a', key: 'key-a' }, 0)?.connNo).toBe(first.connNo);
  sessions.close('a', first.connNo, false, 100);
  const last = 100 + SESSION_LIFE_MS - 1;
  expect(sessions.resumable({ session: 'a', key: 'key-a' }, last)?.connection).toBeUndefined();
  expect(sessions.resumable({ session: 'a', key: 'key-a' }, last + 1)).toBeUndefined();
  expect(sessions.sweep(last + 1)).toBe(0);
  expect(sessions.size).toBe(0);
});

test('Sessions: late death of an old connection, nothing happens to the newer one', () => {
  const sessions = new Sessions();
  const old = open(sessions, 'a', 1);
  const now = open(sessions, 'a', 2);
  sessions.close('a', old.connNo, true, 10);
  expect(sessions.connected).toBe(1);
  sessions.close('a', now.connNo, true, 10);
  expect(sessions.size).toBe(0);
});

test('Sessions: abandoned connection, only that one ends and its session can be resumed', () => {
  const sessions = new Sessions();
  open(sessions, 'a', 1);
  open(sessions, 'b', 2);
  sessions.abandon(6 as unknown as Ref<FanOutP>, 1, 10);
  sessions.abandon(GATEWAY, 3, 10);
  expect(sessions.connected).toBe(2);
  sessions.abandon(GATEWAY, 1, 10);
  expect(sessions.connected).toBe(1);
  expect(sessions.resumable({ session: 'a', key: 'key-a' }, 20)?.connection).toBeUndefined();
  expect(sessions.resumable({ session: 'b', key: 'key-b' }, 20)?.connection?.conn).toBe(2);
});

test('Sessions: many ended ones, a bounded number is kept, the newest', () => {
  const sessions = new Sessions();
  for (let i = 0; i < 100; i += 1)
    sessions.close(`s${i}`, open(sessions, `s${i}`, i).connNo, false, i);
  expect(sessions.size).toBe(32);
  expect(sessions.resumable({ session: 's99', key: 'key-s99' }, 200)).toBeDefined();
});

test('Sessions: gateway down, its connections end; revoke, only that login', () => {
  const sessions = new Sessions();
  open(sessions, 'a', 1, 'one');
  open(sessions, 'b', 2, 'two');
  expect(sessions.revoke('one').map((s) => s.id)).toEqual(['a']);
  sessions.gatewayDown(GATEWAY, 50);
  expect([sessions.connected, sessions.size]).toEqual([0, 1]);
  expect(sessions.sweep(50)).toBe(50 + SESSION_LIFE_MS);
});

test('adopt: an unknown session cannot be resumed; one whose gateway came back can, one in use stays', () => {
  const sessions = new Sessions();
  const held = (id: string, connNo: number, conn: number) => {
    const key = 'of nobody';
    return { id, key, login: 'login', connNo, connection: { gateway: GATEWAY, conn } };
  };
  sessions.adopt(held('x', 7, 1));
  expect(sessions.connected).toBe(1);
  expect(sessions.resumable({ session: 'x', key: 'key-x' }, 0)).toBeUndefined();
  // Numbers go on above those that were held.
  const own = open(sessions, 'a', 2);
  expect(own.connNo).toBe(8);
  sessions.gatewayDown(GATEWAY, 100);
  expect(sessions.connected).toBe(0);
  sessions.adopt(held('a', 8, 2));
  sessions.adopt(held('x', 6, 1));
  expect(sessions.connected).toBe(1);
  expect(sessions.resumable({ session: 'a', key: 'key-a' }, 100)?.connection?.conn).toBe(2);
  open(sessions, 'a', 3);
  sessions.adopt(held('a', 8, 2));
  expect(sessions.resumable({ session: 'a', key: 'key-a' }, 100)?.connection?.conn).toBe(3);
});
