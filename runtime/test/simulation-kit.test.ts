/** The simulation itself: what a seed decides, what a failure says, what is left behind. */
import { expect, test } from 'vitest';
import {
  type AnyRef,
  call,
  cast,
  counters,
  defineActor,
  isAlive,
  NOREPLY,
  type Ref,
  spawn,
  systemClock,
} from '../index.ts';
import {
  explore,
  type Simulation,
  type SimulationError,
  type SimulationOptions,
  simulate,
} from '../testkit/index.ts';

interface CellP {
  read(): number;
  write(value: number): void;
}
/** A variable behind messages: read and write are two steps, so that updates can be lost. */
const Variable = defineActor<CellP, { value: number }>({
  name: 'variable',
  init: () => ({ value: 0 }),
  handle: {
    read: (s) => s.value,
    write: (s, value) => {
      s.value = value;
    },
  },
});

/** Two clients that add 1 each, with a race between read and write. */
function race(seen: number[] = []): Omit<SimulationOptions, 'seed'> {
  let variable: Ref<CellP>;
  return {
    setup: async (sim) => {
      variable = await spawn(Variable, undefined);
      for (const name of ['a', 'b']) {
        sim.client(name, async () => {
          await sim.sleep(sim.int(200));
          const value = await call(variable, 'read');
          await call(variable, 'write', value + 1);
        });
      }
    },
    check: async () => {
      const value = await call(variable, 'read');
      seen.push(value);
      if (value !== 2) throw new Error(`lost update: got ${value}, want 2`);
    },
  };
}

async function failureOf(run: Promise<unknown>): Promise<SimulationError> {
  return await run.then(
    () => {
      throw new Error('the simulation did not fail');
    },
    (error: SimulationError) => error,
  );
}

/** Many actors that talk, wait, call and do io: something to order. */
async function busy(sim: Simulation): Promise<void> {
  interface P {
    poke(left: number): void;
    slow(left: number): Promise<void>;
  }
  const all: Ref<P>[] = [];
  const Poker = defineActor<P, null>({
    name: 'poker',
    init: (ctx) => {
      ctx.every('tick', 30, 'poke', 1);
      return null;
    },
    handle: {
      poke: (_s, left, ctx) => {
        if (left > 0) ctx.cast(all[sim.rng.u32() % all.length] as Ref<P>, 'slow', left - 1);
      },
      slow: async (_s, left, ctx) => {
        await ctx.yield();
        await sim.io(`io ${left}`);
        if (left > 0) ctx.cast(all[sim.rng.u32() % all.length] as Ref<P>, 'poke', left - 1);
      },
    },
  });
  for (let i = 0; i < 4; i++) all.push(await spawn(Poker, undefined));
  for (const each of all) cast(each, 'poke', 5);
  sim.killing('one', 0.005, () => all[3]);
}

test('simulate: one seed twice, makes the same choices to the last bit', async () => {
  const first = await simulate({ seed: 7, setup: busy });
  await simulate({ seed: 8, setup: busy });
  const again = await simulate({ seed: 7, setup: busy });
  expect(again.digest).toBe(first.digest);
  expect(again.trace()).toEqual(first.trace());
  expect(first.steps).toBeGreaterThanOrEqual(200);
});

test('simulate: different seeds, make different schedules', async () => {
  const digests = new Set<number>();
  for (let seed = 0; seed < 20; seed++) digests.add((await simulate({ seed, setup: busy })).digest);
  expect(digests.size).toBe(20);
});

test('explore: a race, both outcomes are found and the failing seed fails again with the same schedule', async () => {
  const seen: number[] = [];
  const failure = await failureOf(explore({ ...race(seen), schedules: 1000, seed: 1 }));
  expect(new Set(seen)).toEqual(new Set([1, 2]));
  expect(failure.message).toContain(`seed ${failure.seed}, step ${failure.step}, phase check`);
  expect(failure.message).toContain('lost update: got 1, want 2');
  expect(failure.message).toMatch(/turn variable#1 read/);
  const again = await failureOf(simulate({ ...race(), seed: failure.seed }));
  expect(again.trace).toEqual(failure.trace);
  expect(again.message).toBe(failure.message);
});

test('simulate: an invariant that breaks, fails at the step that broke it', async () => {
  const failure = await failureOf(
    simulate({
      seed: 3,
      setup: async (sim) => {
        const variable = await spawn(Variable, undefined);
        let done = 0;
        sim.client('writer', async () => {
          for (; done < 5; done++) await call(variable, 'write', done);
        });
        sim.always(() => expect(done).toBeLessThan(3));
      },
    }),
  );
  expect(failure.message).toContain('phase run');
  expect(failure.cause).toBeInstanceOf(Error);
});

test('simulate: a client that can never go on, is named', async () => {
  const failure = await failureOf(
    simulate({
      seed: 1,
      setup: (sim) => {
        sim.client('sleepy', () => new Promise(() => {}));
      },
    }),
  );
  expect(failure.message).toContain('stuck: phase run waits for client sleepy');
});

test('simulate: a client without end, is ended by the bounds', async () => {
  const endless = (sim: Simulation) =>
    sim.client('endless', async () => {
      for (;;) await sim.sleep(1000);
    });
  const steps = await failureOf(simulate({ seed: 1, setup: endless, stepsMax: 500 }));
  expect(steps.message).toContain('no end after');
  const time = await failureOf(simulate({ seed: 1, setup: endless, virtualMsMax: 60_000 }));
  expect(time.message).toMatch(/no end after \d+(\.\d+)? ms/);
});

test('simulate: a client that rejects, fails the run with its error', async () => {
  const failure = await failureOf(
    simulate({
      seed: 1,
      setup: (sim) => sim.client('c', () => Promise.reject(new Error('client lost'))),
    }),
  );
  expect(failure.message).toContain('client lost');
});

test('simulate: over, what it started is dead, the clock is back and the scheduler runs', async () => {
  const outside = await spawn(Variable, undefined);
  const before = counters().actors;
  const started: AnyRef[] = [];
  await simulate({
    seed: 5,
    setup: async (sim) => {
      started.push(await spawn(Variable, undefined));
      expect(sim.clock.monotonic()).toBeLessThan(systemClock.monotonic() + 1e9);
    },
  });
  expect(started.map(isAlive)).toEqual([false]);
  expect(counters().actors).toBe(before);
  expect(await call(outside, 'read')).toBe(0);
});

test('simulate: calls with a deadline, time out in virtual time', async () => {
  interface P {
    never(): void;
  }
  const Deaf = defineActor<P, null>({
    init: () => null,
    handle: { never: () => NOREPLY },
  });
  let took = 0;
  await simulate({
    seed: 2,
    setup: async (sim) => {
      const deaf = await spawn(Deaf, undefined);
      sim.client('caller', async () => {
        const start = sim.clock.monotonic();
        await call(deaf, 'never').catch(() => undefined);
        took = sim.clock.monotonic() - start;
      });
    },
  });
  expect(took).toBeGreaterThanOrEqual(5000);
  expect(took).toBeLessThan(7000);
});

test('simulate: io of one actor, completes in every order', async () => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const order: number[] = [];
    await simulate({
      seed,
      setup: (sim) => {
        for (const i of [1, 2, 3]) {
          sim.client(`c${i}`, async () => {
            await sim.io(`io ${i}`);
            order.push(i);
          });
        }
      },
    });
    orders.add(order.join(''));
  }
  expect(orders.size).toBe(6);
});
