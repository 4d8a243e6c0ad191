/**
 * Owns the picture: the lines of the screen above the footer, from the state and a few facts about the server. Pure but for the
 * cache of lines that it is given.
 */
import type { TreeRow } from '../../admin/types.ts';
import { bytes, count, duration, moment, padded, safe, widthOf } from '../text.ts';
import { layoutFor } from './columns.ts';
import { HELP } from './keys.ts';
import type { TableLines } from './lines.ts';
import type { TopState } from './state.ts';
import type { Paint, Style } from './style.ts';

/** Whether rows are coming, and what to say when they are not. */
export type Link =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'live' }
  | { readonly kind: 'lost'; readonly why: string };

/** What the header says besides the rows. */
export interface Facts {
  readonly node: string;
  readonly version: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly link: Link;
  /** Ms since 1970 of the last event. */
  readonly at: number;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export const HEADER_ROWS = 4;
export const FOOTER_ROWS = 1;
const DETAIL_ROWS = 7;

/** All lines above the footer. Tells the state how many of them are the table's. */
export function frameOf(
  state: TopState,
  facts: Facts,
  size: Size,
  table: TableLines,
  paint: Paint,
): string[] {
  const width = Math.max(20, size.columns);
  if (table.layout.width !== width) table.layout = layoutFor(width);
  const lines = Math.max(HEADER_ROWS + 1, size.rows - FOOTER_ROWS);
  state.screenRows = size.rows;
  if (state.hasHelp) return helpLines(lines, width, paint);
  const detailRows = state.hasDetail && lines > HEADER_ROWS + DETAIL_ROWS + 3 ? DETAIL_ROWS : 0;
  const bodyRows = lines - HEADER_ROWS - detailRows;
  state.bodyRows = bodyRows;
  const shown = state.entries.slice(state.offset, state.offset + bodyRows);
  const context = { now: facts.at };
  const body = shown.map((entry, i) =>
    table.line(entry, state.offset + i === state.cursor, context),
  );
  if (body.length === 0) body.push(paint('faint', emptyText(state, facts.link)));
  while (body.length < bodyRows) body.push('');
  return [
    titleLine(state, facts, width, paint),
    facts.link.kind === 'lost'
      ? paint('bad', padded(safe(facts.link.why), width).trimEnd())
      : totalsLine(state, width, paint),
    placeLine(state, width, paint),
    table.head(state.sort, state.isReversed),
    ...body,
    ...(detailRows === 0 ? [] : detailLines(state.chosen, facts, width, paint)),
  ];
}

function helpLines(rows: number, width: number, paint: Paint): string[] {
  const keys = HELP.map(([key, what]) => padded(`  ${padded(key, 20)} ${what}`, width).trimEnd());
  const lines = [paint('title', 'driftway top: keys'), '', ...keys].slice(0, rows);
  while (lines.length < rows) lines.push('');
  return lines;
}

function emptyText(state: TopState, link: Link): string {
  if (link.kind === 'waiting') return '  waiting for the first rows';
  return state.filter === '' ? '  no rows' : `  no row contains "${safe(state.filter)}"`;
}

function titleLine(state: TopState, facts: Facts, width: number, paint: Paint): string {
  const { node, version, pid, startedAt, link, at } = facts;
  const up = at > 0 ? `  up ${duration(at - startedAt)}` : '';
  const left = `driftway top  ${safe(node)}  ${safe(version)}  pid ${pid}${up}`;
  const right = linkText(state, link, at);
  const style = link.kind === 'lost' ? 'bad' : state.isPaused ? 'special' : 'good';
  return bar([left, 'title'], [right, style], width, paint);
}

/** A text at each end of the line; the right one goes before the left one. */
function bar(
  [left, leftStyle]: readonly [string, Style],
  [right, rightStyle]: readonly [string, Style],
  width: number,
  paint: Paint,
): string {
  const end = widthOf(right) > width ? padded(right, width) : right;
  const room = width - widthOf(end) - 1;
  if (room < 1) return paint(rightStyle, padded(end, width));
  return `${paint(leftStyle, padded(left, room))} ${paint(rightStyle, end)}`;
}

function linkText(state: TopState, link: Link, at: number): string {
  if (link.kind === 'lost') return 'LOST, trying again';
  if (link.kind === 'waiting') return 'connecting';
  const time = moment(at, at);
  return `${time}${state.isPaused ? '  PAUSED' : `  every ${paceText(state.everyMs)}`}`;
}

function paceText(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}

function totalsLine(state: TopState, width: number, paint: Paint): string {
  const row = state.store.row(state.root);
  if (row === undefined) return '';
  const parts: [text: string, isWarning: boolean][] = [
    [`${count(row.rate)} msg/s`, false],
    [`${count(row.mailbox)} waiting`, row.mailbox > 0],
    [`${count(row.mailboxMax)} at most`, false],
    [`${count(row.restarts)} restarts`, row.restarts > 0],
    [`${count(row.dropped)} dropped`, row.dropped > 0],
    [row.memoryBytes > 0 ? `${bytes(row.memoryBytes)} memory` : '', false],
    [row.busyMs === null ? '' : `busy ${(row.busyMs / 10).toFixed(0)}%`, false],
    [`${count(state.store.size)} rows here`, false],
  ];
  let line = '';
  let used = 0;
  for (const [text, isWarning] of parts) {
    if (text === '' || used + text.length + 2 > width) continue;
    line += `${used === 0 ? '' : '  '}${isWarning ? paint('warn', text) : text}`;
    used += text.length + (used === 0 ? 0 : 2);
  }
  return line;
}

function placeLine(state: TopState, width: number, paint: Paint): string {
  const right = [
    `sort ${state.sort}${state.isReversed ? ' \u25b4' : ' \u25be'}`,
    ...(state.filter === '' ? [] : [`filter "${safe(state.filter)}"`]),
    state.mode === 'list' ? 'list' : `depth ${state.depth}`,
  ].join('  ');
  const path = safe(state.root).split('/').join(' / ');
  const room = width - widthOf(right) - 1;
  const left = path.length > room && room > 1 ? `\u2026${path.slice(1 - room)}` : path;
  return bar([left, 'special'], [right, state.filter === '' ? 'faint' : 'warn'], width, paint);
}

/** What the table has no room for, about the row under the cursor. */
function detailLines(
  row: TreeRow | undefined,
  { at }: Facts,
  width: number,
  paint: Paint,
): string[] {
  const lines = [paint('faint', '\u2500'.repeat(width))];
  if (row !== undefined) {
    const crash = row.lastCrash;
    const started =
      row.startedAt > 0 ? `${moment(row.startedAt, at)}, up ${duration(at - row.startedAt)}` : '-';
    const box = row.mailboxLimit > 0 ? `${row.mailbox} of ${row.mailboxLimit}` : `${row.mailbox}`;
    const texts = [
      `${row.id}   ${row.kind}, ${row.state}${row.label === '' ? '' : `, "${row.label}"`}`,
      `thread ${row.thread}   ref ${row.ref ?? '-'}   started ${started}   below ${row.children}`,
      `mailbox ${box}, at most ${row.mailboxMax}   dropped ${row.dropped}   messages ${row.messages}`,
      `${count(row.rate)} msg/s   ${row.busyMs === null ? 'time not measured' : `${row.busyMs.toFixed(1)} ms of work per s`}   ${row.memoryBytes > 0 ? bytes(row.memoryBytes) : 'memory not measured'}`,
      `restarts ${row.restarts}`,
      crash === null
        ? 'no crash'
        : `last crash ${moment(crash.at, at)}${crash.op === null ? '' : ` in ${crash.op}`}: ${crash.reason}`,
    ];
    for (const [i, text] of texts.entries()) {
      const line = padded(safe(text), width).trimEnd();
      lines.push(
        i === 0 ? paint('title', line) : i === 5 && crash !== null ? paint('warn', line) : line,
      );
    }
  }
  while (lines.length < DETAIL_ROWS) lines.push('');
  return lines;
}
