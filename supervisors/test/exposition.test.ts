/** The readers that the test of /metrics relies on: what they accept, and that they name what is wrong. */
import { describe, expect, test } from 'vitest';
import { parseExposition } from './support/exposition.ts';
import { readQuery } from './support/promql.ts';

const page = (...lines: string[]): string => `${lines.join('\n')}\n`;

describe('parseExposition', () => {
  test('a good page, families with types, labels and values', () => {
    const { families, faults } = parseExposition(
      page(
        '# HELP a_total An a.',
        '# TYPE a_total counter',
        'a_total{x="1",y="q\\"\\\\\\n"} 3',
        '',
        '# HELP h Times.',
        '# TYPE h histogram',
        'h_bucket{le="0.1"} 1',
        'h_bucket{le="+Inf"} 2',
        'h_sum 0.5',
        'h_count 2',
      ),
    );
    expect(faults).toEqual([]);
    expect(families.get('a_total')).toMatchObject({ type: 'counter', help: 'An a.' });
    const [sample] = families.get('a_total')?.samples ?? [];
    expect(sample?.labels.get('y')).toBe('q"\\\n');
    expect(families.get('h')?.samples).toHaveLength(4);
  });

  test.each([
    ['no TYPE', page('# HELP a A.', 'a 1')],
    ['TYPE before HELP', page('# TYPE a gauge', 'a 1')],
    ['a family in two places', page('# HELP a A.', '# TYPE a gauge', 'a 1', '# HELP a A.')],
    ['a sample of another family', page('# HELP a A.', '# TYPE a gauge', 'b 1')],
    ['the same series twice', page('# HELP a A.', '# TYPE a gauge', 'a{x="1"} 1', 'a{x="1"} 2')],
    ['the same label twice', page('# HELP a A.', '# TYPE a gauge', 'a{x="1",x="2"} 1')],
    ['a raw quote in a label', page('# HELP a A.', '# TYPE a gauge', 'a{x="""} 1')],
    ['no value', page('# HELP a A.', '# TYPE a gauge', 'a undefined')],
    ['a negative counter', page('# HELP a A.', '# TYPE a counter', 'a -1')],
    [
      'a gauge that is called total',
      page('# HELP a_total A.', '# TYPE a_total gauge', 'a_total 1'),
    ],
    ['no last line end', '# HELP a A.\n# TYPE a gauge\na 1'],
    ['an unknown type', page('# HELP a A.', '# TYPE a meter', 'a 1')],
    [
      'buckets that are not cumulative',
      page(
        '# HELP h H.',
        '# TYPE h histogram',
        'h_bucket{le="1"} 2',
        'h_bucket{le="+Inf"} 1',
        'h_sum 1',
        'h_count 1',
      ),
    ],
    [
      'buckets without +Inf',
      page('# HELP h H.', '# TYPE h histogram', 'h_bucket{le="1"} 2', 'h_sum 1', 'h_count 2'),
    ],
    [
      'a count that is not that of the buckets',
      page('# HELP h H.', '# TYPE h histogram', 'h_bucket{le="+Inf"} 1', 'h_sum 1', 'h_count 2'),
    ],
  ])('%s, a fault', (_what, text) => {
    expect(parseExposition(text).faults).not.toEqual([]);
  });
});

describe('readQuery', () => {
  test('functions, clauses and ranges, only the metrics are told with their labels', () => {
    const query = readQuery(
      'histogram_quantile(0.99, sum by (le, route) (rate(http_x_bucket{job="a", route=~"b.*"}[5m]))) > 0.1 and on (instance) up == 1',
    );
    expect(query.selectors).toEqual([
      { metric: 'http_x_bucket', labels: ['job', 'route'] },
      { metric: 'up', labels: [] },
    ]);
    expect(query.grouped).toEqual(['le', 'route', 'instance']);
    expect(query.faults).toEqual([]);
  });

  test('arithmetic without spaces and Grafana variables, the metrics are told', () => {
    const query = readQuery('100*a{instance="$instance"}/(b+c) - rate(d_total[$__rate_interval])');
    expect(query.selectors.map(({ metric }) => metric)).toEqual(['a', 'b', 'c', 'd_total']);
    expect(query.faults).toEqual([]);
  });

  test('a function that is misspelt, told as a metric, so that it is missing', () => {
    expect(readQuery('raet(a[5m])').selectors.map(({ metric }) => metric)).toEqual(['raet', 'a']);
  });

  test('brackets that do not close and signs that are none, faults', () => {
    expect(readQuery('sum(a').faults).not.toEqual([]);
    expect(readQuery('a }').faults).not.toEqual([]);
    expect(readQuery('a ? b').faults).not.toEqual([]);
  });
});
