/**
 * The JSON form of the wire (protocol.md 2.3 E7, 2.17.13): the same arrays as text. JSON.parse does the grammar; what JSON allows and the
 * page forbids is refused here. Pure.
 */
import type { Frame, Wire } from './types.ts';
import { WireError } from './wire-error.ts';

/** Reads exactly one frame; throws WireError. */
export function readJsonForm(text: string): Frame {
  const value = parsed(text);
  if (!Array.isArray(value)) throw new WireError('json: the frame is no array');
  return value.map(checked);
}

/** Writes one frame. */
export function writeJsonForm(frame: Frame): string {
  return JSON.stringify(frame);
}

/** The text of each element of the array that `text` is. */
export function jsonElementsOf(text: string): string[] {
  const out: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at);
    else if (char === '[') {
      depth += 1;
      if (depth === 1) start = at + 1;
    } else if (char === ']') {
      depth -= 1;
      if (depth === 0 && text.slice(start, at).trim() !== '')
        out.push(text.slice(start, at).trim());
    } else if (char === ',' && depth === 1) {
      out.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  return out;
}

/** Index of the closing quote of the string that opens at `from`. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at;
  }
  throw new WireError('json: a string without its end');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new WireError('json: not JSON', { cause });
  }
}

function checked(value: unknown): Wire {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new WireError('json: a lone surrogate');
    return value;
  }
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new WireError(`json: ${value} is no integer`);
    return value;
  }
  if (Array.isArray(value)) return value.map(checked);
  throw new WireError('json: an object');
}
