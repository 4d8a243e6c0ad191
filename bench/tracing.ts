/**
 * `npm run bench:tracing`: what tracing costs. Three servers side by side: without tracing, tracing 1 % of all requests, and
 * tracing 20 %, the last two exporting to a collector; the same load on each, in windows that take turns. CPU per message = user
 * + system time of the whole server process / messages delivered in the window; on a server at its limit, throughput is its
 * inverse. Other work on the machine only adds: of each server the quieter half of the windows counts. What 1 % costs is also told
 * from the 20 %, where it is twenty times as large against the same noise.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SendResult, Target, WatchResult } from './load-types.ts';
import { formatTable, jsonFile, type Row, row, writeRows } from './report.ts';
import { LoadProcess, prepare, type Server, startDriftway } from './servers.ts';

const ROUNDS = 24;
const RATIO = 0.01;
const HEAVY_RATIO = 0.2;
const ROOMS = 100;
const PER_ROOM = 10;
/** 1,000 messages and 10,000 deliveries per second. */
const RATE_PER_ROOM = 10;
const WARM_MS = 200;
const WINDOW_MS = 1200;
const TAIL_MS = 200;
const HEAT_MS = 3000;
const EVENT_BYTES = 120;
/** The bar: tracing at 1 % costs less than 3 %. */
const COST_MAX_PERCENT = 3;

interface Side {
  readonly server: Server;
  readonly subscribers: number;
  readonly senders: number;
}

interface Load {
  readonly readers: LoadProcess;
  readonly writers: LoadProcess;
}

interface Window {
  readonly cpuUs: number;
  readonly messages: number;
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly missing: number;
}

