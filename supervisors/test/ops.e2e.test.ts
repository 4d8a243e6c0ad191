/**
 * /metrics of a running server, and the files of supervisors/ops held against it: every metric and label that a dashboard or an
 * alert names exists, the text is what the format asks for, names that were promised are there, and no id is in a label.
 */
import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../cli/commands.ts';
import { type Exposition, type MetricFamily, parseExposition } from './support/exposition.ts';
import { type Fixture, useServer } from './support/fixture.ts';
import { HttpClient } from './support/http-client.ts';
import {
  alertRules,
  dashboard,
  dashboardQueries,
  prometheusExample,
  runbooks,
} from './support/ops-files.ts';
import { readQuery } from './support/promql.ts';
import { pause, REPO } from './support/server-process.ts';

/** Made by Prometheus itself. */
const OF_PROMETHEUS: ReadonlySet<string> = new Set(['up']);
/** Put on every series by the scrape. */
const OF_THE_SCRAPE: ReadonlySet<string> = new Set(['instance', 'job']);
/** Labels of series that come with the first event only. */
const LATER: Readonly<Record<string, readonly string[]>> = {
  driftway_supervisor_restarts_total: ['thread', 'supervisor', 'child'],
  driftway_gateway_closed_by_code: ['thread', 'code'],
  driftway_media_worker_cpu_share: ['worker'],
};

const PROMISED: Readonly<Record<string, string>> = {
  http_requests_total: 'counter',
  http_request_duration_seconds: 'histogram',
  websocket_connections: 'gauge',
  messages_processed_total: 'counter',
  channel_members: 'gauge',
  jwt_validations_total: 'counter',
  rate_limit_hits_total: 'counter',
  voice_connections_total: 'counter',
  audio_packets_processed_total: 'counter',
  webrtc_connections_total: 'counter',
  driftway_actor_mailbox_messages: 'gauge',
  driftway_actor_mailbox_depth_max: 'gauge',
  driftway_supervisor_restarts_total: 'counter',
  driftway_scheduler_delay_seconds: 'histogram',
  driftway_lane_depth_bytes: 'gauge',
  driftway_store_commit_seconds: 'histogram',
  driftway_fanout_recipients: 'histogram',
  driftway_fanout_delay_seconds: 'histogram',
};

let fixture: Fixture;
let before: Exposition;
let page: Exposition;

async function scrape(): Promise<Exposition> {
  const answer = await fixture.http.raw('/metrics');
  expect(answer.status).toBe(200);
  return parseExposition(answer.text);
}

/** A bit of everything: sockets and requests that go well, and some that do not. */
async function traffic(): Promise<void> {
  const { gid, http, sid } = fixture;
  const [reader, writer] = [await fixture.client(0), await fixture.client(1, 'json')];
  for (const client of [reader, writer]) await client.sub([[sid]]);
  for (let i = 0; i < 5; i++) await writer.append(sid, `n${i}`, `text ${i}`);
  await writer.append(sid, 'n0', 'text 0');
  await writer.append(2 ** 40, 'x', 'nowhere');
  await http.want(200, `/channels/${sid}/messages`, { token: fixture.token(2) });
  await http.want(401, `/guilds/${gid}`, { token: 'not.a.token' });
  await http.raw(`/secret-path-${gid}`);
  // Younger pages than a quarter of a second are given again.
  await pause(300);
}

const family = (name: string): MetricFamily => {
  const found = page.families.get(name);
  if (found === undefined) throw new Error(`no metric ${name}`);
  return found;
};

const totalOf = (of: Exposition, name: string, labels: Readonly<Record<string, string>> = {}) =>
  (of.families.get(name)?.samples ?? [])
    .filter((sample) => Object.entries(labels).every(([key, is]) => sample.labels.get(key) === is))
    .reduce((sum, { value }) => sum + value, 0);

