/**
 * Owns the tables of bench:runtime: medians, ratios, bars, and how they are printed. Pure.
 */
import {
  type Figures,
  LANE_ROWS,
  type LaneRow,
  ROWS,
  type Row,
  SIDES,
  type SideId,
} from './scenarios.ts';

/** All rounds' figures, by `side scenario`; Erlang's by `side module`. */
export type Results = ReadonlyMap<string, readonly Figures[]>;

export interface Tables {
  /** Markdown. */
  readonly text: string;
  /** One line per missed bar. */
  readonly missed: readonly string[];
}

const TITLES: Readonly<Record<SideId, string>> = {
  driftway: 'Driftway',
  erlang: 'Erlang',
  'erlang-1': 'Erlang +S 1',
  nact: 'nact',
  xstate: 'xstate',
};

/** Key of a row's figures in the results. */
export function resultKey(side: SideId, row: Row): string {
  return `${side} ${side.startsWith('erlang') ? row.erlang : row.scenario}`;
}

/** Does the side have a figure in the row? */
export function takesPart(side: SideId, row: Row): boolean {
  return side === 'driftway' || side.startsWith('erlang') || row.peers.includes(side);
}

/** Of an even number of values the mean of the middle two; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

/** Half of the range over the median, in percent: what to expect of a single round. */
function spread(values: readonly number[]): string {
  if (values.length < 2 || median(values) === 0) return '';
  const half = (Math.max(...values) - Math.min(...values)) / 2;
  return ` ±${((half / median(values)) * 100).toFixed(0)}%`;
}

/** The two tables of the rows whose ids are given. */
export function makeTables(results: Results, ids: readonly string[]): Tables {
  const missed: string[] = [];
  const sides = ROWS.filter(({ id }) => ids.includes(id)).map((row) =>
    sideRow(results, row, missed),
  );
  const lanes = LANE_ROWS.filter(({ id }) => ids.includes(id)).map((row) =>
    laneRow(results, row, missed),
  );
  const parts: string[] = [];
  if (sides.length > 0) {
    const heads = SIDES.map((side) => TITLES[side]);
    const ratios = ['Erlang / Driftway', 'Erlang +S 1 / Driftway', 'bar', ''];
    parts.push(markdown([['ns, or bytes; less is better', ...heads, ...ratios], ...sides]));
    const cpu = ROWS.filter(({ id, figure }) => ids.includes(id) && figure === 'ns');
    const cpuRatios = ratios.slice(0, 2);
    const rows = cpu.map((row) => cpuRow(results, row));
    parts.push(markdown([['ns of CPU, all threads', ...heads, ...cpuRatios], ...rows]));
  }
  if (lanes.length > 0)
    parts.push(markdown([['between two threads', 'Driftway', 'bar', ''], ...lanes]));
  return { text: parts.join('\n\n'), missed };
}

/** One figure of a side in all rounds. */
function valuesOf(results: Results, side: SideId, row: Row, figure: string): readonly number[] {
  if (!takesPart(side, row)) return [];
  return (results.get(resultKey(side, row)) ?? []).map((figures) => figures[figure] as number);
}

/** The same operations by CPU time: no bar, but it moves less when the machine has other work. */
function cpuRow(results: Results, row: Row): string[] {
  const of = (side: SideId) => median(valuesOf(results, side, row, 'cpuNs'));
  const cells = SIDES.map((side) => (Number.isNaN(of(side)) ? '-' : of(side).toFixed(0)));
  const ratios = (['erlang', 'erlang-1'] as const).map((side) => times(of(side) / of('driftway')));
  return [row.title, ...cells, ...ratios];
}

function sideRow(results: Results, row: Row, missed: string[]): string[] {
  const values = (side: SideId) => valuesOf(results, side, row, row.figure);
  const cells = SIDES.map((side) => {
    const all = values(side);
    return all.length === 0 ? '-' : `${median(all).toFixed(0)}${spread(all)}`;
  });
  const ours = median(values('driftway'));
  const ratio = median(values('erlang')) / ours;
  const single = median(values('erlang-1')) / ours;
  const { ratioMin, most } = row;
  const [bar, kept] =
    ratioMin !== undefined
      ? [`>= ${ratioMin} x`, Number.isNaN(ratio) ? undefined : ratio >= ratioMin]
      : most !== undefined
        ? [`< ${most}`, Number.isNaN(ours) ? undefined : ours < most]
        : ['', undefined];
  if (kept === false) {
    missed.push(
      `${row.title}: got ${ratioMin === undefined ? ours.toFixed(0) : times(ratio)}, want ${bar}`,
    );
  }
  return [row.title, ...cells, times(ratio), times(single), bar, verdict(kept)];
}

function laneRow(results: Results, row: LaneRow, missed: string[]): string[] {
  const values = (results.get(`driftway ${row.scenario}`) ?? []).map(row.read);
  const ours = median(values);
  const shown = (value: number) => `${value.toFixed(row.digits)} ${row.unit}`;
  const { least, most } = row;
  const bar =
    least !== undefined ? `>= ${shown(least)}` : most !== undefined ? `<= ${shown(most)}` : '';
  const kept =
    bar === '' || values.length === 0
      ? undefined
      : ours >= (least ?? Number.NEGATIVE_INFINITY) && ours <= (most ?? Number.POSITIVE_INFINITY);
  if (kept === false) missed.push(`${row.title}: got ${shown(ours)}, want ${bar}`);
  return [row.title, values.length === 0 ? '-' : shown(ours) + spread(values), bar, verdict(kept)];
}

function times(ratio: number): string {
  return Number.isNaN(ratio) ? '-' : `${ratio.toFixed(1)} x`;
}

function verdict(kept: boolean | undefined): string {
  return kept === undefined ? '' : kept ? 'kept' : 'MISSED';
}

/** Aligned columns; the first row is the head. */
function markdown(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(3, ...rows.map((row) => (row[at] ?? '').length)),
  );
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, at) => (at === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  const [head = [], ...body] = rows;
  return [line(head), rule, ...body.map(line)].join('\n');
}
