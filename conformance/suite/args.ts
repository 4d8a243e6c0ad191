/** The command line of the suite. Pure. */
import { parseArgs } from 'node:util';
import type { Encoding } from '../wire/types.ts';

/** What is to be run. */
export interface Args {
  /** Nodes of one server; empty: start one. */
  readonly urls: readonly string[];
  /** Numbers of cases; empty: all. */
  readonly cases: readonly number[];
  readonly encodings: readonly Encoding[];
  /** File for the outcomes as JSON. */
  readonly json: string | undefined;
  readonly isHelp: boolean;
}

export const HELP = `npm run conformance -- [--url URL ...] [--case N ...] [--encoding mp|json] [--json FILE]

Runs the conformance cases of protocol.md section 5 with a client of its own, each in both encodings.

  --url URL      a running server; more than once for the nodes of one cluster
                 (without: starts the server of this repository; only then can it be killed and restored)
  --case N       this case only; more than once, or 5,6,7
  --encoding E   mp or json only
  --json FILE    writes the outcomes to FILE
  --help         this text

A server under test needs open registration, and DRIFTWAY_LIMITS=trusted or patience.
Exit code: 0 nothing failed, 1 a case failed, 2 wrong use.
`;

/** A wrong word on the command line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Reads the command line; throws UsageError. */
export function readArgs(argv: readonly string[], known: readonly number[]): Args {
  const values = parsed(argv);
  const encodings = values.encoding ?? ['mp', 'json'];
  if (!encodings.every((one) => one === 'mp' || one === 'json'))
    throw new UsageError(`--encoding: got ${encodings.join(' ')}, wanted mp or json`);
  const cases = (values.case ?? []).flatMap((one) => one.split(',')).map(Number);
  const unknown = cases.find((one) => !known.includes(one));
  if (unknown !== undefined)
    throw new UsageError(`--case: got ${unknown}, wanted 1 to ${known.at(-1)}`);
  const urls = values.url ?? [];
  const wrong = urls.find((url) => !/^(http|ws)s?:\/\/[^/]+\/?$/.test(url));
  if (wrong !== undefined) throw new UsageError(`--url: got ${wrong}, wanted http://HOST:PORT`);
  return {
    urls: urls.map((url) => url.replace(/\/$/, '').replace(/^ws/, 'http')),
    cases,
    encodings: encodings as Encoding[],
    json: values.json,
    isHelp: values.help ?? false,
  };
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        url: { type: 'string', multiple: true },
        case: { type: 'string', multiple: true },
        encoding: { type: 'string', multiple: true },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
}