interface Collector {
  readonly endpoint: string;
  /** Spans that have arrived. */
  spans(): number;
  stop(): Promise<void>;
}

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Takes everything; in this process, so that its work is not the server's. */
async function startCollector(): Promise<Collector> {
  let spans = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      spans += Buffer.concat(chunks).toString('latin1').split('"spanId"').length - 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    spans: () => spans,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

async function openSide(load: Load, server: Server): Promise<Side> {
  const { sids, token } = await prepare(server.port, ROOMS);
  const target: Target = { kind: 'driftway', port: server.port, token };
  const open = { type: 'open', target, sids, perRoom: PER_ROOM } as const;
  const subscribers = await load.readers.do<number>(open);
  const senders = await load.writers.do<number>({ type: 'openSenders', target, sids });
  return { server, subscribers, senders };
}

async function runWindow(load: Load, side: Side): Promise<Window> {
  const durationMs = WARM_MS + WINDOW_MS + TAIL_MS;
  const send = {
    ...{ group: side.senders, ratePerRoom: RATE_PER_ROOM, durationMs },
    eventBytes: EVENT_BYTES,
  };
  const watch = {
    ...{ group: side.subscribers, warmMs: WARM_MS, windowMs: WINDOW_MS },
    serverPid: side.server.pid,
  };
  const [watched, sent] = await Promise.all([
    load.readers.do<WatchResult>({ type: 'watch', spec: watch }),
    load.writers.do<SendResult>({ type: 'send', spec: send }),
  ]);
  const messages = watched.deliveries / PER_ROOM;
  return {
    cpuUs: watched.serverCpuUs,
    messages,
    perSecond: messages / watched.seconds,
    p99Ms: watched.p99Ms,
    missing: sent.sent * PER_ROOM - watched.total + sent.refused,
  };
}

/** Compiled code on both before the first window. */
async function heat(load: Load, sides: readonly Side[]): Promise<void> {
  const spec = { ratePerRoom: 2 * RATE_PER_ROOM, durationMs: HEAT_MS, eventBytes: EVENT_BYTES };
  const send = ({ senders }: Side) =>
    load.writers.do<SendResult>({ type: 'send', spec: { ...spec, group: senders } });
  await Promise.all(sides.map(send));
}

/** CPU per message over the quieter half of the windows. */
function cpuPerMessage(windows: readonly Window[]): number {
  const each = windows.map(({ cpuUs, messages }) => cpuUs / messages).sort((a, b) => a - b);
  const half = each.slice(0, Math.ceil(each.length / 2));
  return sum(half) / half.length;
}

interface Measured {
  readonly off: readonly Window[];
  readonly on: readonly Window[];
  readonly heavy: readonly Window[];
}

function rowsOf({ heavy, off, on }: Measured, spans: number): Row[] {
  const [base, traced, much] = [cpuPerMessage(off), cpuPerMessage(on), cpuPerMessage(heavy)];
  const p99 = (windows: readonly Window[]): number => median(windows.map(({ p99Ms }) => p99Ms));
  const rate = (windows: readonly Window[]): number =>
    median(windows.map(({ perSecond }) => perSecond));
  const percent = (us: number): number => (us / base) * 100;
  const perTraced = (much - base) / HEAVY_RATIO;
  const missing = sum([...off, ...on, ...heavy].map((one) => one.missing));
  const quiet = `quieter half of ${off.length} windows each`;
  return [
    row('trace.rate.off', 'tracing off: messages', rate(off), '/s'),
    row('trace.rate.on', 'tracing 1 %: messages', rate(on), '/s'),
    row('trace.cpu.off', 'tracing off: server CPU per message', base, 'us', null, quiet),
    row('trace.cpu.on', 'tracing 1 %: server CPU per message', traced, 'us', null, quiet),
    row('trace.cpu.heavy', 'tracing 20 %: server CPU per message', much, 'us', null, quiet),
    row('trace.message', 'one traced message, export included', perTraced, 'us'),
    row(
      ...([
        'trace.cost',
        'tracing 1 %: more CPU per message',
        percent(traced - base),
        '%',
      ] as const),
      ...([COST_MAX_PERCENT, 'measured at 1 %'] as const),
    ),
    row(
      ...(['trace.cost.scaled', 'the same', percent(perTraced * RATIO), '%'] as const),
      ...([COST_MAX_PERCENT, 'a twentieth of what 20 % cost'] as const),
    ),
    row('trace.p99.off', 'tracing off: p99 end to end', p99(off), 'ms'),
    row('trace.p99.on', 'tracing 1 %: p99 end to end', p99(on), 'ms'),
    row('trace.spans', 'spans that reached the collector', spans, ''),
    row(
      'trace.missing',
      'deliveries missing or refused',
      missing,
      '',
      null,
      'late ones count in another window',
    ),
  ];
}

async function startSides(collector: Collector, stops: (() => Promise<void>)[]): Promise<Server[]> {
  const traced = (ratio: number) => ({
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: String(ratio),
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
  });
  const servers: Server[] = [];
  for (const env of [{ OTEL_SDK_DISABLED: 'true' }, traced(RATIO), traced(HEAVY_RATIO)]) {
    const server = await startDriftway(env);
    stops.push(() => server.stop());
    servers.push(server);
  }
  return servers;
}

async function compare(): Promise<Row[]> {
  const stops: (() => Promise<void>)[] = [];
  try {
    const collector = await startCollector();
    stops.push(() => collector.stop());
    const servers = await startSides(collector, stops);
    const load: Load = { readers: new LoadProcess(), writers: new LoadProcess() };
    stops.push(
      () => load.readers.stop(),
      () => load.writers.stop(),
    );
    const sides: Side[] = [];
    for (const server of servers) sides.push(await openSide(load, server));
    for (const side of sides) await heat(load, [side]);
    const windows: Window[][] = sides.map(() => []);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let turn = 0; turn < sides.length; turn += 1) {
        // Each comes first, second and last as often as the others.
        const which = (round + turn) % sides.length;
        windows[which]?.push(await runWindow(load, sides[which] as Side));
      }
      const shown = windows.map((each) => {
        const last = each.at(-1) as Window;
        return (last.cpuUs / last.messages).toFixed(1);
      });
      say(`round ${round + 1}: off, 1 %, 20 %: ${shown.join(', ')} us per message`);
    }
    const [off = [], on = [], heavy = []] = windows;
    return rowsOf({ off, on, heavy }, collector.spans());
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

try {
  const file = jsonFile(process.argv.slice(2));
  const rows = await compare();
  process.stdout.write(`${formatTable(rows)}\n`);
  if (file !== undefined) writeRows(file, rows);
} catch (error) {
  say(`bench tracing could not run: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
