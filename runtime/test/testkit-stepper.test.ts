/** The scheduler by hand: one message, one turn, the actor of the test's choice. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { call, cast, defineActor, exit, type Ref, spawn } from '../index.ts';
import { type Stepper, settle, simulate, stepper } from '../testkit/index.ts';

interface P {
  add(n: number): void;
  get(): readonly number[];
  slow(): Promise<void>;
}
const Adder = defineActor<P, number[]>({
  name: 'adder',
  init: () => [],
  handle: {
    add: (s, n) => {
      s.push(n);
    },
    get: (s) => [...s],
    slow: async (s, _arg, ctx) => {
      await ctx.yield();
      s.push(-1);
    },
  },
});

let hand: Stepper;
let a: Ref<P>;
let b: Ref<P>;
beforeEach(async () => {
  a = await spawn(Adder, undefined);
  b = await spawn(Adder, undefined);
  hand = stepper();
});
afterEach(() => hand.release());

test('stepper: held, nobody runs until a step says so, and one step is one message', async () => {
  for (const n of [1, 2]) cast(a, 'add', n);
  const answer = call(a, 'get');
  await settle();
  expect(hand.runnable()).toEqual([{ ref: a, actor: 'adder', mailboxLength: 3 }]);
  expect(await hand.step()).toEqual({ ref: a, op: 'add', messages: 1 });
  expect(hand.runnable()[0]?.mailboxLength).toBe(2);
  expect(await hand.turn()).toEqual({ ref: a, op: 'get', messages: 2 });
  expect(await answer).toEqual([1, 2]);
  expect(await hand.step()).toBeUndefined();
});

test('stepper: an actor further back, takes its turn first and the order of the others stays', async () => {
  const c = await spawn(Adder, undefined);
  for (const each of [a, b, c]) cast(each, 'add', 1);
  expect((await hand.step(c))?.ref).toBe(c);
  expect(hand.runnable().map(({ ref }) => ref)).toEqual([a, b]);
  await expect(hand.step(c)).rejects.toThrow(RangeError);
});

test('stepper: an async handler, goes on by itself and the next message waits for it', async () => {
  cast(a, 'slow');
  cast(a, 'add', 2);
  const answer = call(a, 'get');
  await hand.step();
  expect(await hand.drain()).toBe(2);
  expect(await answer).toEqual([-1, 2]);
});

test('stepper: an actor killed while it waits, its turn does nothing', async () => {
  cast(a, 'add', 1);
  exit(a, 'kill');
  expect(await hand.step()).toEqual({ ref: a, op: '', messages: 0 });
});

test('stepper: an endless exchange, drain ends it by its bound', async () => {
  interface EchoP {
    again(): void;
  }
  const echo = await spawn<EchoP, null, undefined>(
    { init: () => null, handle: { again: (_s, _a, ctx) => ctx.cast(ctx.self, 'again') } },
    undefined,
  );
  cast(echo, 'again');
  await expect(hand.drain(20)).rejects.toThrow(RangeError);
  exit(echo, 'kill');
});

test('stepper: released, everybody runs again; a second holder is refused meanwhile', async () => {
  expect(() => stepper()).toThrow();
  await expect(simulate({ seed: 1, setup: () => undefined })).rejects.toThrow();
  cast(a, 'add', 7);
  hand.release();
  hand.release();
  expect(await call(a, 'get')).toEqual([7]);
});
