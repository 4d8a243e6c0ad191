/**
 * `npm run conformance`: the conformance cases of protocol.md section 5 against a server, as a table. The only file that reads the command
 * line and writes to the terminal. Exit code 0: nothing failed, 1: a case failed, 2: wrong use.
 */
import { writeFileSync } from 'node:fs';
import { CASES } from './cases/all.ts';
import { HELP, readArgs, UsageError } from './suite/args.ts';
import { runCases } from './suite/runner.ts';
import { failuresText, lineOf, summaryOf } from './suite/table.ts';

async function main(argv: readonly string[]): Promise<number> {
  const args = readArgs(
    argv,
    CASES.map(({ number }) => number),
  );
  const say = (text: string): boolean => process.stdout.write(`${text}\n`);
  if (args.isHelp) {
    process.stdout.write(HELP);
    return 0;
  }
  const cases = CASES.filter(
    ({ number }) => args.cases.length === 0 || args.cases.includes(number),
  );
  const onTheWay = (text: string): void => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`);
  };
  say(args.urls.length > 0 ? args.urls.join(' ') : 'the server of this repository');
  const outcomes = await runCases({
    cases,
    encodings: args.encodings,
    urls: args.urls,
    onStart: ({ number, name }, encoding) => onTheWay(`${number} ${name} ${encoding} ...`),
    onProgress: onTheWay,
    onOutcome: (outcome) => {
      onTheWay('');
      say(lineOf(outcome));
    },
  });
  const failures = failuresText(outcomes);
  if (failures !== '') say(failures);
  say(`\n${summaryOf(outcomes)}`);
  if (args.json !== undefined) writeFileSync(args.json, `${JSON.stringify(outcomes, null, 1)}\n`);
  return outcomes.some(({ status }) => status === 'failed') ? 1 : 0;
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    const isUsage = error instanceof UsageError;
    process.stderr.write(`${isUsage ? `${error.message}\n\n${HELP}` : (error.stack ?? error)}\n`);
    process.exitCode = isUsage ? 2 : 1;
  },
);
