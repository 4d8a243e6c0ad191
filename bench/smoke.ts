/**
 * `npm run bench:smoke`: fan-out and idle memory of Driftway beside a bare uWebSockets.js server, in one
 * run of less than a minute. Method and honesty notes: README.md of this folder.
 */
import type { SendResult, Target, WatchResult } from './load-types.ts';
import { residentBytes } from './proc.ts';
import { formatTable, jsonFile, type Row, row, writeRows } from './report.ts';
import { LoadProcess, pause, prepare, type Server, startBare, startDriftway } from './servers.ts';

const ROUNDS = 3;
const WARM_MS = 400;
/** Both servers get this much load before the first round, unmeasured: V8 compiles for the first seconds. */
const HEAT_MS = 2400;
const HEAT_FACTOR = 2;
const WINDOW_MS = 1800;
/** The senders outlast the window by this. */
const TAIL_MS = 200;
const IDLE_WARM = 500;
const IDLE_COUNT = 5000;
/** Used for the bare server's frames should no event have been seen. */
const EVENT_BYTES = 120;

interface Scenario {
  readonly id: string;
  readonly what: string;
  readonly rooms: number;
  readonly perRoom: number;
  readonly ratePerRoom: number;
  /** Most that CPU per delivery may be, as a multiple of the bare server's. */
  readonly ratioMax: number;
}

/** 20 messages/s in each small room: 2,000 commits and 20,000 deliveries per second. */
const SCENARIOS: readonly Scenario[] = [
  {
    id: 'big',
    what: 'one room of 1,000 at 100/s',
    rooms: 1,
    perRoom: 1000,
    ratePerRoom: 100,
    ratioMax: 1.4,
  },
  {
    id: 'small',
    what: '100 rooms of 10 at 20/s each',
    rooms: 100,
    perRoom: 10,
    ratePerRoom: 20,
    ratioMax: 2.0,
  },
];
const P99_MAX_MS = 50;
const IDLE_RSS_MAX_MB = 200;
const IDLE_CONNECTION_MAX_KB = 8;

interface Side {
  readonly server: Server;
  readonly target: Target;
  readonly sids: readonly number[];
}

/** A window's result, with the deliveries that were due and never came. */
interface Run extends WatchResult {
  readonly missing: number;
}

interface Measured {
  readonly scenario: Scenario;
  readonly driftway: Run[];
  readonly bare: Run[];
}

const MB = 1024 * 1024;
const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

/** Smallest of a few readings: garbage that is about to be collected does not count. */
async function settledRss(pid: number, ms: number): Promise<number> {
  let least = residentBytes(pid);
  for (let at = 0; at < ms; at += 100) {
    await pause(100);
    least = Math.min(least, residentBytes(pid));
  }
  return least;
}

/** Bytes of server memory per idle connection. */
async function idleBytes(load: LoadProcess, side: Side): Promise<number> {
  const { target, sids } = side;
  await load.do({ type: 'idle', target, sids, count: IDLE_WARM });
  const before = await settledRss(side.server.pid, 600);
  await load.do({ type: 'idle', target, sids, count: IDLE_COUNT });
  const after = await settledRss(side.server.pid, 1200);
  await load.do({ type: 'closeIdle' });
  return (after - before) / IDLE_COUNT;
}

/** The two load processes. */
interface Load {
  readonly readers: LoadProcess;
  readonly writers: LoadProcess;
}

/** One scenario's connections on one server. */
interface Room {
  readonly side: Side;
  readonly subscribers: number;
  readonly senders: number;
}

interface Prepared extends Measured {
  readonly ours: Room;
  readonly floor: Room;
}

async function openRooms(load: Load, side: Side, scenario: Scenario): Promise<Room> {
  const { target } = side;
  const sids =
    scenario.rooms === 1 ? side.sids.slice(0, 1) : side.sids.slice(1, 1 + scenario.rooms);
  const { perRoom } = scenario;
  const subscribers = await load.readers.do<number>({ type: 'open', target, sids, perRoom });
  const senders = await load.writers.do<number>({ type: 'openSenders', target, sids });
  return { side, subscribers, senders };
}

/** One window of one scenario on one server. */
async function runOnce(
  load: Load,
  room: Room,
  scenario: Scenario,
  eventBytes: number,
): Promise<Run> {
  const serverPid = room.side.server.pid;
  const durationMs = WARM_MS + WINDOW_MS + TAIL_MS;
  const { ratePerRoom } = scenario;
  const send = { group: room.senders, ratePerRoom, durationMs, eventBytes };
  const watch = { group: room.subscribers, warmMs: WARM_MS, windowMs: WINDOW_MS, serverPid };
  const [watched, sent] = await Promise.all([
    load.readers.do<WatchResult>({ type: 'watch', spec: watch }),
    load.writers.do<SendResult>({ type: 'send', spec: send }),
  ]);
  const missing = sent.sent * scenario.perRoom - watched.total;
  return { ...watched, missing: missing + sent.refused };
}

/** Compiled code on both servers: twice the scenario's rate for small rooms, its own rate for the big one. */
async function heat(load: Load, { scenario, ours, floor }: Prepared): Promise<void> {
  const ratePerRoom = scenario.ratePerRoom * (scenario.rooms > 1 ? HEAT_FACTOR : 1);
  const durationMs = scenario.rooms > 1 ? HEAT_MS : HEAT_MS / HEAT_FACTOR;
  const send = (group: number): Promise<SendResult> => {
    const spec = { group, ratePerRoom, durationMs, eventBytes: EVENT_BYTES };
    return load.writers.do<SendResult>({ type: 'send', spec });
  };
  await Promise.all([send(ours.senders), send(floor.senders)]);
}

