/** The node per second: what was added between two calls, threads that are silent or new, and threads that were replaced. */
import { afterEach, expect, test } from 'vitest';
import { configureRuntime, type Ref, startSupervisor, stop } from '../../runtime/index.ts';
import { createRates } from './rates.ts';
import { threadCounters } from './thread.ts';
import type { CounterTree } from './types.ts';

configureRuntime({ report: () => undefined });

let supervisor: Ref<unknown> | undefined;
afterEach(async () => {
  if (supervisor !== undefined) await stop(supervisor, 'shutdown');
  supervisor = undefined;
});

async function counted(counters: () => CounterTree): Promise<void> {
  supervisor = await startSupervisor({ children: [threadCounters({ counters })] });
}

const clock = { ms: 5000, now: () => 1_750_000_000_000 + clock.ms, monotonic: () => clock.ms };
const main = (incarnation = 1) => [{ name: 'main', incarnation }];

test('createRates: two calls, counts per second of what came between, and levels as they are', async () => {
  const gateway = { connectionsNow: 3, framesIn: 100, deliveries: 1000, errors: 0 };
  await counted(() => ({ gateway }));
  const rates = createRates({ clock, slots: () => main() });
  const first = await rates.next();
  expect(first).toMatchObject({ intervalMs: 0, node: { connections: 3, framesIn: 0 } });
  Object.assign(gateway, { connectionsNow: 5, framesIn: 110, deliveries: 2000 });
  clock.ms += 2000;
  const second = await rates.next();
  expect(second).toMatchObject({ intervalMs: 2000, at: clock.now() });
  expect(second.node).toMatchObject({ connections: 5, framesIn: 5, deliveries: 500, errors: 0 });
  expect(second.threads).toMatchObject([{ thread: 'main', up: true, framesIn: 5 }]);
  expect(second.residentBytes).toBeGreaterThan(0);
});

test('createRates: a thread was replaced, its counts begin anew without a negative rate', async () => {
  const gateway = { framesIn: 100 };
  await counted(() => ({ gateway }));
  let incarnation = 1;
  const rates = createRates({ clock, slots: () => main(incarnation) });
  await rates.next();
  gateway.framesIn = 7;
  incarnation = 2;
  clock.ms += 1000;
  expect((await rates.next()).node.framesIn).toBe(0);
  gateway.framesIn = 17;
  clock.ms += 1000;
  expect((await rates.next()).node.framesIn).toBe(10);
});

test('createRates: a thread does not answer, it is told as down with nothing', async () => {
  const rates = createRates({ clock, slots: () => main() });
  expect((await rates.next()).threads).toMatchObject([{ thread: 'main', up: false, actors: 0 }]);
});
