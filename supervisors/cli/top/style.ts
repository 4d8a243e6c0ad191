/**
 * Owns the few ways in which text stands out on the screen, as escape sequences. Pure.
 */

export type Style =
  | 'plain'
  | 'faint'
  | 'good'
  | 'warn'
  | 'bad'
  | 'special'
  | 'title'
  | 'head'
  | 'chosen';

const COLORS: Readonly<Record<Style, string>> = {
  plain: '',
  faint: '\u001b[90m',
  good: '\u001b[32m',
  warn: '\u001b[33m',
  bad: '\u001b[1;31m',
  special: '\u001b[35m',
  title: '\u001b[1m',
  head: '\u001b[7m',
  chosen: '\u001b[30;46m',
};

/** Without colours: only what carries meaning by itself stands out. */
const PLAIN: Readonly<Record<Style, string>> = {
  ...COLORS,
  faint: '',
  good: '',
  warn: '',
  bad: '\u001b[1m',
  special: '',
  chosen: '\u001b[7m',
};

const RESET = '\u001b[0m';

/** Puts a style around a text. */
export type Paint = (style: Style, text: string) => string;

export function painterFor(hasColor: boolean): Paint {
  const styles = hasColor ? COLORS : PLAIN;
  return (style, text) => {
    const start = styles[style];
    return start === '' || text === '' ? text : `${start}${text}${RESET}`;
  };
}
