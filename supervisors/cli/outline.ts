/**
 * Owns how a verb's answer looks to people: one line for each field, what is nested indented below it, times and sizes as people
 * read them. Pure.
 */
import { bytes, safe, table } from './text.ts';

const INDENT = '  ';
/** Deeper nesting is shown as JSON in one line. */
const DEPTH_MAX = 6;
/** More items of one list are counted only. */
const ITEMS_MAX = 50;

/** The value as lines. `now` decides how times are shown. */
export function outline(value: unknown): string {
  return linesOf(value, 0).join('\n');
}

function linesOf(value: unknown, depth: number): string[] {
  const space = INDENT.repeat(depth);
  if (Array.isArray(value)) return listLines(value, depth);
  if (!isRecord(value)) return [`${space}${scalar('', value)}`];
  const names = Object.keys(value);
  const width = Math.max(
    0,
    ...names.filter((name) => isFlat(value[name])).map((name) => name.length),
  );
  return names.flatMap((name) => {
    const field = value[name];
    const shown = safe(name);
    if (isFlat(field)) return [`${space}${shown.padEnd(width)}  ${scalar(name, field)}`];
    if (depth >= DEPTH_MAX) return [`${space}${shown}  ${safe(JSON.stringify(field))}`];
    return [`${space}${shown}:`, ...linesOf(field, depth + 1)];
  });
}

function listLines(items: readonly unknown[], depth: number): string[] {
  const space = INDENT.repeat(depth);
  const shown = items.slice(0, ITEMS_MAX);
  const rest = items.length > ITEMS_MAX ? [`${space}and ${items.length - ITEMS_MAX} more`] : [];
  const [first] = shown;
  const isTable = isRecord(first) && shown.every((item) => isRecord(item) && isPlain(item));
  if (isTable) {
    const names = [...new Set(shown.flatMap((item) => Object.keys(item as object)))];
    const rows = shown.map((item) =>
      names.map((name) => scalar(name, (item as Record<string, unknown>)[name])),
    );
    const lines = table(names, rows).split('\n');
    return [...lines.map((line) => `${space}${line}`), ...rest];
  }
  return [
    ...shown.flatMap((item) => {
      if (isFlat(item)) return [`${space}- ${scalar('', item)}`];
      const [head = '', ...more] = linesOf(item, depth + 1);
      return [`${space}- ${head.trimStart()}`, ...more];
    }),
    ...rest,
  ];
}

function scalar(name: string, value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (Array.isArray(value))
    return value.length === 0 ? 'none' : value.map((item) => scalar('', item)).join(', ');
  if (typeof value === 'number') return numberText(name, value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return typeof value === 'object' ? 'nothing' : safe(String(value));
}

function numberText(name: string, value: number): string {
  if (/(^at$|^ts$|At$|Ts$|^until$|^expires)/.test(name) && value > 1e12)
    return new Date(value).toISOString();
  if (/(Bytes|^bytes)$/.test(name) && value >= 10_000) return `${value} (${bytes(value)})`;
  return String(value);
}

/** Fits into one line: no object with fields in it. */
function isFlat(value: unknown): boolean {
  if (Array.isArray(value)) return value.length <= 8 && value.every((item) => !isObject(item));
  return !isRecord(value);
}

function isPlain(value: Readonly<Record<string, unknown>>): boolean {
  return Object.values(value).every(isFlat);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return isObject(value) && !Array.isArray(value) && Object.keys(value as object).length > 0;
}
