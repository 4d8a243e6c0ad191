/**
 * Values of an actor as plain data of bounded size, for people who look: with content, or with texts and bytes as their lengths
 * only. Pure; any thread.
 */
import { AGENT_LIMITS } from './agent-limits.ts';

const { shownChars, shownDepth, shownEntries, shownValues } = AGENT_LIMITS;

/** What a value looks like. Without `raw`: fields, numbers and yes or no, but no text, no bytes and no keys of tables. */
export function show(value: unknown, raw: boolean): unknown {
  let left: number = shownValues;

  const shown = (each: unknown, depth: number): unknown => {
    if (left-- <= 0) return '...';
    switch (typeof each) {
      case 'string':
        return raw ? cut(each) : `string(${each.length})`;
      case 'number':
      case 'boolean':
        return each;
      case 'object':
        return each === null ? null : ofObject(each, depth);
      case 'bigint':
        return raw ? String(each) : 'bigint';
      default:
        return typeof each;
    }
  };

  const ofObject = (each: object, depth: number): unknown => {
    if (each instanceof Date) return raw ? each.toISOString() : 'date';
    if (ArrayBuffer.isView(each)) return bytesOf(each, raw);
    if (each instanceof Map || each instanceof Set) return ofTable(each, depth);
    if (depth >= shownDepth) return Array.isArray(each) ? `array(${each.length})` : nameOf(each);
    if (Array.isArray(each)) {
      const some = each.slice(0, shownEntries).map((item) => shown(item, depth + 1));
      return each.length > shownEntries ? [...some, `${each.length - shownEntries} more`] : some;
    }
    const entries = Object.entries(each);
    const some = entries.slice(0, shownEntries).map(([key, item]) => [key, shown(item, depth + 1)]);
    if (entries.length > shownEntries) some.push(['...', `${entries.length - shownEntries} more`]);
    return some.length === 0 ? nameOf(each) : Object.fromEntries(some);
  };

  const ofTable = (
    each: ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>,
    depth: number,
  ): unknown => {
    const name = `${each instanceof Map ? 'Map' : 'Set'}(${each.size})`;
    if (!raw || depth >= shownDepth || each.size === 0) return name;
    return { [name]: [...each].slice(0, shownEntries).map((item) => shown(item, depth + 1)) };
  };

  return shown(value, 0);
}

function cut(text: string): string {
  return text.length > shownChars ? `${text.slice(0, shownChars)}...` : text;
}

function bytesOf(view: ArrayBufferView, raw: boolean): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, Math.min(view.byteLength, 64));
  const text = `bytes(${view.byteLength})`;
  return raw ? `${text} ${Buffer.from(bytes).toString('hex')}` : text;
}

/** An object without fields of its own keeps what it has to itself. */
function nameOf(each: object): string {
  const name: unknown = each.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'object';
}
