/**
 * Owns the translation of the table of commands into a commander program: names, groups, help texts, options. Only the command
 * that is asked for is there in full; of the others the program knows name and one line. Pure.
 */
import { Command, Option } from 'commander';
import type { CliArgument, CliCommand, CliEntry, CliOption } from './types.ts';

/** Options that every command has, before or after its name. */
export const GLOBAL_OPTIONS: readonly CliOption[] = [
  { name: 'json', kind: 'flag', about: 'print one JSON document and nothing else' },
  {
    name: 'data-dir',
    kind: 'text',
    value: 'DIR',
    about: 'data folder of the server (DRIFTWAY_DATA_DIR, ./data): its admin.sock is used',
  },
  {
    name: 'config',
    kind: 'text',
    value: 'FILE',
    about: 'configuration file (DRIFTWAY_CONFIG, ./driftway.config.json)',
  },
  {
    name: 'url',
    kind: 'text',
    value: 'URL',
    about: 'a server elsewhere: http(s)://HOST:PORT, with a token of scope admin',
  },
  {
    name: 'token',
    kind: 'text',
    value: 'TOKEN',
    about: 'token for --url; others can see it in ps',
  },
  {
    name: 'token-file',
    kind: 'text',
    value: 'FILE',
    about: 'file with the token for --url; - is standard input',
  },
];

export interface ProgramOptions {
  readonly entries: readonly CliEntry[];
  readonly groups: Readonly<Record<string, string>>;
  readonly version: string;
  /** The commands that are loaded, by full name. */
  readonly loaded: ReadonlyMap<string, CliCommand>;
  /** Called once when the words name a command: its arguments, and the options by their declared names. */
  readonly onCommand: (
    name: string,
    words: readonly unknown[],
    values: Readonly<Record<string, unknown>>,
  ) => void;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
}

/** The entry that the words name, `help` before it or not; the longer name wins. */
export function entryOf(
  argv: readonly string[],
  entries: readonly CliEntry[],
): CliEntry | undefined {
  const words = positionals(argv);
  const [first = '', second = ''] = words[0] === 'help' ? words.slice(1) : words;
  return (
    entries.find(({ name }) => name === `${first} ${second}`) ??
    entries.find(({ name }) => name === first)
  );
}

/** The words that are neither options nor the values of those that every command has. */
function positionals(argv: readonly string[]): string[] {
  const words: string[] = [];
  const withValue = GLOBAL_OPTIONS.filter(({ kind }) => kind !== 'flag').map(
    ({ name }) => `--${name}`,
  );
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (word === '--') break;
    if (withValue.includes(word)) i++;
    else if (!word.startsWith('-')) words.push(word);
  }
  return words;
}

const ENDING = `
Words after -- reach the command as they are. Exit codes: 0 done, 1 failed, 2 wrong use.
Shell completion: source <(driftway completion bash); zsh, fish and powershell too.`;

/** Builds the program. Parsing throws CommanderError, also for help and version (exitCode 0 then). */
export function buildProgram(options: ProgramOptions): Command {
  const program = new Command('driftway');
  program
    .description(
      'Driftway for operators: look into a running server, act on it, look after its data.',
    )
    .version(options.version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .helpCommand('help [command]', 'print what a command does')
    .showSuggestionAfterError(true)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: options.write, writeErr: options.writeError })
    .addHelpText('after', ENDING)
    .exitOverride();
  for (const option of GLOBAL_OPTIONS) program.addOption(toOption(option));
  const tops = new Map<string, Command>();
  for (const entry of options.entries) {
    const [first = '', second] = entry.name.split(' ');
    const top = tops.get(first) ?? topCommand(program, first, options);
    tops.set(first, top);
    fill(second === undefined ? top : top.command(second), entry, options);
  }
  return program;
}

/** A command, a group of commands, or both: `trace ID` and `trace message ...`. */
function topCommand(program: Command, name: string, { groups }: ProgramOptions): Command {
  return program
    .command(name)
    .description(groups[name] ?? '')
    .helpOption('-h, --help', 'print this')
    .helpCommand(false);
}

function fill(command: Command, entry: CliEntry, { loaded, onCommand }: ProgramOptions): void {
  command.description(entry.about).helpOption('-h, --help', 'print this');
  const known = loaded.get(entry.name);
  if (known === undefined) {
    command.allowUnknownOption().allowExcessArguments();
    return;
  }
  for (const argument of known.args ?? [])
    command.argument(shownArgument(argument), about(argument));
  for (const option of known.options ?? []) command.addOption(toOption(option));
  const after = [
    ...(known.more === undefined ? [] : ['', known.more]),
    ...(known.examples === undefined
      ? []
      : ['', 'Examples:', ...known.examples.map((line) => `  driftway ${line}`)]),
  ];
  if (after.length > 0) command.addHelpText('after', after.join('\n'));
  command.action((...given: unknown[]) => {
    const words = given.slice(0, (known.args ?? []).length);
    onCommand(entry.name, words, declared(command.optsWithGlobals(), known));
  });
}

/** Option values by declared names: commander camel-cases them. */
function declared(
  values: Readonly<Record<string, unknown>>,
  command: CliCommand,
): Record<string, unknown> {
  const all = [...GLOBAL_OPTIONS, ...(command.options ?? [])];
  return Object.fromEntries(all.map(({ name }) => [name, values[camelCase(name)]]));
}

/** An option's name as commander keeps its value. */
export function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase());
}

function toOption({ name, short, kind, value, about: text, choices, fallback }: CliOption): Option {
  const flags = `${short === undefined ? '' : `-${short}, `}--${name}`;
  const shown = value ?? choices?.join('|') ?? (kind === 'number' ? 'N' : 'TEXT');
  const told = fallback === undefined ? text : `${text} (${fallback})`;
  return new Option(kind === 'flag' ? flags : `${flags} <${shown}>`, told);
}

function shownArgument({ name, optional, variadic }: CliArgument): string {
  const dots = variadic === true ? '...' : '';
  return optional === true ? `[${name}${dots}]` : `<${name}${dots}>`;
}

function about({ about: text, choices }: CliArgument): string {
  return choices === undefined ? text : `${text}: ${choices.join(', ')}`;
}
