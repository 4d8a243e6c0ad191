/**
 * Owns the command line of `supervisors/main.ts`: its verbs and flags, `--help` and `--version`. Pure but for reading
 * package.json. Not used by the heart, which only peeks (config-source.ts).
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CONFIG_KEYS, describeKey } from './config.ts';
import { flagName, keyName } from './config-source.ts';
import { nearest } from './nearest.ts';

/** What to do: `serve` is the server process itself, as the heart starts it. */
export type Verb = 'start' | 'serve' | 'keys rotate' | 'help' | 'version';

/** The command line, or a text for stderr; exit code 2 then. `flags` by camelCase key, unchecked. */
export type CommandLine =
  | { readonly ok: true; readonly verb: Verb; readonly flags: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly message: string };

const VERBS: readonly Verb[] = ['start', 'serve', 'keys rotate', 'help', 'version'];

/** Parses the words after the script's path. No verb means `start`. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const options: Record<string, { type: 'string' } | { type: 'boolean'; short: string }> = {
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean', short: 'v' },
  };
  for (const key of CONFIG_KEYS) options[flagName(key)] = { type: 'string' };
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    return { ok: false, message: explain(error as Error, Object.keys(options)) };
  }
  const { help, version, ...given } = parsed.values;
  if (help === true) return { ok: true, verb: 'help', flags: {} };
  if (version === true) return { ok: true, verb: 'version', flags: {} };
  const flags: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) flags[keyName(name)] = String(value);
  const said = parsed.positionals.join(' ') || 'start';
  const verb = VERBS.find((candidate) => candidate === said);
  if (verb !== undefined) return { ok: true, verb, flags };
  return {
    ok: false,
    message: `unknown command: got "${said}", the nearest is "${nearest(said, VERBS)}"; see --help`,
  };
}

/** The text of `--help`. */
export function helpText(): string {
  const rows = CONFIG_KEYS.map((key): [string, string] => {
    const { meaning, defaultText } = describeKey(key);
    return [
      `--${flagName(key)} VALUE`,
      defaultText === '-' ? meaning : `${meaning} (${defaultText})`,
    ];
  });
  const width = Math.max(...rows.map(([flag]) => flag.length));
  return [
    'Driftway, a chat server.',
    '',
    'usage: node supervisors/main.ts [start] [flags]    start the server',
    '       node supervisors/main.ts keys rotate        make a new signing key; tokens of the old one stay valid',
    '       node supervisors/main.ts --help | --version',
    '',
    'Every flag is also an environment variable (--port: DRIFTWAY_PORT) and a key of driftway.config.json (port).',
    '',
    ...rows.map(([flag, text]) => `  ${flag.padEnd(width)}  ${text}`),
  ].join('\n');
}

/** The version in package.json. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function explain(error: Error, names: readonly string[]): string {
  const unknown = /Unknown option '-*([^' ]+)'/.exec(error.message)?.[1];
  if (unknown === undefined) return `${error.message.split('.')[0]}; see --help`;
  return `unknown flag --${unknown}: the nearest is --${nearest(unknown, names)}; see --help`;
}
