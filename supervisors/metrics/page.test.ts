/** The actor that makes the page: pages that are given again, and threads that do not answer. */
import { tmpdir } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { configureRuntime, type Ref, startSupervisor, stop } from '../../runtime/index.ts';
import { parseExposition } from '../test/support/exposition.ts';
import { metricsPage, readMetricsPage } from './page.ts';
import { threadCounters } from './thread.ts';

configureRuntime({ report: () => undefined });

const clock = { ms: 1000, monotonic: () => clock.ms };
const options = {
  dataDir: tmpdir(),
  databasePath: '/dev/null/none.db',
  version: '1.2.3',
  startedAt: 5000,
  clock,
};

let supervisor: Ref<unknown> | undefined;
afterEach(async () => {
  if (supervisor !== undefined) await stop(supervisor, 'shutdown');
  supervisor = undefined;
});

async function valueIn(name: string): Promise<number | undefined> {
  const { families, faults } = parseExposition((await readMetricsPage()) ?? '');
  expect(faults).toEqual([]);
  return families.get(name)?.samples[0]?.value;
}

test('readMetricsPage: asked again at once, the same page; later, a new one', async () => {
  let framesIn = 1;
  const counters = threadCounters({ counters: () => ({ gateway: { framesIn } }) });
  supervisor = await startSupervisor({ children: [counters, metricsPage(options)] });
  expect(await valueIn('driftway_gateway_frames_in')).toBe(1);
  framesIn = 2;
  expect(await valueIn('driftway_gateway_frames_in')).toBe(1);
  clock.ms += 250;
  expect(await valueIn('driftway_gateway_frames_in')).toBe(2);
});

test('readMetricsPage: a thread does not answer, its page says so and holds the rest', async () => {
  supervisor = await startSupervisor({ children: [metricsPage(options)] });
  expect(await valueIn('driftway_thread_up')).toBe(0);
  expect(await valueIn('process_start_time_seconds')).toBe(5);
  expect(await valueIn('driftway_database_bytes')).toBe(0);
});

test('readMetricsPage: nobody makes pages on this thread, undefined', async () => {
  expect(await readMetricsPage()).toBeUndefined();
});
