/** Lines of the terminal client: events, lists, states. Pure: the same input gives the same text. */
import { Kind, MsgFlag, type StreamEvent } from '../../gateway/protocol/index.ts';
import type { ClientState, OutboxEntry } from '../index.ts';
import { displayWidth, safeText, shorten, wrap } from './text.ts';

/** How to draw. */
export interface Style {
  readonly columns: number;
  readonly hasColor: boolean;
}

/** What a line needs to know beside the event. */
export interface Names {
  /** Name of a user. */
  user(uid: number): string;
  /** Start of a message that is known, null otherwise. */
  quote(seq: number): string | null;
  readonly ownUid: number;
}

const DIM = '2';
const BOLD = '1';
const RED = '31';
const YELLOW = '33';
const GREEN = '32';
const NAME_COLORS = ['36', '35', '33', '32', '34', '96', '95', '92'] as const;
const QUOTE_COLUMNS = 24;

/** A text in a colour, where colours are wanted. */
export function paint(style: Style, code: string, text: string): string {
  return style.hasColor ? `\u001b[${code}m${text}\u001b[0m` : text;
}

/** `HH:MM` in local time. */
export function clockTime(ts: number): string {
  const date = new Date(ts);
  return `${String(date.getHours()).padStart(2, '0')}:${String(date.getMinutes()).padStart(2, '0')}`;
}

/** `Mon 24 Nov` in local time; a day heads the first line of it. */
export function dayLine(style: Style, ts: number): string {
  const [week, month, day] = new Date(ts).toDateString().split(' ');
  return paint(style, DIM, `\u2500\u2500 ${week} ${day} ${month} \u2500\u2500`);
}

/** Whether two times are on different local days. */
export function isOtherDay(a: number, b: number): boolean {
  return new Date(a).toDateString() !== new Date(b).toDateString();
}

/**
 * Lines of an event of a channel.
 * @returns no lines for events that people need not see (redacted, unknown kinds)
 */
export function eventLines(style: Style, event: StreamEvent, names: Names): string[] {
  const { kind, body, actor } = event;
  const who = safeText(names.user(actor));
  const note = (text: string): string[] => [
    paint(style, DIM, oneLine(style, `${clockTime(event.ts)} ${number(event.seq)} ${who} ${text}`)),
  ];
  const target = typeof body[0] === 'number' ? body[0] : 0;
  switch (kind) {
    case Kind.MSG_CREATE:
      return messageLines(style, event, names);
    case Kind.MSG_EDIT:
      return note(`changed ${target} to: ${safeText(String(body[1] ?? ''))}`);
    case Kind.MSG_DELETE:
      return note(`deleted ${target}`);
    case Kind.REACT_ADD:
      return note(
        `reacted ${safeText(String(body[1] ?? ''))} to ${target}${quoted(names, target)}`,
      );
    case Kind.REACT_DEL:
      return note(`took ${safeText(String(body[1] ?? ''))} back from ${target}`);
    case Kind.PIN:
      return note(`${body[1] === false ? 'unpinned' : 'pinned'} ${target}${quoted(names, target)}`);
    default:
      return [];
  }
}

function number(seq: number): string {
  return String(seq).padStart(4);
}

function oneLine(style: Style, text: string): string {
  return shorten(text, style.columns - 1);
}

function quoted(names: Names, seq: number): string {
  const quote = names.quote(seq);
  return quote === null ? '' : ` (${shorten(safeText(quote), QUOTE_COLUMNS)})`;
}

function messageLines(style: Style, event: StreamEvent, names: Names): string[] {
  const { body, actor, ts, seq } = event;
  const who = safeText(names.user(actor));
  const flags = typeof body[2] === 'number' ? body[2] : 0;
  const reply = typeof body[1] === 'number' ? body[1] : 0;
  const edited = (flags & MsgFlag.EDITED) === 0 ? '' : ' (edited)';
  const answer = reply === 0 ? '' : `[to ${reply}${quoted(names, reply)}] `;
  const text = `${answer}${safeText(String(body[0] ?? ''))}${edited}`;
  const head = `${clockTime(ts)} ${number(seq)} `;
  const indent = head.length + displayWidth(who) + 2;
  const isNarrow = style.columns - indent < 20;
  const left = isNarrow ? head.length + 2 : indent;
  const lines = wrap(text, style.columns - left - 1);
  const name = paint(style, `${nameColor(actor)};${actor === names.ownUid ? BOLD : '22'}`, who);
  const first = `${paint(style, DIM, head)}${name}: `;
  const pad = ' '.repeat(left);
  if (isNarrow) return [first.trimEnd(), ...lines.map((line) => pad + line)];
  return lines.map((line, index) => (index === 0 ? first + line : pad + line));
}

function nameColor(uid: number): string {
  return NAME_COLORS[uid % NAME_COLORS.length] as string;
}

/** Line of a message that is not sent yet. */
export function unsentLine(style: Style, entry: OutboxEntry): string {
  const mark = entry.state === 'undecided' ? '?' : '\u2026';
  const what =
    entry.kind === Kind.MSG_CREATE
      ? String(entry.body[0] ?? '')
      : `(command of kind ${entry.kind})`;
  const text = `${clockTime(entry.createdAt)}    ${mark} not sent: ${safeText(what)}`;
  return paint(style, YELLOW, oneLine(style, text));
}

/** Line that says something of the client itself. */
export function noteLine(style: Style, text: string): string[] {
  return wrap(safeText(text), style.columns - 3).map((line, index) =>
    paint(style, DIM, `${index === 0 ? '\u00b7 ' : '  '}${line}`),
  );
}

/** Line that says what went wrong. */
export function errorLine(style: Style, text: string): string[] {
  return wrap(safeText(text), style.columns - 3).map((line, index) =>
    paint(style, RED, `${index === 0 ? '! ' : '  '}${line}`),
  );
}

/** What a state of the connection means, for people; null when it needs no line. */
export function stateText(state: ClientState): string | null {
  switch (state.name) {
    case 'waiting': {
      const seconds = Math.max(1, Math.round(state.retryInMs / 1000));
      return `connection lost (${state.code}); next attempt in ${seconds} s`;
    }
    case 'stopped':
      return state.why === 'closed' ? null : `stopped by the server: ${state.code} ${state.reason}`;
    default:
      return null;
  }
}

/** Mark of a state in the prompt. */
export function promptText(
  style: Style,
  where: string,
  state: ClientState,
  unsentCount: number,
): string {
  const marks: string[] = [];
  if (state.name === 'connecting' || state.name === 'idle') marks.push('connecting');
  if (state.name === 'waiting') marks.push('offline');
  if (state.name === 'stopped') marks.push('stopped');
  if (unsentCount > 0) marks.push(`${unsentCount} unsent`);
  const place = paint(
    style,
    state.name === 'online' ? GREEN : YELLOW,
    shorten(safeText(where), 40),
  );
  return marks.length === 0 ? `${place} > ` : `${place} (${marks.join(', ')}) > `;
}

/** A list with a title; `current` marks the row where one is. */
export function listLines(
  style: Style,
  title: string,
  rows: readonly { readonly text: string; readonly isCurrent?: boolean }[],
): string[] {
  const lines = rows.map(({ text, isCurrent }) =>
    oneLine(style, `${isCurrent === true ? ' * ' : '   '}${safeText(text)}`),
  );
  return [paint(style, BOLD, title), ...lines];
}
