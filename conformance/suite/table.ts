/** What the suite prints. Pure. */
import type { Outcome, Status } from './types.ts';

const NOTE_CHARS = 110;

/** One line for the outcome of one case in one encoding. */
export function lineOf({ number, name, encoding, status, tookMs, note }: Outcome): string {
  const seconds = `${(tookMs / 1000).toFixed(1)} s`;
  const mark = { passed: 'ok', failed: 'FAILED' }[status as 'passed' | 'failed'] ?? status;
  const cells = [
    String(number).padStart(2),
    name.padEnd(34),
    encoding.padEnd(4),
    mark.padEnd(15),
    seconds.padStart(7),
  ];
  return `${cells.join('  ')}  ${short(note)}`.trimEnd();
}

/** Failures in full, with the frames that led to them. */
export function failuresText(outcomes: readonly Outcome[]): string {
  return outcomes
    .filter(({ status }) => status === 'failed')
    .map(({ number, name, encoding, note, frames }) => {
      const tails = Object.entries(frames).map(
        ([client, lines]) => `  ${client}\n${lines.map((line) => `    ${line}`).join('\n')}`,
      );
      return `\ncase ${number} ${name} (${encoding}): ${note}\n${tails.join('\n')}`;
    })
    .join('\n');
}

/** Cases that passed in every encoding that was run, and what became of the others. */
export function summaryOf(outcomes: readonly Outcome[]): string {
  const numbers = [...new Set(outcomes.map(({ number }) => number))];
  const statusOf = (number: number): Status => {
    const all = outcomes.filter((one) => one.number === number).map(({ status }) => status);
    return all.find((status) => status === 'failed') ?? all.find((s) => s !== 'passed') ?? 'passed';
  };
  const groups = new Map<Status, number[]>();
  for (const number of numbers)
    groups.set(statusOf(number), [...(groups.get(statusOf(number)) ?? []), number]);
  const parts = [...groups]
    .filter(([status]) => status !== 'passed')
    .map(([status, list]) => `${status}: ${list.join(', ')}`);
  const passed = groups.get('passed')?.length ?? 0;
  return [`${passed} of ${numbers.length} cases passed`, ...parts].join('; ');
}

function short(note: string): string {
  const line = note.replaceAll('\n', ' ');
  return line.length > NOTE_CHARS ? `${line.slice(0, NOTE_CHARS)}...` : line;
}
