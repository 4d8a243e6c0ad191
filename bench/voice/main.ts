/**
 * `npm run bench:voice`: Driftway's voice beside a bare mediasoup server (README.md). Both servers are bound to one core, the
 * generator to another; prints one table, writes `--json FILE`, exits 1 only when it could not run.
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type MediaWorkerVariant, mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { formatTable, type Row, writeRows } from '../report.ts';
import type { Bench } from './bench.ts';
import { rtpgenBinary } from './build-rtpgen.ts';
import { forward } from './forwarding.ts';
import { Generator } from './generator.ts';
import { joining } from './joining.ts';
import { killing } from './killing.ts';
import { memory, soak } from './memory.ts';
import { HELP, type Options, parseOptions, UsageError } from './options.ts';
import { FULL_PLAN, isWanted, type Plan, SHORT_PLAN, scenarioIds, sizeOf } from './plan.ts';
import { keepTable, machine, markdownTable } from './results.ts';
import { audio } from './sidecar.ts';
import { type SideOptions, startBareSide, startDriftwaySide } from './sides.ts';
import { storm } from './storm.ts';

const RESULTS = fileURLToPath(new URL('RESULTS.md', import.meta.url));
const SERVER_CORE = 0;
const GENERATOR_CORE = 1;
/** Memory rows need servers that nobody has used: VP7 comes first. */
const FIRST = 'VP7';

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

type Stops = (() => Promise<void>)[];

interface Scenario {
  readonly id: string;
  run(bench: Bench): Promise<Row[]>;
}

function planOf({ short, windows }: Options): Plan {
  const plan = short ? SHORT_PLAN : FULL_PLAN;
  if (windows === undefined) return plan;
  return { ...plan, forwarding: plan.forwarding.map((one) => ({ ...one, windows })) };
}

function scenariosOf(plan: Plan, options: SideOptions): Scenario[] {
  return [
    { id: FIRST, run: memory },
    ...plan.forwarding.map((one) => ({ id: one.id, run: (bench: Bench) => forward(bench, one) })),
    { id: 'VP8', run: joining },
    { id: 'VP10', run: killing },
    { id: 'V14', run: soak },
    { id: 'V16', run: (bench: Bench) => storm(bench, options) },
    { id: 'V6', run: audio },
  ];
}

async function open(plan: Plan, options: SideOptions, plain: string, stops: Stops): Promise<Bench> {
  const isBound = options.cores !== undefined;
  // Whatever this process starts is bound as it is, where it says nothing else.
  if (isBound) execFileSync('taskset', ['-acp', String(GENERATOR_CORE), String(process.pid)]);
  const generator = await Generator.start({
    binary: await rtpgenBinary(),
    ...(isBound ? { core: GENERATOR_CORE } : {}),
    watched: isBound ? [SERVER_CORE, GENERATOR_CORE] : [],
  });
  stops.push(() => generator.stop());
  say(`accounts of ${options.people} people ...`);
  const driftway = await startDriftwaySide(options);
  stops.push(() => driftway.stop());
  const bare = await startBareSide({ ...options, worker: plain });
  stops.push(() => bare.stop());
  return { generator, driftway, bare, serverCore: isBound ? SERVER_CORE : undefined, plan, say };
}

async function worker(variant: MediaWorkerVariant): Promise<string> {
  const found = await mediaWorkerBinary({ variant, onProgress: ({ text }) => say(text) });
  if (!found.ok) throw new Error(found.message);
  return found.path;
}

async function run(options: Options): Promise<Row[]> {
  const plan = planOf(options);
  const cores = availableParallelism() < 2 ? {} : { cores: String(SERVER_CORE) };
  const size = sizeOf(plan, options.only);
  const side: SideOptions = { worker: await worker('tuned'), ...cores, ...size };
  const plain = await worker('plain');
  const stops: Stops = [];
  const rows: Row[] = [];
  try {
    const bench = await open(plan, side, plain, stops);
    for (const scenario of scenariosOf(plan, side)) {
      if (!isWanted(scenario.id, options.only)) continue;
      say(`${scenario.id} ...`);
      rows.push(...(await scenario.run(bench)));
    }
    if (bench.generator.forged > 0)
      throw new Error(
        `${bench.generator.forged} streams began with a packet that is not authentic`,
      );
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
  return rows;
}

function keep(rows: readonly Row[], { only, short }: Options): void {
  const kind = short ? 'a short run (`--short`): for a look, not for figures' : 'a full run';
  const part = only.length === 0 ? '' : `, only ${only.join(', ')}`;
  keepTable(RESULTS, markdownTable(rows, `${machine()}; ${kind}${part}.`));
}

try {
  const ids = (short: boolean) => scenarioIds(short ? SHORT_PLAN : FULL_PLAN);
  const options = parseOptions(process.argv.slice(2), ids);
  if (options.help) process.stdout.write(HELP);
  else {
    const rows = await run(options);
    process.stdout.write(`${formatTable(rows)}\n`);
    if (options.json !== undefined) writeRows(options.json, rows);
    if (options.keep) keep(rows, options);
  }
} catch (error) {
  say(`bench voice could not run: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
