/**
 * Voice end to end on a real server with a real media worker: thin clients (node-datachannel) join over the real protocol and hear each
 * other. Faults are in voice.fault.test.ts.
 */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { Chorus, KIND } from '../../voice/test/index.ts';
import { parseExposition } from './support/exposition.ts';
import { useServer } from './support/fixture.ts';
import { until } from './support/server-process.ts';
import { joinWhenReady, newVoiceChannel, VoiceClient } from './support/voice-client.ts';

/** Packets that count as hearing. */
const HEARD = 25;

interface Health {
  readonly checks: Readonly<Record<string, { readonly status: string; readonly detail?: string }>>;
}

beforeAll(async () => {
  const binary = await mediaWorkerBinary();
  if (!binary.ok) throw new Error(binary.message);
}, 600_000);

describe('a server with voice', () => {
  const fixture = useServer({ users: 4, env: { DRIFTWAY_VOICE_PORT: '0' } });
  const clients: VoiceClient[] = [];
  let chorus = new Chorus();
  afterEach(async () => {
    chorus.stop();
    chorus = new Chorus();
    for (const client of clients.splice(0)) {
      if (client.peer.vsid !== 0) await client.peer.leave();
      client.close();
    }
  });

  async function joined(user: number, sid: number): Promise<VoiceClient> {
    const client = await VoiceClient.open({ port: fixture.port, token: fixture.token(user) });
    clients.push(client);
    await joinWhenReady(client, sid);
    return client;
  }

  const hears = (client: VoiceClient, of: VoiceClient, packets = HEARD) =>
    until(`${client.uid} hears ${of.uid}`, 10_000, () =>
      (client.peer.heardOf(of.peer.pid)?.packets ?? 0) >= packets ? true : undefined,
    );

  const health = async () => (await fixture.http.raw('/health')).body as Health;

  test('before anybody joins: no voice thread, and /health says that voice is ready', async () => {
    const { checks } = await until('voice', 60_000, async () => {
      const report = await health();
      return report.checks.voice?.status === 'ok' ? report : undefined;
    });
    expect(checks.voice).toEqual({ status: 'ok', detail: 'nobody is in a voice channel' });
    expect(checks.media).toEqual({ status: 'ok', detail: expect.stringMatching(/^ready/) });
    const { text } = await fixture.http.raw('/metrics');
    expect(text).not.toContain('thread="voice-0"');
  });

  test('three members: each hears the two others, and is told who is there', async () => {
    const sid = await newVoiceChannel(fixture.http, fixture.token(0), fixture.gid);
    const [a, b, c] = [await joined(0, sid), await joined(1, sid), await joined(2, sid)];
    chorus.add(a.peer, b.peer, c.peer);
    for (const one of [a, b, c]) {
      for (const other of [a, b, c]) if (one !== other) await hears(one, other);
    }
    expect(c.peer.participants.map(([uid]) => uid).sort()).toEqual([a.uid, b.uid, c.uid].sort());
    expect(
      a.peer.events.filter(({ kind }) => kind === KIND.joined).map(({ body }) => body[0]),
    ).toEqual([b.uid, c.uid]);
    for (const one of [a, b, c]) {
      expect(one.peer.heard().reduce((sum, { lost }) => sum + lost, 0)).toBe(0);
    }
    const left = a.peer.next(({ kind }) => kind === KIND.left);
    await c.peer.leave();
    expect((await left).body[0]).toBe(c.uid);
    expect((await health()).checks).toMatchObject({
      voice: { status: 'ok', detail: '2 people in 1 room' },
      media: { status: 'ok' },
    });
  });

  test('/metrics: joins, transports, people and workers are counted', async () => {
    const sid = await newVoiceChannel(fixture.http, fixture.token(0), fixture.gid);
    const [a, b] = [await joined(0, sid), await joined(1, sid)];
    chorus.add(a.peer, b.peer);
    await hears(a, b);
    const total = async (name: string): Promise<number> => {
      const { families, faults } = parseExposition((await fixture.http.raw('/metrics')).text);
      expect(faults).toEqual([]);
      const samples = families.get(name)?.samples ?? [];
      return samples.reduce((sum, { value }) => sum + value, 0);
    };
    await until('a page of now', 5_000, async () =>
      (await total('driftway_voice_people')) === 2 ? true : undefined,
    );
    expect(await total('voice_connections_total')).toBeGreaterThanOrEqual(2);
    expect(await total('webrtc_connections_total')).toBeGreaterThanOrEqual(4);
    expect(await total('driftway_voice_rooms')).toBe(1);
    expect(await total('driftway_media_workers')).toBeGreaterThanOrEqual(1);
    await until('packets are sampled', 15_000, async () =>
      (await total('audio_packets_processed_total')) > 0 ? true : undefined,
    );
  });
});
