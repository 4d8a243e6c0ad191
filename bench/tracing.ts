/**
 * `node bench/tracing.ts`: what tracing costs. Two servers side by side, one without tracing, one that samples a share of all
 * requests (default 1 %) and exports to a collector; the same load on both, in windows that alternate. CPU per message = user +
 * system time of the whole server process / messages committed in the window; on a server at its limit, throughput is its inverse.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SendResult, Target, WatchResult } from './load-types.ts';
import { formatTable, jsonFile, type Row, row, writeRows } from './report.ts';
import { LoadProcess, prepare, type Server, startDriftway } from './servers.ts';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 12);
const RATIO = process.env.BENCH_TRACE_RATIO ?? '0.01';
const ROOMS = 100;
const PER_ROOM = 10;
/** 2,000 messages and 20,000 deliveries per second. */
const RATE_PER_ROOM = 20;
const WARM_MS = 400;
const WINDOW_MS = 1800;
const TAIL_MS = 200;
const HEAT_MS = 4000;
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

function rowsOf(off: readonly Window[], on: readonly Window[], spans: number): Row[] {
  const cpu = (windows: readonly Window[]): number =>
    sum(windows.map(({ cpuUs }) => cpuUs)) / sum(windows.map(({ messages }) => messages));
  const rate = (windows: readonly Window[]): number =>
    median(windows.map(({ perSecond }) => perSecond));
  const ratios = on.map((one, i) => {
    const other = off[i] as Window;
    return one.cpuUs / one.messages / (other.cpuUs / other.messages);
  });
  const cost = (median(ratios) - 1) * 100;
  const missing = sum([...off, ...on].map((one) => one.missing));
  const what = `tracing ${Number(RATIO) * 100} %`;
  const note = `median of ${ratios.length} pairs, from ${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}`;
  return [
    row('trace.rate.off', 'tracing off: messages', rate(off), '/s'),
    row('trace.rate.on', `${what}: messages`, rate(on), '/s'),
    row('trace.cpu.off', 'tracing off: server CPU per message', cpu(off), 'us'),
    row('trace.cpu.on', `${what}: server CPU per message`, cpu(on), 'us'),
    row('trace.cost', `${what}: more CPU per message`, cost, '%', COST_MAX_PERCENT, note),
    row(
      'trace.cost.sum',
      `${what}: the same over all windows`,
      (cpu(on) / cpu(off) - 1) * 100,
      '%',
    ),
    row('trace.p99.off', 'tracing off: p99 end to end', median(off.map((w) => w.p99Ms)), 'ms'),
    row('trace.p99.on', `${what}: p99 end to end`, median(on.map((w) => w.p99Ms)), 'ms'),
    row('trace.spans', `${what}: spans that reached the collector`, spans, ''),
    row('trace.missing', 'deliveries missing or refused', missing, '', 0),
  ];
}

async function compare(): Promise<Row[]> {
  const stops: (() => Promise<void>)[] = [];
  try {
    const collector = await startCollector();
    stops.push(() => collector.stop());
    const servers = [
      await startDriftway({ OTEL_SDK_DISABLED: 'true' }),
      await startDriftway({
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
        OTEL_TRACES_SAMPLER_ARG: RATIO,
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      }),
    ] as const;
    for (const server of servers) stops.push(() => server.stop());
    const load: Load = { readers: new LoadProcess(), writers: new LoadProcess() };
    stops.push(
      () => load.readers.stop(),
      () => load.writers.stop(),
    );
    const off = await openSide(load, servers[0]);
    const on = await openSide(load, servers[1]);
    await heat(load, [off, on]);
    const windows: { readonly off: Window[]; readonly on: Window[] } = { off: [], on: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      // Either one comes first as often as the other.
      for (const which of round % 2 === 0 ? (['off', 'on'] as const) : (['on', 'off'] as const)) {
        windows[which].push(await runWindow(load, which === 'off' ? off : on));
      }
      const shown = (w: Window | undefined) => ((w?.cpuUs ?? 0) / (w?.messages ?? 1)).toFixed(1);
      say(
        `round ${round + 1}: off ${shown(windows.off.at(-1))}, on ${shown(windows.on.at(-1))} us`,
      );
    }
    return rowsOf(windows.off, windows.on, collector.spans());
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
