/**
 * The protocol types, positive and negative. tsc checks this file: an @ts-expect-error that is not
 * needed is an error. The functions are never run.
 */
import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  type AnyRef,
  at,
  type Behaviour,
  type Ctx,
  call,
  cast,
  child,
  defineActor,
  entity,
  exit,
  type From,
  hostEntity,
  isAlive,
  type Name,
  NOREPLY,
  name,
  type Ref,
  reply,
  spawn,
  startChild,
  startDynamicChild,
} from '../index.ts';

interface CounterP {
  inc(by: number): void;
  get(): number;
  later(m: { readonly id: string }): Promise<readonly string[]>;
}
interface WideP extends CounterP {
  extra(): void;
}
/** Shares no op with CounterP. */
interface ForeignP {
  ring(): void;
}
/** Has an op of the same name with another argument. */
interface LookalikeP {
  inc(by: string): void;
  get(): number;
  later(m: { readonly id: string }): Promise<readonly string[]>;
}

const Counter = defineActor<CounterP, { n: number }, number>({
  init: (_ctx, start) => ({ n: start }),
  handle: {
    inc: (s, by) => {
      s.n += by;
    },
    get: (s) => s.n,
    later: async (_s, m) => [m.id],
  },
});

async function accepted(ref: Ref<CounterP>, wide: Ref<WideP>, ctx: Ctx<CounterP>): Promise<void> {
  cast(ref, 'inc', 1);
  cast(ref, 'get');
  const n: number = await call(ref, 'get');
  const m: number = await call(ref, 'get', undefined, { timeoutMs: 5 });
  const list: readonly string[] = await call(ref, 'later', { id: 'x' }, { timeoutMs: n + m });
  const narrow: Ref<CounterP> = wide;
  cast(name<CounterP>('c'), 'inc', list.length);
  cast(entity<CounterP>('counter', 7), 'inc', 1);
  const spawned: Ref<CounterP> = await spawn(Counter, 1, { name: name('c') });
  const asNumber: number = spawned;
  child('c', Counter, asNumber);
  ctx.next('inc', 2);
  ctx.timer('t', 10, 'get');
  ctx.every('u', 10, 'inc', narrow);
  defineActor<CounterP, null, From>({
    init: () => null,
    handle: { inc() {}, get: () => NOREPLY, later: async () => NOREPLY },
  });
}

async function rejected(ref: Ref<CounterP>, ctx: Ctx<CounterP>): Promise<void> {
  // @ts-expect-error no such op
  cast(ref, 'dec', 1);
  // @ts-expect-error wrong argument
  cast(ref, 'inc', 'one');
  // @ts-expect-error missing argument
  cast(ref, 'inc');
  // @ts-expect-error argument for an op without one
  cast(ref, 'get', 1);
  // @ts-expect-error wrong reply type
  const text: string = await call(ref, 'get');
  // @ts-expect-error options in the place of the argument
  await call(ref, 'get', { timeoutMs: 5 });
  // @ts-expect-error a bare number is no ref
  cast(17, 'inc', 1);
  // @ts-expect-error a narrow ref does not fit where a wide one is asked
  const wide: Ref<WideP> = ref;
  // @ts-expect-error wrong start argument
  await spawn(Counter, 'ten');
  // @ts-expect-error wrong start argument in a child spec
  child('c', Counter, 'ten');
  // @ts-expect-error the name of another protocol
  await spawn(Counter, 1, { name: name<{ other(): void }>('c') });
  // @ts-expect-error own op does not exist
  ctx.next('dec', 1);
  // @ts-expect-error timer with the wrong argument
  ctx.timer('t', 10, 'inc', 'one');
  defineActor<CounterP, null>({
    init: () => null,
    // @ts-expect-error missing handler
    handle: { inc() {}, get: () => 1 },
  });
  defineActor<CounterP, null>({
    init: () => null,
    // @ts-expect-error wrong reply
    handle: { inc() {}, get: () => 'one', later: async () => [] },
  });
  void [text, wide];
}

