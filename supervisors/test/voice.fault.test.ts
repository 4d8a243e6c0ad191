/**
 * Voice under faults, on a real server with real media workers and thin clients: a worker that is emptied by plan, one that is killed
 * under 50 people (V9), the voice thread that crashes; and a chat that notices nothing of any of it. How long it takes is in
 * `npm run evidence -- voice`.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { KIND } from '../../voice/test/index.ts';
import type { ChaosResult } from '../admin/chaos/types.ts';
import { percentile } from './support/driver.ts';
import { FaultServer } from './support/fault-control.ts';
import { until } from './support/server-process.ts';
import { GapMeter } from './support/voice-gaps.ts';
import { VoiceWorld } from './support/voice-world.ts';

const PEOPLE = 50;
const PER_ROOM = 5;
const TALKERS = 2;
/** Of those who listen, during a planned move: on a busy machine the kernel drops what a process was not there to read. */
const LOSERS_MAX = 0.1;
const KILLS = 3;
/** Messages of the witness, so that the kills find it at work. */
const CHAT = 60;
/** A message during a kill takes this many times as long as before at most, by medians: peers that join anew take their processor time. */
const CHAT_RATIO_MAX = 4;

const median = (values: readonly number[]): number => percentile(values, 0.5);

let server: FaultServer;
let world: VoiceWorld;

async function start(people: number, env: Readonly<Record<string, string>> = {}): Promise<void> {
  const binary = await mediaWorkerBinary();
  if (!binary.ok) throw new Error(binary.message);
  server = await FaultServer.start({
    DRIFTWAY_VOICE_PORT: '0',
    DRIFTWAY_VOICE_WORKERS: '1',
    DRIFTWAY_GATEWAY_THREADS: '1',
    DRIFTWAY_SHARD_THREADS: '1',
    ...env,
  });
  world = await VoiceWorld.create(server.process, people, PER_ROOM);
}

async function end(): Promise<void> {
  await world.close();
  await server.dispose();
}

/** VOICE kinds that anybody was told. */
const told = (): readonly number[] =>
  world.crowd.clients.flatMap(({ peer }) => peer.events.map(({ kind }) => kind));

/** Nothing was refused, nobody was disconnected, and nothing of the server gave up. */
async function chatGoesOn(): Promise<void> {
  expect(await world.witness.take()).toMatchObject({ refused: 0, isOpen: true });
  expect(world.crowd.clients.every(({ raw }) => raw.isOpen)).toBe(true);
  expect(server.reports.filter(({ kind }) => kind === 'fatal')).toEqual([]);
}

describe(`${PEOPLE} people in rooms`, () => {
  beforeAll(() => start(PEOPLE, { DRIFTWAY_CHAOS_ENABLED: 'on' }), 600_000);
  afterAll(end);
  beforeEach(() => {
    for (const { peer } of world.crowd.clients) peer.events.length = 0;
  });
  afterEach(async () => {
    world.crowd.talk(world.crowd.clients);
    await world.crowd.allHear();
    await chatGoesOn();
  });

  test('voice.drain: the worker is replaced, everybody moves and hardly a packet is lost, as many are by a kill', async () => {
    const old = await world.workers.active();
    // Two in each room: so few packets that hardly any is lost to a full buffer of the kernel.
    const { clients } = world.crowd;
    const talkers = clients.filter((_, i) => i % PER_ROOM < TALKERS);
    world.crowd.hush();
    world.crowd.talk(talkers);
    const meter = new GapMeter(clients);
    await world.move();
    const uids = new Set(talkers.map(({ uid }) => uid));
    const moved = meter.take().filter(({ talker }) => uids.has(talker));
    const { counters, workers } = await world.workers.pool();
    expect(counters).toMatchObject({ relocations: PEOPLE / PER_ROOM, roomsLost: 0, died: 0 });
    expect(workers.find(({ slot }) => slot === old.slot)?.pid).not.toBe(old.pid);
    expect(told().filter((kind) => kind === KIND.relocate)).toHaveLength(PEOPLE);
    for (const kind of [KIND.left, KIND.ended, KIND.epoch]) expect(told()).not.toContain(kind);
    expect(moved).toHaveLength(talkers.length * (PER_ROOM - 1));
    const losers = moved.filter(({ lost }) => lost > 0);
    expect(losers.length, JSON.stringify(losers)).toBeLessThanOrEqual(moved.length * LOSERS_MAX);
    // What a worker costs that nobody emptied before.
    await world.kill();
    expect(median(meter.take().map(({ missingMs }) => missingMs))).toBeGreaterThan(0);
    await expect(world.workers.admin.call('voice.drain', { slot: 60 })).rejects.toThrow(
      'no worker 60',
    );
  }, 60_000);

  test(`SIGKILL ${KILLS} times: all hear again, nobody leaves, messages are as quick as before`, async () => {
    const before: number[] = [];
    const meanwhile: number[] = [];
    for (let kills = 0; kills < KILLS; kills += 1) {
      await world.workers.active();
      await world.witness.take();
      before.push(median((await world.witness.take(CHAT)).times));
      await world.kill();
      meanwhile.push(median((await world.witness.take()).times));
    }
    expect(told()).not.toContain(KIND.left);
    expect(told()).not.toContain(KIND.ended);
    for (const { peer } of world.crowd.clients) expect(peer.participants).toHaveLength(PER_ROOM);
    expect(median(meanwhile) / median(before)).toBeLessThan(CHAT_RATIO_MAX);
  }, 60_000);

  test('kill-media of the chaos menu: the result is clean, and all hear again', async () => {
    const { died } = (await world.workers.pool()).counters;
    const beforeMs = performance.now();
    const item = { item: 'kill-media', wait: true };
    const result = (await world.workers.admin.call('chaos.start', item)) as ChaosResult;
    expect(result).toMatchObject({ item: 'kill-media', verdict: 'clean' });
    await world.hearAgain(beforeMs);
    expect((await world.workers.pool()).counters.died).toBe(died + 1);
  }, 60_000);
});

describe('the voice thread crashes', () => {
  beforeAll(() => start(2 * PER_ROOM), 600_000);
  afterAll(end);
  afterEach(chatGoesOn);

  test('once: it is replaced, members join again and no socket closes', async () => {
    const { pid } = await world.workers.active();
    const beforeMs = performance.now();
    await server.do({ op: 'terminate', slot: 'voice-0' });
    await world.hearAgain(beforeMs);
    expect(await server.incarnation('voice-0')).toBe(2);
    expect((await world.workers.active()).pid).not.toBe(pid);
  }, 60_000);

  test('more often than its limit: voice rests, the server lives and says so', async () => {
    for (let crash = 1; crash < 6; crash += 1) {
      const incarnation = await until('the thread is up', 20_000, async () => {
        const now = await server.incarnation('voice-0');
        return now > crash ? now : undefined;
      });
      expect(incarnation).toBe(crash + 1);
      await server.do({ op: 'terminate', slot: 'voice-0' });
    }
    await until('voice rests', 20_000, async () =>
      (await world.workers.look()).thread === 'out' ? true : undefined,
    );
  }, 60_000);
});
