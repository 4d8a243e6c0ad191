/**
 * A planned restart of a media worker on a real server while people talk (`voice.drain`): everybody makes the new way before the old one
 * ends, and nobody leaves or joins anew.
 */
import { join } from 'node:path';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { KIND } from '../../voice/test/index.ts';
import { AdminClient } from '../admin/index.ts';
import type { VoiceLook } from '../voice/types.ts';
import { FaultServer } from './support/fault-control.ts';
import { until } from './support/server-process.ts';
import { VoiceCrowd } from './support/voice-crowd.ts';

const PEOPLE = 6;
const PER_ROOM = 3;

let server: FaultServer | undefined;
let crowd: VoiceCrowd | undefined;
let admin: AdminClient | undefined;

beforeAll(async () => {
  const binary = await mediaWorkerBinary();
  if (!binary.ok) throw new Error(binary.message);
}, 600_000);

afterEach(async () => {
  crowd?.stop();
  await admin?.close();
  await server?.dispose();
  [crowd, admin, server] = [undefined, undefined, undefined];
});

test('voice.drain: a worker with two rooms, is replaced and everybody hears everybody again', async () => {
  server = await FaultServer.start({
    DRIFTWAY_VOICE_PORT: '0',
    DRIFTWAY_VOICE_WORKERS: '1',
    DRIFTWAY_GATEWAY_THREADS: '1',
    DRIFTWAY_SHARD_THREADS: '1',
  });
  const { dataDir, port } = server.process;
  const people = await VoiceCrowd.create({ port, people: PEOPLE, perRoom: PER_ROOM });
  crowd = people;
  const client = await AdminClient.connect({
    socketPath: join(dataDir, 'admin.sock'),
    client: 'test',
  });
  admin = client;
  const poolOf = async () => {
    const { status } = (await client.call('voice', {})) as VoiceLook;
    if (status === null) throw new Error('the voice thread does not answer');
    return status.pool;
  };
  await until('a spare', 10_000, async () => ((await poolOf()).state === 'ok' ? true : undefined));
  const old = (await poolOf()).workers.find(({ role }) => role === 'active');
  const beforeMs = performance.now();
  await client.call('voice.drain', { slot: old?.slot });
  await until('all hear again', 20_000, () =>
    people.hearingAgain(beforeMs).every(Number.isFinite) ? true : undefined,
  );
  const { counters, workers } = await poolOf();
  expect(counters).toMatchObject({ relocations: PEOPLE / PER_ROOM, roomsLost: 0, died: 0 });
  expect(workers.find(({ slot }) => slot === old?.slot)).toMatchObject({ rooms: 0 });
  expect(workers.find(({ slot }) => slot === old?.slot)?.pid).not.toBe(old?.pid);
  const kinds = people.clients.flatMap(({ peer }) => peer.events.map(({ kind }) => kind));
  expect(kinds.filter((kind) => kind === KIND.relocate)).toHaveLength(PEOPLE);
  for (const kind of [KIND.left, KIND.ended, KIND.epoch]) expect(kinds).not.toContain(kind);
  await expect(client.call('voice.drain', { slot: 60 })).rejects.toThrow('no worker 60');
}, 120_000);
