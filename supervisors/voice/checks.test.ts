/** What /health says of voice, for each state that it may be in. */
import { expect, test } from 'vitest';
import type { PoolStatus } from '../../voice/index.ts';
import { voiceChecks } from './checks.ts';
import type { VoiceLook, VoiceThreadStatus } from './types.ts';

const POOL = {
  state: 'ok',
  rooms: 2,
  workers: [
    { role: 'active', state: 'up' },
    { role: 'spare', state: 'up' },
  ],
} as unknown as PoolStatus;
const status = (pool: Partial<PoolStatus> = {}): VoiceThreadStatus => {
  return { people: 3, roomCount: 2, audio: null, rooms: [], pool: { ...POOL, ...pool } };
};
const UP: VoiceLook = {
  binary: { state: 'ready', path: 'worker' },
  audio: { state: 'ready', path: 'audio' },
  thread: 'up',
  status: status(),
};

test.each<[string, Partial<VoiceLook>, [string, string], [string, string]]>([
  ['people', {}, ['ok', '3 people in 2 rooms'], ['ok', '1 worker up']],
  ['standby', { thread: 'standby', status: null }, ['ok', 'nobody'], ['ok', 'ready']],
  ['replaced', { thread: 'down', status: null }, ['degraded', 'restarted'], ['ok', 'ready']],
  ['out', { thread: 'out', status: null }, ['degraded', 'too often'], ['ok', 'ready']],
  ['silent', { status: null }, ['degraded', 'does not answer'], ['ok', 'ready']],
  [
    'a slot out',
    { status: status({ state: 'degraded', detail: 'slot 1 is out' }) },
    ['ok', '3 people'],
    ['degraded', 'slot 1 is out'],
  ],
  ['all out', { status: status({ state: 'down' }) }, ['ok', ''], ['degraded', '']],
  [
    'no recording',
    { audio: { state: 'failed', code: 'tools', message: 'none' } },
    ['ok', '3 people'],
    ['ok', '1 worker up; there is no program for recordings'],
  ],
  ['idle workers', { status: status({ state: 'standby' }) }, ['ok', ''], ['ok', 'ready']],
  ['off', { binary: { state: 'off' } }, ['off', 'off'], ['off', 'off']],
  [
    'preparing',
    { binary: { state: 'preparing', step: 'compiling', share: 0.425 } },
    ['starting', 'compiling, 43 %'],
    ['starting', 'compiling'],
  ],
  [
    'not to be had',
    { binary: { state: 'failed', code: 'tools', message: 'install a compiler' } },
    ['off', 'no media worker'],
    ['failed', 'install a compiler'],
  ],
])('voiceChecks: %s', (_what, look, voice, media) => {
  const checks = voiceChecks({ ...UP, ...look });
  expect(checks.voice).toEqual({ status: voice[0], detail: expect.stringContaining(voice[1]) });
  expect(checks.media).toEqual({ status: media[0], detail: expect.stringContaining(media[1]) });
});
