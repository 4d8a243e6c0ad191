/**
 * Owns the verbs of the command line other than being the heart: the server itself, `keys rotate`, help and version. Main
 * thread; decides the exit code (api.md, starting and stopping).
 */
import { systemClock } from '../runtime/index.ts';
import { helpText, packageVersion, parseCommandLine } from './args.ts';
import { type Config, loadConfig } from './config.ts';
import { processSources } from './config-source.ts';
import { EXIT } from './errors.ts';
import { rotateAndTell } from './rotate-keys.ts';
import { runServer } from './server.ts';

/** Runs the verb; sets the exit code, or ends the process where the server has to. */
export async function runCommand(argv: readonly string[]): Promise<void> {
  const command = parseCommandLine(argv);
  if (!command.ok) return misuse(command.message);
  if (command.verb === 'help') return say(helpText());
  if (command.verb === 'version') return say(packageVersion());
  const loaded = loadConfig(processSources(command.flags));
  if (!loaded.ok) return misuse(loaded.message);
  if (command.verb === 'keys rotate') return rotate(loaded.config);
  await runServer(loaded.config, command.verb === 'serve');
}

async function rotate(config: Config): Promise<void> {
  const holder = await rotateAndTell(config, systemClock);
  say(
    holder === null
      ? 'a new signing key is in place'
      : `a new signing key is in place; told the server, process ${holder}`,
  );
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function misuse(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = EXIT.misuse;
}
