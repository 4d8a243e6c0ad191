/** README.md against the code: what a stranger writes a client from has to be so. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { REFUSALS } from '../../gateway/admin/index.ts';
import {
  ADMIN_SUBPROTOCOL,
  AdminClose,
  AdminLimits,
  AdminOp,
} from '../../gateway/admin-wire/index.ts';
import { RATE_LIMITS } from '../../gateway/rates/index.ts';
import { createAdminCounters } from './counters.ts';
import type { AdminDeps } from './deps.ts';
import { ADMIN_LIMITS } from './limits.ts';
import { adminTopics } from './topics/all.ts';
import type { VerbCode } from './types.ts';
import { adminVerbs } from './verbs/all.ts';

const page = readFileSync(new URL('./README.md', import.meta.url), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| '));

/** All of them, held by the type. */
const CODES: Readonly<Record<VerbCode, true>> = {
  unknown_verb: true,
  invalid: true,
  not_found: true,
  forbidden: true,
  conflict: true,
  disabled: true,
  not_available: true,
  rate_limited: true,
  too_large: true,
  timeout: true,
  internal: true,
};

/** Factories only keep what they are given until they run. */
const nothing = { config: { dataDir: 'nowhere' } } as unknown as AdminDeps;
const deps = new Proxy(nothing, {
  get: (target, name) => (name === 'config' ? target.config : () => undefined),
});

const hasRow = (start: string): boolean => rows.some((row) => row.startsWith(`| ${start} |`));
const hasCell = (text: string): boolean =>
  rows.some((row) => (row.split('|')[1] ?? '').includes(`\`${text}\``));

describe('README.md', () => {
  test.each(Object.entries(AdminOp))('opcode %s %i: has a row', (name, op) => {
    expect(hasRow(`${op} | ${name}`)).toBe(true);
  });

  test('opcodes and close codes in its tables: exist', () => {
    const codes = rows.flatMap((row) => /^\| (\d{2,4}) \|/.exec(row)?.[1] ?? []).map(Number);
    const known = new Set<number>([...Object.values(AdminOp), ...Object.values(AdminClose)]);
    const http = new Set([
      404,
      426,
      ...Object.values(REFUSALS).map((r) => Number.parseInt(r.status, 10)),
    ]);
    expect(codes.filter((code) => !known.has(code) && !http.has(code))).toEqual([]);
  });

  test.each(Object.keys(REFUSALS))('refusal %s: has a row', (code) => {
    const status = Number.parseInt(REFUSALS[code as keyof typeof REFUSALS].status, 10);
    expect(rows.some((row) => row.startsWith(`| ${status} | \`${code}\``))).toBe(true);
  });

  test.each(Object.keys(CODES))('code %s: has a row', (code) => {
    expect(hasCell(code)).toBe(true);
  });

  test.each(Object.values(ADMIN_SUBPROTOCOL))('subprotocol %s: named', (name) => {
    expect(page).toContain(`\`${name}\``);
  });

  test('verbs and topics: each has a row', () => {
    const names = [...adminVerbs(deps), ...adminTopics(deps)].map(({ name }) => name);
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => !hasCell(name) && !name.startsWith('chaos.'))).toEqual([]);
  });

  test('bounds: as in the code', () => {
    const { burst, ratePerS } = RATE_LIMITS.adminFailurePerIp;
    expect([burst, Math.round(ratePerS * 60)]).toEqual([10, 10]);
    const said = [
      `${ADMIN_LIMITS.localConnections}, ${ADMIN_LIMITS.remoteConnections} |`,
      `${ADMIN_LIMITS.calls.ratePerS} per s, burst ${ADMIN_LIMITS.calls.burst} |`,
      `without an answer | ${ADMIN_LIMITS.callsAtOnce} per connection`,
      `subscriptions | ${ADMIN_LIMITS.subscriptions} per connection`,
      `${ADMIN_LIMITS.backlogBytes / 1024 / 1024} MiB, ${ADMIN_LIMITS.transportBytes / 1024} KiB of them`,
      `call that wait | ${ADMIN_LIMITS.progressAtOnce} |`,
      `reports kept | ${ADMIN_LIMITS.reportsKept} |`,
      `${ADMIN_LIMITS.auditKept.toLocaleString('en')} in the store, ${ADMIN_LIMITS.auditWaiting.toLocaleString('en')} waiting`,
      `at most ${AdminLimits.inboundBytesMax / 1024} KiB, ${AdminLimits.inboundValuesMax.toLocaleString('en')} values, ${AdminLimits.depthMax} levels`,
      `A server's frame: at most ${AdminLimits.outboundBytesMax / 1024} KiB`,
    ];
    expect(said.filter((text) => !page.includes(text))).toEqual([]);
  });

  test('counters of the bounds: exist', () => {
    const section = page.split('## Bounds of connections')[1]?.split('\n## ')[0] ?? '';
    const cells = section.split('\n').filter((line) => line.startsWith('| '));
    const named = cells.slice(1).flatMap((row) => row.split('|')[4]?.match(/[a-z_]{4,}/g) ?? []);
    const known = Object.keys(createAdminCounters()).map((name) =>
      name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`),
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });
});
