/**
 * Owns the command line of bench:runtime. Pure.
 */
import { parseArgs } from 'node:util';

export const HELP = `usage: npm run bench:runtime -- [options]

Driftway's runtime beside Erlang, nact and xstate, in one run, taking turns; and its lanes between threads.

  --rounds N         rounds; the table holds the medians (default 5)
  --quick            one short round, under 20 s: for a look, not for figures
  --only A,B         only these rows: ping-pong fan-out ring spawn spawn-plain idle used call restart lane trip-p50 ...
  --without-erlang   go on when erl and erlc are missing
  --json FILE        write all figures of all rounds to FILE
  --keep             put the tables into bench/RESULTS.md
  --check            end with code 1 when a bar is missed
  --help             this text
`;

export interface Options {
  readonly help: boolean;
  readonly rounds: number;
  readonly quick: boolean;
  /** Ids of rows; empty for all. */
  readonly only: readonly string[];
  readonly withErlang: boolean;
  readonly json: string | undefined;
  readonly keep: boolean;
  readonly check: boolean;
}

/** A command line that cannot be understood. */
export class UsageError extends Error {}

/** Reads the arguments; UsageError says what is wrong. `rows` are the ids that --only may name. */
export function parseOptions(args: readonly string[], rows: readonly string[]): Options {
  const values = parse(args);
  const quick = values.quick === true;
  const rounds = values.rounds === undefined ? (quick ? 1 : 5) : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) {
    throw new UsageError(`--rounds: got ${values.rounds}, want an integer from 1 to 100`);
  }
  const only = values.only === undefined ? [] : values.only.split(',');
  for (const id of only) {
    if (!rows.includes(id)) {
      throw new UsageError(`--only: got ${id}, want some of ${rows.join(' ')}`);
    }
  }
  return {
    help: values.help === true,
    rounds,
    quick,
    only,
    withErlang: values['without-erlang'] !== true,
    json: values.json,
    keep: values.keep === true,
    check: values.check === true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h' },
        rounds: { type: 'string' },
        quick: { type: 'boolean' },
        only: { type: 'string' },
        'without-erlang': { type: 'boolean' },
        json: { type: 'string' },
        keep: { type: 'boolean' },
        check: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
