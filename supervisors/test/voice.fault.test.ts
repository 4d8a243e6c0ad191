/**
 * Voice under faults, on a real server with real media workers and thin clients: a worker that is killed under 50 people (V9), the voice
 * thread that crashes, and a chat that notices nothing of either.
 */
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { KIND } from '../../voice/test/index.ts';
import type { ChaosResult } from '../admin/chaos/types.ts';
import { AdminClient } from '../admin/index.ts';
import type { VoiceLook } from '../voice/types.ts';
import { FaultServer } from './support/fault-control.ts';
import { until } from './support/server-process.ts';
import { ChatWitness, quantile, VoiceCrowd } from './support/voice-crowd.ts';

const PEOPLE = 50;
const PER_ROOM = 5;

let server: FaultServer | undefined;
let crowd: VoiceCrowd | undefined;
let witness: ChatWitness | undefined;
let admin: AdminClient | undefined;

beforeAll(async () => {
  const binary = await mediaWorkerBinary();
  if (!binary.ok) throw new Error(binary.message);
}, 600_000);

afterEach(async () => {
  crowd?.stop();
  await witness?.stop();
  await admin?.close();
  await server?.dispose();
  [crowd, witness, admin, server] = [undefined, undefined, undefined, undefined];
});

interface World {
  readonly server: FaultServer;
  readonly crowd: VoiceCrowd;
  readonly witness: ChatWitness;
  readonly admin: AdminClient;
}

async function world(people: number, env: Readonly<Record<string, string>> = {}): Promise<World> {
  server = await FaultServer.start({
    DRIFTWAY_VOICE_PORT: '0',
    DRIFTWAY_VOICE_WORKERS: '1',
    DRIFTWAY_GATEWAY_THREADS: '1',
    DRIFTWAY_SHARD_THREADS: '1',
    ...env,
  });
  const { dataDir, port } = server.process;
  crowd = await VoiceCrowd.create({ port, people, perRoom: PER_ROOM });
  const { logins, sids } = crowd.members;
  witness = await ChatWitness.start(port, logins[0]!.accessToken, sids[0]!);
  admin = await AdminClient.connect({ socketPath: join(dataDir, 'admin.sock'), client: 'test' });
  return { server, crowd, witness, admin };
}

const look = (client: AdminClient) => client.call('voice', {}) as Promise<VoiceLook>;

async function activeWorker(client: AdminClient): Promise<number> {
  const { status } = await look(client);
  const worker = status?.pool.workers.find(({ pid, role }) => role === 'active' && pid !== null);
  if (worker?.pid == null) throw new Error('there is no media worker');
  return worker.pid;
}

describe('a media worker is killed', () => {
  test(`SIGKILL under ${PEOPLE} people: all hear again soon, nobody leaves, the chat goes on`, async () => {
    const at = await world(PEOPLE);
    await until('messages before', 20_000, () => (at.witness.count >= 100 ? true : undefined));
    const before = at.witness.take();
    for (const { peer } of at.crowd.clients) peer.events.length = 0;
    const killedMs = performance.now();
    process.kill(await activeWorker(at.admin), 'SIGKILL');
    await until('all hear again', 20_000, () =>
      at.crowd.hearingAgain(killedMs).every(Number.isFinite) ? true : undefined,
    );
    const times = at.crowd.hearingAgain(killedMs).sort((a, b) => a - b);
    await until('messages after', 20_000, () => (at.witness.count >= 100 ? true : undefined));
    const chat = at.witness.take();
    const said = [quantile(times, 0.5), quantile(times, 0.95), times.at(-1)!].map(Math.round);
    console.log(
      `worker killed: hearing again p50 ${said[0]}, p95 ${said[1]}, slowest ${said[2]} ms; chat p99 ${Math.round(quantile(before, 0.99))} ms before, ${Math.round(quantile(chat, 0.99))} ms from then on`,
    );
    expect(quantile(times, 0.95)).toBeLessThan(3_000);
    const left = at.crowd.clients.flatMap(({ peer }) =>
      peer.events.filter(({ kind }) => kind === KIND.left || kind === KIND.ended),
    );
    expect(left).toEqual([]);
    for (const { peer } of at.crowd.clients) expect(peer.participants).toHaveLength(PER_ROOM);
    expect(at.witness.refused).toBe(0);
    expect(at.witness.isOpen).toBe(true);
  }, 120_000);

  test('kill-media of the chaos menu: the result is clean, and all hear again', async () => {
    const at = await world(PER_ROOM, { DRIFTWAY_CHAOS_ENABLED: 'on' });
    const beforeMs = performance.now();
    const start = { item: 'kill-media', wait: true };
    const result = (await at.admin.call('chaos.start', start)) as ChaosResult;
    expect(result).toMatchObject({ item: 'kill-media', verdict: 'clean' });
    await until('all hear again', 20_000, () =>
      at.crowd.hearingAgain(beforeMs).every(Number.isFinite) ? true : undefined,
    );
    const { status } = await look(at.admin);
    expect(status?.pool.counters.died).toBe(1);
    expect(at.witness.refused).toBe(0);
  }, 120_000);
});

describe('the voice thread ends', () => {
  test('a crash: it is replaced, members join again, no socket closes and the chat goes on', async () => {
    const at = await world(2 * PER_ROOM);
    const pid = await activeWorker(at.admin);
    at.witness.take();
    const beforeMs = performance.now();
    await at.server.do({ op: 'terminate', slot: 'voice-0' });
    await until('all hear again', 20_000, () =>
      at.crowd.hearingAgain(beforeMs).every(Number.isFinite) ? true : undefined,
    );
    expect(await at.server.incarnation('voice-0')).toBe(2);
    expect(await activeWorker(at.admin)).not.toBe(pid);
    expect(at.witness.refused).toBe(0);
    expect(at.witness.isOpen).toBe(true);
    expect(at.crowd.clients.every(({ raw }) => raw.isOpen)).toBe(true);
    expect(at.server.reports.filter(({ kind }) => kind === 'fatal')).toEqual([]);
    const times = at.crowd.hearingAgain(beforeMs).sort((a, b) => a - b);
    console.log(`voice thread crashed: slowest hears again after ${Math.round(times.at(-1)!)} ms`);
  }, 120_000);

  test('more crashes than its limit: voice rests, the server lives and says so', async () => {
    const at = await world(PER_ROOM);
    for (let crash = 0; crash < 6; crash += 1) {
      const incarnation = await until('the thread is up', 20_000, async () => {
        const now = await at.server.incarnation('voice-0');
        return now > crash ? now : undefined;
      });
      expect(incarnation).toBe(crash + 1);
      await at.server.do({ op: 'terminate', slot: 'voice-0' });
    }
    await until('voice rests', 20_000, async () =>
      (await look(at.admin)).thread === 'out' ? true : undefined,
    );
    expect(at.witness.isOpen).toBe(true);
    expect(at.witness.refused).toBe(0);
    expect(at.server.reports.filter(({ kind }) => kind === 'fatal')).toEqual([]);
  }, 120_000);
});
