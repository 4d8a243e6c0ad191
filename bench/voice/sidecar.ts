/**
 * V6: driftway-audio under plain RTP, as media workers send it. 1,000 tracks recorded without decoding; and 200 streams decoded, judged
 * by its voice detection and mixed. The process is bound to the server's core; no server takes part.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { audioBinary } from '../../native/audio/index.ts';
import { type Row, row } from '../report.ts';
import { boundTo, exited } from '../servers.ts';
import { Answers } from './answers.ts';
import type { Bench } from './bench.ts';
import { inTurns, phaseOf } from './crowd.ts';
import { LEVEL_EXTENSION, PAYLOAD_TYPE } from './generator.ts';
import { cpuOfAll } from './proc-tree.ts';
import { median } from './window.ts';

const RECORD = { rooms: 40, perRoom: 25 } as const;
const MIX = { rooms: 20, perRoom: 10 } as const;
const RECORD_MAX_PERCENT = 30;
const MIX_MAX_PERCENT = 100;
const TURN_MAX_MS = 20;
const WAYS = 8;

interface Answer {
  readonly id: number;
  readonly ok: boolean;
  readonly err?: string;
  readonly port?: number;
  readonly rooms?: readonly { readonly packets: number; readonly longestTurnUs: number }[];
  readonly mixes?: readonly { readonly talking: number; readonly late: number }[];
}

/** The process, driven over its control channel. */
class Sidecar {
  readonly folder = mkdtempSync(join(tmpdir(), 'driftway-bench-audio-'));
  readonly #child: ChildProcess;
  readonly #control: Duplex;
  readonly #answers = new Answers<Answer>('driftway-audio');

