/**
 * `npm run evidence [-- NAME ...]`: the drivers of this folder one after another, each in a process of its own and alone with
 * the machine. Exits with 1 when one of them finds a violation, with 2 for a name that is none.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const NAMES = [
  'chaos',
  'chaos-menu',
  'slow-readers',
  'reconnect-storm',
  'presence',
  'revocation',
  'tree-cost',
  'voice',
];

const HELP = `Usage: npm run evidence [-- NAME ...]

Puts a real server under load and faults, and prints figures with their bars.
NAME: ${NAMES.join(', ')}; default: all, one after another.
LONG=1: the forms that README.md states figures of (about half an hour).
Options of one: node supervisors/test/evidence/NAME.ts --help
`;

/** Runs one driver; its exit code. */
function run(name: string): Promise<number> {
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...process.execArgv, file], { stdio: 'inherit' });
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

const args = process.argv.slice(2);
const unknown = args.find((name) => !NAMES.includes(name));
if (args.includes('--help')) {
  process.stdout.write(HELP);
} else if (unknown !== undefined) {
  process.stderr.write(`evidence: unknown driver: got ${unknown}, want ${NAMES.join(', ')}\n`);
  process.exitCode = 2;
} else {
  const failed: string[] = [];
  for (const name of args.length === 0 ? NAMES : args) {
    if ((await run(name)) !== 0) failed.push(name);
  }
  const verdict = failed.length === 0 ? 'all clean' : `violations in ${failed.join(', ')}`;
  process.stdout.write(`evidence: ${verdict}\n`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
