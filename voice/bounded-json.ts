/**
 * JSON text of a stranger as plain data, within bounds that are checked before anything is built: length, depth, number of
 * values. Keys that name parts of prototypes are refused wherever they stand. Pure; voice threads only.
 */

/** protocol.md 2.13, `J`. */
export const JSON_TEXT_MAX = 24 * 1024;
/** A browser's capabilities are 5 deep. */
export const JSON_DEPTH_MAX = 8;
/** A browser's full capabilities, video included, hold about 1,200. */
export const JSON_VALUES_MAX = 4000;

const HOSTILE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPENS: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSES: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** The value, or undefined where it is no JSON, over a bound, or has a hostile key. Never throws. */
export function parseBoundedJson(text: string): unknown {
  if (typeof text !== 'string' || text.length > JSON_TEXT_MAX || !fits(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return hasHostileKey(value) ? undefined : value;
}

/** One walk over the text: how deep, how many values. Says yes to some texts that are no JSON. */
function fits(text: string): boolean {
  let depth = 0;
  let values = 1;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === COMMA || code === COLON) values += 1;
    else if (OPENS.has(code)) {
      depth += 1;
      values += 1;
    } else if (CLOSES.has(code)) depth -= 1;
    if (depth > JSON_DEPTH_MAX || values > JSON_VALUES_MAX) return false;
  }
  return true;
}

/** Index of the closing quote, or of the text's end. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text.charCodeAt(i) !== QUOTE) {
    i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
  }
  return i;
}

/** No deeper than JSON_DEPTH_MAX: the text was measured. */
function hasHostileKey(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasHostileKey);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(
    ([key, inner]) => HOSTILE_KEYS.has(key) || hasHostileKey(inner),
  );
}
