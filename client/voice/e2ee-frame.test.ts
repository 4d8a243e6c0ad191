/** End-to-end encryption of single frames: round trip, and everything that must not open. */
import { expect, test } from 'vitest';
import { E2EE_OVERHEAD, keyIdOf, openFrame, sealFrame } from './e2ee-frame.ts';
import { senderKey, stepKey } from './e2ee-keys.ts';

const FRAME = Uint8Array.from({ length: 80 }, (_, i) => (i * 7) & 255);
const MATERIAL = Uint8Array.from({ length: 32 }, (_, i) => i);
const KEY = await senderKey(0x0102, MATERIAL);

const seal = (frame = FRAME, count = 7) => sealFrame(frame, { ...KEY, count });

test('sealFrame: opened with the same key, gives the frame', async () => {
  const sealed = await seal();
  expect(sealed).toHaveLength(FRAME.length + E2EE_OVERHEAD);
  expect(sealed[0]).toBe(FRAME[0]);
  expect(keyIdOf(sealed)).toBe(0x0102);
  expect(await openFrame(sealed, KEY.aes)).toEqual(FRAME);
});

test('sealFrame: nothing of the sound stays readable but the first byte', async () => {
  const sealed = await seal(new Uint8Array(80));
  expect(new Set(sealed.subarray(1, 80)).size).toBeGreaterThan(30);
});

test('sealFrame: the same sound twice, other bytes', async () => {
  expect(await seal(FRAME, 8)).not.toEqual(await seal(FRAME, 7));
});

test.each([
  ['of other material', await senderKey(0x0102, MATERIAL.toReversed())],
  ['one step on', await stepKey(KEY)],
])('openFrame: with a key %s, null', async (_what, key) => {
  expect(await openFrame(await seal(), key.aes)).toBeNull();
});

test('openFrame: changed, cut or never encrypted, null', async () => {
  const sealed = await seal();
  for (const at of [0, 1, 40, 100, sealed.length - 5, sealed.length - 1]) {
    const changed = sealed.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(await openFrame(changed, KEY.aes)).toBeNull();
  }
  expect(await openFrame(sealed.slice(0, -1), KEY.aes)).toBeNull();
  expect(await openFrame(FRAME, KEY.aes)).toBeNull();
  expect(await openFrame(new Uint8Array(0), KEY.aes)).toBeNull();
  expect(keyIdOf(FRAME.subarray(0, E2EE_OVERHEAD))).toBeNull();
});
