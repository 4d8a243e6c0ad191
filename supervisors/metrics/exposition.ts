/**
 * From declared metrics to the text that Prometheus reads, by prom-client. Gateway threads; loads prom-client, so it is
 * itself loaded at the first scrape only.
 */
import { createRequire } from 'node:module';
import type { Metric, Registry } from 'prom-client';
import { counterFamilies } from './counter-families.ts';
import { FAMILIES } from './families.ts';
import type { Family, HistogramSample, Labels, NodeView, Sample } from './types.ts';

/** As a metric of prom-client tells of itself to its registry. */
interface PlainMetric {
  readonly name: string;
  readonly help: string;
  readonly type: Family['type'];
  readonly values: readonly PlainValue[];
}

interface PlainValue {
  readonly labels: Labels;
  /** The same for several values: formatted once. */
  readonly sharedLabels?: Labels;
  readonly value: number;
  readonly metricName?: string;
}

/** The registry alone: all of prom-client is 88 modules and 18 MB, which nothing here uses. */
const PromRegistry = createRequire(import.meta.url)('prom-client/lib/registry') as typeof Registry;

const DECLARED: ReadonlySet<string> = new Set(FAMILIES.map(({ name }) => name));

/** Families between two looks at whether to let others go first: about half a millisecond. */
const FAMILIES_PER_SLICE = 16;

/** The page: every declared metric, and every counter of every thread. `pause` resolves in a later turn: sockets go first. */
export async function renderPage(view: NodeView, pause: () => Promise<void>): Promise<string> {
  const others = counterFamilies(view.threads).filter(({ name }) => !DECLARED.has(name));
  const registry = new PromRegistry();
  const texts: string[] = [];
  for (const [i, family] of [...FAMILIES, ...others].entries()) {
    const plain = toPlain(family, view);
    // What a registry asks of a metric is its name and `get`; prom-client makes such objects itself where it merges clusters.
    registry.registerMetric({ ...plain, get: () => plain } as unknown as Metric);
    texts.push(await registry.getSingleMetricAsString(family.name));
    if (i % FAMILIES_PER_SLICE === FAMILIES_PER_SLICE - 1) await pause();
  }
  return `${texts.join('\n\n')}\n`;
}

function toPlain(family: Family, view: NodeView): PlainMetric {
  const { name, help, type } = family;
  const values =
    family.type === 'histogram'
      ? mergedHistograms(family.read(view)).flatMap((sample) => histogramValues(name, sample))
      : merged(family.read(view));
  return { name, help, type, values };
}

/** Samples of several threads with the same labels are one. */
function merged(samples: readonly Sample[]): readonly Sample[] {
  return byLabels(samples, (one, other) => ({ ...one, value: one.value + other.value }));
}

function mergedHistograms(samples: readonly HistogramSample[]): readonly HistogramSample[] {
  return byLabels(samples, ({ labels, data }, { data: more }) => {
    const counts = data.counts.map((count, i) => count + (more.counts[i] as number));
    return { labels, data: { bounds: data.bounds, counts, sum: data.sum + more.sum } };
  });
}

function byLabels<S extends { readonly labels: Labels }>(
  samples: readonly S[],
  add: (one: S, other: S) => S,
): readonly S[] {
  if (samples.length < 2) return samples;
  const found = new Map<string, S>();
  for (const sample of samples) {
    const key = Object.values(sample.labels).join('\n');
    const known = found.get(key);
    found.set(key, known === undefined ? sample : add(known, sample));
  }
  return found.size === samples.length ? samples : [...found.values()];
}

function histogramValues(name: string, { labels, data }: HistogramSample): PlainValue[] {
  const bucket = `${name}_bucket`;
  let upTo = 0;
  const values = data.counts.map((count, i): PlainValue => {
    upTo += count;
    const le = String(data.bounds[i] ?? '+Inf');
    return { labels: { le }, sharedLabels: labels, value: upTo, metricName: bucket };
  });
  values.push({ labels, value: data.sum, metricName: `${name}_sum` });
  values.push({ labels, value: upTo, metricName: `${name}_count` });
  return values;
}
