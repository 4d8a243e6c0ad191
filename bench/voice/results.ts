/** RESULTS.md of bench:voice: the table of the last run that was kept. */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import type { Row } from '../report.ts';

const BEGIN = '<!-- table -->';
const END = '<!-- end -->';

/** Rows as a markdown table, with what ran where above it. */
export function markdownTable(rows: readonly Row[], title: string): string {
  const lines = rows.map(({ bar, id, note, ok, unit, value, what }) => {
    const verdict = bar === null ? '' : ok ? 'met' : '**missed**';
    const shown = value.toLocaleString('en-US', { maximumFractionDigits: 3 });
    return `| ${id} | ${what} | ${shown} ${unit} | ${bar ?? ''} | ${verdict} | ${note ?? ''} |`;
  });
  return [
    title,
    '',
    '| row | what | value | bar | | note |',
    '| --- | --- | ---: | ---: | --- | --- |',
    ...lines,
  ].join('\n');
}

/** The machine in a line; nothing that identifies it. */
export function machine(): string {
  const [first] = cpus();
  return `${cpus().length} cores (${first?.model.trim() ?? 'unknown'}), Linux ${release()}, Node ${process.version}`;
}

/** Replaces what is between the two marks of the file. */
export function keepTable(file: string, table: string): void {
  const text = readFileSync(file, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`results: ${file} has no marks for the table`);
  const head = text.slice(0, begin + BEGIN.length);
  writeFileSync(file, `${head}\n\n${table}\n\n${text.slice(end)}`);
}
