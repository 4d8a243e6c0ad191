/**
 * A recording from the request over HTTP to the files in the data folder, on a real server with the real media worker and the real
 * driftway-audio.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { audioBinary } from '../../native/audio/index.ts';
import { mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { Chorus, KIND } from '../../voice/test/index.ts';
import { useServer } from './support/fixture.ts';
import { until } from './support/server-process.ts';
import { joinWhenReady, newVoiceChannel, VoiceClient } from './support/voice-client.ts';

/** Packets that count as having talked for a while. */
const TALKED = 100;
const SAMPLES_PER_PACKET = 960;

interface Manifest {
  readonly room: number;
  readonly by: number;
  readonly end: string | null;
  readonly tracks: readonly {
    readonly uid: number;
    readonly segments: readonly { readonly file: string; readonly samples: number }[];
  }[];
}

beforeAll(async () => {
  const binaries = [await mediaWorkerBinary(), await audioBinary({ background: false })];
  for (const binary of binaries) if (!binary.ok) throw new Error(binary.message);
}, 900_000);

describe('a recorded voice channel', () => {
  const fixture = useServer({ users: 2, env: { DRIFTWAY_VOICE_PORT: '0' } });
  const clients: VoiceClient[] = [];
  const chorus = new Chorus();
  afterEach(() => {
    chorus.stop();
    for (const client of clients.splice(0)) client.close();
  });

  const ask = (method: string, sid: number, user: number) =>
    fixture.http.api(`/channels/${sid}/recording`, { method, token: fixture.token(user) });

  test('who may: everybody is told, and each speaker is a file of the length of the talk', async () => {
    const sid = await newVoiceChannel(fixture.http, fixture.token(0), fixture.gid);
    const [owner, member] = [0, 1].map((user) => fixture.token(user));
    for (const token of [owner, member]) {
      const client = await VoiceClient.open({ port: fixture.port, token: token ?? '' });
      clients.push(client);
      await joinWhenReady(client, sid);
    }
    const [a, b] = clients as [VoiceClient, VoiceClient];
    chorus.add(a.peer, b.peer);
    expect((await ask('PUT', sid, 1)).status).toBe(403);
    const told = b.peer.next(({ kind }) => kind === KIND.recording);
    expect((await ask('PUT', sid, 0)).status).toBe(204);
    expect((await told).body).toEqual([true, a.uid]);
    const heard = b.peer.heardOf(a.peer.pid)?.packets ?? 0;
    await until('a while of talk', 20_000, () =>
      (b.peer.heardOf(a.peer.pid)?.packets ?? 0) >= heard + TALKED ? true : undefined,
    );
    const over = a.peer.next(({ kind }) => kind === KIND.recording);
    expect((await ask('DELETE', sid, 0)).status).toBe(204);
    expect((await over).body).toEqual([false, a.uid]);
    const room = join(fixture.server.dataDir, 'voice', 'recordings', String(sid));
    const [folder] = readdirSync(room);
    const manifest = await until('the manifest', 10_000, () => {
      const path = join(room, folder ?? '', 'manifest.json');
      const read = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Manifest) : null;
      return read?.end == null ? undefined : read;
    });
    expect(manifest).toMatchObject({ room: sid, by: a.uid, end: 'stop' });
    expect(manifest.tracks.map(({ uid }) => uid)).toEqual([a.uid, b.uid].sort((x, y) => x - y));
    for (const { segments } of manifest.tracks) {
      expect(segments).toHaveLength(1);
      expect(segments[0]?.samples).toBeGreaterThanOrEqual((TALKED - 5) * SAMPLES_PER_PACKET);
      expect(existsSync(join(room, folder ?? '', segments[0]?.file ?? ''))).toBe(true);
    }
  });
});
