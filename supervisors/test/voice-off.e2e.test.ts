/** A server without voice is a whole chat server: VOICE=off, and a media worker that is none. */
import { describe, expect, test } from 'vitest';
import { VoiceRefused } from '../../voice/test/index.ts';
import { useServer } from './support/fixture.ts';
import { until } from './support/server-process.ts';
import { newVoiceChannel, VoiceClient } from './support/voice-client.ts';

interface Health {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly status: string; readonly detail?: string }>>;
}

describe.each([
  ['VOICE=off', { DRIFTWAY_VOICE: 'off' }, { voice: 'off', media: 'off' }],
  [
    'a media worker that is none',
    { DRIFTWAY_MEDIA_WORKER_BIN: '/bin/false' },
    { voice: 'off', media: 'failed' },
  ],
] as const)('%s', (_what, env, wanted) => {
  const fixture = useServer({ users: 2, env });

  test('/health: says so, and the server is ok', async () => {
    const report = await until('the check of the media worker', 50_000, async () => {
      const now = (await fixture.http.raw('/health')).body as Health;
      return now.checks.media?.status === wanted.media ? now : undefined;
    });
    expect(report.status).toBe('ok');
    expect(report.checks.voice?.status).toBe(wanted.voice);
    // The worker is looked at by a process that everything else goes before.
  }, 60_000);

  test('V_JOIN: 502, and the chat goes on', async () => {
    const sid = await newVoiceChannel(fixture.http, fixture.token(0), fixture.gid);
    const client = await VoiceClient.open({ port: fixture.port, token: fixture.token(1) });
    try {
      const refused = await client.peer.join(sid).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(VoiceRefused);
      expect(refused).toMatchObject({ code: 502 });
      const [op] = await client.raw.append(fixture.sid, 'n1', 'still here');
      expect(op).toBe(4);
    } finally {
      client.close();
    }
  });
});
