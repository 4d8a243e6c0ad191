/**
 * From declared metrics to the text that Prometheus reads, by prom-client. Main thread; loads prom-client, so it is itself
 * loaded at the first scrape only.
 */
import { AggregatorRegistry } from 'prom-client';
import { counterFamilies } from './counter-families.ts';
import { FAMILIES } from './families.ts';
import type { Family, HistogramSample, NodeView } from './types.ts';

/** As prom-client's `getMetricsAsJSON` tells of a metric. */
interface PlainMetric {
  readonly name: string;
  readonly help: string;
  readonly type: Family['type'];
  readonly aggregator: 'sum';
  readonly values: readonly PlainValue[];
}

interface PlainValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly metricName?: string;
}

const DECLARED: ReadonlySet<string> = new Set(FAMILIES.map(({ name }) => name));

/** The page: every declared metric, and every counter of every thread. */
export function renderPage(view: NodeView): Promise<string> {
  const others = counterFamilies(view.threads).filter(({ name }) => !DECLARED.has(name));
  const families = [...FAMILIES, ...others];
  const plain = families.map((family) => toPlain(family, view));
  return AggregatorRegistry.aggregate([plain]).metrics();
}

function toPlain(family: Family, view: NodeView): PlainMetric {
  const { name, help, type } = family;
  const values =
    family.type === 'histogram'
      ? family.read(view).flatMap((sample) => histogramValues(name, sample))
      : family.read(view);
  return { name, help, type, aggregator: 'sum', values };
}

function histogramValues(name: string, { labels, data }: HistogramSample): PlainValue[] {
  let upTo = 0;
  const buckets = data.counts.map((count, i): PlainValue => {
    upTo += count;
    const le = String(data.bounds[i] ?? '+Inf');
    return { labels: { ...labels, le }, value: upTo, metricName: `${name}_bucket` };
  });
  return [
    ...buckets,
    { labels, value: data.sum, metricName: `${name}_sum` },
    { labels, value: upTo, metricName: `${name}_count` },
  ];
}