async function measure(load: Load, driftway: Side, bare: Side): Promise<Measured[]> {
  const measured: Prepared[] = [];
  for (const scenario of SCENARIOS) {
    const ours = await openRooms(load, driftway, scenario);
    const floor = await openRooms(load, bare, scenario);
    measured.push({ scenario, ours, floor, driftway: [], bare: [] });
  }
  for (const one of measured) await heat(load, one);
  let eventBytes = EVENT_BYTES;
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const one of measured) {
      const ours = await runOnce(load, one.ours, one.scenario, eventBytes);
      eventBytes = ours.eventBytes || eventBytes;
      const floor = await runOnce(load, one.floor, one.scenario, eventBytes);
      one.driftway.push(ours);
      one.bare.push(floor);
      say(
        `round ${round}, ${one.scenario.what}\n  driftway ${describe(ours)}\n  bare     ${describe(floor)}`,
      );
    }
  }
  return measured;
}

function describe(result: Run): string {
  const cpu = (result.serverCpuUs / result.deliveries).toFixed(2);
  const rate = Math.round(result.deliveries / result.seconds);
  const load = Math.round((result.loadCpuUs / result.seconds / 1_000_000) * 100);
  const tail = `p50 ${result.p50Ms.toFixed(2)} p99 ${result.p99Ms.toFixed(2)} ms`;
  return `${rate}/s, ${cpu} us/delivery, ${tail} (readers' process at ${load}%)`;
}

const cpuPerDelivery = (results: readonly Run[]): number =>
  sum(results.map((one) => one.serverCpuUs)) / sum(results.map((one) => one.deliveries));

function scenarioRows({ scenario, driftway, bare }: Measured): Row[] {
  const { id, what } = scenario;
  const ours = cpuPerDelivery(driftway);
  const floor = cpuPerDelivery(bare);
  const median = (results: readonly Run[], pick: (one: Run) => number): number =>
    results.map(pick).sort((a, b) => a - b)[Math.floor(results.length / 2)] ?? 0;
  const rate = (results: readonly Run[]): number =>
    sum(results.map((one) => one.deliveries)) / sum(results.map((one) => one.seconds));
  const missing = sum(driftway.map((one) => one.missing));
  const size = driftway[0]?.eventBytes ?? 0;
  return [
    row(`${id}.rate`, `${what}: deliveries`, rate(driftway), '/s', null, `events of ${size} bytes`),
    row(`${id}.rate.bare`, `${what}: deliveries, bare uWS`, rate(bare), '/s'),
    row(`${id}.cpu`, `${what}: server CPU per delivery`, ours, 'us', null, 'all threads'),
    row(`${id}.cpu.bare`, `${what}: server CPU per delivery, bare uWS`, floor, 'us'),
    row(
      `${id}.ratio`,
      `${what}: CPU per delivery, driftway / bare`,
      ours / floor,
      'x',
      scenario.ratioMax,
    ),
    row(
      `${id}.p50`,
      `${what}: p50 end to end`,
      median(driftway, (one) => one.p50Ms),
      'ms',
    ),
    row(
      `${id}.p99`,
      `${what}: p99 end to end`,
      median(driftway, (one) => one.p99Ms),
      'ms',
      P99_MAX_MS,
    ),
    row(
      `${id}.p99.bare`,
      `${what}: p99 end to end, bare uWS`,
      median(bare, (one) => one.p99Ms),
      'ms',
    ),
    row(`${id}.missing`, `${what}: deliveries missing or refused`, missing, '', 0),
  ];
}

async function smoke(): Promise<Row[]> {
  const rows: Row[] = [];
  const stops: (() => Promise<void>)[] = [];
  try {
    const bareServer = await startBare();
    stops.push(() => bareServer.stop());
    const server = await startDriftway();
    stops.push(() => server.stop());
    const load: Load = { readers: new LoadProcess(), writers: new LoadProcess() };
    stops.push(
      () => load.readers.stop(),
      () => load.writers.stop(),
    );
    const startRss = await settledRss(server.pid, 1000);
    rows.push(
      row(
        'idle.rss',
        'memory after start, 1 gateway + 1 shard',
        startRss / MB,
        'MB',
        IDLE_RSS_MAX_MB,
      ),
    );
    const rooms = 1 + Math.max(...SCENARIOS.map((scenario) => scenario.rooms));
    const { token, sids } = await prepare(server.port, rooms);
    const driftway: Side = { server, target: { kind: 'driftway', port: server.port, token }, sids };
    const bare: Side = {
      server: bareServer,
      target: { kind: 'bare', port: bareServer.port, token: '' },
      sids,
    };
    say(
      `ready: memory after start ${Math.round(startRss / MB)} MB; ${IDLE_COUNT} idle connections each`,
    );
    const ours = await idleBytes(load.readers, driftway);
    const floor = await idleBytes(load.readers, bare);
    const note = `over ${IDLE_COUNT} connections, identified and subscribed`;
    rows.push(
      row(
        'idle.connection',
        'memory per idle connection',
        ours / 1024,
        'KB',
        IDLE_CONNECTION_MAX_KB,
        note,
      ),
      row('idle.connection.bare', 'memory per idle connection, bare uWS', floor / 1024, 'KB'),
    );
    for (const measured of await measure(load, driftway, bare))
      rows.push(...scenarioRows(measured));
    return rows;
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

try {
  const file = jsonFile(process.argv.slice(2));
  const began = performance.now();
  const rows = await smoke();
  process.stdout.write(`${formatTable(rows)}\n`);
  say(`took ${Math.round((performance.now() - began) / 1000)} s`);
  if (file !== undefined) writeRows(file, rows);
} catch (error) {
  say(`bench:smoke could not run: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
