/** Text on a terminal: what is safe to print, how wide it is, where it breaks. Pure. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: these must never reach a terminal
const UNSAFE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g;
/** Explicit bidirectional controls: they would reorder the rest of the line. */
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const ZERO_WIDTH = /^[\p{M}\p{Cf}]$/u;
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]$|^\p{Emoji_Presentation}$|^[\u{20000}-\u{3fffd}]$/u;

/**
 * Text of others made safe for a terminal: control characters shown as a dot, bidirectional controls
 * left out. Line ends stay.
 * @param text anything from the network
 */
export function safeText(text: string): string {
  return text.replaceAll('\t', '    ').replace(UNSAFE, '\u00b7').replace(BIDI, '');
}

/**
 * Columns that a text takes (without escape sequences in it).
 * @param text one line
 */
export function displayWidth(text: string): number {
  let width = 0;
  for (const char of text) {
    if (ZERO_WIDTH.test(char)) continue;
    width += WIDE.test(char) ? 2 : 1;
  }
  return width;
}

/**
 * Breaks a text into lines of at most `width` columns, at spaces where it can.
 * @param text may have line ends of its own
 * @param width columns, at least 1
 */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => wrapLine(line, Math.max(1, width)));
}

function wrapLine(line: string, width: number): string[] {
  const out: string[] = [];
  let rest = line;
  while (displayWidth(rest) > width) {
    const cut = cutAt(rest, width);
    out.push(rest.slice(0, cut).trimEnd());
    rest = rest.slice(cut).trimStart();
  }
  out.push(rest);
  return out;
}

/** Index where the first `width` columns end, moved back to a space if one is near. */
function cutAt(text: string, width: number): number {
  let used = 0;
  let index = 0;
  let space = 0;
  for (const char of text) {
    const cost = displayWidth(char);
    if (used + cost > width) break;
    used += cost;
    index += char.length;
    if (char === ' ') space = index;
  }
  if (index === 0) index = [...text][0]?.length ?? 1;
  return space > index / 3 ? space : index;
}

/**
 * The start of a text in at most `width` columns, with an ellipsis when it is cut.
 * @param text any text
 * @param width columns, at least 2
 */
export function shorten(text: string, width: number): string {
  const line = text.replaceAll('\n', ' ');
  if (displayWidth(line) <= width) return line;
  let used = 0;
  let out = '';
  for (const char of line) {
    used += displayWidth(char);
    if (used > width - 1) break;
    out += char;
  }
  return `${out.trimEnd()}\u2026`;
}
