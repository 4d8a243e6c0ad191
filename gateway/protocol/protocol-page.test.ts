/** Holds the tables of PROTOCOL.md, the catalogue and the codes in the code against each other. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CLOSE_ADVICE, ERR_MEANINGS, KIND_ROWS, LIMIT_ROWS, NUMBER_SPACES } from './catalogue.ts';
import { OP_ROWS } from './catalogue-ops.ts';
import {
  CLIENT_OPS,
  Close,
  closeName,
  Err,
  errName,
  GapReason,
  Kind,
  Limits,
  MsgFlag,
  Op,
  Perm,
  parseAppendBody,
  SubStatus,
  VoiceJoin,
  VoiceKind,
  VoicePart,
  VoiceState,
} from './index.ts';
import { pageTables } from './page-tables.ts';

const PAGE = readFileSync(new URL('./PROTOCOL.md', import.meta.url), 'utf8');
const HOW = 'run `node gateway/protocol/test/write-page.ts`';

/** What stands between the markers of a table. */
function onPage(name: string): string {
  return PAGE.split(`<!-- table ${name} -->`)[1]?.split('<!-- end -->')[0]?.trim() ?? '';
}

/** Number and name of each row of a table. */
function rows(name: string): [number, string][] {
  return [...onPage(name).matchAll(/^\| (\d+) \| (\w+) \|/gm)].map((row) => [
    Number(row[1]),
    String(row[2]),
  ]);
}

function byCode(codes: Readonly<Record<string, number>>, name: (key: string) => string) {
  return Object.entries(codes)
    .map(([key, code]): [number, string] => [code, name(key)])
    .sort(([a], [b]) => a - b);
}

test.each(Object.entries(pageTables()))(
  'PROTOCOL.md: table %s, that of the catalogue',
  (name, table) => {
    expect(onPage(name), HOW).toBe(table);
  },
);

describe('the page and the codes, both ways', () => {
  test('opcodes: number, name and who sends them', () => {
    expect(rows('ops')).toEqual(byCode(Op, (key) => key));
    for (const [op] of rows('ops')) {
      const from = onPage('ops').match(new RegExp(`^\\| ${op} \\| \\w+ \\| (\\w+) \\|`, 'm'))?.[1];
      expect(from).toBe(CLIENT_OPS.has(op) ? 'client' : 'server');
    }
  });

  test('event kinds', () => {
    expect(rows('kinds')).toEqual(byCode(Kind, (key) => key));
  });

  test('ERR codes and wire names', () => {
    expect(rows('errors')).toEqual(byCode(Err, (key) => key.toLowerCase()));
    expect(rows('errors')).toEqual(Object.values(Err).map((code) => [code, errName(code)]));
  });

  test('close codes and wire names', () => {
    expect(rows('closes')).toEqual(byCode(Close, (key) => key.toLowerCase()));
    expect(rows('closes')).toEqual(Object.values(Close).map((code) => [code, closeName(code)]));
  });
});

describe('the catalogue and the code', () => {
  test('names: each of the code has a row, and no row is left over', () => {
    expect(Object.keys(OP_ROWS).sort()).toEqual(Object.keys(Op).sort());
    expect(Object.keys(KIND_ROWS).sort()).toEqual(Object.keys(Kind).sort());
    expect(Object.keys(ERR_MEANINGS).sort()).toEqual(Object.keys(Err).sort());
    expect(Object.keys(CLOSE_ADVICE).sort()).toEqual(Object.keys(Close).sort());
  });

  test('small numbers: as many meanings as names in the code', () => {
    const meanings = (name: string): number[] => Object.keys(NUMBER_SPACES[name] ?? {}).map(Number);
    expect(meanings('SUB status')).toEqual(Object.values(SubStatus));
    expect(meanings('GAP reason')).toEqual(Object.values(GapReason));
    expect(meanings('perms (bit)').map((bit) => 2 ** bit)).toEqual(Object.values(Perm));
    expect(meanings('message flags (bit)').map((bit) => 2 ** bit)).toEqual(Object.values(MsgFlag));
    expect(meanings('VOICE kind')).toEqual(Object.values(VoiceKind));
    const bits = (name: string): number[] => meanings(name).map((bit) => 2 ** bit);
    expect(bits('V_JOIN flags (bit)')).toEqual(Object.values(VoiceJoin));
    expect(bits('V_STATE flags (bit)')).toEqual(Object.values(VoiceState));
    expect(bits('participant flags (bit)')).toEqual(Object.values(VoicePart));
  });

  test('limits: every bound of the code is on the page', () => {
    const values = LIMIT_ROWS.map((row) => row.value);
    for (const value of Object.values(Limits)) expect(values).toContain(value);
  });

  test('kinds by APPEND: those that the parser knows', () => {
    // A body that fits no kind: a known kind is bad arguments or content, like the unknown one, so look at 1 to 7 themselves.
    const bodies: Readonly<Record<number, readonly (string | number | boolean)[]>> = {
      1: ['hello'],
      2: [1, 'hello'],
      3: [1],
      4: [1, 'x'],
      5: [1, 'x'],
      6: [1, true],
      7: ['name'],
    };
    for (const [name, kind] of Object.entries(Kind)) {
      const parsed = parseAppendBody(kind, [34, 1, 1, 'n', kind, ...(bodies[kind] ?? [])], 5);
      expect([name, parsed.ok]).toEqual([name, KIND_ROWS[name as keyof typeof Kind].byAppend]);
    }
  });
});
