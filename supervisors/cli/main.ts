/**
 * The entry of the command line for operators: `npm run driftway -- COMMAND`, `driftway COMMAND`. Brings the real world to
 * run.ts: streams, signals, clock, configuration, connections. Loads nothing that the asked command does not need.
 */
import { readFileSync } from 'node:fs';
import { systemClock } from '../../runtime/clock.ts';
import { processSources } from '../config-source.ts';
import { COMMANDS, GROUPS } from './commands.ts';
import { runCli } from './run.ts';
import type { CliTerminal } from './types.ts';

/** Until a command's output has a real terminal: that of a log file or a pipe. */
const COLUMNS = 100;
const ROWS = 24;

const { stdin, stdout, stderr } = process;
const stop = new AbortController();

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The first one lets the command end in its own way, the second one does not wait for it.
    if (stop.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143);
    stop.abort();
  });
}
// `driftway tree | head`: whoever reads has seen enough.
stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await runCli(process.argv.slice(2), {
  entries: COMMANDS,
  groups: GROUPS,
  version: packageVersion(),
  clock: systemClock,
  signal: stop.signal,
  terminal: terminalOf(processSources({}).env.NO_COLOR),
  sources: processSources,
  connect: async (target, command) => (await import('./connect.ts')).connect(target, command),
  write: (text) => void stdout.write(text),
  writeError: (text) => void stderr.write(text),
});

function terminalOf(noColor: string | undefined): CliTerminal {
  const isTerminal = stdout.isTTY === true;
  return {
    isTerminal,
    hasColor: isTerminal && (noColor === undefined || noColor === ''),
    columns: stdout.columns || COLUMNS,
    rows: stdout.rows || ROWS,
    stdin,
    stdout,
  };
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
