/** The page from what threads tell: merging, types, threads that are silent. The whole of a real server is in test/ops.e2e. */
import { expect, test } from 'vitest';
import type { HistogramData } from '../../runtime/index.ts';
import { parseExposition } from '../test/support/exposition.ts';
import { renderPage } from './exposition.ts';
import type { NodeView, ThreadReport } from './types.ts';

const data = (...counts: number[]): HistogramData => ({ bounds: [0.1, 1], counts, sum: 3 });

const runtime = {
  actors: 2,
  messages: 7,
  lanes: [{ to: 'store', bytesInFlight: 5, messagesOut: 1, dropped: 0 }],
};

function thread(counters: object, measures: ThreadReport['measures'] = {}): ThreadReport {
  return {
    counters: { runtime, ...counters },
    meters: { delay: data(1, 1, 0), restarts: [], kinds: [] },
    measures,
    heap: { usedBytes: 1, totalBytes: 2, externalBytes: 3 },
    activeMs: 1500,
  };
}

const node = {
  slots: [{ name: 'main', group: 'main', thread: 0, up: true, incarnation: 3 }],
  reports: { crash: 4 },
};
const pause = () => Promise.resolve();

const view = (threads: NodeView['threads']): NodeView => ({
  threads,
  process: {
    startedAtS: 1,
    cpuUserS: 2,
    cpuSystemS: 1,
    residentBytes: 5,
    openFiles: undefined,
    openFilesMax: 9,
    diskFreeBytes: 1,
    diskBytes: 2,
    databaseBytes: 3,
    walBytes: 4,
    version: '1.2.3',
    nodeVersion: 'v22',
  },
});

const routes = (count: number) => [
  { method: 'GET', route: '/x/:id', statuses: { 200: count }, timeS: data(count, 0, 0) },
];

async function page(threads: NodeView['threads']) {
  const read = parseExposition(await renderPage(view(threads), pause));
  expect(read.faults).toEqual([]);
  return (name: string): Record<string, number> => {
    const samples = read.families.get(name)?.samples ?? [];
    return Object.fromEntries(
      samples.map((sample) => [
        [sample.name.slice(name.length), ...[...sample.labels.values()].sort()].join(' ').trim(),
        sample.value,
      ]),
    );
  };
}

test('renderPage: one route on two threads, one series that is their sum', async () => {
  const read = await page([
    { slot: 'gateway-0', report: thread({}, { routes: routes(3) }) },
    { slot: 'gateway-1', report: thread({}, { routes: routes(4) }) },
  ]);
  expect(read('http_requests_total')).toEqual({ '/x/:id 200 GET': 7 });
  expect(read('http_request_duration_seconds')).toMatchObject({
    '_bucket +Inf /x/:id GET': 7,
    '_bucket /x/:id 0.1 GET': 7,
    '_count /x/:id GET': 7,
    '_sum /x/:id GET': 6,
  });
});

test('renderPage: counters of a thread, by their path, with levels as gauges', async () => {
  const gateway = { framesIn: 5, connectionsNow: 2, errorsByCode: { 410: 3 }, shed: { typing: 1 } };
  const text = await renderPage(view([{ slot: 'gateway-0', report: thread({ gateway }) }]), pause);
  const { families } = parseExposition(text);
  expect(families.get('driftway_gateway_frames_in')?.type).toBe('counter');
  expect(families.get('driftway_gateway_connections_now')?.type).toBe('gauge');
  expect(families.get('driftway_runtime_lanes_bytes_in_flight')?.type).toBe('gauge');
  expect(text).toContain('driftway_gateway_shed_typing{thread="gateway-0"} 1');
  expect(text).toContain('driftway_gateway_errors_by_code{thread="gateway-0",code="410"} 3');
  expect(text).toContain('driftway_runtime_lanes_messages_out{thread="gateway-0",to="store"} 1');
});

test('renderPage: a thread that does not answer, is down and nothing else is said of it', async () => {
  const read = await page([
    { slot: 'main', report: thread({}, { node }) },
    { slot: 'shard-0', report: undefined },
  ]);
  expect(read('driftway_thread_up')).toEqual({ main: 1, 'shard-0': 0 });
  expect(read('nodejs_heap_size_used_bytes')).toEqual({ main: 1 });
  expect(read('driftway_thread_restarts_total')).toEqual({ main: 2 });
});

test('renderPage: what the system does not tell, has no sample', async () => {
  const read = await page([{ slot: 'main', report: thread({}, { node }) }]);
  expect(read('process_open_fds')).toEqual({});
  expect(read('process_max_fds')).toEqual({ '': 9 });
  expect(read('driftway_reports_total')).toEqual({ crash: 4 });
});
