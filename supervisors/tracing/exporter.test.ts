/** The queue in front of the collector: batches, delays, bounds, a collector that is down. */
import { expect, test } from 'vitest';
import type { SpanRecord } from '../../runtime/index.ts';
import { FakeClock } from '../../runtime/testkit/index.ts';
import { type SendSpans, TraceExporter } from './exporter.ts';

const SETTINGS = { delayMs: 5000, queueMax: 10, batchMax: 4, timeoutMs: 1000 };

function span(n: number): SpanRecord {
  const times = { startMs: n, endMs: n + 1, error: '', attributes: {}, links: [] };
  const ids = { traceId: 'a'.repeat(32), spanId: String(n).padStart(16, '0'), parentId: '' };
  return { ...ids, name: 'one', kind: 'internal', thread: 'main', ...times };
}
const spans = (count: number): SpanRecord[] => Array.from({ length: count }, (_, n) => span(n));

function setup(send: SendSpans) {
  const clock = new FakeClock();
  let loads = 0;
  const load = async (): Promise<SendSpans> => {
    loads++;
    return send;
  };
  const turns: boolean[] = [];
  const turned = (isTaking: boolean): void => void turns.push(isTaking);
  const exporter = new TraceExporter({ settings: SETTINGS, clock, load, turned });
  return { clock, exporter, turns, loads: () => loads };
}

/** Promises that are settled already have their turn. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

test('add: fewer than a batch, they leave after the delay; nothing is loaded before', async () => {
  const sent: number[] = [];
  const { clock, exporter, loads } = setup(async (batch) => sent.push(batch.length) > 0);
  expect(loads()).toBe(0);
  exporter.add(spans(3));
  await clock.advance(4999);
  await turn();
  expect(sent).toEqual([]);
  await clock.advance(1);
  await turn();
  expect(sent).toEqual([3]);
  expect(loads()).toBe(1);
  expect(exporter.counters).toMatchObject({ exported: 3, failed: 0, dropped: 0 });
});

test('add: a batch is full, it leaves at once, one at a time and in order', async () => {
  const sent: string[][] = [];
  const { exporter } = setup(async (batch) => sent.push(batch.map(({ spanId }) => spanId)) > 0);
  exporter.add(spans(9));
  await exporter.flush();
  expect(sent.map(({ length }) => length)).toEqual([4, 4, 1]);
  expect(sent.flat()).toEqual(spans(9).map(({ spanId }) => spanId));
});

test('add: more than the queue holds, the newest are dropped and counted', async () => {
  const { exporter } = setup(() => new Promise(() => undefined));
  exporter.add(spans(4));
  exporter.add(spans(15));
  expect(exporter.waiting).toBe(10);
  expect(exporter.counters.dropped).toBe(5);
});

test('flush: the collector never answers, the batch is given up after the timeout', async () => {
  const { clock, exporter } = setup(() => new Promise(() => undefined));
  exporter.add(spans(2));
  const flushed = exporter.flush();
  await turn();
  await clock.advance(1000);
  await flushed;
  expect(exporter.counters).toMatchObject({ exported: 0, failed: 2 });
});

test('flush: the collector refuses or cannot be reached, it is counted and the next batch goes out', async () => {
  const outcomes = [
    async () => false,
    () => Promise.reject(new Error('refused')),
    async () => true,
  ];
  const { exporter, turns } = setup(() => (outcomes.shift() ?? (async () => true))());
  exporter.add(spans(10));
  await exporter.flush();
  expect(exporter.counters).toMatchObject({ failed: 8, exported: 2, batches: 3 });
  // For the log: once when it begins, once when it is over.
  expect(turns).toEqual([false, true]);
});
