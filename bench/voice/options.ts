/** Owns the command line of bench:voice. Pure. */
import { parseArgs } from 'node:util';

export const HELP = `usage: npm run bench:voice -- [options]

Driftway's voice and a bare mediasoup server beside it, the same load in turns: CPU per packet, latency, loss, memory, joins, and a
killed media worker. Needs g++ and libssl-dev for the generator, and the media worker that Driftway uses.

  --short            small shapes and few windows, about 3 minutes: for a look, not for figures
  --only A,B         only these rows: VP1 VP2 ... V16
  --windows N        windows of each forwarding row instead of the plan's
  --json FILE        write all rows to FILE
  --keep             put the table into bench/voice/RESULTS.md
  --help             this text
`;

export interface Options {
  readonly help: boolean;
  readonly short: boolean;
  /** Ids of rows; empty for all. */
  readonly only: readonly string[];
  readonly windows: number | undefined;
  readonly json: string | undefined;
  readonly keep: boolean;
}

/** A command line that cannot be understood. */
export class UsageError extends Error {}

/** Reads the arguments; UsageError says what is wrong. `ids` are those that --only may name, by whether the run is short. */
export function parseOptions(
  args: readonly string[],
  ids: (short: boolean) => readonly string[],
): Options {
  const values = parse(args);
  const short = values.short === true;
  const only = values.only === undefined ? [] : values.only.split(',');
  for (const id of only) {
    if (!ids(short).includes(id)) {
      throw new UsageError(`--only: got ${id}, want some of ${ids(short).join(' ')}`);
    }
  }
  const windows = values.windows === undefined ? undefined : Number(values.windows);
  if (windows !== undefined && (!Number.isInteger(windows) || windows < 1 || windows > 100)) {
    throw new UsageError(`--windows: got ${values.windows}, want an integer from 1 to 100`);
  }
  return {
    ...{ short, only, windows },
    help: values.help === true,
    json: values.json,
    keep: values.keep === true,
  };
}

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        short: { type: 'boolean' },
        only: { type: 'string' },
        windows: { type: 'string' },
        json: { type: 'string' },
        keep: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
