/**
 * Owns completion in the shell: the script that a shell loads, and the answers to its questions, `driftway complete -- WORDS`.
 * Answers go to stdout by the library's own hand, in its form. Main thread of the command line.
 */
import { type Command as Completed, RootCommand } from '@bomb.sh/tab';
import { entryOf, GLOBAL_OPTIONS } from './program.ts';
import type { CliArgument, CliCommand, CliEntry, CliOption } from './types.ts';

export interface CompleteOptions {
  readonly entries: readonly CliEntry[];
  readonly groups: Readonly<Record<string, string>>;
  /** What stands on the line after the program's name; the last one is being typed. */
  readonly words: readonly string[];
  /** Ids of the running tree that begin with a text; nothing when no server can be asked. */
  rowIds(text: string): Promise<readonly string[]>;
}

/** Answers one question of a shell. */
export async function complete(options: CompleteOptions): Promise<void> {
  const { entries, groups, words } = options;
  const asked = entryOf(words.slice(0, -1), entries);
  const command = await asked?.load();
  const wantsRow = (command?.args ?? []).some((argument) => argument.complete === 'row');
  const ids = wantsRow ? await options.rowIds(words.at(-1) ?? '') : [];
  const root = new RootCommand();
  for (const option of GLOBAL_OPTIONS) addOption(root, option);
  for (const [name, about] of Object.entries(groups)) root.command(name, about);
  for (const entry of entries) {
    const completed = root.command(entry.name, entry.about);
    if (entry === asked && command !== undefined) fill(completed, command, ids);
  }
  root.parse([...words]);
}

function fill(completed: Completed, command: CliCommand, ids: readonly string[]): void {
  for (const option of GLOBAL_OPTIONS) addOption(completed, option);
  for (const option of command.options ?? []) addOption(completed, option);
  for (const argument of command.args ?? []) addArgument(completed, argument, ids);
}

function addOption(completed: Completed, { name, about, kind, short, choices }: CliOption): void {
  if (kind === 'flag') {
    completed.option(name, about, short);
    return;
  }
  const offer = (say: (value: string, about: string) => void): void => {
    for (const choice of choices ?? []) say(choice, '');
  };
  completed.option(name, about, offer, short);
}

function addArgument(
  completed: Completed,
  { name, choices, complete: what, variadic }: CliArgument,
  ids: readonly string[],
): void {
  const offered = what === 'row' ? ids : (choices ?? []);
  const offer = (say: (value: string, about: string) => void): void => {
    for (const value of offered) say(value, '');
  };
  completed.argument(name, offer, variadic === true);
}
