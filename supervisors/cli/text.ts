/**
 * Owns text for a terminal: what is safe to print, how wide it is, tables, numbers and times as people read them. Pure.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: these must never reach a terminal
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const PLAIN = /^[\u0020-\u007e]*$/;
const ZERO_WIDTH = /^[\p{M}\p{Cf}]$/u;
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]$|^\p{Emoji_Presentation}$|^[\u{20000}-\u{3fffd}]$/u;

/** One line that cannot move the cursor or reorder what follows: labels and names come from chat users. */
export function safe(text: string): string {
  return PLAIN.test(text) ? text : text.replace(UNSAFE, '\u00b7');
}

/** Columns that a safe text takes. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const char of text) if (!ZERO_WIDTH.test(char)) width += WIDE.test(char) ? 2 : 1;
  return width;
}

/** The text in exactly `width` columns: filled with spaces, or cut with an ellipsis. */
export function padded(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const own = widthOf(text);
  if (own === width) return text;
  if (own < width) {
    const space = ' '.repeat(width - own);
    return align === 'left' ? text + space : space + text;
  }
  if (width < 1) return '';
  let out = '';
  let used = 0;
  for (const char of text) {
    const cost = widthOf(char);
    if (used + cost > width - 1) break;
    out += char;
    used += cost;
  }
  return `${out}\u2026${' '.repeat(width - 1 - used)}`;
}

/** A table with a head; columns as wide as their widest cell, numbers to the right, the last one as long as it is. */
export function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [head, ...rows.map((row) => row.map((cell) => safe(String(cell ?? '-'))))];
  const widths = head.map((_name, i) => Math.max(...cells.map((row) => widthOf(row[i] ?? ''))));
  const isNumber = head.map(
    (_name, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number'),
  );
  return cells
    .map((row) =>
      row
        .map((cell, i) => padded(cell, widths[i] ?? 0, isNumber[i] ? 'right' : 'left'))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** 950, 1.2k, 34k, 5.6M: at most four columns. */
export function count(value: number): string {
  if (value < 999.5)
    return value < 9.95 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value));
  for (const [unit, size] of [
    ['k', 1e3],
    ['M', 1e6],
    ['G', 1e9],
    ['T', 1e12],
  ] as const) {
    const scaled = value / size;
    if (scaled < 9.95) return `${scaled.toFixed(1)}${unit}`;
    if (scaled < 999.5) return `${Math.round(scaled)}${unit}`;
  }
  return value.toExponential(0);
}

/** 512B, 14K, 1.2M, 3.4G. */
export function bytes(value: number): string {
  if (value < 1_000) return `${Math.round(value)}B`;
  return count(value).replace('k', 'K');
}

/** 12s, 3m04s, 5h12m, 3d04h. */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${two(s % 60)}s`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h${two(Math.floor((s % 3600) / 60))}m`;
  return `${Math.floor(s / 86_400)}d${two(Math.floor((s % 86_400) / 3600))}h`;
}

/** Time of day of a moment, UTC, or the date too when it was not today. */
export function moment(at: number, now: number): string {
  const [date = '', time = ''] = new Date(at).toISOString().split('T');
  const isToday = date === new Date(now).toISOString().slice(0, 10);
  return isToday ? time.slice(0, 8) : `${date} ${time.slice(0, 5)}`;
}
