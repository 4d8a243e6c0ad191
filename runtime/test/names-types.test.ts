/**
 * Types of registries, groups and tasks, positive and negative. tsc checks this file: an @ts-expect-error
 * that is not needed is an error. The functions are never run.
 */
import { expect, expectTypeOf, test } from 'vitest';
import {
  asyncStream,
  awaitMany,
  call,
  cast,
  type Group,
  type Name,
  type Ref,
  type Registry,
  type RegistryEntry,
  type StreamResult,
  spawn,
  type TaskResult,
  task,
  via,
} from '../index.ts';

interface RoomP {
  say(text: string): void;
  count(): number;
}
interface OtherP {
  other(): void;
}
declare const Room: Parameters<typeof spawn<RoomP, null, number>>[0];

async function accepted(
  rooms: Registry<RoomP, { since: number }>,
  lobby: Group<RoomP>,
  room: Ref<RoomP>,
): Promise<void> {
  rooms.register(room, 1, { since: 1 });
  expectTypeOf(rooms.lookup('x')).toEqualTypeOf<
    readonly RegistryEntry<RoomP, { since: number }>[]
  >();
  expectTypeOf(rooms.name('x')).toEqualTypeOf<Name<RoomP>>();
  expectTypeOf(rooms.whereis('x')).toEqualTypeOf<Ref<RoomP> | undefined>();
  expectTypeOf(await call(rooms.name('x'), 'count')).toEqualTypeOf<number>();
  expectTypeOf(await rooms.lock(room, 1, () => 'text')).toEqualTypeOf<string>();
  await spawn(Room, 1, { name: rooms.name('x', { since: 2 }) });
  rooms.update(room, 'x', ({ since }) => ({ since: since + 1 }));
  lobby.join([room]);
  lobby.publish('say', 'hello');
  lobby.publish('count');
  expectTypeOf(lobby.members()).toEqualTypeOf<readonly Ref<RoomP>[]>();
  expectTypeOf(await task(async () => 1).await()).toEqualTypeOf<number>();
  expectTypeOf(await task(() => 'x').yield()).toEqualTypeOf<TaskResult<string> | undefined>();
  expectTypeOf(await awaitMany([task(() => 1), task(() => 2)])).toEqualTypeOf<number[]>();
  const stream = asyncStream(['a'], (text) => text.length);
  for await (const each of stream) expectTypeOf(each).toEqualTypeOf<StreamResult<string, number>>();
}

async function rejected(
  rooms: Registry<RoomP, { since: number }>,
  lobby: Group<RoomP>,
  room: Ref<RoomP>,
  other: Ref<OtherP>,
): Promise<void> {
  // @ts-expect-error an owner that does not understand the protocol
  rooms.register(other, 1, { since: 1 });
  // @ts-expect-error a value of another type
  rooms.register(room, 1, 'now');
  // @ts-expect-error a value of another type in a name
  rooms.name(1, 'now');
  // @ts-expect-error no such op
  cast(rooms.name(1), 'other');
  // @ts-expect-error wrong argument
  cast(rooms.name(1), 'say', 7);
  // @ts-expect-error the name of another protocol
  await spawn(Room, 1, { name: via<OtherP>('own', 1) });
  // @ts-expect-error update to another type
  rooms.update(room, 1, () => 'now');
  // @ts-expect-error a member that does not understand the protocol
  lobby.join(other);
  // @ts-expect-error no such op
  lobby.publish('other');
  // @ts-expect-error missing argument
  lobby.publish('say');
  // @ts-expect-error argument for an op without one
  lobby.publish('count', 1);
  // @ts-expect-error wrong result
  const text: string = await task(() => 1).await();
  // @ts-expect-error a stream item of another type
  asyncStream([1], (each: string) => each);
  void text;
}

test('types of names and tasks: the accepted and the rejected are checked by tsc', () => {
  expect([typeof accepted, typeof rejected]).toEqual(['function', 'function']);
});
