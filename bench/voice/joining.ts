/**
 * VP8 and VP9: joins one after another, both servers in turns. VP8 is the time from V_JOIN to the first packet, in a room of ten in
 * which three talk, sockets open; VP9 the CPU of the server's process tree for a join and the leave behind it, nobody talking.
 */
import { type Row, row } from '../report.ts';
import type { Bench } from './bench.ts';
import { Crowd } from './crowd.ts';
import { Person } from './person.ts';
import { cpuOfAll, treeOf } from './proc-tree.ts';
import type { Side } from './types.ts';
import { median, quantile } from './window.ts';

const SHAPE = { rooms: 1, perRoom: 9, talkers: 3, spread: 'even' } as const;
const WARM_JOINS = 10;
/** Joins of one server before it is the other's turn. */
const BATCH = 10;
const P50_MAX_MS = 23;
const P99_MAX_MS = 35;
const CPU_MAX_MS = 6;
const CPU_RATIO_MAX = 0.8;

interface Room {
  readonly crowd: Crowd;
  readonly joiner: Person;
  readonly hearMs: number[];
  readonly connectMs: number[];
  cpuUs: number;
  joins: number;
}

async function open(bench: Bench, side: Side): Promise<Room> {
  const { generator } = bench;
  const crowd = await Crowd.open(side, generator, SHAPE);
  await crowd.join();
  crowd.talk(true);
  const signalling = await side.connect(SHAPE.perRoom, 0);
  const board = crowd.boards[0]!;
  const joiner = new Person({ generator, signalling, board, talks: false, phaseUs: 0 });
  return { crowd, joiner, hearMs: [], connectMs: [], cpuUs: 0, joins: 0 };
}

async function hearOnce({ connectMs, hearMs, joiner }: Room): Promise<void> {
  const { askedNs, connectedNs } = await joiner.join();
  const { ns } = await joiner.firstHeard();
  hearMs.push(Number(ns - askedNs) / 1e6);
  connectMs.push(Number(connectedNs - askedNs) / 1e6);
  await joiner.leave();
}

async function charge(room: Room): Promise<void> {
  const { crowd, joiner } = room;
  const pids = treeOf(crowd.side.pid);
  const before = cpuOfAll(pids);
  for (let i = 0; i < BATCH; i += 1) {
    await joiner.join();
    await joiner.leave();
  }
  room.cpuUs += cpuOfAll(pids) - before;
  room.joins += BATCH;
}

export async function joining(bench: Bench): Promise<Row[]> {
  const rooms: Room[] = [];
  try {
    for (const side of [bench.driftway, bench.bare]) {
      const room = await open(bench, side);
      rooms.push(room);
      for (let i = 0; i < WARM_JOINS; i += 1) await hearOnce(room);
      room.hearMs.length = 0;
      room.connectMs.length = 0;
    }
    for (let done = 0; done < bench.plan.joins; done += BATCH) {
      for (const room of rooms) for (let i = 0; i < BATCH; i += 1) await hearOnce(room);
    }
    for (const { crowd } of rooms) crowd.talk(false);
    for (let done = 0; done < bench.plan.joins; done += BATCH)
      for (const room of rooms) await charge(room);
  } finally {
    for (const { crowd, joiner } of rooms) {
      await joiner.close();
      await crowd.close();
    }
  }
  const [driftway, bare] = rooms as [Room, Room];
  const [ours, theirs] = [driftway.hearMs, bare.hearMs];
  const cpuMs = ({ cpuUs, joins }: Room) => cpuUs / joins / 1000;
  const note = `${ours.length} joins each; Driftway checks permissions`;
  return [
    row('VP8.p50', 'join to first packet, p50', median(ours), 'ms', P50_MAX_MS, note),
    row('VP8.p99', 'join to first packet, p99', quantile(ours, 0.99), 'ms', P99_MAX_MS),
    row('VP8.p50.bare', 'bare: the same, p50', median(theirs), 'ms'),
    row('VP8.p99.bare', 'bare: the same, p99', quantile(theirs, 0.99), 'ms'),
    row('VP8.ratio', 'p50, x bare', median(ours) / median(theirs), 'x', 1),
    row(
      'VP8.connected',
      'join to both transports connected, p50',
      median(driftway.connectMs),
      'ms',
    ),
    row('VP8.connected.bare', 'bare: the same', median(bare.connectMs), 'ms'),
    row('VP9.cpu', 'CPU of a join and a leave', cpuMs(driftway), 'ms', CPU_MAX_MS),
    row('VP9.cpu.bare', 'bare: the same', cpuMs(bare), 'ms'),
    row('VP9.ratio', 'x bare', cpuMs(driftway) / cpuMs(bare), 'x', CPU_RATIO_MAX),
  ];
}