  constructor(binary: string, core: number | undefined) {
    const cores = core === undefined ? undefined : String(core);
    const args = ['--control-fd', '3', '--recordings', this.folder];
    const command = boundTo(cores, [binary, ...args]);
    this.#child = spawn(command.file, command.args, {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    });
    this.#child.once('exit', (code) =>
      this.#answers.fail(new Error(`driftway-audio: exited with ${code}`)),
    );
    this.#control = this.#child.stdio[3] as Duplex;
    createInterface({ input: this.#control }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer;
      if (answer.ok) this.#answers.resolve(answer.id, answer);
      else if (answer.id !== undefined)
        this.#answers.reject(answer.id, new Error(`driftway-audio: ${answer.err}`));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  ask(op: string, fields: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    const { answer, id } = this.#answers.expect(op);
    this.#control.write(`${JSON.stringify({ id, op, ...fields })}\n`);
    return answer;
  }

  async stop(): Promise<void> {
    this.#control.end();
    await exited(this.#child);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface Load {
  readonly rooms: number;
  readonly perRoom: number;
}

/** Rooms of the process with their sources, each a plain peer that does not send yet. Returns peers by room. */
async function fill(bench: Bench, sidecar: Sidecar, load: Load): Promise<number[]> {
  const { generator } = bench;
  const peers: number[] = [];
  await inTurns(load.rooms, WAYS, async (room) => {
    const { port = 0 } = await sidecar.ask('room.open', { room });
    for (let i = 0; i < load.perRoom; i += 1) {
      const { from, peer } = await generator.plain(port);
      const source = { room, user: String(i + 1), ssrc: generator.ssrcOf(peer), from };
      await sidecar.ask('ssrc.add', { ...source, pt: PAYLOAD_TYPE, level: LEVEL_EXTENSION });
      peers.push(peer);
    }
  });
  return peers;
}

interface Outcome {
  readonly corePercent: number;
  readonly turnMs: number;
  readonly lost: number;
  readonly late: number;
  /** Streams that were in a mix, the least of all looks. */
  readonly talking: number;
}

async function run(bench: Bench, sidecar: Sidecar, peers: readonly number[]): Promise<Outcome> {
  const { generator, plan } = bench;
  for (const [i, peer] of peers.entries()) generator.talk(peer, phaseOf(i, peers.length, 'even'));
  const shares: number[] = [];
  const talking: number[] = [];
  let turnUs = 0;
  const { windowMs, windows } = plan.forwarding[0]!;
  const packetsOf = ({ rooms = [] }: Answer) => rooms.reduce((sum, one) => sum + one.packets, 0);
  await sidecar.ask('stats');
  for (let i = 0; i < windows; i += 1) {
    let before = { cpuUs: 0, at: 0 };
    let after = before;
    const read = () => ({ cpuUs: cpuOfAll([sidecar.pid]), at: performance.now() });
    await generator.window(windowMs, () => {
      before = read();
      setTimeout(() => {
        after = read();
      }, windowMs);
    });
    shares.push((after.cpuUs - before.cpuUs) / ((after.at - before.at) * 10));
    const { mixes = [], rooms = [] } = await sidecar.ask('stats');
    talking.push(mixes.reduce((sum, one) => sum + one.talking, 0));
    turnUs = Math.max(turnUs, ...rooms.map(({ longestTurnUs }) => longestTurnUs));
  }
  for (const peer of peers) generator.hush(peer);
  const sent = await generator.sent();
  const stats = await sidecar.ask('stats');
  const late = (stats.mixes ?? []).reduce((sum, one) => sum + one.late, 0);
  for (const peer of peers) generator.close(peer);
  return {
    ...{ corePercent: median(shares), turnMs: turnUs / 1000, late },
    ...{ lost: sent - packetsOf(stats), talking: Math.min(...talking) },
  };
}

async function record(bench: Bench, sidecar: Sidecar): Promise<Outcome> {
  const peers = await fill(bench, sidecar, RECORD);
  for (let room = 0; room < RECORD.rooms; room += 1) {
    mkdirSync(join(sidecar.folder, `room-${room}`), { mode: 0o700 });
    await sidecar.ask('rec.start', { room, folder: `room-${room}`, base: 0 });
  }
  return run(bench, sidecar, peers);
}

async function mix(bench: Bench, sidecar: Sidecar): Promise<Outcome> {
  const peers = await fill(bench, sidecar, MIX);
  // The mixes go to a peer that throws them away.
  const sink = await bench.generator.plain(9);
  for (let room = 0; room < MIX.rooms; room += 1) {
    await sidecar.ask('vad.set', { room, on: true });
    await sidecar.ask('mix.open', { job: room, room });
    const target = { to: sink.from, ssrc: 1 + room, pt: PAYLOAD_TYPE };
    await sidecar.ask('mix.start', { job: room, ...target });
  }
  const outcome = await run(bench, sidecar, peers);
  bench.generator.close(sink.peer);
  return outcome;
}

export async function audio(bench: Bench): Promise<Row[]> {
  const binary = await audioBinary({ onProgress: ({ text }) => bench.say(text) });
  if (!binary.ok) throw new Error(binary.message);
  const outcomes: Outcome[] = [];
  for (const load of [record, mix]) {
    const sidecar = new Sidecar(binary.path, bench.serverCore);
    try {
      outcomes.push(await load(bench, sidecar));
    } finally {
      await sidecar.stop();
    }
  }
  const [recorded, mixed] = outcomes as [Outcome, Outcome];
  const tracks = RECORD.rooms * RECORD.perRoom;
  const what = `${MIX.rooms * MIX.perRoom} streams decoded, voice-detected, mixed in ${MIX.rooms} rooms`;
  const core = 'share of a core';
  return [
    row(
      'V6.record',
      `${tracks} tracks recorded: ${core}`,
      recorded.corePercent,
      '%',
      RECORD_MAX_PERCENT,
    ),
    row('V6.record.turn', 'the same: longest turn', recorded.turnMs, 'ms', TURN_MAX_MS),
    row('V6.record.lost', 'the same: packets lost', recorded.lost, '', 0),
    row('V6.mix', `${what}: ${core}`, mixed.corePercent, '%', MIX_MAX_PERCENT),
    row('V6.mix.talking', 'the same: streams in the mixes', mixed.talking, ''),
    row('V6.mix.turn', 'the same: longest turn', mixed.turnMs, 'ms', TURN_MAX_MS),
    row('V6.mix.late', 'the same: packets of the mix that came late', mixed.late, ''),
  ];
}
