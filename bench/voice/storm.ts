/**
 * V16: joins at a fixed rate, open loop, on a Driftway of its own that may use every core, while a chat goes on. The chat's reader
 * and writer are a process of their own; delay counts from when a message was due.
 */
import { cpus } from 'node:os';
import type { SendResult, WatchResult } from '../load-types.ts';
import { type Row, row } from '../report.ts';
import { LoadProcess } from '../servers.ts';
import type { Bench } from './bench.ts';
import { inTurns } from './crowd.ts';
import { Board, Person } from './person.ts';
import { type DriftwaySide, type SideOptions, startDriftwaySide } from './sides.ts';
import { median, quantile } from './window.ts';

const PER_ROOM = 10;
const CHAT_RATE = 50;
const WARM_MS = 500;
const DELAY_MAX_MS = 50;
const FAILED_MAX = 0;

/** The text channel that a new guild has. */
async function textChannel({ port, tokens }: DriftwaySide): Promise<number> {
  const read = async (path: string): Promise<{ items: { id: string; type: string }[] }> => {
    const headers = { authorization: `Bearer ${tokens[0]}` };
    const response = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, { headers });
    return (await response.json()) as { items: { id: string; type: string }[] };
  };
  const { items: guilds } = await read('/users/@me/guilds');
  const { items } = await read(`/guilds/${guilds[0]?.id}/channels`);
  const found = items.find(({ type }) => type === 'text');
  if (found === undefined) throw new Error('storm: no text channel');
  return Number(found.id);
}

async function open(bench: Bench, side: DriftwaySide): Promise<Person[]> {
  const { people } = bench.plan.storm;
  const boards = Array.from({ length: Math.ceil(people / PER_ROOM) }, () => new Board());
  const all: Person[] = [];
  await inTurns(people, 8, async (index) => {
    const room = Math.floor(index / PER_ROOM);
    const signalling = await side.connect(index, room);
    const { generator } = bench;
    const board = boards[room]!;
    all[index] = new Person({ generator, signalling, board, talks: false, phaseUs: 0 });
  });
  return all;
}

interface Storm {
  readonly joinMs: readonly number[];
  readonly failed: number;
  readonly perS: number;
}

/** Everybody in turn joins when due and leaves before it is their turn again. */
async function blow(people: readonly Person[], perS: number, seconds: number): Promise<Storm> {
  const joinMs: number[] = [];
  const under: Promise<void>[] = [];
  let failed = 0;
  const once = async (person: Person): Promise<void> => {
    try {
      const { askedNs, connectedNs } = await person.join();
      joinMs.push(Number(connectedNs - askedNs) / 1e6);
      await person.leave();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      failed += 1;
    }
  };
  const start = performance.now();
  for (let i = 0; i < perS * seconds; i += 1) {
    const due = start + (i * 1000) / perS;
    while (performance.now() < due) {
      await new Promise((resolve) => {
        setTimeout(resolve, 1);
      });
    }
    // Whoever is still at it from the round before is waited for: a person is in one room at a time.
    const before = under[i - people.length];
    if (before !== undefined) await before;
    under.push(once(people[i % people.length]!));
  }
  await Promise.all(under);
  const tookS = (performance.now() - start) / 1000;
  return { joinMs, failed, perS: joinMs.length / tookS };
}

export async function storm(bench: Bench, options: SideOptions): Promise<Row[]> {
  const { people, perS, seconds } = bench.plan.storm;
  const rooms = Math.ceil(people / PER_ROOM);
  const cores = `0-${cpus().length - 1}`;
  const side = await startDriftwaySide({ worker: options.worker, cores, people, rooms });
  const load = new LoadProcess();
  try {
    const sids = [await textChannel(side)];
    const target = { kind: 'driftway', port: side.port, token: side.tokens[0]! } as const;
    const group = await load.do<number>({ type: 'open', target, sids, perRoom: 1 });
    // The bench's subscribers read the time of every 11th; with one, that is the first.
    const senders = await load.do<number>({ type: 'openSenders', target, sids });
    const all = await open(bench, side);
    await Promise.all(all.slice(0, 1).map((one) => one.join().then(() => one.leave())));
    const windowMs = seconds * 1000;
    const chat = async (): Promise<[WatchResult, SendResult]> => {
      const watch = { group, warmMs: WARM_MS, windowMs, serverPid: side.pid };
      const durationMs = WARM_MS + windowMs + 200;
      const send = { group: senders, ratePerRoom: CHAT_RATE, durationMs, eventBytes: 120 };
      return Promise.all([
        load.do<WatchResult>({ type: 'watch', spec: watch }),
        load.do<SendResult>({ type: 'send', spec: send }),
      ]);
    };
    const [calm] = await chat();
    const [[stormy], blown] = await Promise.all([chat(), blow(all, perS, seconds)]);
    await Promise.all(all.map((person) => person.close()));
    const note = `wanted ${perS}/s; without joins max ${calm.maxMs.toFixed(1)} ms`;
    return [
      row('V16.joins', 'joins per second', blown.perS, '/s', null, `wanted ${perS}/s`),
      row('V16.failed', 'joins that failed', blown.failed, '', FAILED_MAX),
      row('V16.join.p50', 'join to connected, p50', median(blown.joinMs), 'ms'),
      row('V16.join.p99', 'join to connected, p99', quantile(blown.joinMs, 0.99), 'ms'),
      row('V16.chat.p99', 'chat meanwhile, p99', stormy.p99Ms, 'ms'),
      row('V16.chat.max', 'chat meanwhile, the slowest', stormy.maxMs, 'ms', DELAY_MAX_MS, note),
    ];
  } finally {
    await load.stop();
    await side.stop();
  }
}
