/**
 * The counters of the node per second, for the topic `rates`: totals of each thread, and what was added since the time before.
 * Main thread; works only when asked, with one small call per thread.
 */
import { at, type Clock, call, type SlotStatus } from '../../runtime/index.ts';
import { METRICS_TIMEOUT_MS } from '../policies.ts';
import { THREAD_COUNTERS, type ThreadCountersP } from './thread.ts';
import type { ThreadTotals } from './types.ts';

/** Per second, but for the levels: connections, actors, heap. */
export interface ThreadRates {
  readonly thread: string;
  /** False: it did not answer; all numbers are 0 then. */
  readonly up: boolean;
  readonly connections: number;
  readonly actors: number;
  readonly heapBytes: number;
  /** Share of a core that its event loop works, 0 to 1. */
  readonly busy: number;
  readonly actorMessages: number;
  readonly crashes: number;
  readonly framesIn: number;
  readonly requests: number;
  readonly errors: number;
  readonly publishes: number;
  readonly deliveries: number;
  readonly httpRequests: number;
  readonly stored: number;
  readonly commits: number;
}

/** One event of the topic. */
export interface RatesEvent {
  /** Ms since 1970. */
  readonly at: number;
  /** Of the interval that the rates are of; 0 the first time, when all rates are 0. */
  readonly intervalMs: number;
  readonly residentBytes: number;
  /** Share of one core that the process uses; may exceed 1. */
  readonly cpu: number;
  /** Sums over the threads; `busy` is the highest of them. */
  readonly node: Omit<ThreadRates, 'thread' | 'up'>;
  readonly threads: readonly ThreadRates[];
}

export interface RatesOptions {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** All threads, main too. */
  readonly slots: () => readonly Pick<SlotStatus, 'name' | 'incarnation'>[];
}

export interface Rates {
  /** What happened since the last call, which should be a second ago or more. Never rejects. */
  next(): Promise<RatesEvent>;
}

interface Seen {
  readonly incarnation: number;
  readonly totals: ThreadTotals;
}

const COUNTS = [
  'actorMessages',
  'crashes',
  'framesIn',
  'requests',
  'errors',
  'publishes',
  'deliveries',
  'httpRequests',
  'stored',
  'commits',
] as const;
const LEVELS = ['connections', 'actors', 'heapBytes'] as const;

type Numbers = Omit<ThreadRates, 'thread' | 'up'>;

/** One of these per subscription group: it remembers the totals of the last call. */
export function createRates({ clock, slots }: RatesOptions): Rates {
  let seen = new Map<string, Seen>();
  let lastMs = 0;
  let lastCpuMs = 0;
  return {
    async next() {
      const all = slots();
      const totals = await Promise.all(all.map(({ name }) => totalsOf(name)));
      const nowMs = clock.monotonic();
      const intervalMs = lastMs === 0 ? 0 : nowMs - lastMs;
      const fresh = new Map<string, Seen>();
      const threads = all.map(({ name, incarnation }, i) => {
        const now = totals[i];
        if (now === undefined) return { thread: name, up: false, ...zeros() };
        fresh.set(name, { incarnation, totals: now });
        const before = seen.get(name);
        const known = before?.incarnation === incarnation ? before.totals : undefined;
        return { thread: name, up: true, ...rated(now, known, intervalMs) };
      });
      const cpuMs = cpuUsedMs();
      const cpu = intervalMs === 0 ? 0 : (cpuMs - lastCpuMs) / intervalMs;
      [seen, lastMs, lastCpuMs] = [fresh, nowMs, cpuMs];
      const residentBytes = process.memoryUsage.rss();
      return { at: clock.now(), intervalMs, residentBytes, cpu, node: summed(threads), threads };
    },
  };
}

async function totalsOf(slot: string): Promise<ThreadTotals | undefined> {
  const options = { timeoutMs: METRICS_TIMEOUT_MS };
  try {
    return await call(at<ThreadCountersP>(slot, THREAD_COUNTERS), 'totals', undefined, options);
  } catch {
    return undefined; // it is being restarted, or hangs
  }
}

function cpuUsedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function zeros(): Numbers {
  const fields = [...COUNTS, ...LEVELS, 'busy'].map((field) => [field, 0]);
  return Object.fromEntries(fields) as unknown as Numbers;
}

function rated(now: ThreadTotals, before: ThreadTotals | undefined, intervalMs: number): Numbers {
  const isRated = before !== undefined && intervalMs > 0;
  const perS = (field: keyof ThreadTotals): number =>
    isRated ? Math.max(0, ((now[field] - before[field]) * 1000) / intervalMs) : 0;
  const counts = COUNTS.map((field) => [field, perS(field)]);
  const levels = LEVELS.map((field) => [field, now[field]]);
  const busy = Math.min(1, perS('activeMs') / 1000);
  return Object.fromEntries([...counts, ...levels, ['busy', busy]]) as unknown as Numbers;
}

function summed(threads: readonly ThreadRates[]): Numbers {
  const sum = (field: keyof Numbers): number =>
    threads.reduce((total, thread) => total + thread[field], 0);
  const fields = [...COUNTS, ...LEVELS].map((field) => [field, sum(field)]);
  const busy = Math.max(0, ...threads.map((thread) => thread.busy));
  return Object.fromEntries([...fields, ['busy', busy]]) as unknown as Numbers;
}
