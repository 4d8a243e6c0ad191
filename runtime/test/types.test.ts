/**
 * The protocol types, positive and negative. tsc checks this file: an @ts-expect-error that is not
 * needed is an error. The functions are never run.
 */
import { expect, test } from 'vitest';
import {
  type Ctx,
  call,
  cast,
  child,
  defineActor,
  entity,
  type From,
  NOREPLY,
  name,
  type Ref,
  spawn,
} from '../index.ts';

interface CounterP {
  inc(by: number): void;
  get(): number;
  later(m: { readonly id: string }): Promise<readonly string[]>;
}
interface WideP extends CounterP {
  extra(): void;
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

test('types: the accepted and the rejected are checked by tsc', () => {
  expect([typeof accepted, typeof rejected]).toEqual(['function', 'function']);
});
