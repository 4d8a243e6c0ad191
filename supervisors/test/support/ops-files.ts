/**
 * Reads the files of supervisors/ops as Prometheus and Grafana would: alert rules, queries of the dashboard, pages. Runs in the
 * test process; must never import product code.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { REPO } from './server-process.ts';

const OPS = `${REPO}supervisors/ops`;

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly severity: string;
  readonly summary: string;
  /** Path from the repository's root. */
  readonly runbook: string;
}

/** Lines of one rule, in this order; the file is kept so plain that no YAML library is needed to read it. */
const RULE_LINES = [
  ['alert', /^ {6}- alert: (\w+)$/],
  ['expr', /^ {8}expr: (.+)$/],
  ['for', /^ {8}for: (\d+[sm])$/],
  ['', /^ {8}labels:$/],
  ['severity', /^ {10}severity: (page|ticket)$/],
  ['', /^ {8}annotations:$/],
  ['summary', /^ {10}summary: (.+)$/],
  ['runbook', /^ {10}runbook: (\S+)$/],
] as const;

/** Every rule of alerts.yml. Throws where the file is not as plain as it should be. */
export function alertRules(): readonly AlertRule[] {
  const lines = readFileSync(`${OPS}/prometheus/alerts.yml`, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const head = lines.splice(0, 3);
  if (head.join('|') !== 'groups:|  - name: driftway|    rules:') {
    throw new Error(`alerts.yml begins with ${head.join('|')}`);
  }
  const rules: AlertRule[] = [];
  while (lines.length > 0) {
    const fields = RULE_LINES.map(([field, form]) => {
      const line = lines.shift() ?? '';
      const value = form.exec(line);
      if (value === null) throw new Error(`alerts.yml: got ${line}, wanted ${form}`);
      return [field, unquoted(value[1] ?? '')];
    });
    rules.push(Object.fromEntries(fields) as AlertRule);
  }
  return rules;
}

/** A text of one line in YAML: in either quotes, or without. */
function unquoted(text: string): string {
  if (/^'(?:[^']|'')*'$/.test(text)) return text.slice(1, -1).replaceAll("''", "'");
  if (/^"[^"\\]*"$/.test(text)) return text.slice(1, -1);
  if (/['":{#]/.test(text)) throw new Error(`alerts.yml: no plain text: ${text}`);
  return text;
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly expr: string }[];
}

export interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string }[];
  };
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

export function dashboard(): Dashboard {
  return JSON.parse(readFileSync(`${OPS}/grafana/driftway.json`, 'utf8')) as Dashboard;
}

/** Every expression of the dashboard, with where it is. */
export function dashboardQueries({ panels, annotations }: Dashboard): readonly [string, string][] {
  return [
    ...panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }): [string, string] => [title, expr]),
    ),
    ...annotations.list.map(({ expr }): [string, string] => ['annotation', expr]),
  ];
}

/** How Prometheus finds a server. */
export function prometheusExample(): string {
  return readFileSync(`${OPS}/prometheus/prometheus.yml`, 'utf8');
}

/** Runbooks by path from the repository's root. */
export function runbooks(): ReadonlyMap<string, string> {
  const folder = 'supervisors/ops/runbooks';
  return new Map(
    readdirSync(`${REPO}${folder}`).map((name) => {
      const path = `${folder}/${name}`;
      return [path, readFileSync(`${REPO}${path}`, 'utf8')];
    }),
  );
}
