/** Native settings that would end the process (P13) are refused before they get there. */
import { expect, test } from 'vitest';
import { checkNativeSettings, NATIVE_SETTINGS } from './socket-limits.ts';

test('NATIVE_SETTINGS: pass their own check; close on limit, lifetime and compression off (P3, P26, P28)', () => {
  expect(checkNativeSettings(NATIVE_SETTINGS)).toBe(NATIVE_SETTINGS);
  expect(NATIVE_SETTINGS).toMatchObject({
    closeOnBackpressureLimit: false,
    maxLifetime: 0,
    compression: 0,
    idleTimeout: 60,
    sendPingsAutomatically: true,
    maxPayloadLength: 65_536,
    maxBackpressure: 1_048_576,
  });
});

test.each([
  { idleTimeout: 1 },
  { idleTimeout: 7 },
  { idleTimeout: 961 },
  { idleTimeout: 8.5 },
  { maxLifetime: 241 },
  { maxLifetime: -1 },
  { maxPayloadLength: 0 },
  { maxBackpressure: Number.NaN },
])('checkNativeSettings: %j, RangeError', (wrong) => {
  expect(() => checkNativeSettings({ ...NATIVE_SETTINGS, ...wrong })).toThrow(RangeError);
});

test.each([{ idleTimeout: 0 }, { idleTimeout: 8 }, { idleTimeout: 960 }, { maxLifetime: 240 }])(
  'checkNativeSettings: %j, accepted',
  (right) => {
    const settings = { ...NATIVE_SETTINGS, ...right };
    expect(checkNativeSettings(settings)).toBe(settings);
  },
);
