/**
 * Owns the actor through which other threads read what this one counts and measures, for /metrics and for the topic
 * `rates`. One on every thread; answers from plain objects, never waits, does nothing unless asked.
 */
import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { type ChildSpec, child, counters, defineActor, meters, name } from '../../runtime/index.ts';
import type { CounterTree, ThreadReport, ThreadSources, ThreadTotals } from './types.ts';

export const THREAD_COUNTERS = 'thread-counters';

export interface ThreadCountersP {
  read(): ThreadReport;
  totals(): ThreadTotals;
}

const ThreadCounters = defineActor<ThreadCountersP, ThreadSources, ThreadSources>({
  name: THREAD_COUNTERS,
  init: (_ctx, sources) => sources,
  handle: { read: reportOf, totals: totalsOf },
});

/** Child that answers for this thread; `sources` adds the thread's own to what the runtime counts. */
export function threadCounters(sources: ThreadSources = {}): ChildSpec {
  return child(THREAD_COUNTERS, ThreadCounters, sources, {
    name: name<ThreadCountersP>(THREAD_COUNTERS),
    restart: 'permanent',
  });
}

function reportOf(sources: ThreadSources): ThreadReport {
  const heap = getHeapStatistics();
  return {
    counters: { runtime: counters(), ...sources.counters?.() },
    meters: meters(),
    measures: sources.measures?.() ?? {},
    heap: {
      usedBytes: heap.used_heap_size,
      totalBytes: heap.total_heap_size,
      externalBytes: heap.external_memory,
    },
    activeMs: activeMs(),
  };
}

function totalsOf(sources: ThreadSources): ThreadTotals {
  const tree = sources.counters?.() ?? {};
  const { actors, messages, crashed } = counters();
  const of = (group: string, field: string): number => numberAt(tree, group, field);
  return {
    actors,
    actorMessages: messages,
    crashes: crashed,
    activeMs: activeMs(),
    heapBytes: getHeapStatistics().used_heap_size,
    connections: of('gateway', 'connectionsNow'),
    framesIn: of('gateway', 'framesIn'),
    requests: of('gateway', 'requests'),
    errors: of('gateway', 'errors') + of('http', 'serverErrors'),
    publishes: of('gateway', 'publishes'),
    deliveries: of('gateway', 'deliveries'),
    httpRequests: of('http', 'requests'),
    stored: of('streams', 'events'),
    commits: of('store', 'groups'),
  };
}

function activeMs(): number {
  return performance.eventLoopUtilization().active;
}

function numberAt(tree: CounterTree, group: string, field: string): number {
  const inner = tree[group];
  if (typeof inner !== 'object' || inner === null) return 0;
  const value = (inner as Readonly<Record<string, unknown>>)[field];
  return typeof value === 'number' ? value : 0;
}
