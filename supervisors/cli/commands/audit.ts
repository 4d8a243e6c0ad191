/**
 * Owns the commands `audit` and `reports`: what operators did, and what the runtime reported (crashes, restarts, hung threads).
 */
import type { AdminAuditEntry, VerbResult } from '../../admin/types.ts';
import { callVerb, refused, withAdmin } from '../ask.ts';
import { done } from '../outcome.ts';
import { follow } from '../stream.ts';
import { moment, safe, table } from '../text.ts';
import type { CliCommand } from '../types.ts';

interface Page {
  readonly entries: readonly AdminAuditEntry[];
  readonly newest: number;
  readonly next: number | null;
}

export const audit: CliCommand = {
  options: [
    { name: 'limit', kind: 'number', about: 'entries at most', min: 1, max: 200, fallback: 50 },
    { name: 'after', kind: 'number', about: 'those after this number; the newest ones without' },
    { name: 'follow', short: 'f', kind: 'flag', about: 'go on with new ones until Ctrl-C' },
    { name: 'verify', kind: 'flag', about: 'check the hashes of the whole log instead' },
  ],
  examples: ['audit', 'audit --follow', 'audit --verify'],
  run: async (context, given) => {
    if (given.flag('verify')) return verify(context);
    const after = given.number('after');
    const args = { limit: given.number('limit') ?? 50, ...(after === null ? {} : { after }) };
    return withAdmin(context, async (admin) => {
      const result = (await admin.call('audit', args)) as VerbResult<Page>;
      if (!result.ok) return refused(result);
      const { entries } = result.value;
      const now = context.clock.now();
      if (!given.flag('follow'))
        return done(
          result.value,
          table(
            HEAD,
            entries.map((entry) => cells(entry, now)),
          ),
        );
      return follow<AdminAuditEntry>(context, admin, {
        topic: 'audit',
        options: {},
        name: 'entries',
        countMax: null,
        before: entries,
        item: (kind, data) => (kind === 'entry' ? (data as AdminAuditEntry) : undefined),
        show: (entry) => cells(entry, now).join('  '),
      });
    });
  },
};

const HEAD = ['N', 'TIME', 'WHO', 'VERB', 'PHASE', 'OUTCOME', 'ARGUMENTS'];

function cells(
  { n, at, who, verb, phase, outcome, args }: AdminAuditEntry,
  now: number,
): unknown[] {
  return [
    n,
    moment(at, now),
    safe(who),
    verb,
    phase,
    safe(outcome),
    safe(JSON.stringify(args ?? {})),
  ];
}

/** Exit code 1 when the chain is broken: somebody has changed what was recorded. */
async function verify(context: Parameters<CliCommand['run']>[0]) {
  const outcome = await callVerb(context, 'audit.verify', {}, (value) => {
    const { checked, brokenAt } = value as { checked: number; brokenAt: number | null };
    return brokenAt === null
      ? `${checked} entries, each as it was recorded`
      : `entry ${brokenAt} is not what was recorded (${checked} looked at)`;
  });
  const { brokenAt } = (outcome.document ?? {}) as { brokenAt?: number | null };
  return typeof brokenAt === 'number' ? { ...outcome, exit: 1 as const } : outcome;
}

type Report = Readonly<Record<string, unknown>>;

export const reports: CliCommand = {
  options: [
    {
      name: 'last',
      kind: 'number',
      about: 'earlier ones to begin with',
      min: 0,
      max: 200,
      fallback: 50,
    },
    { name: 'count', kind: 'number', about: 'ends after so many, earlier ones counted', min: 1 },
  ],
  more: 'Goes on until Ctrl-C.',
  examples: ['reports', 'reports --last 200 --count 20 --json'],
  run: (context, given) =>
    withAdmin(context, (admin) =>
      follow<Report>(context, admin, {
        topic: 'reports',
        options: { last: given.number('last') ?? 50 },
        name: 'reports',
        countMax: given.number('count'),
        item: (kind, data) => (kind === 'report' ? (data as Report) : undefined),
        show: reportText,
      }),
    ),
};

function reportText({ kind, at, ...more }: Report): string {
  const time = typeof at === 'number' ? `${new Date(at).toISOString().slice(11, 23)} ` : '';
  const fields = Object.entries(more).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return safe(`${time}${kind} ${fields.join(' ')}`);
}
