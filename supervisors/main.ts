/**
 * The entry of everything that runs on the server's side: `node supervisors/main.ts [start] [flags]`. Decides which of the two
 * processes this one is. The heart must stay tiny, so this file imports only what the heart needs; the server, its
 * configuration and its logger are loaded on demand. Main thread of either process.
 */
import { join, resolve } from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../runtime/clock.ts';
import { peekFlags, peekSetting, processSources } from './config-source.ts';
import { EXIT } from './errors.ts';
import { runHeart } from './heart.ts';
import { heartReporter } from './heart-log.ts';
import { nodeFlags } from './node-flags.ts';
import { readPidFile, removePidFile } from './pid-file.ts';

const argv = process.argv.slice(2);

if (isHeart(argv)) process.exit(await beHeart(argv));
else await (await import('./command.ts')).runCommand(argv);

/** `start`, said or implied, without a question for help: the process that watches over the server. */
function isHeart(words: readonly string[]): boolean {
  if (words.some((word) => ['--help', '-h', '--version', '-v'].includes(word))) return false;
  const first = words[0];
  if (first !== undefined && first !== 'start' && !first.startsWith('-')) return false;
  return peekSetting(processSources(peekFlags(words)), 'heart') !== 'off';
}

async function beHeart(words: readonly string[]): Promise<number> {
  const sources = processSources(peekFlags(words));
  const format = peekSetting(sources, 'logFormat');
  const flags = words[0] === 'start' ? words.slice(1) : words;
  const exitCode = await runHeart({
    command: {
      file: process.execPath,
      args: [...nodeFlags(), fileURLToPath(import.meta.url), 'serve', ...flags],
    },
    clock: systemClock,
    report: heartReporter(format === 'pretty' || (format !== 'json' && isatty(1)), systemClock.now),
  });
  if (exitCode === EXIT.done)
    removeLeftPidFiles(resolve(peekSetting(sources, 'dataDir') ?? 'data'));
  return exitCode;
}

/** A wish to stop that came between a crash and the restart: nobody else is left to tidy up. */
function removeLeftPidFiles(dataDir: string): void {
  const server = join(dataDir, 'server.pid');
  const left = readPidFile(server);
  if (left !== null && !left.alive) removePidFile(server, left.pid);
  removePidFile(join(dataDir, 'heart.pid'), process.pid);
}
