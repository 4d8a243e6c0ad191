/** The rows that every bench prints and writes with `--json FILE` (api.md, Commands). */
import { writeFileSync } from 'node:fs';

export interface Row {
  readonly id: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The most (or, for a rate, the least) that is allowed; null = for information. */
  readonly bar: number | null;
  /** False where the bar is missed. */
  readonly ok: boolean;
  readonly note?: string;
}

/** A row whose value must not exceed `bar`. Rounds to three significant decimals. */
export function row(
  id: string,
  what: string,
  value: number,
  unit: string,
  bar: number | null = null,
  note?: string,
): Row {
  const rounded = Math.round(value * 1000) / 1000;
  const ok = bar === null || (Number.isFinite(value) && value <= bar);
  return { id, what, value: rounded, unit, bar, ok, ...(note === undefined ? {} : { note }) };
}

/** Rows as an aligned table. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map((one) => [
    one.bar === null ? '  ' : one.ok ? 'ok' : '!!',
    one.what,
    `${one.value.toLocaleString('en-US', { maximumFractionDigits: 3 })} ${one.unit}`,
    one.bar === null ? '' : `bar ${one.bar}`,
    one.note ?? '',
  ]);
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...cells.map((cell) => cell[column]!.length)),
  );
  return cells
    .map((cell) =>
      cell
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The file behind `--json`, undefined without it; throws RangeError on anything else. */
export function jsonFile(args: readonly string[]): string | undefined {
  if (args.length === 0) return undefined;
  if (args[0] === '--json' && args.length === 2) return args[1];
  throw new RangeError(`arguments: got "${args.join(' ')}", wanted nothing or --json FILE`);
}

export function writeRows(file: string, rows: readonly Row[]): void {
  writeFileSync(file, `${JSON.stringify(rows, null, 2)}\n`);
}
