/** sys, send and aliases on actors of another thread. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { at, call, cast, type NodeHandle, type Ref, send, startNode, sys } from '../index.ts';
import type { DoorP, RoomP } from './fixtures/room-slot.ts';
import { reasonOf } from './support.ts';

const room = at<RoomP>('shard-0', 'room');
const door = at<DoorP>('shard-0', 'door');

let node: NodeHandle;
beforeEach(async () => {
  const module = new URL('./fixtures/room-slot.ts', import.meta.url);
  const slots = [{ name: 'shard-0', module, onDown: 'restart' as const }];
  node = await startNode({ slots, entities: {}, watchdog: false, report: () => undefined });
});
afterEach(() => node.stop());

describe('another thread', () => {
  test('sys: state, status, suspend and resume; what needs a function is a TypeError', async () => {
    await call(room, 'put', 1);
    expect(await sys.getState(room)).toEqual([1]);
    await sys.suspend(room);
    expect(await sys.getStatus(room)).toMatchObject({ status: 'suspended', name: 'room' });
    cast(room, 'put', 2);
    expect(await sys.getState(room)).toEqual([1]);
    await sys.resume(room);
    expect(await call(room, 'list')).toEqual([1, 2]);
    expect(() => sys.replaceState(room, (s) => s)).toThrow(TypeError);
    expect(await reasonOf(sys.getState(at('shard-0', 'nobody')))).toBe('noproc');
    expect(await reasonOf(sys.getState(at('no-slot', 'room')))).toBe('noconnection');
  });

  test('send: resolves when there is room there, in order', async () => {
    const held = call(door, 'wait');
    cast(room, 'hold');
    await held;
    const sent: number[] = [];
    const sends = [1, 2].map((n) => send(room, 'put', n).then(() => sent.push(n)));
    await sends[0];
    expect(await reasonOf(send(room, 'put', 3))).toBe('mailboxFull');
    expect(sent).toEqual([1]);
    cast(door, 'free');
    await Promise.all(sends);
    expect(await call(room, 'list')).toEqual([1, 2]);
  });

  test('alias: a message through it from here, one-shot', async () => {
    const alias = (await call(room, 'alias')) as Ref<RoomP>;
    cast(alias, 'put', 1);
    cast(alias, 'put', 2);
    expect(await call(room, 'list')).toEqual([1]);
    expect(await call(room, 'unalias', alias)).toBe(false);
  });
});
