/** The mode in which every payload is copied, under simulation: plain data still means the same. */
import { expect, test } from 'vitest';
import { call, configureRuntime, counters, defineActor, spawn } from '../index.ts';
import { explore, simulationSchedules } from '../testkit/index.ts';

test('payloads cloned: actors that talk by plain data, run the same schedules to the same end', async () => {
  configureRuntime({ payloads: 'clone' });
  const before = counters().actors;
  try {
    await explore({
      seed: 44,
      schedules: simulationSchedules(0.005),
      steps: 100,
      setup: async (sim) => {
        interface P {
          take(m: { readonly list: number[] }): readonly number[];
        }
        const Taker = defineActor<P, null>({
          name: 'taker',
          init: () => null,
          handle: {
            take: (_s, { list }) => {
              list.push(9);
              return list;
            },
          },
        });
        const taker = await spawn(Taker, undefined);
        sim.client('c', async () => {
          for (let n = 0; n < 5; n++) {
            const list = [n];
            expect(await call(taker, 'take', { list }, { timeoutMs: 600_000 })).toEqual([n, 9]);
            expect(list).toEqual([n]);
          }
        });
      },
    });
  } finally {
    configureRuntime({ payloads: 'share' });
  }
  expect(counters().actors).toBe(before);
});
