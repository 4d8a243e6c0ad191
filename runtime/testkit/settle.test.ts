/** settle() against actors that need more than a slice of the scheduler. */
import { expect, test } from 'vitest';
import { type Ctx, cast, defineActor, type Ref, spawn } from '../index.ts';
import { settle } from './index.ts';

interface HopP {
  hop(left: number): void;
}

test('settle: actors that fill a slice with each turn, resolves when they are at rest', async () => {
  let last = -1;
  const Hop = defineActor<HopP, null>({
    init: () => null,
    handle: {
      hop: (_s, left, ctx: Ctx<HopP>) => {
        last = left;
        for (const end = performance.now() + 2; performance.now() < end; );
        if (left > 0) cast(ctx.self as Ref<HopP>, 'hop', left - 1);
      },
    },
  });
  cast(await spawn(Hop, undefined), 'hop', 20);
  await settle();
  expect(last).toBe(0);
});

test('settle: an actor that never rests, gives up', async () => {
  let isOver = false;
  let hops = 0;
  const Restless = defineActor<HopP, null>({
    init: () => null,
    handle: {
      hop: (_s, left, ctx: Ctx<HopP>) => {
        hops = left;
        if (!isOver) cast(ctx.self as Ref<HopP>, 'hop', left + 1);
      },
    },
  });
  cast(await spawn(Restless, undefined), 'hop', 0);
  await settle();
  expect(hops).toBeGreaterThan(0);
  isOver = true;
  await settle();
});
