/**
 * Reads the Prometheus text format 0.0.4 strictly: everything that the format forbids, or that Prometheus takes and nobody means,
 * is a fault. Runs in the test process; must never import product code.
 */

export interface SeriesSample {
  /** With its suffix: `x_bucket`. */
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly SeriesSample[];
}

export interface Exposition {
  readonly families: ReadonlyMap<string, MetricFamily>;
  readonly faults: readonly string[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;
const VALUE = /^[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)$|^NaN$/;
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

interface Open {
  readonly name: string;
  readonly help: string;
  type: string;
  readonly samples: SeriesSample[];
}

/** All families of a page, and what is wrong with it. */
export function parseExposition(text: string): Exposition {
  const families = new Map<string, Open>();
  const faults: string[] = [];
  let open: Open | undefined;
  if (!text.endsWith('\n')) faults.push('the last line does not end');
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const help = /^# HELP (\S+) (.+)$/.exec(line);
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (help !== null) {
      open = begin(families, faults, help[1] as string, help[2] as string);
    } else if (type !== null) {
      if (
        open === undefined ||
        open.name !== type[1] ||
        open.type !== '' ||
        open.samples.length > 0
      )
        faults.push(`out of place: ${line}`);
      else open.type = type[2] as string;
      if (!TYPES.includes(type[2] as string)) faults.push(`no type: ${line}`);
    } else if (line.startsWith('#')) {
      faults.push(`a comment that is neither HELP nor TYPE: ${line}`);
    } else {
      const sample = parseSample(line);
      if (sample === undefined) faults.push(`no sample: ${line}`);
      else if (open === undefined || !belongs(open, sample.name)) faults.push(`stray: ${line}`);
      else open.samples.push(sample);
    }
  }
  for (const family of families.values()) faults.push(...familyFaults(family));
  return { families, faults };
}

function begin(families: Map<string, Open>, faults: string[], name: string, help: string): Open {
  if (families.has(name)) faults.push(`twice: ${name}`);
  if (!NAME.test(name)) faults.push(`no name: ${name}`);
  const open = { name, help, type: '', samples: [] };
  families.set(name, open);
  return open;
}

function belongs({ name, type }: Open, sample: string): boolean {
  return (SUFFIXES[type] ?? ['']).some((suffix) => `${name}${suffix}` === sample);
}

function parseSample(line: string): SeriesSample | undefined {
  const found = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (found === null || !VALUE.test(found[3] as string)) return undefined;
  const labels = new Map<string, string>();
  const body = found[2] ?? '';
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < body.length) {
    const label = LABEL.exec(body);
    if (label === null || labels.has(label[1] as string)) return undefined;
    const value = (label[2] as string).replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    labels.set(label[1] as string, value);
  }
  if (body.endsWith(',')) return undefined;
  return { name: found[1] as string, labels, value: numberOf(found[3] as string) };
}

function numberOf(text: string): number {
  return Number(text.replace('Inf', 'Infinity'));
}

function keyOf(labels: ReadonlyMap<string, string>, without = ''): string {
  const kept = [...labels].filter(([name]) => name !== without);
  return JSON.stringify(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function familyFaults(family: Open): string[] {
  const { name, type, samples } = family;
  const faults = type === '' ? [`without a type: ${name}`] : [];
  const seen = new Set<string>();
  for (const { name: series, labels, value } of samples) {
    const key = `${series}${keyOf(labels)}`;
    if (seen.has(key)) faults.push(`twice: ${key}`);
    seen.add(key);
    if (type !== 'gauge' && !(value >= 0 && Number.isFinite(value)))
      faults.push(`bad value: ${key}`);
    if (Number.isNaN(value)) faults.push(`not a number: ${key}`);
  }
  if (/(_total|_bucket|_sum|_count)$/.test(name) && type !== 'counter')
    faults.push(`the name of another type: ${name} ${type}`);
  return type === 'histogram' ? [...faults, ...histogramFaults(family)] : faults;
}

/** Buckets ascend, are cumulative, end with +Inf, and agree with the count. */
function histogramFaults({ name, samples }: Open): string[] {
  const faults: string[] = [];
  const groups = new Map<string, SeriesSample[]>();
  for (const sample of samples) {
    const key = keyOf(sample.labels, 'le');
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  for (const [key, group] of groups) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => numberOf(labels.get('le') ?? 'NaN'));
    const counts = buckets.map(({ value }) => value);
    const total = group.find((sample) => sample.name === `${name}_count`)?.value;
    const isRising = (all: readonly number[], strictly: boolean): boolean =>
      all.every((each, i) => i === 0 || (strictly ? each > all[i - 1]! : each >= all[i - 1]!));
    if (!isRising(bounds, true) || bounds.at(-1) !== Number.POSITIVE_INFINITY)
      faults.push(`bounds: ${name}${key}`);
    if (!isRising(counts, false)) faults.push(`not cumulative: ${name}${key}`);
    if (total === undefined || total !== counts.at(-1)) faults.push(`count: ${name}${key}`);
    if (!group.some((sample) => sample.name === `${name}_sum`)) faults.push(`sum: ${name}${key}`);
  }
  return faults;
}
