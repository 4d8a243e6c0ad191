/**
 * Owns the text of GET /metrics: the counters of every thread, asked for over lanes, in the Prometheus text format. Gateway
 * threads, on request only.
 */
import { at, call, slotsOf } from '../runtime/index.ts';
import { METRICS_TIMEOUT_MS } from './policies.ts';
import { THREAD_COUNTERS, type ThreadCountersP } from './thread-counters.ts';

const GROUPS = ['main', 'store', 'reader', 'shard', 'gateway'] as const;

interface Sample {
  readonly name: string;
  readonly labels: string;
  readonly value: number;
}

/** All threads' counters; a thread that does not answer in time is reported with `driftway_thread_up 0`. */
export async function collectMetrics(): Promise<string> {
  const slots = GROUPS.flatMap((group) => slotsOf(group));
  const answers = await Promise.all(slots.map(readThread));
  return render(answers.flat());
}

async function readThread(slot: string): Promise<Sample[]> {
  const thread = `thread="${slot}"`;
  try {
    const tree = await call(at<ThreadCountersP>(slot, THREAD_COUNTERS), 'read', undefined, {
      timeoutMs: METRICS_TIMEOUT_MS,
    });
    return [
      ...flatten('driftway', thread, tree),
      { name: 'driftway_thread_up', labels: thread, value: 1 },
    ];
  } catch {
    return [{ name: 'driftway_thread_up', labels: thread, value: 0 }]; // it is being restarted, or hangs
  }
}

/** Numbers at any depth; array elements are told apart by their `to` field or index. */
function flatten(prefix: string, labels: string, value: unknown): Sample[] {
  if (typeof value === 'number') return [{ name: prefix, labels, value }];
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => {
      const to = (item as { to?: unknown } | null)?.to;
      return flatten(prefix, `${labels},to="${typeof to === 'string' ? to : i}"`, item);
    });
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    /^\d+$/.test(key)
      ? flatten(prefix, `${labels},code="${key}"`, inner)
      : flatten(`${prefix}_${snake(key)}`, labels, inner),
  );
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
}

/** One group per name, as the format wants it. */
function render(samples: readonly Sample[]): string {
  const byName = new Map<string, Sample[]>();
  for (const sample of samples) {
    const group = byName.get(sample.name);
    if (group === undefined) byName.set(sample.name, [sample]);
    else group.push(sample);
  }
  const lines: string[] = [];
  for (const [name, group] of byName) {
    lines.push(
      `# TYPE ${name} ${name.endsWith('_now') || name.endsWith('_up') ? 'gauge' : 'untyped'}`,
    );
    for (const { labels, value } of group) lines.push(`${name}{${labels}} ${value}`);
  }
  return `${lines.join('\n')}\n`;
}
