/**
 * Owns what the keys do: one table, from which the footer and the help text come too. Pure.
 */

/** What a key asks for. */
export type Action =
  | 'up'
  | 'down'
  | 'pageUp'
  | 'pageDown'
  | 'first'
  | 'last'
  | 'open'
  | 'close'
  | 'into'
  | 'out'
  | 'sort'
  | 'reverse'
  | 'filter'
  | 'list'
  | 'deeper'
  | 'shallower'
  | 'more'
  | 'faster'
  | 'slower'
  | 'pause'
  | 'detail'
  | 'suspend'
  | 'resume'
  | 'kill'
  | 'restart'
  | 'help'
  | 'back'
  | 'quit';

/** A key as ink tells it. */
export interface Pressed {
  readonly upArrow: boolean;
  readonly downArrow: boolean;
  readonly leftArrow: boolean;
  readonly rightArrow: boolean;
  readonly pageUp: boolean;
  readonly pageDown: boolean;
  readonly home: boolean;
  readonly end: boolean;
  readonly return: boolean;
  readonly escape: boolean;
  readonly backspace: boolean;
  readonly delete: boolean;
  readonly ctrl: boolean;
  readonly meta: boolean;
  readonly tab: boolean;
}

type Named = Exclude<keyof Pressed, 'ctrl' | 'meta' | 'tab'>;

const NAMED: readonly (readonly [Named, Action])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'close'],
  ['rightArrow', 'open'],
  ['pageUp', 'pageUp'],
  ['pageDown', 'pageDown'],
  ['home', 'first'],
  ['end', 'last'],
  ['return', 'into'],
  ['backspace', 'out'],
  ['delete', 'out'],
  ['escape', 'back'],
];

const LETTERS: Readonly<Record<string, Action>> = {
  k: 'up',
  j: 'down',
  h: 'close',
  l: 'open',
  g: 'first',
  G: 'last',
  ' ': 'pageDown',
  b: 'pageUp',
  s: 'sort',
  r: 'reverse',
  '/': 'filter',
  t: 'list',
  '+': 'deeper',
  '-': 'shallower',
  m: 'more',
  '<': 'faster',
  '>': 'slower',
  p: 'pause',
  d: 'detail',
  z: 'suspend',
  Z: 'resume',
  x: 'kill',
  X: 'restart',
  '?': 'help',
  u: 'out',
  q: 'quit',
};

/** What a key means outside of a prompt; null for keys without a meaning. */
export function actionOf(input: string, key: Pressed): Action | null {
  if (key.ctrl || key.meta) return null;
  const named = NAMED.find(([name]) => key[name]);
  return named?.[1] ?? LETTERS[input] ?? null;
}

/** The footer: the most needed first, since narrow screens show the first ones only. */
export const FOOTER: readonly (readonly [keys: string, what: string])[] = [
  ['?', 'help'],
  ['q', 'quit'],
  ['\u2190\u2192', 'fold'],
  ['\u23ce', 'into'],
  ['\u232b', 'out'],
  ['s', 'sort'],
  ['r', 'reverse'],
  ['/', 'filter'],
  ['d', 'detail'],
  ['t', 'list'],
  ['p', 'pause'],
  ['m', 'more rows'],
  ['+-', 'depth'],
  ['<>', 'pace'],
  ['x', 'kill'],
  ['X', 'restart'],
  ['zZ', 'suspend, resume'],
];

/** The help text, one key each. */
export const HELP: readonly (readonly [keys: string, what: string])[] = [
  ['\u2191 \u2193  k j', 'one row up, down'],
  ['PgUp PgDn  b space', 'one screen up, down'],
  ['Home End  g G', 'first, last row'],
  ['\u2190 \u2192  h l', 'close, open what is below a row'],
  ['Enter', 'drill down: the row becomes the top of the tree'],
  ['Backspace  u', 'back to the row above'],
  ['s  r', 'sort by the next column; reverse the order'],
  ['/', 'filter by name, label or id; an empty one shows all'],
  ['t', 'tree, or all leaves as one list'],
  ['+ -', 'ask for one level more, less'],
  ['m', 'ask for more rows of a large group'],
  ['< >', 'refresh more often, less often'],
  ['p', 'hold the picture'],
  ['d', 'details of the row'],
  ['x  X', 'kill the actor; restart it and what is below it'],
  ['z  Z', 'suspend the actor; let it go on'],
  ['q  Ctrl-C', 'quit'],
];
