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

/** Processes of this name that a process started. */
function childrenOf(parent: number, name: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(join('/proc', pid, 'stat'), 'utf8');
        const [, command, rest = ''] = /\((.*)\) \S (.*)/.exec(stat) ?? [];
        return command === name && Number(rest.split(' ')[0]) === parent ? [Number(pid)] : [];
      } catch {
        return []; // ended meanwhile
      }
    });
}

/** A server of its own, and those who talk there. */
function useTalk(heart: 'on' | 'off') {
  const fixture = useServer({ users: 2, env: { DRIFTWAY_HEART: heart, DRIFTWAY_VOICE_PORT: '0' } });
  const clients: VoiceClient[] = [];
  const chorus = new Chorus();
  afterEach(() => {
    chorus.stop();
    for (const client of clients.splice(0)) client.close();
  });

  const ask = (method: string, sid: number, user: number) =>
    fixture.http.api(`/channels/${sid}/recording`, { method, token: fixture.token(user) });

  /** Two who talk in a channel of their own, the first of them the owner. */
  async function talkers(): Promise<{ sid: number; a: VoiceClient; b: VoiceClient }> {
    const sid = await newVoiceChannel(fixture.http, fixture.token(0), fixture.gid);
    for (const user of [0, 1]) {
      const client = await VoiceClient.open({ port: fixture.port, token: fixture.token(user) });
      clients.push(client);
      await joinWhenReady(client, sid);
    }
    const [a, b] = clients as [VoiceClient, VoiceClient];
    chorus.add(a.peer, b.peer);
    return { sid, a, b };
  }

  async function talkedFor(packets: number, a: VoiceClient, b: VoiceClient): Promise<void> {
    const heard = b.peer.heardOf(a.peer.pid)?.packets ?? 0;
    await until('a while of talk', 20_000, () =>
      (b.peer.heardOf(a.peer.pid)?.packets ?? 0) >= heard + packets ? true : undefined,
    );
  }

  /** The manifest of the channel's one recording, when it has an end. */
  function ended(sid: number): Promise<{ manifest: Manifest; folder: string }> {
    const room = join(fixture.server.dataDir, 'voice', 'recordings', String(sid));
    const folder = join(room, readdirSync(room)[0] ?? '');
    return until('the manifest', 20_000, () => {
      const path = join(folder, 'manifest.json');
      if (!existsSync(path)) return undefined;
      const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
      return manifest.end === null ? undefined : { manifest, folder };
    });
  }

  return { fixture, ask, talkers, talkedFor, ended };
}

describe('a recorded voice channel', () => {
  const { ask, ended, talkedFor, talkers } = useTalk('off');

  test('who may: everybody is told, and each speaker is a file of the length of the talk', async () => {
    const { sid, a, b } = await talkers();
    expect((await ask('PUT', sid, 1)).status).toBe(403);
    const told = b.peer.next(({ kind }) => kind === KIND.recording);
    expect((await ask('PUT', sid, 0)).status).toBe(204);
    expect((await told).body).toEqual([true, a.uid]);
    await talkedFor(TALKED, a, b);
    const over = a.peer.next(({ kind }) => kind === KIND.recording);
    expect((await ask('DELETE', sid, 0)).status).toBe(204);
    expect((await over).body).toEqual([false, a.uid]);
    const { manifest, folder } = await ended(sid);
    expect(manifest).toMatchObject({ room: sid, by: a.uid, end: 'stop' });
    expect(manifest.tracks.map(({ uid }) => uid)).toEqual([a.uid, b.uid].sort((x, y) => x - y));
    for (const { segments } of manifest.tracks) {
      expect(segments).toHaveLength(1);
      expect(segments[0]?.samples).toBeGreaterThanOrEqual((TALKED - 5) * SAMPLES_PER_PACKET);
      expect(existsSync(join(folder, segments[0]?.file ?? ''))).toBe(true);
    }
  });
});

describe.each([true, false])('a server that is killed, its driftway-audio too: %s', (both) => {
  const { ask, ended, fixture, talkedFor, talkers } = useTalk('on');

  test('the next start ends the recording, all but the last second', async () => {
    const { sid, a, b } = await talkers();
    expect((await ask('PUT', sid, 0)).status).toBe(204);
    await talkedFor(TALKED, a, b);
    const audio = childrenOf(fixture.server.serverPid, 'driftway-audio');
    expect(audio).toHaveLength(1);
    const before = fixture.server.serverPid;
    // Stopped, it cannot end its files by itself.
    if (both) for (const pid of audio) process.kill(pid, 'SIGSTOP');
    await fixture.server.killServer();
    if (both) for (const pid of audio) process.kill(pid, 'SIGKILL');
    await until('the next server', 20_000, () => {
      const now = fixture.server.pidIn('server.pid');
      return now === undefined || now === before ? undefined : true;
    });
    const { manifest, folder } = await ended(sid);
    expect(manifest).toMatchObject({ room: sid, by: a.uid, end: 'recovered' });
    expect(manifest.tracks.map(({ uid }) => uid)).toEqual([a.uid, b.uid].sort((x, y) => x - y));
    for (const { segments } of manifest.tracks) {
      const samples = segments.reduce((sum, segment) => sum + segment.samples, 0);
      // A page is written each second at the latest.
      expect(samples).toBeGreaterThanOrEqual((TALKED - 55) * SAMPLES_PER_PACKET);
      for (const { file } of segments) expect(existsSync(join(folder, file))).toBe(true);
    }
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
    await until('the mark to go', 5_000, () => {
      const marks = readdirSync(join(fixture.server.dataDir, 'voice', 'unfinished'));
      return marks.length === 0 ? true : undefined;
    });
  }, 60_000);
});
