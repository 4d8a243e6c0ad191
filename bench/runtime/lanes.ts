/**
 * Driftway's threads as a subject of bench:runtime: lanes between two of them (one-way throughput, round trip while idle, a flood
 * of one that takes nothing in), and a hung one that is replaced. Through the runtime's public API alone. A process of its own per figure.
 */
import {
  at,
  call,
  cast,
  configureRuntime,
  counters,
  defineActor,
  type LaneCounters,
  type NodeHandle,
  name,
  spawn,
  startNode,
} from '../../runtime/index.ts';
import type { HangerP, WitnessP } from './hung-slot.ts';
import type { Message, SinkP, SourceP } from './lane-slot.ts';
import { type Batch, type Figures, runSubject, signal, timed, turn } from './measure.ts';

/** Messages per 'handled' notice, and the most that are under way. */
const CHUNK = 4000;
const UNDER_WAY = 5 * CHUNK;
const PER_BATCH = 200_000;
const TRIPS_WARM = 3000;
const TRIPS = 6000;
const SPIN_MS = 1200;
const FLOOD_PER_TURN = 5000;
const HUNG_MS = 1000;
const HANGS = 5;
const SPARE_MS = 1000;

const MESSAGE: Message = {
  sid: 281_474_976_710_656,
  uid: 281_474_976_710_999,
  nonce: 'k3v9x2m7q1w8',
  text: 'a line of text as people write it in a chat, and about as long as it is.',
};
const MESSAGE_BYTES = 150;
const sink = at<SinkP>('sink', 'sink');

async function start(): Promise<NodeHandle> {
  const bytes = JSON.stringify(MESSAGE).length;
  if (bytes !== MESSAGE_BYTES) throw new Error(`lanes: message: got ${bytes} bytes as JSON`);
  configureRuntime({ report: () => undefined });
  const module = new URL('./lane-slot.ts', import.meta.url);
  return startNode({
    slots: [{ name: 'sink', module, onDown: 'fatal' }],
    watchdog: false,
    report: () => undefined,
  });
}

// ---------------------------------------------------------------- throughput

interface Sending {
  left: number;
  done: () => void;
}
interface SenderP extends SourceP {
  go(m: { readonly count: number; readonly done: () => void }): void;
}

const Sender = defineActor<SenderP, Sending>({
  init: () => ({ left: 0, done: () => undefined }),
  handle: {
    go(s, { count, done }) {
      s.left = count;
      s.done = done;
      for (let i = 0; i < UNDER_WAY; i++) cast(sink, 'message', MESSAGE);
    },
    handled(s) {
      s.left -= CHUNK;
      if (s.left === 0) s.done();
      else if (s.left >= UNDER_WAY) for (let i = 0; i < CHUNK; i++) cast(sink, 'message', MESSAGE);
    },
  },
});

/** One operation is one message, from its cast on main until its handler has run on the other thread. */
async function throughput(): Promise<Batch> {
  await start();
  const sender = await spawn(Sender, undefined);
  await call(sink, 'count');
  cast(sink, 'start', { source: sender, every: CHUNK });
  return () =>
    timed(PER_BATCH, () => {
      const { promise, resolve } = signal();
      cast(sender, 'go', { count: PER_BATCH, done: resolve });
      return promise;
    });
}

// ---------------------------------------------------------------- round trip

async function roundTrip(): Promise<Figures> {
  await start();
  for (let i = 0; i < TRIPS_WARM; i++) await call(sink, 'echo', MESSAGE);
  const us: number[] = [];
  for (let i = 0; i < TRIPS; i++) {
    const begin = process.hrtime.bigint();
    await call(sink, 'echo', MESSAGE);
    us.push(Number(process.hrtime.bigint() - begin) / 1000);
  }
  us.sort((a, b) => a - b);
  const quantile = (q: number) => us[Math.floor(q * us.length)] as number;
  return { p50: quantile(0.5), p99: quantile(0.99) };
}

// ---------------------------------------------------------------- flood

function lane(): LaneCounters {
  const found = counters().lanes.find(({ to }) => to === 'sink');
  if (found === undefined) throw new Error('lanes: no lane to the sink');
  return found;
}

/** Casts for as long as the other thread is stuck in a handler, then counts: each message was handled or dropped. */
async function flood(): Promise<Figures> {
  await start();
  await call(sink, 'count');
  const before = process.memoryUsage().rss;
  cast(sink, 'spin', SPIN_MS);
  let [sent, inFlightMax, rssMax] = [0, 0, before];
  const end = performance.now() + SPIN_MS * 0.9;
  while (performance.now() < end) {
    for (let i = 0; i < FLOOD_PER_TURN; i++) cast(sink, 'message', MESSAGE);
    sent += FLOOD_PER_TURN;
    await turn();
    inFlightMax = Math.max(inFlightMax, lane().bytesInFlight);
    rssMax = Math.max(rssMax, process.memoryUsage().rss);
  }
  while (lane().bytesInFlight > 0) await turn();
  const handled = await call(sink, 'count', undefined, { timeoutMs: 30_000 });
  const { dropped } = lane();
  return {
    sent,
    dropped,
    lost: sent - dropped - handled,
    inFlightMb: inFlightMax / 2 ** 20,
    rssMb: (rssMax - before) / 2 ** 20,
  };
}

// ---------------------------------------------------------------- hung thread

/**
 * From the detection limit on: the watchdog's look, the end of the thread, its replacement, and the start of its thousand
 * actors. Both threads run on one clock, so the hang counts from its cast.
 */
async function hung(): Promise<Figures> {
  configureRuntime({ report: () => undefined });
  let allRunning: () => void = () => undefined;
  const Witness = defineActor<WitnessP, null>({
    init: () => null,
    handle: { allRunning: () => allRunning() },
  });
  await spawn(Witness, undefined, { name: name<WitnessP>('witness') });
  const node = await startNode({
    slots: [
      {
        name: 'hangs',
        module: new URL('./hung-slot.ts', import.meta.url),
        onDown: 'restart',
        spare: true,
      },
    ],
    watchdog: { slowMs: HUNG_MS / 2, hungMs: HUNG_MS },
    restart: { intensity: HANGS + 1, period: 3600 },
    report: () => undefined,
  });
  const ms: number[] = [];
  for (let i = 0; i < HANGS; i++) {
    // The spare thread of the round before loads meanwhile, as it would in a server.
    await new Promise((resolve) => setTimeout(resolve, SPARE_MS));
    const { promise, resolve } = signal();
    allRunning = resolve;
    const begin = performance.now();
    cast(at<HangerP>('hangs', 'hanger'), 'hang');
    await promise;
    ms.push(performance.now() - begin - HUNG_MS);
  }
  await node.stop();
  ms.sort((a, b) => a - b);
  return { p50: ms[ms.length >> 1] as number, max: ms.at(-1) as number };
}

await runSubject({ hung, lane: throughput, 'round-trip': roundTrip, flood });
