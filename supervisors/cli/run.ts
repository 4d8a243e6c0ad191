/**
 * Owns one run of the command line: finds the command, loads it, checks its words, runs it, prints its outcome and decides the
 * exit code. Everything outside is given, so that tests run it in their own process. Main thread of the command line.
 */
import { resolve } from 'node:path';
import { CommanderError } from 'commander';
import type { Clock } from '../../runtime/index.ts';
import { peekFlags, peekSetting, type Sources } from '../config-source.ts';
import { checkGiven } from './given.ts';
import { failed, misuse } from './outcome.ts';
import { buildProgram, entryOf } from './program.ts';
import type {
  CliCommand,
  CliContext,
  CliEntry,
  CliOutcome,
  CliTerminal,
  Connected,
  Target,
} from './types.ts';

/** The world around a run. */
export interface CliWorld {
  readonly entries: readonly CliEntry[];
  readonly groups: Readonly<Record<string, string>>;
  readonly version: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly terminal: CliTerminal;
  /** The environment and the configuration file, with these flags (camelCase) before them. */
  sources(flags: Readonly<Record<string, string>>): Sources;
  /** `command` is for the server's audit log. */
  connect(target: Target, command: string): Promise<Connected>;
  write(text: string): void;
  writeError(text: string): void;
}

interface Parsed {
  readonly name: string;
  readonly words: readonly unknown[];
  readonly values: Readonly<Record<string, unknown>>;
}

/** Runs the words after the program's name. */
export async function runCli(argv: readonly string[], world: CliWorld): Promise<0 | 1 | 2> {
  if (argv[0] === 'complete') return completion(argv.slice(1), world);
  const json = saysJson(argv);
  const found = await load(argv, world.entries);
  const parsed = parse(argv, found, world, json);
  if ('exit' in parsed) return finish(parsed, json, world);
  const command = found.get(parsed.name);
  if (command === undefined) throw new TypeError(`run ${parsed.name}: it is not loaded`);
  const checked = checkGiven(command, parsed.words, parsed.values);
  if (!checked.ok) return finish(misuse(`${checked.message}; see --help`), json, world);
  const context = contextOf(parsed, world, json);
  if ('exit' in context) return finish(context, json, world);
  return finish(await attempt(() => command.run(context, checked.given)), json, world);
}

/** What is thrown is a bug or a failing machine: said in one line, since a stack helps no operator. */
async function attempt(run: () => Promise<CliOutcome>): Promise<CliOutcome> {
  try {
    return await run();
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    return failed(typeof code === 'string' ? code : 'internal', String(message ?? error));
  }
}

/** The command that the words name, in full; nothing when there is none. */
async function load(
  argv: readonly string[],
  entries: readonly CliEntry[],
): Promise<ReadonlyMap<string, CliCommand>> {
  const entry = entryOf(argv, entries);
  return new Map(entry === undefined ? [] : [[entry.name, await entry.load()]]);
}

function saysJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).includes('--json');
}

function parse(
  argv: readonly string[],
  loaded: ReadonlyMap<string, CliCommand>,
  world: CliWorld,
  json: boolean,
): Parsed | CliOutcome {
  let parsed: Parsed | null = null;
  let complaint = '';
  const program = buildProgram({
    ...world,
    loaded,
    onCommand: (name, words, values) => {
      parsed = { name, words, values };
    },
    writeError: (text) => {
      complaint += text;
    },
  });
  if (argv.length === 0) return helpAsMisuse(program.helpInformation());
  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { exit: 0, document: undefined, text: '' };
    // commander prints the help of a group without a command as a complaint.
    if (error.code === 'commander.help') return helpAsMisuse(complaint);
    return misuse(`${complaint.trim().replace(/^error: /, '')}${json ? '' : '; see --help'}`);
  }
  return parsed ?? helpAsMisuse(program.helpInformation());
}

function helpAsMisuse(text: string): CliOutcome {
  return { ...misuse('a command is missing'), text: text.trimEnd() };
}

function contextOf(
  { name: command, values }: Parsed,
  world: CliWorld,
  json: boolean,
): CliContext | CliOutcome {
  const text = (name: string): string | null => {
    const value = values[name];
    return typeof value === 'string' ? value : null;
  };
  const [dataDir, config, url] = [text('data-dir'), text('config'), text('url')];
  const [token, tokenFile] = [text('token'), text('token-file')];
  if (url === null && (token !== null || tokenFile !== null))
    return misuse('--token and --token-file: got one without --url, wanted both');
  if (token !== null && tokenFile !== null)
    return misuse('--token and --token-file: got both, wanted one of them');
  const sources = world.sources({
    ...(dataDir === null ? {} : { dataDir }),
    ...(config === null ? {} : { config }),
  });
  const folder = resolve(sources.cwd, peekSetting(sources, 'dataDir') ?? 'data');
  return {
    json,
    dataDir: folder,
    sources,
    clock: world.clock,
    signal: world.signal,
    terminal: world.terminal,
    connect: () =>
      world.connect(url === null ? { dataDir: folder } : { url, token, tokenFile }, command),
    write: world.write,
    note: (line) => {
      if (!json) world.writeError(`${line}\n`);
    },
  };
}

function finish(outcome: CliOutcome, json: boolean, world: CliWorld): 0 | 1 | 2 {
  const { document, text, channel } = outcome;
  if (json) {
    if (document !== undefined) world.write(`${JSON.stringify(document)}\n`);
  } else if (text !== '') {
    const write = channel === 'stderr' ? world.writeError : world.write;
    write(`${text}\n`);
  }
  return outcome.exit;
}

/** The shell's question, `complete -- WORDS`; rows are asked of the server in the default data folder. */
async function completion(words: readonly string[], world: CliWorld): Promise<0 | 2> {
  if (words[0] !== '--') {
    world.writeError('complete: got no --, wanted a question of a shell; see completion --help\n');
    return 2;
  }
  const { complete } = await import('./completion.ts');
  const { rowIds } = await import('./row-ids.ts');
  const sources = world.sources(peekFlags(words.slice(1)));
  const dataDir = resolve(sources.cwd, peekSetting(sources, 'dataDir') ?? 'data');
  await complete({
    ...world,
    words: words.slice(1),
    rowIds: (text) => rowIds(() => world.connect({ dataDir }, 'completion'), text, world.clock),
  });
  return 0;
}