/** Addresses: what is not the address of such an actor does not compile. */
async function foreign(
  counter: Ref<CounterP>,
  other: Ref<ForeignP>,
  lookalike: Ref<LookalikeP>,
  any: AnyRef,
  from: From,
  ctx: Ctx<CounterP>,
): Promise<void> {
  // @ts-expect-error a foreign ref has no such op
  cast(other, 'inc', 1);
  // @ts-expect-error a foreign ref is not this ref
  const wrong: Ref<CounterP> = other;
  // @ts-expect-error the same op name with another argument is another protocol
  const alike: Ref<CounterP> = lookalike;
  // @ts-expect-error a ref of nothing known takes no message
  cast(any, 'inc', 1);
  // @ts-expect-error a bare number is no ref
  await call(17, 'get');
  // @ts-expect-error a bare number is no ref for exit
  exit(17, 'kill');
  // @ts-expect-error a bare number is no ref for link
  ctx.link(17);
  // @ts-expect-error a ref is not the right to answer
  reply(counter, 1);
  // @ts-expect-error the right to answer is no ref
  cast(from, 'inc', 1);
  // @ts-expect-error a bare string is no name
  cast('counter', 'inc', 1);
  // @ts-expect-error the name of another protocol has no such op
  cast(name<ForeignP>('c'), 'inc', 1);
  // @ts-expect-error a name on another thread keeps its protocol
  await call(at<ForeignP>('shard-0', 'c'), 'get');
  // @ts-expect-error an entity keeps its protocol
  cast(entity<CounterP>('counter', 7), 'inc', 'one');
  // @ts-expect-error the key of an entity is a number
  cast(entity<CounterP>('counter', 'seven'), 'get');
  void [wrong, alike];
}

/** Starts: behaviour, argument and name belong together. */
async function started(sup: Ref<never>, ctx: Ctx<CounterP>): Promise<void> {
  // @ts-expect-error missing start argument
  await spawn(Counter);
  // @ts-expect-error undefined is no start argument where a number is asked
  await spawn(Counter, undefined);
  // @ts-expect-error nor in a child spec
  child('c', Counter, undefined);
  // @ts-expect-error nor from inside an actor
  await ctx.spawnLink(Counter, undefined);
  // @ts-expect-error nor for a dynamic child
  await startDynamicChild(sup, Counter, undefined);
  // @ts-expect-error wrong start argument from inside an actor
  await ctx.spawn(Counter, 'ten');
  // @ts-expect-error wrong start argument of a linked child
  await ctx.spawnLink(Counter, 'ten');
  // @ts-expect-error wrong start argument of a dynamic child
  await startDynamicChild(sup, Counter, 'ten');
  // @ts-expect-error a behaviour is no child spec
  await startChild(sup, { id: 'c' });
  // @ts-expect-error a child's name has its protocol
  child('c', Counter, 1, { name: name<ForeignP>('c') });
  // @ts-expect-error an entity's start argument is the behaviour's
  await hostEntity('counter', { behaviour: Counter, arg: () => 'ten', idleMs: 1000 });
  // @ts-expect-error the state of a handler is what init returns
  defineActor<ForeignP, { n: number }>({ init: () => ({ n: 'one' }), handle: { ring() {} } });
  defineActor<ForeignP, { n: number }>({
    init: () => ({ n: 1 }),
    handle: {
      ring(s) {
        // @ts-expect-error no such field in the state
        s.m++;
      },
    },
  });
  defineActor<CounterP, null>({
    init: () => null,
    handle: {
      // @ts-expect-error wrong argument of a handler
      inc(_s, by: string) {
        void by;
      },
      get: () => 1,
      later: async () => [],
    },
  });
}

/** What the functions give back, to the letter. */
async function inferred(ref: Ref<CounterP>, ctx: Ctx<CounterP>): Promise<void> {
  expectTypeOf(call(ref, 'get')).toEqualTypeOf<Promise<number>>();
  expectTypeOf(call(ref, 'later', { id: 'x' })).toEqualTypeOf<Promise<readonly string[]>>();
  expectTypeOf(call(ref, 'inc', 1)).toEqualTypeOf<Promise<void>>();
  expectTypeOf(ctx.call(ref, 'get')).toEqualTypeOf<Promise<number>>();
  expectTypeOf(cast(ref, 'inc', 1)).toEqualTypeOf<void>();
  expectTypeOf(spawn(Counter, 1)).toEqualTypeOf<Promise<Ref<CounterP>>>();
  expectTypeOf(Counter).toEqualTypeOf<Behaviour<CounterP, { n: number }, number>>();
  expectTypeOf(name<CounterP>('c')).toEqualTypeOf<Name<CounterP>>();
  expectTypeOf(ctx.self).toEqualTypeOf<Ref<CounterP>>();
  expectTypeOf<Ref<WideP>>().toExtend<Ref<CounterP>>();
  expectTypeOf<Ref<CounterP>>().not.toExtend<Ref<WideP>>();
  expectTypeOf<Ref<CounterP>>().toExtend<number>();
  expectTypeOf<number>().not.toExtend<AnyRef>();
  expectTypeOf<From>().not.toExtend<AnyRef>();
  expectTypeOf(isAlive(ref)).toEqualTypeOf<boolean>();
}

describe('types', () => {
  test('the accepted and the rejected, are checked by tsc', () => {
    const checked = [accepted, rejected, foreign, started, inferred];
    expect(checked.every((each) => typeof each === 'function')).toBe(true);
  });
});
