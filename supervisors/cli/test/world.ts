/**
 * Owns a made-up world for runs of the command line inside a test: what is written is kept, the server is a FakeAdmin or absent.
 */
import { PassThrough } from 'node:stream';
import { FakeClock } from '../../../runtime/testkit/index.ts';
import { COMMANDS, GROUPS } from '../commands.ts';
import { type CliWorld, runCli } from '../run.ts';
import type { CliEntry, Connected, Target } from '../types.ts';

export interface WorldOptions {
  readonly entries?: readonly CliEntry[];
  readonly groups?: Readonly<Record<string, string>>;
  readonly connect?: (target: Target, command: string) => Promise<Connected>;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly clock?: FakeClock;
}

/** Outcome of a run: everything that was written. */
export interface Ran {
  readonly exit: 0 | 1 | 2;
  readonly out: string;
  readonly error: string;
}

/** A terminal stream that keeps what is written to it. */
export class FakeTty extends PassThrough {
  readonly isTTY = true;
  columns: number;
  rows: number;
  text = '';
  isRaw = false;

  constructor(columns = 80, rows = 24) {
    super();
    this.columns = columns;
    this.rows = rows;
    this.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('utf8');
    });
  }

  setRawMode(isRaw: boolean): this {
    this.isRaw = isRaw;
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.emit('resize');
  }
}

/** Runs the command line with these words. */
export async function ran(words: readonly string[], options: WorldOptions = {}): Promise<Ran> {
  let out = '';
  let error = '';
  const exit = await runCli(words, {
    ...worldOf(options),
    write: (text) => {
      out += text;
    },
    writeError: (text) => {
      error += text;
    },
  });
  return { exit, out, error };
}

const noServer = async (): Promise<Connected> => ({
  ok: false,
  code: 'no_server',
  message: 'no server runs there',
});

function worldOf(options: WorldOptions): Omit<CliWorld, 'write' | 'writeError'> {
  return {
    entries: options.entries ?? COMMANDS,
    groups: options.groups ?? GROUPS,
    version: '1.2.3',
    clock: options.clock ?? new FakeClock(),
    signal: options.signal ?? new AbortController().signal,
    terminal: {
      isTerminal: false,
      hasColor: false,
      columns: 80,
      rows: 24,
      stdin: process.stdin,
      stdout: process.stdout,
    },
    sources: (flags) => ({ env: options.env ?? {}, flags, cwd: '/nowhere' }),
    connect: options.connect ?? noServer,
  };
}
