/**
 * VP7 and V14: resident memory of fresh servers as people come, and whether it grows with joins and leaves. Everybody stays while
 * the next ones come, so that nothing is measured into memory that others gave back.
 */
import { residentBytes } from '../proc.ts';
import { type Row, row } from '../report.ts';
import type { Bench } from './bench.ts';
import { Crowd } from './crowd.ts';
import { Person } from './person.ts';
import { memoryShapes } from './plan.ts';
import { mediaWorkers, residentOfAll, treeOf } from './proc-tree.ts';
import type { Side } from './types.ts';

/** The worker gives back what handshakes needed 5 s after them. */
const SETTLE_MS = 7000;
const READINGS = 5;
const MB = 1_000_000;
const CALL_MAX_MB = 0.22;
const ROOM_MAX_MB = 0.08;
const CONSUMER_MAX_KB = 8;
const TRANSPORT_MAX_KB = 40;
const GROWTH_MAX_PERCENT = 5;

interface Memory {
  /** Of the whole tree. */
  readonly treeBytes: number;
  /** Of the busiest media worker. */
  readonly workerBytes: number;
}

interface Footprint {
  readonly startMb: number;
  readonly callMb: number;
  readonly roomMb: number;
  readonly transportKb: number;
  readonly consumerKb: number;
}

async function read(side: Side): Promise<Memory> {
  const pause = (ms: number) =>
    new Promise((resolve) => {
      setTimeout(resolve, ms);
    });
  await pause(SETTLE_MS);
  let least = { treeBytes: Number.POSITIVE_INFINITY, workerBytes: Number.POSITIVE_INFINITY };
  for (let i = 0; i < READINGS; i += 1) {
    const [worker] = mediaWorkers(side.pid);
    least = {
      treeBytes: Math.min(least.treeBytes, residentOfAll(treeOf(side.pid))),
      workerBytes: Math.min(least.workerBytes, worker === undefined ? 0 : residentBytes(worker)),
    };
    await pause(100);
  }
  return least;
}

async function footprint(bench: Bench, side: Side): Promise<Footprint> {
  const start = await read(side);
  const crowds: Crowd[] = [];
  const readings: Memory[] = [];
  let transports = 1;
  const from = { people: 0, rooms: 0 };
  const shapes = memoryShapes(bench.plan);
  try {
    for (const shape of shapes) {
      const crowd = await Crowd.open(side, bench.generator, shape, { ...from });
      crowds.push(crowd);
      await crowd.join();
      readings.push(await read(side));
      transports = crowd.people[0]!.transports;
      from.people += shape.rooms * shape.perRoom;
      from.rooms += shape.rooms;
    }
  } finally {
    for (const crowd of crowds) await crowd.close();
  }
  const [first, calls, room, silent, loud] = readings as [Memory, Memory, Memory, Memory, Memory];
  const peopleOf = (index: number) => shapes[index]!.rooms * shapes[index]!.perRoom;
  const silentBytes = (silent.workerBytes - room.workerBytes) / peopleOf(3);
  const consumers = peopleOf(4) * (shapes[4].talkers - 1);
  const consumerBytes =
    (loud.workerBytes - silent.workerBytes - silentBytes * peopleOf(4)) / consumers;
  return {
    startMb: start.treeBytes / MB,
    callMb: (calls.treeBytes - first.treeBytes) / peopleOf(1) / MB,
    roomMb: (room.treeBytes - calls.treeBytes) / peopleOf(2) / MB,
    transportKb: silentBytes / transports / 1000,
    consumerKb: consumerBytes / 1000,
  };
}

/** On servers that nobody has used yet. */
export async function memory(bench: Bench): Promise<Row[]> {
  const ours = await footprint(bench, bench.driftway);
  const theirs = await footprint(bench, bench.bare);
  const people = `${2 * bench.plan.memoryCalls} people`;
  return [
    row('VP7.call', 'memory per person, calls of two', ours.callMb, 'MB', CALL_MAX_MB, people),
    row('VP7.call.bare', 'bare: the same', theirs.callMb, 'MB'),
    row('VP7.call.ratio', 'x bare', ours.callMb / theirs.callMb, 'x', 1),
    row('VP7.room', 'memory per person, a room of 100', ours.roomMb, 'MB', ROOM_MAX_MB),
    row('VP7.room.bare', 'bare: the same', theirs.roomMb, 'MB'),
    row('VP7.room.ratio', 'x bare', ours.roomMb / theirs.roomMb, 'x', 1),
    row('VP7.start', 'Driftway without voice traffic, all processes', ours.startMb, 'MB'),
    row('V14.transport.bare', 'bare: worker memory per transport', theirs.transportKb, 'kB'),
    row('V14.consumer.bare', 'bare: worker memory per consumer', theirs.consumerKb, 'kB'),
    row('V14.transport', 'worker memory per transport', ours.transportKb, 'kB', TRANSPORT_MAX_KB),
    row(
      ...(['V14.consumer', 'worker memory per consumer', ours.consumerKb, 'kB'] as const),
      ...([CONSUMER_MAX_KB, 'with its share of the producers'] as const),
    ),
  ];
}

/** V14: the same person joins and leaves over and over, in a room where somebody talks. */
export async function soak(bench: Bench): Promise<Row[]> {
  const { driftway, generator, plan } = bench;
  const shape = { rooms: 1, perRoom: 2, talkers: 2, spread: 'even' } as const;
  const crowd = await Crowd.open(driftway, generator, shape);
  const signalling = await driftway.connect(shape.perRoom, 0);
  const board = crowd.boards[0]!;
  const joiner = new Person({ generator, signalling, board, talks: false, phaseUs: 0 });
  const cycle = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) {
      await joiner.join();
      await joiner.leave();
    }
  };
  try {
    await crowd.join();
    await cycle(plan.soakWarmJoins);
    const before = await read(driftway);
    await cycle(plan.soakJoins);
    const after = await read(driftway);
    const growth = (after.workerBytes / before.workerBytes - 1) * 100;
    const tree = (after.treeBytes / before.treeBytes - 1) * 100;
    const what = `growth after ${plan.soakJoins} joins and leaves`;
    return [
      row('V14.growth.worker', `media worker: ${what}`, growth, '%', GROWTH_MAX_PERCENT),
      row('V14.growth', `all processes: ${what}`, tree, '%', GROWTH_MAX_PERCENT),
    ];
  } finally {
    await joiner.close();
    await crowd.close();
  }
}
