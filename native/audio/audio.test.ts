/**
 * The native side of driftway-audio: its own tests and fuzzers under the address and undefined-behaviour sanitizers, and how good the
 * signal processing is (V17) on made-up speech.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { audioBinary } from './index.ts';
import type { AudioVariant } from './types.ts';

const run = promisify(execFile);
const BUILD_MS = 600_000;
const RUN_MS = 120_000;
const FUZZ_ROUNDS = 5_000;
/** V17: suppression in pauses, loss of speech, echo return loss, found speech, false alarms. */
const PAUSES_DB = 12;
const SPEECH_LOSS_DB = 3;
const ERLE_DB = 20;
/** While both talk: ours. */
const NEAR_LOSS_DB = 6;
const FOUND = 0.9;
const FALSE_ALARMS = 0.1;

const SENTENCES =
  'The quick brown fox jumps over the lazy dog. She sells sea shells by the shore. How much wood would a woodchuck chuck?';

async function built(variant: AudioVariant): Promise<string> {
  const found = await audioBinary({ variant, background: false });
  if (!found.ok) throw new Error(found.message);
  return dirname(found.path);
}

interface Suppression {
  readonly pausesDb: number;
  readonly speechLossDb: number;
}

interface Detection {
  readonly found: number;
  readonly falseAlarms: number;
}

interface Quality {
  readonly webrtc: Suppression;
  readonly speex: Suppression;
  readonly rnnoise?: Suppression;
  readonly echo: { readonly erleDb: number; readonly nearLossDb: number };
  readonly vadQuiet: Detection;
  readonly vadNoisy: Detection;
}

describe('driftway-audio, sanitized', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await built('checks');
  }, BUILD_MS);

  test('its own tests: all, pass', { timeout: RUN_MS }, async () => {
    const outcome = await run(join(folder, 'audio-tests')).catch((error) => error);
    const lines = String(outcome.stdout).trim().split('\n');
    expect(lines.filter((line) => line.startsWith('FAILED'))).toEqual([]);
    expect(String(outcome.stderr)).toBe('');
    expect(JSON.parse(lines.at(-1) ?? '{}')).toMatchObject({ failed: 0 });
  });

  test.each([1, 2])(
    'fuzzed with seed %i: RTP, control lines, files, ends well',
    {
      timeout: RUN_MS,
    },
    async (seed) => {
      const { stdout, stderr } = await run(join(folder, 'audio-fuzz'), [
        `${FUZZ_ROUNDS}`,
        `${seed}`,
      ]);
      expect(stderr).toBe('');
      expect(stdout.trim().split('\n').at(-1)).toBe('done');
    },
  );
});

describe('signal processing', () => {
  let quality: Quality;
  beforeAll(async () => {
    const lab = join(await built('checks'), 'audio-lab');
    const folder = mkdtempSync(join(tmpdir(), 'driftway-speech-'));
    try {
      const speech = join(folder, 'speech.wav');
      await run('espeak-ng', ['-v', 'en', '-s', '150', '-w', speech, SENTENCES]);
      const { stdout } = await run(lab, ['quality', speech]);
      quality = JSON.parse(stdout) as Quality;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, BUILD_MS);

  test.each(['webrtc', 'speex', 'rnnoise'] as const)(
    '%s: noise in pauses, is suppressed and speech stays',
    (name) => {
      const measured = quality[name];
      // RNNoise is there only where wasm2c was when it was built.
      if (measured === undefined) return expect(name).toBe('rnnoise');
      expect(measured.pausesDb).toBeGreaterThanOrEqual(PAUSES_DB);
      expect(measured.speechLossDb).toBeLessThanOrEqual(SPEECH_LOSS_DB);
    },
  );

  test('echo: with double talk on the way, is cancelled and near speech stays', () => {
    expect(quality.echo.erleDb).toBeGreaterThanOrEqual(ERLE_DB);
    expect(quality.echo.nearLossDb).toBeLessThanOrEqual(NEAR_LOSS_DB);
  });

  test.each(['vadQuiet', 'vadNoisy'] as const)('%s: speech, is told from pauses', (name) => {
    expect(quality[name].found).toBeGreaterThanOrEqual(FOUND);
    expect(quality[name].falseAlarms).toBeLessThanOrEqual(FALSE_ALARMS);
  });
});
