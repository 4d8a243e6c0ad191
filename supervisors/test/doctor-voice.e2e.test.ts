/** `driftway doctor` beside a running server: a call to itself by real ICE, DTLS and SRTP, over the addresses that clients are told. */
import { beforeAll, expect, test } from 'vitest';
import { mediaWorkerBinary } from '../../native/media-worker/index.ts';
import { driftway } from './support/cli.ts';
import { freePort, ServerProcess } from './support/server-process.ts';

interface Finding {
  readonly id: string;
  readonly grade: 'ok' | 'warn' | 'fail';
  readonly what: string;
  readonly remedy: string | null;
}

beforeAll(async () => {
  const binary = await mediaWorkerBinary();
  if (!binary.ok) throw new Error(binary.message);
}, 900_000);

/** What the doctor finds of a call, beside a server with these settings. */
async function calls(env: Readonly<Record<string, string>>): Promise<readonly Finding[]> {
  const settings = { DRIFTWAY_VOICE_PORT: String(await freePort()), ...env };
  const server = await ServerProcess.start({ env: { DRIFTWAY_HEART: 'off', ...settings } });
  try {
    const args = ['doctor', '--json', '--data-dir', server.dataDir];
    const run = await driftway(args, { env: settings });
    const { checks } = run.json<{ readonly checks: readonly Finding[] }>();
    return checks.filter(({ id }) => id === 'voice-call');
  } finally {
    await server.dispose();
  }
}

test('doctor: a server with voice, calls itself through its media worker', async () => {
  const found = await calls({});
  expect(found).toEqual([
    {
      ...{ id: 'voice-call', grade: 'ok', remedy: null },
      what: expect.stringMatching(
        /^UDP 127\.0\.0\.1:\d+: DTLS, and 50 packets of sound through the worker, \d+ ms$/,
      ),
    },
  ]);
});

test('doctor: the address that clients are told leads nowhere, fails with the remedy', async () => {
  const [found] = await calls({ DRIFTWAY_VOICE_ANNOUNCED_IPV4: '127.0.0.77' });
  expect(found).toMatchObject({
    grade: 'fail',
    what: expect.stringMatching(/^UDP 127\.0\.0\.77:\d+, which clients are told: no connection/),
    remedy: expect.stringContaining('DRIFTWAY_VOICE_ANNOUNCED_IPV4'),
  });
});

test('doctor: voice is off, says so', async () => {
  const [found] = await calls({ DRIFTWAY_VOICE: 'off' });
  expect(found).toMatchObject({ grade: 'ok', what: 'VOICE is off' });
});
