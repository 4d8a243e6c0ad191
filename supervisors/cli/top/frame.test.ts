/** The picture: as large as the screen, whatever is on it; lines of unchanged rows are made once. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TreeRow } from '../../admin/types.ts';
import { FakeAdmin, fakeRow } from '../test/fake-admin.ts';
import { rowsOf } from '../test/rows.ts';
import { widthOf } from '../text.ts';
import { layoutFor } from './columns.ts';
import { type Facts, FOOTER_ROWS, frameOf } from './frame.ts';
import { TableLines } from './lines.ts';
import { TopState } from './state.ts';
import { painterFor } from './style.ts';

const facts: Facts = {
  node: 'n1',
  version: '0.1.0',
  pid: 4242,
  startedAt: 1_000,
  link: { kind: 'live' },
  at: 1_750_000_000_000,
};

function stateWith(rows: readonly TreeRow[]): TopState {
  const state = new TopState({ node: 'n1' }, () => undefined);
  state.event('snapshot', { rows, more: false });
  return state;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences that the picture is made of
const plain = (line: string): string => line.replace(/\u001b\[[0-9;]*m/g, '');

function picture(state: TopState, columns: number, rows: number): string[] {
  const paint = painterFor(true);
  const table = new TableLines(layoutFor(columns), paint);
  return frameOf(state, facts, { columns, rows }, table, paint).map(plain);
}

async function channels(count: number): Promise<TopState> {
  const state = new TopState({ node: 'n1' }, () => undefined);
  const admin = new FakeAdmin({ channels: count, startedAt: facts.startedAt });
  await admin.subscribe('tree', state.subscription(), (kind, data) => state.event(kind, data));
  return state;
}

describe('frameOf', () => {
  test.each([
    [80, 24],
    [200, 60],
    [40, 10],
    [20, 6],
  ])('a screen of %dx%d: is filled to the last line and never wider', async (columns, rows) => {
    const state = await channels(1_000);
    state.move(1);
    state.open();
    for (const change of [
      () => undefined,
      () => state.toggleDetail(),
      () => state.toggleMode(),
      () => state.showHelp(),
    ]) {
      change();
      const lines = picture(state, columns, rows);
      expect(lines).toHaveLength(rows - FOOTER_ROWS);
      expect(lines.filter((line) => widthOf(line) > columns)).toEqual([]);
    }
  });

  test('any row: keeps inside the screen', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 60 });
    const number = fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e14, noNaN: true }));
    const fields = fc.record({
      name: text,
      label: text,
      mailbox: number,
      mailboxMax: number,
      rate: number,
      busyMs: fc.option(number),
      memoryBytes: number,
      restarts: fc.nat(),
      messages: number,
      startedAt: fc.nat(),
      lastCrash: fc.option(fc.record({ at: fc.nat(), reason: text, op: fc.option(text) })),
    });
    fc.assert(
      fc.property(fields, fc.integer({ min: 20, max: 220 }), (own, columns) => {
        const state = stateWith([fakeRow('n1', { children: 1 }), fakeRow('n1/a', own)]);
        state.move(1);
        state.toggleDetail();
        const wide = picture(state, columns, 30).filter((line) => widthOf(line) > columns);
        expect(wide).toEqual([]);
      }),
    );
  });

  test('80x24: header, columns, rows of threads and channels', async () => {
    const state = await channels(2);
    state.move(1);
    const lines = picture(state, 80, 24);
    expect(lines[0]).toMatch(/^driftway top {2}n1 {2}0\.1\.0 {2}pid 4242 .*every 1 s$/);
    expect(lines[3]).toMatch(/^NAME +STATE +MBOX +MAX +MSG\/S▾ +BUSY +RST/);
    expect(lines[4]).toMatch(/^▾ n1 +running +0/);
  });

  test('200x60: labels, the last crash and the details too', () => {
    const lastCrash = { at: facts.at - 1_000, reason: 'Error: planted', op: 'append' };
    const own = { label: 'general', lastCrash, restarts: 2, mailbox: 9, mailboxLimit: 10 };
    const state = stateWith(rowsOf({ n1: {}, 'n1/a': own }));
    state.move(1);
    const lines = picture(state, 200, 60);
    expect(lines[5]).toMatch(/a +idle +9 .*general +\d\d:\d\d:\d\d Error: planted/);
    expect(lines.join('\n')).toMatch(/last crash .* in append: Error: planted/);
    expect(lines.join('\n')).toContain('mailbox 9 of 10');
  });

  test('a lost server: says so and keeps the rows', async () => {
    const state = await channels(1);
    const paint = painterFor(false);
    const lost: Facts = { ...facts, link: { kind: 'lost', why: 'no server answers' } };
    const table = new TableLines(layoutFor(80), paint);
    const lines = frameOf(state, lost, { columns: 80, rows: 24 }, table, paint).map(plain);
    expect(lines[0]).toMatch(/LOST, trying again$/);
    expect(lines[1]).toBe('no server answers');
    expect(lines[5]).toContain('gateway-0');
  });
});

describe('TableLines', () => {
  test('a row that has not changed: its line is not made again', () => {
    let painted = 0;
    const table = new TableLines(layoutFor(80), (_style, text) => {
      painted++;
      return text;
    });
    const row = fakeRow('n1');
    const context = { now: facts.at };
    const entry = { row, depth: 0, isOpen: null };
    const first = table.line(entry, false, context);
    const made = painted;
    expect(table.line({ ...entry }, false, context)).toBe(first);
    expect(painted).toBe(made);
    table.line({ ...entry, row: { ...row, mailbox: 1 } }, false, context);
    expect(painted).toBeGreaterThan(made);
  });
});
