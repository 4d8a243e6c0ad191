/**
 * `npm run bench:runtime`: Driftway's runtime beside Erlang, nact and xstate in one run, and its lanes between threads. Starts one
 * process per figure, one after another; prints tables on stdout, progress on stderr. Method: README.md of this folder.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { HELP, type Options, parseOptions, UsageError } from './options.ts';
import { type Figures, LANE_ROWS, ROWS, type Row, SIDES, type SideId } from './scenarios.ts';
import {
  type Erlang,
  forgetErlang,
  MissingErlang,
  packageVersion,
  prepareErlang,
  runErlang,
  runNode,
  type Times,
} from './sides.ts';
import { makeTables, resultKey, takesPart } from './table.ts';

const FULL: Times = { warmMs: 1000, windowMs: 1000 };
const QUICK: Times = { warmMs: 70, windowMs: 60 };
const RESULTS = new URL('../RESULTS.md', import.meta.url);
const MARKS = ['<!-- bench:runtime -->', '<!-- end of bench:runtime -->'] as const;

/** One process: which side runs which scenario. */
interface Job {
  readonly key: string;
  readonly run: () => Promise<Figures>;
}

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

const allIds = [...ROWS, ...LANE_ROWS].map(({ id }) => id);

/** The processes of one round, in the order in which they run: for each scenario the sides in turn. */
function plan(ids: readonly string[], erlang: Erlang | undefined, times: Times): readonly Job[] {
  const jobs = new Map<string, Job>();
  const add = (job: Job) => {
    if (!jobs.has(job.key)) jobs.set(job.key, job);
  };
  for (const row of ROWS.filter(({ id }) => ids.includes(id))) {
    for (const side of SIDES) {
      const run = takesPart(side, row) ? sideRun(side, row, erlang, times) : undefined;
      if (run !== undefined) add({ key: resultKey(side, row), run });
    }
  }
  for (const { scenario } of LANE_ROWS.filter(({ id }) => ids.includes(id))) {
    add({ key: `driftway ${scenario}`, run: () => runNode('lanes', scenario, times) });
  }
  return [...jobs.values()];
}

function sideRun(
  side: SideId,
  row: Row,
  erlang: Erlang | undefined,
  times: Times,
): (() => Promise<Figures>) | undefined {
  if (side === 'erlang' || side === 'erlang-1') {
    return erlang === undefined ? undefined : () => runErlang(erlang, side, row.erlang, times);
  }
  return () => runNode(side, row.scenario, times);
}

async function measure(jobs: readonly Job[], rounds: number): Promise<Map<string, Figures[]>> {
  const results = new Map<string, Figures[]>();
  for (let round = 1; round <= rounds; round++) {
    for (const { key, run } of jobs) {
      say(`round ${round} of ${rounds}: ${key}`);
      const figures = await run();
      results.set(key, [...(results.get(key) ?? []), figures]);
    }
  }
  return results;
}

/** Machine, versions and load, as one line each. */
function surroundings(options: Options, erlang: Erlang | undefined, loadBefore: string): string[] {
  const [cpu] = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const versions = [
    `Node ${process.versions.node} (V8 ${process.versions.v8})`,
    erlang === undefined ? 'without Erlang' : `Erlang/OTP ${erlang.version}`,
    `nact ${packageVersion('nact')}`,
    `xstate ${packageVersion('xstate')}`,
  ];
  return [
    `Machine: ${cpus().length} x ${cpu?.model ?? 'unknown'}, ${memory} GiB, Linux ${release()}; load ${loadBefore} before, ${load()} after.`,
    `Versions: ${versions.join(', ')}.`,
    `Run: ${new Date().toISOString().slice(0, 16)}Z, ${options.quick ? 'quick, ' : ''}medians of ${options.rounds} rounds, ± half the range.`,
  ];
}

function load(): string {
  return loadavg()
    .map((value) => value.toFixed(1))
    .join(' ');
}

/** Replaces what stands between the marks of bench/RESULTS.md. */
function keep(text: string): void {
  const file = readFileSync(RESULTS, 'utf8');
  const [start, end] = MARKS.map((mark) => file.indexOf(mark)) as [number, number];
  if (start < 0 || end < start) throw new Error(`bench/RESULTS.md: no ${MARKS.join(' ... ')}`);
  const head = file.slice(0, start + MARKS[0].length);
  writeFileSync(RESULTS, `${head}\n\n${text}\n\n${file.slice(end)}`);
}

async function bench(options: Options): Promise<number> {
  const erlang = options.withErlang ? prepareErlang() : undefined;
  try {
    const loadBefore = load();
    const ids = options.only.length === 0 ? allIds : options.only;
    const jobs = plan(ids, erlang, options.quick ? QUICK : FULL);
    const results = await measure(jobs, options.rounds);
    const { text, missed } = makeTables(results, ids);
    const around = surroundings(options, erlang, loadBefore);
    const shown = `${around.join('\n')}\n\n${text}`;
    process.stdout.write(`${shown}\n`);
    if (options.json !== undefined) {
      const data = { surroundings: around, missed, results: Object.fromEntries(results) };
      writeFileSync(options.json, `${JSON.stringify(data, null, 2)}\n`);
    }
    if (options.keep) keep(shown);
    for (const line of missed) say(`bar missed: ${line}`);
    return options.check && missed.length > 0 ? 1 : 0;
  } finally {
    if (erlang !== undefined) forgetErlang(erlang);
  }
}

try {
  const options = parseOptions(process.argv.slice(2), allIds);
  if (options.help) process.stdout.write(HELP);
  else process.exitCode = await bench(options);
} catch (error) {
  const known = error instanceof UsageError || error instanceof MissingErlang;
  say(known ? error.message : String((error as Error).stack));
  process.exitCode = 2;
}
