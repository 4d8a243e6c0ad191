/** What a typed line means. Pure. */
import { inviteCode } from './args.ts';

/** Commands without anything after them. */
type Plain<Name extends string> = Name extends string ? { readonly name: Name } : never;
/** Commands with a text after them. */
type WithText<Name extends string> = Name extends string
  ? { readonly name: Name; readonly text: string }
  : never;

/** A line that sends something to the channel in view. */
export type SendCommand =
  | { readonly name: 'say'; readonly text: string }
  | { readonly name: 'reply' | 'edit'; readonly seq: number | 'last'; readonly text: string }
  | { readonly name: 'delete'; readonly seq: number | 'last' }
  | { readonly name: 'react' | 'unreact'; readonly seq: number | 'last'; readonly emoji: string };

/** A line that needs a channel in view. */
export type RoomCommand =
  | SendCommand
  | { readonly name: 'history'; readonly count: number }
  | WithText<'channel'>
  | Plain<'invite' | 'who'>;

/** A line of input. */
export type Command =
  | RoomCommand
  | Plain<'nothing' | 'guilds' | 'channels' | 'unsent' | 'help' | 'quit'>
  | WithText<'join' | 'switch' | 'create' | 'drop' | 'dm' | 'status'>
  | { readonly name: 'wrong'; readonly message: string };

/** Text of /help. */
export const COMMAND_HELP: readonly string[] = [
  'Type a line to send it. The number before a line is its number here.',
  '  /channels          list channels      /switch NAME    go to channel or guild',
  '  /guilds            list guilds        /channel NAME   make a channel (owner)',
  '  /invite            make an invite     /join CODE      accept an invite',
  '  /who               who is there       /create NAME    make a guild',
  '  /history [N]       older messages     /reply N TEXT   answer message N',
  '  /edit N TEXT       change message N   /delete N       delete message N',
  '  /react N EMOJI     react              /unreact N EMOJI',
  '  /dm NAME           write to someone   /status WORD    online, idle or busy',
  '  /unsent            what is not sent   /drop all       give unsent lines up',
  '  /help  /quit       "last" is your last message; // sends a line with a /',
];

const PLAIN = ['invite', 'guilds', 'channels', 'who', 'unsent', 'help', 'quit'] as const;
const WITH_TEXT = ['join', 'switch', 'create', 'channel', 'drop', 'dm', 'status'] as const;
const ALIASES: Readonly<Record<string, string>> = {
  exit: 'quit',
  q: 'quit',
  h: 'help',
  '?': 'help',
};

/**
 * Reads one line of input.
 * @param line as typed, without its end
 */
export function readCommand(line: string): Command {
  if (line.trim() === '') return { name: 'nothing' };
  if (line.startsWith('//')) return { name: 'say', text: line.slice(1) };
  if (!line.startsWith('/')) return { name: 'say', text: line };
  const [, word = '', rest = ''] = /^\/(\S*)\s*(.*)$/su.exec(line) ?? [];
  const name = ALIASES[word] ?? word;
  const text = rest.trim();
  for (const plain of PLAIN) if (plain === name) return { name: plain };
  for (const one of WITH_TEXT) if (one === name) return withText(one, text);
  if (name === 'history') return readHistory(text);
  if (name === 'delete') return readTarget(text, 'delete');
  if (name === 'reply' || name === 'edit' || name === 'react' || name === 'unreact') {
    return readTarget(text, name);
  }
  return { name: 'wrong', message: `No command /${word}. /help lists them.` };
}

function withText(name: (typeof WITH_TEXT)[number], text: string): Command {
  if (text === '') return { name: 'wrong', message: `/${name} needs one word more. See /help.` };
  return { name, text: name === 'join' ? inviteCode(text) : text };
}

function readHistory(text: string): Command {
  const count = text === '' ? 20 : Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 200) {
    return { name: 'wrong', message: '/history takes a number from 1 to 200.' };
  }
  return { name: 'history', count };
}

function readTarget(
  text: string,
  name: 'reply' | 'edit' | 'delete' | 'react' | 'unreact',
): Command {
  const [, target = '', rest = ''] = /^#?(\S*)\s*(.*)$/su.exec(text) ?? [];
  const seq = target === 'last' ? 'last' : Number(target);
  const isGood = seq === 'last' || (target !== '' && Number.isSafeInteger(seq) && seq > 0);
  if (!isGood)
    return { name: 'wrong', message: `/${name} needs the number of a message, or "last".` };
  if (name === 'delete') return { name, seq };
  if (rest === '') {
    return { name: 'wrong', message: `/${name} ${target} needs something after the number.` };
  }
  if (name === 'react' || name === 'unreact') return { name, seq, emoji: rest };
  return { name, seq, text: rest };
}
