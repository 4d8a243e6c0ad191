/**
 * Owns the command `doctor`: looks at everything a server with these settings needs, one line each with the remedy. Works
 * without a server.
 */
import type { Finding } from '../../doctor/types.ts';
import type { CliCommand, CliOutcome } from '../types.ts';

export const doctor: CliCommand = {
  options: [{ name: 'deep', about: 'read through the whole database too', kind: 'flag' }],
  more: 'Run it as the user, in the folder and with the settings that the server has. Exit code 1 when something fails; warnings do not.',
  examples: ['doctor', 'doctor --deep --json'],
  run: async ({ clock, dataDir, sources }, given) => {
    const { examine } = await import('../../doctor/doctor.ts');
    const findings = await examine({ sources, dataDir, clock, isDeep: given.flag('deep') });
    return outcomeOf(findings);
  },
};

const MARKS = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL' } as const;

function outcomeOf(findings: readonly Finding[]): CliOutcome {
  const count = (grade: Finding['grade']): number =>
    findings.filter((finding) => finding.grade === grade).length;
  const counts = { ok: count('ok'), warn: count('warn'), fail: count('fail') };
  const width = Math.max(...findings.map(({ id }) => id.length));
  const indent = ' '.repeat(MARKS.ok.length + width + 4);
  const lines = findings.flatMap(({ grade, id, remedy, what }) => [
    `${MARKS[grade]}  ${id.padEnd(width)}  ${what}`,
    ...(remedy === null ? [] : [`${indent}-> ${remedy}`]),
  ]);
  const sum = `${counts.ok} ok, ${counts.warn} to look at, ${counts.fail} to repair`;
  return {
    exit: counts.fail > 0 ? 1 : 0,
    document: { ok: counts.fail === 0, counts, checks: findings },
    text: [...lines, '', sum].join('\n'),
  };
}