describe('a server that is used', () => {
  fixture = useServer({ users: 3, channels: 2, env: { DRIFTWAY_GATEWAY_THREADS: '2' } });
  beforeAll(async () => {
    before = await scrape();
    await traffic();
    page = await scrape();
  }, 60_000);

  describe('the page', () => {
    test('the text format, kept to the letter', () => {
      expect(before.faults).toEqual([]);
      expect(page.faults).toEqual([]);
    });

    test('the content type, that of the format', async () => {
      const answer = await fixture.http.raw('/metrics');
      expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    });

    test('every promised name, there with its type and a help', () => {
      const found = Object.keys(PROMISED).map((name) => [name, page.families.get(name)?.type]);
      expect(Object.fromEntries(found)).toEqual(PROMISED);
      for (const { help } of page.families.values()) expect(help).toMatch(/^[A-Z1].*\.$/);
    });

    test('every thread answers once, main too', () => {
      const threads = family('driftway_thread_up').samples;
      const names = threads.map(({ labels }) => labels.get('thread')).sort();
      expect(names).toEqual(expect.arrayContaining(['gateway-0', 'gateway-1', 'main', 'store']));
      expect(threads.every(({ value }) => value === 1)).toBe(true);
    });

    test('traffic between two scrapes, counted', () => {
      const added = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
        totalOf(page, name, labels) - totalOf(before, name, labels);
      expect(added('messages_processed_total', { result: 'stored' })).toBeGreaterThanOrEqual(5);
      expect(added('messages_processed_total', { result: 'duplicate' })).toBe(1);
      expect(added('jwt_validations_total', { result: 'forged' })).toBe(1);
      expect(added('jwt_validations_total', { result: 'ok' })).toBeGreaterThan(0);
      expect(added('http_requests_total', { status: '401', route: '/api/v1/guilds/:id' })).toBe(1);
      expect(added('http_requests_total', { status: '404', route: 'none' })).toBe(1);
      const bucket = (of: Exposition, name: string): number =>
        (of.families.get(name)?.samples ?? [])
          .filter((sample) => sample.name === `${name}_count`)
          .reduce((sum, { value }) => sum + value, 0);
      for (const [name, least] of [
        ['driftway_append_seconds', 7],
        ['driftway_fanout_recipients', 5],
        ['driftway_fanout_delay_seconds', 5],
        ['driftway_store_commit_seconds', 5],
        ['http_request_duration_seconds', 3],
      ] as const) {
        expect([name, bucket(page, name) - bucket(before, name)]).toEqual([
          name,
          expect.toSatisfy((count: number) => count >= least),
        ]);
      }
      expect(totalOf(page, 'websocket_connections')).toBe(2);
      expect(totalOf(page, 'channel_members')).toBeGreaterThanOrEqual(2);
    });

    test('counters between two scrapes, none falls', () => {
      const fallen = [...before.families.values()].flatMap(({ name, type, samples }) =>
        type === 'gauge'
          ? []
          : samples.filter((old) => {
              const now = page.families.get(name)?.samples.find((sample) => {
                return sample.name === old.name && sameLabels(sample.labels, old.labels);
              });
              return now === undefined || now.value < old.value;
            }),
      );
      expect(fallen.map(({ name, labels }) => [name, ...labels])).toEqual([]);
    });

    test('labels, no ids or names of users, and a bounded number of series', () => {
      const { gid, sids } = fixture;
      const user = fixture.user(0);
      const secrets = [gid, ...sids, user.id, user.username].map(String);
      const all = [...page.families.values()].flatMap(({ samples }) => samples);
      const values = new Set(all.flatMap(({ labels }) => [...labels.values()]));
      expect(secrets.filter((secret) => values.has(secret))).toEqual([]);
      expect([...values].filter((value) => /\d{12}|secret-path/.test(value))).toEqual([]);
      expect(all.length).toBeLessThan(6000);
    });

    test('scrapes at the same time, all get the page', async () => {
      const client = new HttpClient(fixture.port, 8);
      const answers = await Promise.all(Array.from({ length: 8 }, () => client.raw('/metrics')));
      client.close();
      expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
      for (const { text } of answers)
        expect(parseExposition(text).families.size).toBe(page.families.size);
    });
  });

  describe('supervisors/ops', () => {
    test('alerts: every expression, names metrics and labels that exist', () => {
      const rules = alertRules();
      expect(rules.length).toBeGreaterThan(20);
      const faults = rules.flatMap(({ alert, expr }) =>
        queryFaults(expr).map((fault) => `${alert}: ${fault}`),
      );
      expect(faults).toEqual([]);
      expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    });

    test('alerts: every label in a summary, one that the expression keeps', () => {
      const faults = alertRules().flatMap(({ alert, expr, summary }) => {
        const wanted = [...summary.matchAll(/\$labels\.(\w+)/g)].map(
          ([, label]) => label as string,
        );
        const { grouped, selectors } = readQuery(expr);
        const kept = new Set(grouped.length > 0 ? grouped : labelsOf(selectors[0]?.metric ?? ''));
        kept.add('instance');
        return wanted.filter((label) => !kept.has(label)).map((label) => `${alert}: ${label}`);
      });
      expect(faults).toEqual([]);
    });

    test('dashboard: every panel, names metrics and labels that exist', () => {
      const board = dashboard();
      const queries = dashboardQueries(board);
      expect(queries.length).toBeGreaterThan(40);
      const faults = queries.flatMap(([title, expr]) =>
        queryFaults(expr).map((fault) => `${title}: ${fault}`),
      );
      expect(faults).toEqual([]);
      const variable = board.templating.list.find(({ name }) => name === 'instance');
      const [, metric] = /^label_values\((\w+), instance\)$/.exec(variable?.query ?? '') ?? [];
      expect(page.families.has(metric ?? '')).toBe(true);
    });

    test('dashboard: panels, ids of their own, none over another', () => {
      const { panels } = dashboard();
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
      );
      expect(new Set(cells).size).toBe(cells.length);
      expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
    });

    test('runbooks: every alert has its page, every page its alert', () => {
      const pages = runbooks();
      expect([...pages.keys()].sort()).toEqual(
        alertRules()
          .map(({ runbook }) => runbook)
          .sort(),
      );
      for (const { alert, expr, runbook } of alertRules()) {
        const text = pages.get(runbook) ?? '';
        expect(text.startsWith(`# ${alert}\n`)).toBe(true);
        expect(text).toContain(`\`${expr}\``);
        for (const part of ['What it means', 'Look at', 'Do', 'Rehearse']) {
          expect(text).toContain(`\n## ${part}\n`);
        }
      }
    });

    test('commands: each that a page or a file names, is there with its options', async () => {
      const texts = [...runbooks().values(), prometheusExample()];
      const named = texts.flatMap((text) => [...text.matchAll(/npm run driftway -- ([^`]+)`/g)]);
      const lines = [...new Set(named.map(([, line]) => line as string))];
      expect(lines.length).toBeGreaterThan(10);
      const faults = await Promise.all(lines.map(commandFault));
      expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
    });

    test('runbooks: what they point at, is there', () => {
      const named = new Set<string>();
      const faults = [...runbooks()].flatMap(([path, text]) => {
        const pages = [...text.matchAll(/`([a-z-]+\.md)`/g)].map(([, name]) => name as string);
        const files = [...text.matchAll(/`(supervisors\/[\w./-]+)`/g)].map(
          ([, name]) => name as string,
        );
        const metrics = [...text.matchAll(/`(driftway_\w+|\w+_total)[`{]/g)];
        for (const [, metric] of metrics) named.add(metric as string);
        return [
          ...pages.filter((name) => !runbooks().has(`supervisors/ops/runbooks/${name}`)),
          ...files.filter((name) => !existsSync(`${REPO}${name}`)),
          ...metrics.map(([, m]) => m as string).filter((metric) => !page.families.has(metric)),
        ].map((name) => `${path}: ${name}`);
      });
      expect(faults).toEqual([]);
      expect(named.size).toBeGreaterThan(10);
    });
  });
});

function sameLabels(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

/** Names that are written in an expression, and what is wrong with it. */
function queryFaults(expression: string): string[] {
  const { selectors, grouped, faults } = readQuery(expression);
  const known = new Set(OF_THE_SCRAPE);
  const missing = selectors.flatMap(({ metric, labels }) => {
    if (OF_PROMETHEUS.has(metric)) return [];
    const base = metric.replace(/_(bucket|sum|count)$/, '');
    const found = page.families.get(metric) ?? histogramOf(base);
    if (found === undefined) return [`no metric ${metric}`];
    const has = new Set([...found.samples.flatMap((sample) => [...sample.labels.keys()])]);
    for (const label of [...has, ...(LATER[found.name] ?? [])]) known.add(label);
    return labels
      .filter((label) => !known.has(label))
      .map((label) => `no label ${label} of ${metric}`);
  });
  const strays = grouped.filter((label) => !known.has(label)).map((label) => `no label ${label}`);
  return [...faults, ...missing, ...strays];
}

/** What is wrong with the words behind `driftway`; undefined: nothing. */
async function commandFault(line: string): Promise<string | undefined> {
  const found = COMMANDS.filter(({ name }) => `${line} `.startsWith(`${name} `)).sort(
    (a, b) => b.name.length - a.name.length,
  )[0];
  if (found === undefined) return `no command: ${line}`;
  const { options = [] } = await found.load();
  for (const [, name, value] of line.matchAll(/--([a-z-]+)(?: (\S+))?/g)) {
    const option = options.find((each) => each.name === name);
    if (option === undefined) return `no option ${name}: ${line}`;
    const { choices } = option;
    if (choices !== undefined && !choices.includes(value ?? '')) return `no choice: ${line}`;
  }
  return undefined;
}

function histogramOf(name: string): MetricFamily | undefined {
  const found = page.families.get(name);
  return found?.type === 'histogram' ? found : undefined;
}

function labelsOf(metric: string): readonly string[] {
  const found = page.families.get(metric);
  return [
    ...(LATER[metric] ?? []),
    ...(found?.samples ?? []).flatMap(({ labels }) => [...labels.keys()]),
  ];
}
